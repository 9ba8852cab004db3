//! The members of each room that live on this shard.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::crowd::Crowd;
use crate::envelope::DoorId;

/// Tables of fewer entries are left as large as they are.
const SMALL_TABLE: usize = 1024;

/// Gives back what a table that was once large no longer needs.
pub(crate) fn shrink<K: Eq + Hash, V>(table: &mut HashMap<K, V>) {
    if table.capacity() > SMALL_TABLE && table.len() < table.capacity() / 8 {
        table.shrink_to(table.len() * 2);
    }
}

/// A room's place in this shard's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoomIndex(u32);

/// One connection's part in one room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Membership {
    pub(crate) room: RoomIndex,
    /// Where in the room's list the connection stands; `None` while its place has not taken it in.
    pub(crate) position: Option<u32>,
    /// The connection asked to be in; otherwise the entry only waits for what is under way.
    pub(crate) wanted: bool,
    /// `leave`s on their way to the place.
    pub(crate) leaves: u16,
}

#[derive(Debug)]
struct Room {
    name: Arc<str>,
    door: DoorId,
    members: Crowd,
    /// Connections that know this room: members, and those on the way in or out.
    claims: u32,
}

/// This shard's rooms. One exists while a connection claims it.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: Vec<Option<Room>>,
    vacant: Vec<u32>,
    /// One map a door, so that a lookup needs no key of its own.
    by_name: Vec<HashMap<Arc<str>, RoomIndex>>,
}

impl Rooms {
    pub(crate) fn find(&self, door: DoorId, name: &str) -> Option<RoomIndex> {
        self.by_name.get(usize::from(door.0))?.get(name).copied()
    }

    /// The room's one shared name on this shard; a new one where it is not known.
    pub(crate) fn shared_name(&self, door: DoorId, name: &str) -> Arc<str> {
        let names = self.by_name.get(usize::from(door.0));
        match names.and_then(|names| names.get_key_value(name)) {
            Some((name, _)) => Arc::clone(name),
            None => name.into(),
        }
    }

    /// Claims the room for one connection, making it where it is new.
    pub(crate) fn claim(&mut self, door: DoorId, name: &str) -> RoomIndex {
        if let Some(index) = self.find(door, name) {
            if let Some(room) = self.get_mut(index) {
                room.claims += 1;
            }
            return index;
        }
        let name: Arc<str> = name.into();
        let room = Room { name: Arc::clone(&name), door, members: Crowd::default(), claims: 1 };
        let index = if let Some(vacant) = self.vacant.pop() {
            self.rooms[vacant as usize] = Some(room);
            RoomIndex(vacant)
        } else {
            self.rooms.push(Some(room));
            RoomIndex(u32::try_from(self.rooms.len() - 1).unwrap_or(u32::MAX))
        };
        let door = usize::from(door.0);
        if self.by_name.len() <= door {
            self.by_name.resize_with(door + 1, HashMap::new);
        }
        self.by_name[door].insert(name, index);
        index
    }

    /// Gives up one connection's claim; the room goes with the last.
    pub(crate) fn unclaim(&mut self, index: RoomIndex) {
        let Some(room) = self.get_mut(index) else { return };
        room.claims -= 1;
        if room.claims > 0 {
            return;
        }
        if let Some(room) = self.rooms[index.0 as usize].take() {
            let names = &mut self.by_name[usize::from(room.door.0)];
            names.remove(&room.name);
            shrink(names);
            self.vacant.push(index.0);
        }
        // Indexes in use cannot move; where none is, the table begins anew.
        if self.vacant.len() == self.rooms.len() && self.rooms.len() > SMALL_TABLE {
            (self.rooms, self.vacant) = (Vec::new(), Vec::new());
        }
    }

    /// The members of a room.
    pub(crate) fn members(&self, index: RoomIndex) -> Option<&Crowd> {
        Some(&self.rooms.get(index.0 as usize)?.as_ref()?.members)
    }

    pub(crate) fn members_mut(&mut self, index: RoomIndex) -> Option<&mut Crowd> {
        Some(&mut self.get_mut(index)?.members)
    }

    /// The names of a door's rooms that have members.
    pub(crate) fn names(&self, door: DoorId) -> Vec<Arc<str>> {
        let Some(names) = self.by_name.get(usize::from(door.0)) else { return Vec::new() };
        let has_members =
            |index: &RoomIndex| self.members(*index).is_some_and(|members| !members.slots().is_empty());
        names.iter().filter(|(_, index)| has_members(index)).map(|(name, _)| Arc::clone(name)).collect()
    }

    pub(crate) fn name(&self, index: RoomIndex) -> Option<&Arc<str>> {
        self.rooms.get(index.0 as usize)?.as_ref().map(|room| &room.name)
    }

    pub(crate) fn len(&self) -> usize {
        self.rooms.len() - self.vacant.len()
    }

    fn get_mut(&mut self, index: RoomIndex) -> Option<&mut Room> {
        self.rooms.get_mut(index.0 as usize)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_table_shrinks_when_less_than_an_eighth_of_it_is_in_use() {
        let shrunk = |capacity: usize, entries: usize| {
            let mut table: HashMap<usize, ()> = HashMap::with_capacity(capacity);
            assert_eq!(table.capacity(), capacity, "as large as asked for");
            table.extend((0..entries).map(|entry| (entry, ())));
            shrink(&mut table);
            table.capacity()
        };
        assert_eq!(shrunk(896, 1), 896, "a small one stays");
        assert_eq!(shrunk(3_584, 448), 3_584);
        assert_eq!(shrunk(3_584, 447), 896, "twice what is in it has room");
        assert_eq!(shrunk(3_584, 300), 896);
        assert_eq!(shrunk(3_584, 0), 0);
    }

    #[test]
    fn a_table_of_rooms_is_kept_up_to_1024_of_them() {
        for (count, kept) in [(1_024, 1_024), (1_025, 0)] {
            let mut rooms = Rooms::default();
            let all: Vec<_> = (0..count).map(|number| rooms.claim(DoorId(0), &number.to_string())).collect();
            for index in all {
                rooms.unclaim(index);
            }
            assert_eq!(rooms.rooms.len(), kept);
        }
    }

    #[test]
    fn tables_that_were_large_become_small_again() {
        let mut rooms = Rooms::default();
        let door = DoorId(0);
        let many: Vec<_> = (0..20_000).map(|number| rooms.claim(door, &format!("room {number}"))).collect();
        let kept = rooms.claim(door, "kept");
        for index in many {
            rooms.unclaim(index);
        }
        assert_eq!((rooms.len(), rooms.find(door, "kept")), (1, Some(kept)));
        assert!(rooms.by_name[0].capacity() < 4 * SMALL_TABLE, "{}", rooms.by_name[0].capacity());
        rooms.unclaim(kept);
        assert_eq!((rooms.len(), rooms.rooms.capacity()), (0, 0));
        assert_eq!(rooms.claim(door, "again"), RoomIndex(0));
    }
}
