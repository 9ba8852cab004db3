//! Serving an app.

use std::future::Future;
use std::net::ToSocketAddrs;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fanfare_driver::{Allow, EngineCookie, EngineOptions, Options, Stopper};
use fanfare_hub::Limits;

use crate::app::App;
use crate::namespace::running;
use crate::running::{Running, ServeError, Served};
use crate::service::AppService;

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a graceful end may take, unless [`Server::drain_within`] says otherwise.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);

/// Connections from one address; loopback is not limited.
const CONNECTIONS_PER_ADDRESS: usize = 1_000;

type Signal = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server that has not started yet.
///
/// ```
/// use fanfare::{App, Server};
///
/// let running = Server::bind("127.0.0.1:0").shards(2).start(App::new()).expect("a free port");
/// println!("listening on {}", running.address());
/// ```
#[must_use = "a server does nothing before it is told to serve"]
pub struct Server {
    /// `None` for one that only answers what another's HTTP server gives it.
    address: Option<String>,
    shards: usize,
    limits: Limits,
    compression: bool,
    drain_within: Duration,
    until: Option<Signal>,
    engine: EngineOptions,
}

impl Server {
    /// A server for `address`, such as `0.0.0.0:8080`; port 0 is any free one.
    ///
    /// ```
    /// let server = fanfare::Server::bind("127.0.0.1:0");
    /// ```
    pub fn bind(address: impl Into<String>) -> Self {
        Self { address: Some(address.into()), ..Self::embedded() }
    }

    /// A server that does not listen: for [`into_service`](Self::into_service), where it needs settings of its own.
    ///
    /// ```
    /// use fanfare::{App, Server};
    ///
    /// let service = Server::embedded().shards(2).into_service(App::new()).expect("its threads start");
    /// ```
    pub fn embedded() -> Self {
        Self {
            address: None,
            shards: std::thread::available_parallelism().map_or(1, usize::from),
            limits: Limits::default(),
            compression: true,
            drain_within: DRAIN_WITHIN,
            until: None,
            engine: EngineOptions::default(),
        }
    }

    /// How many shards, each a thread with its own loop. The default is one a core.
    ///
    /// ```
    /// use fanfare::{App, Server};
    ///
    /// let running = Server::bind("127.0.0.1:0")
    ///     .shards(2)
    ///     .start(App::new().namespace("/", |root| root))
    ///     .expect("a free port");
    /// ```
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// The limits of its connections; the memory budget is the whole server's.
    ///
    /// ```
    /// use fanfare::{App, Limits, Server};
    ///
    /// let running = Server::bind("127.0.0.1:0")
    ///     .limits(Limits { rooms_per_connection: 1_000, ..Limits::default() })
    ///     .start(App::new().namespace("/", |root| root))
    ///     .expect("a free port");
    /// ```
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether permessage-deflate is agreed to with clients that offer it. It is, by default.
    ///
    /// ```
    /// use fanfare::{App, Server};
    ///
    /// let running = Server::bind("127.0.0.1:0")
    ///     .compression(false)
    ///     .start(App::new().namespace("/", |root| root))
    ///     .expect("a free port");
    /// ```
    pub fn compression(mut self, compression: bool) -> Self {
        self.compression = compression;
        self
    }

    /// How long a graceful end may take: clients are told to reconnect, spread over this time.
    ///
    /// ```
    /// use fanfare::{App, Server};
    ///
    /// let running = Server::bind("127.0.0.1:0")
    ///     .drain_within(std::time::Duration::from_secs(5))
    ///     .start(App::new().namespace("/", |root| root))
    ///     .expect("a free port");
    /// ```
    pub fn drain_within(mut self, within: Duration) -> Self {
        self.drain_within = within;
        self
    }

    /// Origins of other sites whose pages may poll, each as a browser sends it (`https://example.org`), or `*` for all. There
    /// are none by default.
    ///
    /// ```
    /// use fanfare::{App, Server};
    ///
    /// let running = Server::bind("127.0.0.1:0")
    ///     .origins(["https://example.org"])
    ///     .start(App::new().namespace("/", |root| root))
    ///     .expect("a free port");
    /// ```
    pub fn origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.engine.origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Decides by its first request whether a Socket.IO or Engine.IO client may open a session; one that may not gets 403.
    ///
    /// ```
    /// use fanfare::{App, Server};
    ///
    /// let running = Server::bind("127.0.0.1:0")
    ///     .allow_request(|handshake| !handshake.address.starts_with("10."))
    ///     .start(App::new().namespace("/", |root| root))
    ///     .expect("a free port");
    /// ```
    pub fn allow_request(
        mut self,
        allow: impl Fn(&fanfare_hub::Handshake) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.engine.allow = Some(Allow(Arc::new(allow)));
        self
    }

    /// The cookie that a Socket.IO handshake sets, for balancers that route by one; there is none by default.
    ///
    /// ```
    /// use fanfare::{App, EngineCookie, Server};
    ///
    /// let running = Server::bind("127.0.0.1:0")
    ///     .cookie(EngineCookie { name: "io".to_owned(), attributes: "; Path=/; HttpOnly".to_owned() })
    ///     .start(App::new().namespace("/", |root| root))
    ///     .expect("a free port");
    /// ```
    pub fn cookie(mut self, cookie: EngineCookie) -> Self {
        self.engine.cookie = Some(cookie);
        self
    }

    /// Ends gracefully when `signal` comes.
    ///
    /// ```
    /// # use fanfare::{App, Server};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let after_a_moment = tokio::time::sleep(std::time::Duration::from_millis(50));
    /// Server::bind("127.0.0.1:0").until(after_a_moment).serve(App::new()).await.expect("it ends gracefully");
    /// # });
    /// ```
    pub fn until(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.until = Some(Box::pin(signal));
        self
    }

    /// Serves until the signal given to [`Server::until`], or for ever.
    ///
    /// ```
    /// # use fanfare::{App, Server};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let ends = tokio::time::sleep(std::time::Duration::from_millis(50));
    /// Server::bind("127.0.0.1:0").until(ends).serve(App::new()).await.expect("a free port");
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`ServeError`], with what to do about it.
    pub async fn serve(mut self, app: App) -> Result<(), ServeError> {
        let (until, within) = (self.until.take(), self.drain_within);
        let running = self.start(app)?;
        tracing::info!(address = %running.address(), "listening");
        let stopper = StopOnDrop(Some(running.server.stopper()));
        let waiting = async move {
            if let Some(until) = until {
                until.await;
                running.drain(within);
            }
            running.wait().await
        };
        let outcome = waiting.await;
        stopper.disarm();
        outcome
    }

    /// Starts to serve, and returns at once.
    ///
    /// ```
    /// use fanfare::{App, Server};
    ///
    /// let running = Server::bind("127.0.0.1:0").start(App::new()).expect("a free port");
    /// assert_ne!(running.address().port(), 0);
    /// ```
    ///
    /// # Errors
    /// [`ServeError`], with what to do about it.
    pub fn start(self, app: App) -> Result<Running, ServeError> {
        let address = match &self.address {
            None => None,
            Some(address) => {
                let found = address.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
                Some(found.ok_or_else(|| ServeError::Address(address.clone()))?)
            }
        };
        let id = app.id();
        let engine = EngineOptions { handshakes: app.needs_handshakes(), ..self.engine };
        let server = fanfare_driver::Server::start(Options {
            address,
            shards: u16::try_from(self.shards).unwrap_or(u16::MAX),
            limits: self.limits,
            pages: Arc::new(|_| None),
            compression: self.compression,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            engine,
            doors: app.doors(),
            connections: 0,
            connections_per_address: CONNECTIONS_PER_ADDRESS,
        })?;
        running(id, server.remote());
        Ok(Running { server, _served: Served(id) })
    }

    /// The app as a tower service, for a router of axum's or another server. Its shards start here.
    ///
    /// ```
    /// use fanfare::{App, Server};
    ///
    /// let service = Server::embedded().compression(false).into_service(App::new()).expect("its threads start");
    /// ```
    ///
    /// # Errors
    /// [`ServeError`], where its threads could not be started.
    pub fn into_service(self, app: App) -> Result<AppService, ServeError> {
        let running = Self { address: None, ..self }.start(app)?;
        Ok(AppService::new(running.server.service(), running))
    }
}

impl App {
    /// The app as a tower service, for a router of axum's beside other routes. [`Server::embedded`] has
    /// the same with settings.
    ///
    /// ```
    /// let service = fanfare::App::new().namespace("/", |root| root).into_service().expect("its threads start");
    /// let router: axum::Router = axum::Router::new().fallback_service(service);
    /// ```
    ///
    /// # Errors
    /// [`ServeError`], where its threads could not be started.
    pub fn into_service(self) -> Result<AppService, ServeError> {
        Server::embedded().into_service(self)
    }
}

/// Stops the server where its future is dropped.
struct StopOnDrop(Option<Stopper>);

impl StopOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(stopper) = &self.0 {
            stopper.stop();
        }
    }
}
