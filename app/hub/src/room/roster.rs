//! Everybody in one room, on all shards, in the order of their coming. It belongs to the room's place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::envelope::Sender;
use crate::ids::{ShardId, SocketId, User};

/// One member, as the place knows it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) user: Arc<User>,
    pub(crate) since_unix_ms: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Roster {
    members: BTreeMap<u64, Member>,
    numbers: HashMap<SocketId, u64>,
    last_number: u64,
    /// Members a shard, by its number.
    by_shard: Vec<u32>,
}

impl Roster {
    /// Takes somebody in; `false` where they are in already.
    pub(crate) fn insert(&mut self, sender: &Sender, since_unix_ms: u64) -> bool {
        if self.numbers.contains_key(&sender.socket) {
            return false;
        }
        self.last_number += 1;
        self.numbers.insert(sender.socket, self.last_number);
        self.members.insert(self.last_number, Member { user: Arc::clone(&sender.user), since_unix_ms });
        let shard = usize::from(sender.socket.shard.0);
        if self.by_shard.len() <= shard {
            self.by_shard.resize(shard + 1, 0);
        }
        self.by_shard[shard] += 1;
        true
    }

    /// Lets somebody go; `false` where they were not in.
    pub(crate) fn remove(&mut self, socket: SocketId) -> bool {
        let Some(number) = self.numbers.remove(&socket) else { return false };
        self.members.remove(&number);
        if let Some(count) = self.by_shard.get_mut(usize::from(socket.shard.0)) {
            *count -= 1;
        }
        true
    }

    /// Takes over a name that has changed since the member came.
    pub(crate) fn refresh(&mut self, sender: &Sender) {
        let Some(number) = self.numbers.get(&sender.socket) else { return };
        if let Some(member) = self.members.get_mut(number)
            && !Arc::ptr_eq(&member.user, &sender.user)
        {
            member.user = Arc::clone(&sender.user);
        }
    }

    pub(crate) fn contains(&self, socket: SocketId) -> bool {
        self.numbers.contains_key(&socket)
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The members, in the order of their coming.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The shards that have members.
    pub(crate) fn shards(&self) -> impl Iterator<Item = ShardId> {
        let counts = self.by_shard.iter().enumerate().filter(|(_, count)| **count > 0);
        counts.filter_map(|(shard, _)| u16::try_from(shard).ok().map(ShardId))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_without_members_is_told_nothing() {
        let mut roster = Roster::default();
        let senders = [0, 2, 2].map(|shard| {
            let number = u32::from(shard);
            let socket = SocketId { shard: ShardId(shard), slot: 0, generation: 0 };
            let user = User::new("c", number, "i", "n");
            Sender { socket, user: Arc::new(user) }
        });
        let shards = |roster: &Roster| roster.shards().map(|shard| shard.0).collect::<Vec<_>>();
        assert!(roster.insert(&senders[0], 0) && roster.insert(&senders[1], 0));
        assert!(!roster.insert(&senders[2], 0), "it is in already");
        assert_eq!(shards(&roster), [0, 2]);
        assert!(roster.remove(senders[2].socket));
        assert!(!roster.remove(senders[2].socket), "it is out already");
        assert_eq!(shards(&roster), [0]);
    }
}
