//! What was parked for a namespace, given to it once it takes it again.

use fanfare_session::socketio;

use super::face::Shard;
use crate::ids::SocketId;

/// Parked events of one client that one turn goes on with.
const PARKED_PER_TURN: usize = 256;

impl Shard {
    /// Gives a namespace what is parked for it, as long as it takes it.
    pub(super) fn hand_over_parked(&mut self, member: SocketId) {
        for _ in 0..PARKED_PER_TURN {
            let takes = self.core.get(member).is_some_and(|there| !there.held && there.gone.is_none());
            if !takes || !self.hand_over_one(member) {
                return;
            }
        }
        self.core.released.push_back(member);
    }

    /// Gives a namespace the one that has waited longest, whether it takes it or not; says whether there was one.
    pub(super) fn hand_over_one(&mut self, member: SocketId) -> bool {
        let Some(packet) = self.core.take_parked(member) else { return false };
        if let Ok(event) = socketio::event(&packet.data) {
            self.said(member, event, packet.attachments, packet.id);
        }
        true
    }
}
