//! The members of each room that live on this shard.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

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
    /// Slots of the members.
    members: Vec<u32>,
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
        let room = Room { name: Arc::clone(&name), door, members: Vec::new(), claims: 1 };
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

    /// Adds a member; returns where it stands.
    pub(crate) fn enter(&mut self, index: RoomIndex, slot: u32) -> Option<u32> {
        let room = self.get_mut(index)?;
        room.members.push(slot);
        u32::try_from(room.members.len() - 1).ok()
    }

    /// Takes the member at `position` out. Returns the slot that now stands there instead, if one does.
    pub(crate) fn exit(&mut self, index: RoomIndex, position: u32) -> Option<u32> {
        let room = self.get_mut(index)?;
        let position = position as usize;
        if position < room.members.len() {
            room.members.swap_remove(position);
        }
        if room.members.len() * 4 < room.members.capacity() {
            room.members.shrink_to(room.members.len() * 2);
        }
        room.members.get(position).copied()
    }

    /// The slots of a room's members.
    pub(crate) fn members(&self, index: RoomIndex) -> &[u32] {
        let room = self.rooms.get(index.0 as usize).and_then(Option::as_ref);
        room.map_or(&[], |room| room.members.as_slice())
    }

    /// The names of a door's rooms that have members.
    pub(crate) fn names(&self, door: DoorId) -> Vec<Arc<str>> {
        let Some(names) = self.by_name.get(usize::from(door.0)) else { return Vec::new() };
        let has_members = |index: &RoomIndex| !self.members(*index).is_empty();
        names.iter().filter(|(_, index)| has_members(index)).map(|(name, _)| Arc::clone(name)).collect()
    }

    pub(crate) fn name(&self, index: RoomIndex) -> Option<&Arc<str>> {
        self.rooms.get(index.0 as usize)?.as_ref().map(|room| &room.name)
    }

    /// Lends the list of members out, to be put back with [`Rooms::restore`] before anybody comes or goes.
    pub(crate) fn lend_members(&mut self, index: RoomIndex) -> Vec<u32> {
        self.get_mut(index).map(|room| std::mem::take(&mut room.members)).unwrap_or_default()
    }

    pub(crate) fn restore(&mut self, index: RoomIndex, members: Vec<u32>) {
        if let Some(room) = self.get_mut(index) {
            room.members = members;
        }
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
    fn a_list_of_members_shrinks_when_less_than_a_quarter_of_it_is_in_use() {
        let mut rooms = Rooms::default();
        let index = rooms.claim(DoorId(0), "room");
        rooms.restore(index, Vec::with_capacity(64));
        for slot in 0..64 {
            assert_eq!(rooms.enter(index, slot), Some(slot));
        }
        let capacity = |rooms: &Rooms| rooms.rooms[0].as_ref().map(|room| room.members.capacity());
        for position in (16..64).rev() {
            rooms.exit(index, position);
            assert_eq!(capacity(&rooms), Some(64), "{position} are left");
        }
        rooms.exit(index, 15);
        assert_eq!(capacity(&rooms), Some(30));
    }

    #[test]
    fn whoever_takes_a_place_in_the_list_is_named() {
        let mut rooms = Rooms::default();
        let index = rooms.claim(DoorId(0), "room");
        for slot in [7, 8, 9] {
            rooms.enter(index, slot);
        }
        assert_eq!(rooms.exit(index, 0), Some(9));
        assert_eq!(rooms.exit(index, 1), None, "the last leaves nobody to be moved");
        assert_eq!(rooms.exit(index, 1), None, "nobody stands there");
        assert_eq!(rooms.lend_members(index), [9]);
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
