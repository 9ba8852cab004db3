//! Tables of what is kept for each socket.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use fanfare_hub::SocketId;

/// A table by socket. The server itself numbers them, so that nobody can choose numbers that collide: a multiplication is hash
/// enough, and takes a tenth of the instructions of the hash that withstands that.
pub(crate) type SocketTable<V> = HashMap<SocketId, V, BuildHasherDefault<Numbers>>;

/// Mixes numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers(u64);

/// 2^64 by the golden ratio: neighbouring numbers end far from each other.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Numbers {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(26) ^ number).wrapping_mul(FACTOR);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_that_differ_a_little_differ_where_a_table_looks() {
        let hash = |shard: u16, slot: u32, generation: u32| {
            let mut numbers = Numbers::default();
            numbers.write_u16(shard);
            numbers.write_u32(slot);
            numbers.write_u32(generation);
            numbers.finish()
        };
        let hashes: Vec<u64> = (0..4)
            .flat_map(|shard| (0..2_000).flat_map(move |slot| [hash(shard, slot, 0), hash(shard, slot, 1)]))
            .collect();
        let distinct =
            |bits: &dyn Fn(u64) -> u64| hashes.iter().map(|hash| bits(*hash)).collect::<HashSet<_>>().len();
        assert_eq!(distinct(&|hash| hash), 16_000);
        // Where they lie in a table of 32,768, by chance some 12,600 places; and the seven bits that tell neighbours apart.
        assert!(distinct(&|hash| hash & 0x7fff) > 10_000);
        assert_eq!(distinct(&|hash| hash >> 57), 128);
    }
}
