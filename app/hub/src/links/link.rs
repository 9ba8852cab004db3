//! One transport, and what is known of it.

use std::io::{self, ErrorKind};

use crate::ids::SocketId;
use crate::shard::Shard;
use crate::transport::Transport;

#[derive(Debug)]
pub(super) struct Link<T> {
    pub(super) transport: T,
    /// `None` while it only lingers.
    pub(super) socket: Option<SocketId>,
    /// The transport may have bytes that no event will announce again.
    pub(super) unread: bool,
    /// Read to the end: the event said that it has come.
    pub(super) to_end: bool,
    pub(super) in_carry_over: bool,
    /// The poller has been asked to say when something fits again.
    pub(super) watched: bool,
    pub(super) paused: bool,
    pub(super) lingered_bytes: u32,
    /// Which of those that had its number.
    pub(super) generation: u32,
}

impl<T: Transport> Link<T> {
    /// Looks at what a read of `room` bytes gave: how many came, 0 where it is to be tried again; `None` where that was all.
    #[inline]
    pub(super) fn took(
        &mut self,
        shard: &mut Shard,
        socket: SocketId,
        room: usize,
        read: io::Result<usize>,
    ) -> Option<usize> {
        match read {
            Ok(0) => {
                self.unread = false;
                shard.end_of_input(socket);
                None
            }
            Ok(bytes) => {
                // A short read empties an edge-triggered socket, unless its end is there to be read as well.
                self.unread = bytes == room || self.to_end;
                Some(bytes)
            }
            Err(error) => {
                self.unread = error.kind() == ErrorKind::Interrupted;
                if error.kind() != ErrorKind::WouldBlock && !self.unread {
                    shard.lost(socket);
                }
                self.unread.then_some(0)
            }
        }
    }
}
