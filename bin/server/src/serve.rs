//! `fanfare serve`: the wiring of doors, kits and shards.

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use fanfare_driver::{DoorSpec, EngineCookie, EngineOptions, Options, Server, Stopped};
use fanfare_hub::{Dialect, Door, DoorRules, Heartbeat, Kit, Limits, Namespace, Parser, Silent};
use fanfare_kits::{Binary, Chat, Echo};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Settings, origins};
use crate::pages;

/// How often it is looked whether a shard has ended by itself.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Serves until it is told to end; what was accepted is delivered before it returns.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Whoever reads that we listen may tell us to end at once.
    let signals = runtime.block_on(async { Signals::new() })?;
    let server = Server::start(options(settings)?)?;
    let address = server.address().context("it does not listen")?;
    tracing::info!(%address, shards = settings.shards, url = %url(address), "listening");
    if settings.port == 0 {
        // Whoever let us choose needs to be told, whatever is logged.
        writeln!(std::io::stdout(), "listening on {}", url(address))?;
    }
    tracing::info!("no authentication is set up: everybody is a guest under the name they choose");
    let told = runtime.block_on(told_to_end(&server, signals));
    if let Some(name) = told {
        let within = Duration::from_secs(settings.drain_seconds);
        tracing::info!(
            signal = name,
            within_seconds = settings.drain_seconds,
            "going down: clients are told to reconnect; a second signal stops at once"
        );
        server.drain(within);
    }
    // A second signal means now.
    let stopper = server.stopper();
    std::thread::spawn(move || {
        let again = runtime.block_on(async {
            let (mut interrupt, mut terminate) =
                (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            Ok::<_, std::io::Error>(())
        });
        if again.is_ok() {
            stopper.stop();
        }
    });
    match server.wait() {
        Stopped::Drained => {
            tracing::info!("stopped");
            Ok(())
        }
        Stopped::Failed => anyhow::bail!("a shard ended by itself; the log above says why"),
    }
}

/// The signals that end a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("SIGTERM could not be listened for")?,
            interrupt: signal(SignalKind::interrupt()).context("SIGINT could not be listened for")?,
        })
    }
}

/// Waits for a signal; `None` where a shard has ended before one came.
async fn told_to_end(server: &Server, mut signals: Signals) -> Option<&'static str> {
    let mut watch = tokio::time::interval(WATCH_INTERVAL);
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return Some("SIGTERM"),
            _ = signals.interrupt.recv() => return Some("SIGINT"),
            _ = watch.tick() => if server.is_finished() { return None },
        }
    }
}

fn options(settings: &Settings) -> anyhow::Result<Options> {
    let address = (settings.host.as_str(), settings.port)
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .with_context(|| {
            format!("host: {:?} is no address and no name that resolves to one", settings.host)
        })?;
    Ok(Options {
        address: Some(address),
        shards: u16::try_from(settings.shards).unwrap_or(u16::MAX),
        limits: limits(settings),
        doors: doors(settings),
        pages: Arc::new(pages::find),
        compression: settings.compression,
        handshake_timeout: Duration::from_millis(settings.handshake_timeout_ms),
        engine: engine(settings),
        connections: size(settings.connections),
        connections_per_address: size(settings.connections_per_address),
    })
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        heartbeat: Heartbeat {
            interval_ms: settings.heartbeat_interval_ms,
            timeout_ms: settings.heartbeat_timeout_ms,
        },
        rooms_per_connection: size(settings.rooms_per_connection),
        outbox_bytes: size(settings.outbox_limit),
        memory_budget_bytes: size(settings.memory_budget),
        compression_threshold_bytes: size(settings.compression_threshold),
    }
}

fn engine(settings: &Settings) -> EngineOptions {
    let (name, attributes) = settings
        .socketio_cookie
        .split_at(settings.socketio_cookie.find(';').unwrap_or(settings.socketio_cookie.len()));
    let cookie = EngineCookie { name: name.trim().to_owned(), attributes: attributes.trim_end().to_owned() };
    EngineOptions {
        origins: origins(&settings.origins).into_iter().map(str::to_owned).collect(),
        cookie: Some(cookie).filter(|cookie| !cookie.name.is_empty()),
        ..EngineOptions::default()
    }
}

/// Every kit that is mounted, by its path.
fn doors(settings: &Settings) -> Vec<DoorSpec> {
    let json = DoorRules {
        text_limit_bytes: size(settings.message_limit),
        binary_limit_bytes: size(settings.binary_message_limit),
        ..DoorRules::default()
    };
    let echo_limit = size(settings.echo_message_limit);
    let echo = DoorRules { text_limit_bytes: echo_limit, binary_limit_bytes: echo_limit, ..Echo.rules() };
    let packets = size(settings.socketio_packet_limit);
    let socketio = DoorRules {
        dialect: Dialect::SocketIo(if settings.socketio_parser == "msgpack" {
            Parser::MsgPack
        } else {
            Parser::Json
        }),
        text_limit_bytes: packets,
        binary_limit_bytes: packets,
        ..DoorRules::default()
    };
    let root = DoorRules { dialect: Dialect::Events, ..json.clone() };
    let events = DoorRules { dialect: Dialect::Events, ..namespace("/echo", &echo) };
    vec![
        door(Some("/echo"), Echo, echo),
        door(None, Echo, events),
        door(Some("/chat"), Chat, namespace("/chat", &json)),
        door(Some("/binary"), Binary, namespace("/binary", &json)),
        door(None, Binary, namespace("/stream", &json)),
        DoorSpec { engine: Some(packets), ..door(Some("/socket.io/"), Silent, socketio) },
        door(None, Silent, namespace("/", &root)),
    ]
}

/// These rules, for a door that Socket.IO clients reach as a namespace.
fn namespace(name: &str, rules: &DoorRules) -> DoorRules {
    DoorRules { namespace: Some(Namespace::Named(name.into())), ..rules.clone() }
}

fn door<K: Kit + Copy + Send + Sync>(path: Option<&str>, kit: K, rules: DoorRules) -> DoorSpec {
    let make = Arc::new(move |_: &_| Door::new(rules.clone(), kit));
    DoorSpec { path: path.map(str::to_owned), engine: None, make }
}

/// Where a browser on this machine finds the server.
fn url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
