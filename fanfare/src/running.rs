//! A server that serves, and why one does not.

use std::net::SocketAddr;
use std::time::Duration;

use fanfare_driver::{StartError, Stopped};

use crate::namespace::{AppId, stopped};

/// Why an app could not be served.
#[derive(thiserror::Error)]
pub enum ServeError {
    /// The address is none, and no name that resolves to one.
    #[error("{0:?} is no address to listen on, and no name that resolves to one")]
    Address(String),
    /// It could not listen or start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A shard ended by itself, which none should.
    #[error("a shard ended by itself; the log says why")]
    Failed,
}

/// The sentence, since `main` shows errors so.
impl std::fmt::Debug for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// A server that serves.
pub struct Running {
    pub(crate) server: fanfare_driver::Server,
    pub(crate) _served: Served,
}

/// The app can be spoken to from outside its handlers while this is there.
pub(crate) struct Served(pub(crate) AppId);

impl Drop for Served {
    fn drop(&mut self) {
        stopped(self.0);
    }
}

impl Running {
    /// Where it listens; a server that does not has the unspecified address and no port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.server.is_finished()
    }

    /// Begins to end gracefully: no new connections, everybody told within `within`.
    pub fn drain(&self, within: Duration) {
        self.server.drain(within);
    }

    /// Waits until the server has ended. Dropping the future does not end it; dropping [`Running`] does.
    ///
    /// # Errors
    /// [`ServeError::Failed`] where a shard ended by itself.
    pub async fn wait(self) -> Result<(), ServeError> {
        match tokio::task::spawn_blocking(move || self.server.wait()).await {
            Ok(Stopped::Drained) => Ok(()),
            Ok(Stopped::Failed) | Err(_) => Err(ServeError::Failed),
        }
    }
}
