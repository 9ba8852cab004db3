//! What a Socket.IO client says in a namespace that takes no more of it for now. It is kept, in its order, so that what stands
//! behind it can be read: acknowledgements, pongs, what it says elsewhere, its end.

use fanfare_session::Packet;

use super::connection::Connection;
use super::core::Core;
use crate::ids::SocketId;

/// Bytes that may be parked for one client; past it the client is not read. They count in the memory budget. It is 20,000 small
/// events, and what is behind them waits for the application: also an acknowledgement that the application waits for.
pub(crate) const PARKED_BYTES_MAX: usize = 4 << 20;

impl Core {
    /// Whether what has come for this member waits behind something.
    pub(crate) fn is_parked(&self, member: SocketId) -> bool {
        let parked = |there: &Connection| there.member().is_some_and(|member| !member.parked.is_empty());
        self.get(member).is_some_and(|there| there.held || parked(there))
    }

    /// Keeps an event until its namespace takes it.
    pub(crate) fn park(&mut self, member: SocketId, packet: Packet<'_>) {
        let packet = packet.into_owned();
        let bytes = packet.held_bytes();
        let Some(there) = self.get_mut(member).and_then(Connection::member_mut) else { return };
        there.parked.push_back(packet);
        let carrier = there.carrier;
        if let Some(carrier) = self.get_mut(carrier).and_then(Connection::carrier_mut) {
            carrier.parked_bytes += bytes;
        }
    }

    /// The event of a member that has waited longest.
    pub(crate) fn take_parked(&mut self, member: SocketId) -> Option<Packet<'static>> {
        let there = self.get_mut(member)?.member_mut()?;
        let packet = there.parked.pop_front()?;
        if there.parked.is_empty() {
            there.parked.shrink_to_fit();
        }
        let carrier = there.carrier;
        if let Some(it) = self.get_mut(carrier).and_then(Connection::carrier_mut) {
            let before = it.parked_bytes;
            it.parked_bytes -= packet.held_bytes();
            let has_room = before >= PARKED_BYTES_MAX / 2 && it.parked_bytes < PARKED_BYTES_MAX / 2;
            self.account(carrier.slot);
            if has_room {
                self.unpause(carrier);
            }
        }
        Some(packet)
    }
}
