//! An app inside somebody else's HTTP server.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use fanfare_driver::Origin;
use http_body_util::Full;
use hyper::body::Body;
use hyper::{Request, Response};

use crate::running::Running;

/// An [`App`](crate::App) as a tower service: for axum's routers, or any other server whose requests are those of the crate
/// `http`. It answers at the app's paths, Socket.IO's and `/health/` among them, and 404 elsewhere: beside a fallback of one's own it is
/// mounted at each path, as in `router.route_service("/socket.io/", app.into_service()?)`.
///
/// Its shards are threads of its own, which end with its last clone. An upgraded connection moves to one of them: a plain TCP
/// stream of hyper's is taken over, and is then as fast as under [`Server::bind`](crate::Server::bind); anything else, such as
/// TLS, is carried there by a task, which costs a copy each way; whoever serves that turns Nagle's delay off himself, with
/// axum-server by its `NoDelayAcceptor`.
///
/// The client's address is the [`Client`] among the request's extensions, where somebody has put one there: without it, limits
/// on addresses do not hold.
///
/// ```
/// let app = fanfare::App::new().namespace("/", |root| root).into_service().expect("its threads start");
/// let router: axum::Router = axum::Router::new().fallback_service(app);
/// ```
#[derive(Clone)]
pub struct AppService {
    service: fanfare_driver::Service,
    running: Arc<Running>,
}

/// Where a request came from, as an extension of it.
///
/// ```no_run
/// use fanfare::{App, Client};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let app = App::new().namespace("/", |root| root).into_service()?;
/// let router = axum::Router::new().fallback_service(app).layer(axum::middleware::map_request(
///     async |peer: axum::extract::ConnectInfo<std::net::SocketAddr>, mut request: axum::extract::Request| {
///         request.extensions_mut().insert(Client { address: peer.0, secure: false });
///         request
///     },
/// ));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// axum::serve(listener, router.into_make_service_with_connect_info::<std::net::SocketAddr>()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: SocketAddr,
    /// It came over TLS.
    pub secure: bool,
}

impl AppService {
    pub(crate) fn new(service: fanfare_driver::Service, running: Running) -> Self {
        Self { service, running: Arc::new(running) }
    }

    /// Begins to end gracefully: nobody new is let in, and everybody is told to reconnect within `within`.
    ///
    /// ```
    /// let app = fanfare::App::new().into_service().expect("its threads start");
    /// app.drain(std::time::Duration::from_secs(1));
    /// ```
    pub fn drain(&self, within: Duration) {
        self.running.drain(within);
    }

    /// Waits until everybody has gone who was told to.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let app = fanfare::App::new().into_service().expect("its threads start");
    /// app.drain(std::time::Duration::from_secs(1));
    /// app.drained().await;
    /// # });
    /// ```
    pub async fn drained(&self) {
        while !self.running.is_finished() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl<B> tower_service::Service<Request<B>> for AppService
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.service.clone();
        let client = request.extensions().get::<Client>().copied();
        let origin = Origin {
            peer: client.map(|client| client.address),
            secure: client.is_some_and(|client| client.secure),
        };
        Box::pin(async move { Ok(service.call(request, origin).await) })
    }
}
