//! Echoes through an app inside somebody else's server: every one comes back as it was and in order, 20,000 of them here and a
//! million with `cargo xtask trial service-echoes`.
//!
//! The servers are `axum::serve` over TCP, axum-server with TLS, and none at all: axum's own way of testing, in its examples `testing` and
//! `testing-websockets`, is to call the router with a request, and where there is an upgrade `axum::serve` on a free port. The crate
//! axum-test upgrades only over the latter, and would bring a second `syn`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use fanfare::{App, Args, Message, Server, Socket, WebSocket};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tower_service::Service as _;

const QUICK: u32 = 20_000;
const MILLION: u32 = 1_000_000;

/// Messages under way.
const IN_FLIGHT: u32 = 100;

/// Stands between packets in a body.
const SEPARATOR: &str = "\u{1e}";

const PAYLOAD_BYTES: usize = 20;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

#[test]
fn by_itself() {
    echoes(bound(), QUICK);
}

#[test]
fn under_axum() {
    echoes(under_axum_serve(), QUICK);
}

#[test]
fn under_axum_server_with_tls() {
    echoes(under_tls(), QUICK);
}

#[test]
fn polled_through_a_router_that_nobody_serves() {
    polled_echoes(QUICK);
}

#[test]
#[ignore = "a million"]
fn a_million_by_itself() {
    echoes(bound(), MILLION);
}

#[test]
#[ignore = "a million"]
fn a_million_under_axum() {
    echoes(under_axum_serve(), MILLION);
}

#[test]
#[ignore = "a million"]
fn a_million_under_axum_server_with_tls() {
    echoes(under_tls(), MILLION);
}

#[test]
#[ignore = "a million"]
fn a_million_polled_through_a_router_that_nobody_serves() {
    polled_echoes(MILLION);
}

fn app() -> App {
    App::new()
        .websocket("/echo", async |socket: WebSocket, message: Message| socket.send(message))
        .namespace("/", |root| root.on("echo", async |socket: Socket, args: Args| socket.emit("back", args)))
}

fn bound() -> TcpStream {
    connect(serve(async |says| {
        let running = Server::bind("127.0.0.1:0").start(app()).expect("it starts");
        says.send(running.address()).expect("somebody waits");
        running.wait().await.expect("served");
    }))
}

fn under_axum_serve() -> TcpStream {
    connect(serve(async |says| {
        let router = Router::new().fallback_service(app().into_service().expect("its threads start"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        says.send(listener.local_addr().expect("bound")).expect("somebody waits");
        axum::serve(listener, router).await.expect("served");
    }))
}

fn under_tls() -> StreamOwned<ClientConnection, TcpStream> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (made.cert.der().clone(), made.signing_key.serialize_der());
    let own = certificate.to_vec();
    let address = serve(async move |says| {
        let router = Router::new().fallback_service(app().into_service().expect("its threads start"));
        let configuration = RustlsConfig::from_der(vec![own], key).await.expect("its own certificate");
        let handle = axum_server::Handle::new();
        let listening = handle.clone();
        tokio::spawn(async move {
            let address = listening.listening().await.expect("it listens");
            says.send(address).expect("somebody waits");
        });
        let acceptor = RustlsAcceptor::new(configuration).acceptor(NoDelayAcceptor);
        let server = axum_server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).acceptor(acceptor);
        server.handle(handle).serve(router.into_make_service()).await.expect("served");
    });
    StreamOwned::new(trusting(certificate), connect(address))
}

/// A client that trusts this certificate alone.
fn trusting(certificate: CertificateDer<'static>) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let configuration = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::new(configuration), name).expect("a client")
}

/// Serves on a thread of its own and says where.
fn serve(run: impl AsyncFnOnce(Sender<SocketAddr>) + Send + 'static) -> SocketAddr {
    let (says, said) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(run(says));
    });
    said.recv_timeout(Duration::from_secs(10)).expect("it listens")
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("a setting");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a setting");
    stream
}

/// So many messages, each of which differs, there and back.
fn echoes(mut stream: impl Read + Write, count: u32) {
    upgrade(&mut stream);
    let (mut said, mut expected, mut heard) = (Vec::new(), Vec::new(), Vec::new());
    for first in (0..count).step_by(IN_FLIGHT as usize) {
        said.clear();
        expected.clear();
        for number in first..count.min(first + IN_FLIGHT) {
            let payload = format!("{number:>PAYLOAD_BYTES$}");
            said.extend([0x81, 0x80 | PAYLOAD_BYTES as u8]);
            said.extend(MASK);
            said.extend(payload.bytes().zip(MASK.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
            expected.extend([0x81, PAYLOAD_BYTES as u8]);
            expected.extend(payload.bytes());
        }
        stream.write_all(&said).expect("sent");
        stream.flush().expect("sent");
        heard.resize(expected.len(), 0);
        stream.read_exact(&mut heard).expect("echoes");
        assert!(heard == expected, "of the messages from {first} on something else came back");
    }
}

fn upgrade(stream: &mut (impl Read + Write)) {
    let request = "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("sent");
    stream.flush().expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
}

/// So many events there and back by long-polling, without a socket or a server between the client and the router.
fn polled_echoes(count: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let router = Router::new().fallback_service(app().into_service().expect("its threads start"));
        let path = "/socket.io/?EIO=4&transport=polling";
        let open = answer_of(&router, Request::get(path), String::new()).await;
        let sid = open.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a session");
        let path = format!("{path}&sid={sid}");
        answer_of(&router, Request::post(&path), "40".to_owned()).await;
        assert!(answer_of(&router, Request::get(&path), String::new()).await.starts_with("40{\"sid\""));
        for first in (0..count).step_by(IN_FLIGHT as usize) {
            let numbers = first..count.min(first + IN_FLIGHT);
            let of_all = |name: &str| {
                let packets = numbers.clone().map(|number| format!("42[\"{name}\",{number},\"two\"]"));
                packets.collect::<Vec<_>>().join(SEPARATOR)
            };
            let said = answer_of(&router, Request::post(&path), of_all("echo")).await;
            assert_eq!(said, "ok");
            let expected = of_all("back");
            let mut heard: Vec<String> = Vec::new();
            let deadline = Instant::now() + Duration::from_secs(20);
            while heard.len() < numbers.len() {
                assert!(Instant::now() < deadline, "of the events from {first} on came {}", heard.len());
                let answer = answer_of(&router, Request::get(&path), String::new()).await;
                let (pings, packets): (Vec<_>, Vec<_>) =
                    answer.split(SEPARATOR).partition(|packet| *packet == "2");
                heard.extend(packets.into_iter().map(str::to_owned));
                if !pings.is_empty() {
                    answer_of(&router, Request::post(&path), "3".to_owned()).await;
                }
            }
            assert!(heard.join(SEPARATOR) == expected, "of the events from {first} on came back {heard:?}");
        }
    });
}

/// What a router answers, as axum's example `testing` asks it.
async fn answer_of(router: &Router, request: axum::http::request::Builder, body: String) -> String {
    let request = request.header("Host", "localhost").body(Body::from(body)).expect("a request");
    let answer = router.clone().call(request).await.expect("it cannot fail");
    assert_eq!(answer.status(), StatusCode::OK);
    let body = to_bytes(answer.into_body(), 1 << 20).await.expect("its body");
    String::from_utf8(body.to_vec()).expect("text")
}
