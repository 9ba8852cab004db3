//! A server that serves, and why one does not.

use std::net::SocketAddr;
use std::time::Duration;

use fanfare_driver::{StartError, Stopped};

use crate::namespace::{AppId, stopped};

/// Why an app could not be served.
///
/// ```
/// use fanfare::{App, ServeError, Server};
///
/// let error = Server::bind("nowhere").start(App::new()).err().expect("it is no address");
/// assert!(matches!(error, ServeError::Address(_)));
/// ```
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
///
/// ```
/// let running = fanfare::Server::bind("127.0.0.1:0").start(fanfare::App::new()).expect("a free port");
/// println!("{}", running.address());
/// ```
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
    ///
    /// ```
    /// # use fanfare::{App, Server};
    /// # let running = Server::bind("127.0.0.1:0").start(App::new()).unwrap();
    /// assert!(running.address().ip().is_loopback());
    /// ```
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.server.is_finished()
    }

    /// Begins to end gracefully: no new connections, everybody told within `within`.
    ///
    /// ```
    /// # use fanfare::{App, Server};
    /// # let running = Server::bind("127.0.0.1:0").start(App::new()).unwrap();
    /// running.drain(std::time::Duration::from_secs(1));
    /// ```
    pub fn drain(&self, within: Duration) {
        self.server.drain(within);
    }

    /// Waits until the server has ended. Dropping the future does not end it; dropping [`Running`] does.
    ///
    /// ```
    /// # use fanfare::{App, Server};
    /// # let running = Server::bind("127.0.0.1:0").start(App::new()).unwrap();
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// running.drain(std::time::Duration::from_secs(1));
    /// running.wait().await.expect("it ends gracefully");
    /// # });
    /// ```
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
