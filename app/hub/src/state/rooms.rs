//! Coming and going: what the edge keeps of it while the place decides.

use std::sync::Arc;

use fanfare_session::native::ErrorCode;

use super::connection::{Connection, NOWHERE, connection_in};
use super::core::Core;
use crate::envelope::DoorId;
use crate::ids::SocketId;
use crate::room::{Crowd, Membership};

/// `leave`s of one room that may be on their way to its place.
pub(crate) const LEAVES_UNDER_WAY_MAX: u16 = 64;

/// Why a connection cannot ask to be out of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaveRefused {
    /// It is not in it.
    NotIn,
    /// Too many of its `leave`s are on their way.
    TooMany,
}

impl Core {
    /// The room that the connection asked for last and has not left.
    pub(crate) fn last_joined(&self, socket: SocketId) -> Option<Arc<str>> {
        let membership = self.get(socket)?.rooms.iter().rfind(|membership| membership.wanted)?;
        self.rooms.name(membership.room).cloned()
    }

    pub(crate) fn wants_binary(&mut self, socket: SocketId) {
        if self.get(socket).is_none_or(|connection| connection.variant.wants_binary) {
            return;
        }
        // What is shared already comes as it was then.
        let Some(connection) = connection_in(&mut self.slots, socket.slot) else { return };
        let before = connection.kind();
        connection.variant.wants_binary = true;
        let after = connection.kind();
        if connection.door_position != NOWHERE {
            self.everyone[usize::from(connection.door.0)].change_kind(before, after);
        }
        for membership in connection.rooms.iter().filter(|membership| membership.position.is_some()) {
            if let Some(members) = self.rooms.members_mut(membership.room) {
                members.change_kind(before, after);
            }
        }
    }

    /// Notes that a connection asks to be in a room.
    ///
    /// # Errors
    /// A code, and a sentence that names the limit.
    pub(crate) fn claim_room(&mut self, socket: SocketId, room: &str) -> Result<(), (ErrorCode, String)> {
        let limit = self.limits.rooms_per_connection;
        let Some(connection) = self.get_mut(socket) else { return Ok(()) };
        let (door, claimed) = (connection.door, connection.rooms.len());
        let index = self.rooms.find(door, room);
        let membership = match index.and_then(|index| self.membership(socket, index)) {
            Some(mut membership) => {
                membership.wanted = true;
                self.remove_membership(socket, membership);
                membership
            }
            None if claimed >= limit => {
                let reason = format!("A connection may be in at most {limit} rooms");
                return Err((ErrorCode::Forbidden, reason));
            }
            None if !self.may_have_room() => {
                let reason = "The server is short of memory for more rooms; try again later";
                return Err((ErrorCode::Unavailable, reason.to_owned()));
            }
            None => {
                let index = self.rooms.claim(door, room);
                self.memberships += 1;
                Membership { room: index, position: None, wanted: true, leaves: 0 }
            }
        };
        // The one asked for last stands last.
        if let Some(connection) = self.get_mut(socket) {
            connection.rooms.push(membership);
        }
        Ok(())
    }

    /// Notes that a connection asks to be out of a room.
    pub(crate) fn unclaim_room(&mut self, socket: SocketId, room: &str) -> Result<(), LeaveRefused> {
        let door = self.get(socket).map(|connection| connection.door).ok_or(LeaveRefused::NotIn)?;
        let index = self.rooms.find(door, room).ok_or(LeaveRefused::NotIn)?;
        let connection = self.get_mut(socket).ok_or(LeaveRefused::NotIn)?;
        let membership = connection.rooms.iter_mut().find(|membership| membership.room == index);
        let membership = membership.filter(|membership| membership.wanted).ok_or(LeaveRefused::NotIn)?;
        if membership.leaves >= LEAVES_UNDER_WAY_MAX {
            return Err(LeaveRefused::TooMany);
        }
        membership.wanted = false;
        membership.leaves += 1;
        Ok(())
    }

    /// The place has taken the connection in.
    pub(crate) fn admit(&mut self, socket: SocketId, room: &str) {
        let Some(door) = self.get(socket).filter(|there| there.gone.is_none()).map(|there| there.door) else {
            return;
        };
        let Some(index) = self.rooms.find(door, room) else { return };
        self.admit_at(socket, index);
    }

    fn admit_at(&mut self, socket: SocketId, index: crate::room::RoomIndex) {
        let Some(membership) = self.membership(socket, index) else { return };
        if membership.position.is_none() {
            // Nothing of what was said before is for it.
            self.end_sharing();
            let kind = self.get(socket).and_then(Connection::kind);
            let members = self.rooms.members_mut(index);
            let position = members.and_then(|members| members.enter(socket.slot, kind));
            self.update_membership(socket, Membership { position, ..membership });
        }
    }

    /// The place does not want the connection, whatever it asked for.
    pub(crate) fn expel(&mut self, socket: SocketId, room: &str) {
        let Some(door) = self.get(socket).map(|connection| connection.door) else { return };
        let Some(index) = self.rooms.find(door, room) else { return };
        if let Some(membership) = self.membership(socket, index) {
            let leaves = membership.leaves.saturating_add(1);
            self.update_membership(socket, Membership { wanted: false, leaves, ..membership });
        }
        self.dismiss(socket, room);
    }

    /// The place has let the connection go.
    pub(crate) fn dismiss(&mut self, socket: SocketId, room: &str) {
        let Some(door) = self.get(socket).filter(|there| there.gone.is_none()).map(|there| there.door) else {
            return;
        };
        let Some(index) = self.rooms.find(door, room) else { return };
        let Some(mut membership) = self.membership(socket, index) else { return };
        self.leave_list(socket, membership);
        membership.position = None;
        membership.leaves = membership.leaves.saturating_sub(1);
        if membership.wanted || membership.leaves > 0 {
            self.update_membership(socket, membership);
        } else {
            self.remove_membership(socket, membership);
            self.rooms.unclaim(index);
            self.memberships -= 1;
        }
    }

    /// Takes a member out of the room's list; whoever takes its position there is told of it.
    pub(crate) fn leave_list(&mut self, socket: SocketId, membership: Membership) {
        let Some(position) = membership.position else { return };
        self.end_sharing();
        let kind = self.get(socket).and_then(Connection::kind);
        let Some(members) = self.rooms.members_mut(membership.room) else { return };
        let Some(moved) = members.exit(position, kind) else { return };
        let Some(connection) = self.at_mut(moved) else { return };
        if let Some(known) = connection.rooms.iter_mut().find(|known| known.room == membership.room) {
            known.position = Some(position);
        }
    }

    fn membership(&self, socket: SocketId, index: crate::room::RoomIndex) -> Option<Membership> {
        self.get(socket)?.rooms.iter().find(|membership| membership.room == index).copied()
    }

    fn update_membership(&mut self, socket: SocketId, membership: Membership) {
        let Some(connection) = self.get_mut(socket) else { return };
        if let Some(known) = connection.rooms.iter_mut().find(|known| known.room == membership.room) {
            *known = membership;
        }
    }

    fn remove_membership(&mut self, socket: SocketId, membership: Membership) {
        if let Some(connection) = self.get_mut(socket) {
            connection.rooms.retain(|known| known.room != membership.room);
        }
    }

    /// Puts a connection into a room that has no place: it is in at once.
    pub(crate) fn join_here(&mut self, socket: SocketId, room: &str) -> Result<(), (ErrorCode, String)> {
        let Some(connection) = self.get(socket).filter(|there| there.gone.is_none()) else { return Ok(()) };
        let door = connection.door;
        self.claim_room(socket, room)?;
        let Some(index) = self.rooms.find(door, room) else { return Ok(()) };
        self.admit_at(socket, index);
        Ok(())
    }

    /// Takes it out again.
    pub(crate) fn leave_here(&mut self, socket: SocketId, room: &str) {
        let Some(connection) = self.get(socket).filter(|there| there.gone.is_none()) else { return };
        let Some(index) = self.rooms.find(connection.door, room) else { return };
        let Some(membership) = self.membership(socket, index) else { return };
        self.leave_list(socket, membership);
        self.remove_membership(socket, membership);
        self.rooms.unclaim(index);
        self.memberships -= 1;
    }

    pub(crate) fn rooms_of(&self, socket: SocketId) -> Vec<Arc<str>> {
        let rooms = self.get(socket).map_or(&[][..], |connection| &connection.rooms);
        rooms.iter().filter_map(|membership| self.rooms.name(membership.room).cloned()).collect()
    }

    pub(crate) fn members_here(&self, door: DoorId, room: &str) -> Vec<SocketId> {
        let members = self.rooms.find(door, room).and_then(|index| self.rooms.members(index));
        members.map_or(&[][..], Crowd::slots).iter().filter_map(|slot| self.socket_at(*slot)).collect()
    }

    pub(crate) fn at_door_here(&self, door: DoorId) -> Vec<SocketId> {
        let everyone = self.everyone.get(usize::from(door.0)).map_or(&[][..], Crowd::slots);
        everyone.iter().filter_map(|slot| self.socket_at(*slot)).collect()
    }
}
