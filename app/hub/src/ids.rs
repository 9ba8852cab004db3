//! Who is who: shards, sockets, users.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// One shard of a server, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u16);

/// One connection, for as long as it lives: a slot is used again, its generation is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId {
    pub(crate) shard: ShardId,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl SocketId {
    /// The shard that the connection lives on.
    #[must_use]
    pub fn shard(self) -> ShardId {
        self.shard
    }

    /// Whether it is the other, which is of the same shard.
    #[inline]
    pub(crate) fn is_same_here(self, other: Self) -> bool {
        debug_assert_eq!(self.shard, other.shard, "of another shard");
        self.slot == other.slot && self.generation == other.generation
    }

    /// The connection's place in its shard, for the driver's own table.
    #[must_use]
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// Five bytes that tell this server's run from any other, so that an id of yesterday is nobody's today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instance(pub [u8; 5]);

/// The characters of a `clientId`.
pub const CLIENT_ID_CHARS: usize = 20;

/// The `clientId` of a socket: 20 URL-safe characters that name instance, shard, slot and generation, so that whoever
/// reads one knows where to ask, and no directory is needed.
#[must_use]
pub fn client_id(instance: Instance, socket: SocketId) -> String {
    let mut bytes = [0u8; 15];
    bytes[..5].copy_from_slice(&instance.0);
    bytes[5..7].copy_from_slice(&socket.shard.0.to_be_bytes());
    bytes[7..11].copy_from_slice(&socket.slot.to_be_bytes());
    bytes[11..].copy_from_slice(&socket.generation.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The socket that a `clientId`, or the `userId` of a guest, names on this instance; it may be gone by now.
#[must_use]
pub fn socket_of(instance: Instance, id: &str) -> Option<SocketId> {
    let id = id.strip_prefix(GUEST_PREFIX).unwrap_or(id);
    if id.len() != CLIENT_ID_CHARS {
        return None;
    }
    let mut bytes = [0u8; 15];
    URL_SAFE_NO_PAD.decode_slice(id, &mut bytes).ok()?;
    let [i0, i1, i2, i3, i4, h0, h1, s0, s1, s2, s3, g0, g1, g2, g3] = bytes;
    (Instance([i0, i1, i2, i3, i4]) == instance).then_some(SocketId {
        shard: ShardId(u16::from_be_bytes([h0, h1])),
        slot: u32::from_be_bytes([s0, s1, s2, s3]),
        generation: u32::from_be_bytes([g0, g1, g2, g3]),
    })
}

/// The id of an Engine.IO session: it names the shard and the slot, so that a request which arrives elsewhere is handed on, and
/// carries a secret of 72 bits, so that it cannot be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineId {
    pub(crate) shard: ShardId,
    pub(crate) slot: u32,
    pub(crate) secret: [u8; 9],
}

impl EngineId {
    /// Reads an id as clients have it: 20 URL-safe characters.
    #[must_use]
    pub fn read(id: &str) -> Option<Self> {
        if id.len() != CLIENT_ID_CHARS {
            return None;
        }
        let mut bytes = [0u8; 15];
        URL_SAFE_NO_PAD.decode_slice(id, &mut bytes).ok()?;
        let [h0, h1, s0, s1, s2, s3, secret @ ..] = bytes;
        let shard = ShardId(u16::from_be_bytes([h0, h1]));
        Some(Self { shard, slot: u32::from_be_bytes([s0, s1, s2, s3]), secret })
    }

    /// The shard that the session lives on, if there is one of this number.
    #[must_use]
    pub fn shard(&self) -> ShardId {
        self.shard
    }
}

impl std::fmt::Display for EngineId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = [0u8; 15];
        bytes[..2].copy_from_slice(&self.shard.0.to_be_bytes());
        bytes[2..6].copy_from_slice(&self.slot.to_be_bytes());
        bytes[6..].copy_from_slice(&self.secret);
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// What a guest's `userId` begins with; its `clientId` follows.
pub(crate) const GUEST_PREFIX: &str = "guest-";

/// Characters of a `userName`.
pub const USER_NAME_CHARS_MAX: usize = 64;

/// Who a connection is to the others. Thousands sit in rooms, so it is one piece of memory.
#[derive(Debug, PartialEq, Eq)]
pub struct User {
    number: u32,
    /// The user's id, its name, and the client id where the user's id is not a guest's, which holds it.
    text: Box<str>,
    /// Where the user's id and its name end.
    id_end: u32,
    name_end: u32,
}

impl User {
    /// Somebody with these ids and this name.
    #[must_use]
    pub fn new(client_id: &str, number: u32, id: &str, name: &str) -> Self {
        let more = if id.strip_prefix(GUEST_PREFIX) == Some(client_id) { "" } else { client_id };
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let (id_end, name_end) = (narrow(id.len()), narrow(id.len() + name.len()));
        Self { number, text: [id, name, more].concat().into(), id_end, name_end }
    }

    /// The connection's id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        let own = self.text.get(self.name_end as usize..).filter(|own| !own.is_empty());
        own.unwrap_or_else(|| self.id().strip_prefix(GUEST_PREFIX).unwrap_or_default())
    }

    /// The connection's number, for binary messages.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// `guest-` and the client id, or what a token says.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text.get(..self.id_end as usize).unwrap_or_default()
    }

    /// 1 to 64 characters, without control characters, `<` and `>`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.get(self.id_end as usize..self.name_end as usize).unwrap_or_default()
    }
}

/// Checks a `userName`, whatever its source.
///
/// # Errors
/// A sentence that names the limit and the value.
pub fn check_user_name(name: &str) -> Result<(), String> {
    let chars = name.chars().count();
    if chars == 0 || chars > USER_NAME_CHARS_MAX {
        return Err(format!("userName is 1 to {USER_NAME_CHARS_MAX} characters long, this one {chars}"));
    }
    match name.chars().find(|c| c.is_control() || *c == '<' || *c == '>') {
        Some(c) => Err(format!("userName may not contain {c:?}")),
        None => Ok(()),
    }
}

/// Characters in the name of a room, stream, document, symbol or game.
pub const ROOM_NAME_CHARS_MAX: usize = 100;

/// Checks the name of a room.
///
/// # Errors
/// A sentence that names the field, the limit and the value.
pub fn check_room_name(name: &str) -> Result<(), String> {
    let chars = name.chars().count();
    if chars == 0 || chars > ROOM_NAME_CHARS_MAX {
        return Err(format!("room is 1 to {ROOM_NAME_CHARS_MAX} characters long, this one {chars}"));
    }
    match name.chars().find(|c| c.is_control()) {
        Some(c) => Err(format!("room may not contain {c:?}")),
        None => Ok(()),
    }
}

/// The shard that a name hashes to: where its place lives. FNV-1a, which every node computes alike.
#[must_use]
pub fn home_of(name: &str, shards: u16) -> ShardId {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let folded = (hash >> 32) ^ (hash & 0xffff_ffff);
    // The remainder is smaller than `shards`, so it fits.
    ShardId(u16::try_from(folded % u64::from(shards.max(1))).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_what_it_was_made_of() {
        for (client_id, id, name) in [
            ("c1", "guest-c1", "Ann"),
            ("c1", "ann", "Ann"),
            ("c1", "c1", "Zoë"),
            ("c1", "guest-c2", "guest-c1"),
            ("c1", "guest-xc1", "c1"),
        ] {
            let user = User::new(client_id, 7, id, name);
            assert_eq!((user.client_id(), user.id(), user.name(), user.number()), (client_id, id, name, 7));
        }
    }

    #[test]
    fn a_client_id_leads_back_to_its_socket_on_its_own_instance_only() {
        let instance = Instance([1, 2, 3, 4, 255]);
        let socket = SocketId { shard: ShardId(3), slot: 70_000, generation: 9 };
        let id = client_id(instance, socket);
        assert_eq!(id.len(), CLIENT_ID_CHARS);
        assert_eq!(socket_of(instance, &id), Some(socket));
        assert_eq!(socket_of(instance, &format!("guest-{id}")), Some(socket));
        assert_eq!(socket_of(Instance([1, 2, 3, 4, 5]), &id), None);
        for other in ["", "x", "guest-", "!!!!!!!!!!!!!!!!!!!!", "ann"] {
            assert_eq!(socket_of(instance, other), None, "{other}");
        }
    }

    #[test]
    fn an_engine_id_is_read_as_it_was_written() {
        let id = EngineId { shard: ShardId(2), slot: 9, secret: [1, 2, 3, 4, 5, 6, 7, 8, 255] };
        let text = id.to_string();
        assert_eq!(text.len(), 20);
        assert_eq!(EngineId::read(&text), Some(id));
        for other in ["", "x", "!!!!!!!!!!!!!!!!!!!!", &format!("{text}A")] {
            assert_eq!(EngineId::read(other), None, "{other}");
        }
    }

    #[test]
    fn names_have_their_limits() {
        assert!(check_user_name("Ann Ω").is_ok());
        assert!(check_user_name(&"ä".repeat(64)).is_ok());
        for bad in ["", "a<b", "a>b", "a\nb", &"x".repeat(65)] {
            assert!(check_user_name(bad).is_err(), "{bad}");
        }
        assert!(check_room_name("<room>").is_ok());
        assert!(check_room_name("a\u{7f}").is_err());
        assert!(check_room_name(&"ä".repeat(100)).is_ok());
        assert!(check_room_name(&"r".repeat(101)).expect_err("long").contains("101"));
    }

    #[test]
    fn a_home_is_the_same_on_every_node() {
        // FNV-1a of 64 bits, its halves folded: 0xcbf29ce484222325, 0xaf63dc4c8601ec8c, 0x85944171f73967e8.
        for (name, folded) in [("", 0x4fd0_bfc1_u32), ("a", 0x2962_30c0), ("foobar", 0x72ad_2699)] {
            for shards in [1, 2, 7, u16::MAX] {
                assert_eq!(u32::from(home_of(name, shards).0), folded % u32::from(shards), "{name}");
            }
        }
    }

    #[test]
    fn homes_are_spread_over_the_shards() {
        let mut counts = [0u32; 4];
        for room in 0..4_000 {
            counts[usize::from(home_of(&format!("room-{room}"), 4).0)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}
