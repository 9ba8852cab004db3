//! The load: one thread over edge-triggered epoll (mio), frames made beforehand, one write for all that may be in flight.

mod broadcast;
mod connect;
mod echo;
mod idle;
mod json;
mod mixed;
mod rooms;
mod steps;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use fanfare_load::{Kind, Patience, SOCKETIO_PATH, Target, Wire};

use crate::arguments::Arguments;
use crate::measure::{Latencies, cpu_time};

/// What goes before the measured window.
const WARM_UP: Duration = Duration::from_millis(400);

/// How long a handshake may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// A wait without any event that ends a run: something was lost.
const STALL: Duration = Duration::from_secs(20);

/// Payload bytes that the pass which looks at every byte receives, where its messages are large.
const VERIFIED_BYTES: u64 = 256 << 20;

/// How many messages that pass has of each kind: `most`, or fewer large ones, but some.
fn verified(most: u64, bytes: usize, receivers: usize) -> u64 {
    (VERIFIED_BYTES / (bytes as u64 * receivers as u64).max(1)).clamp(most.min(3), most)
}

/// Runs one kind of load and prints what it saw.
pub(crate) fn run(kind: &str, arguments: &Arguments) -> Result<(), String> {
    let line = match kind {
        "echo" => echo::run(arguments)?,
        "broadcast" => broadcast::run(arguments)?,
        "idle" => idle::run(arguments)?,
        "connect" => connect::run(arguments)?,
        "rooms" => rooms::run(arguments)?,
        "mixed" => mixed::run(arguments)?,
        "membership" | "polling" | "compressed" => steps::run(kind, arguments)?,
        other => {
            return Err(format!(
                "there is no load `{other}`; there are: echo, broadcast, idle, connect, rooms, mixed, membership, polling, compressed"
            ));
        }
    };
    println!("{line}");
    Ok(())
}

/// A raw record is as long as the frame that the client would send.
fn target(arguments: &Arguments, path: &str, payload_bytes: usize) -> Result<Target, String> {
    let wire = match arguments.text("wire", "websocket") {
        "websocket" => Wire::WebSocket,
        "socketio" => Wire::SocketIo,
        "raw" => {
            let mut frame = Vec::new();
            Wire::WebSocket.write(&mut frame, Kind::Binary, &vec![0; payload_bytes]);
            Wire::Raw { record_bytes: frame.len() }
        }
        other => return Err(format!("--wire {other}: there are raw, websocket and socketio")),
    };
    let deflates = arguments.has("deflate");
    if deflates && wire != Wire::WebSocket {
        return Err("--deflate goes with --wire websocket".to_owned());
    }
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, arguments.needed("port")?).into();
    let path = if wire == Wire::SocketIo { SOCKETIO_PATH } else { path };
    let secure = arguments.has("tls").then(tls::trusting).transpose()?;
    Ok(Target {
        address,
        host: address.to_string(),
        wire,
        path: arguments.text("path", path).to_owned(),
        deflates,
        namespace: "/".to_owned(),
        secure,
        patience: Patience { limit: OPEN_TIMEOUT, stop: None },
        own_sources: true,
    })
}

/// How long a run goes on.
enum Length {
    Window(Duration),
    Messages(u64),
}

/// The measured window of a run.
struct Window {
    server: u32,
    length: Length,
    started: Instant,
    /// When the window began, with both sides' CPU time then.
    begun: Option<(Instant, Duration, Duration)>,
    messages: u64,
    latencies: Latencies,
}

impl Window {
    fn new(arguments: &Arguments) -> Result<Self, String> {
        let length = if arguments.has("messages") {
            Length::Messages(arguments.needed("messages")?)
        } else {
            Length::Window(Duration::from_secs_f64(arguments.number("seconds", 2.0)?))
        };
        let server = arguments.needed("pid")?;
        let mut window = Self {
            server,
            length,
            started: Instant::now(),
            begun: None,
            messages: 0,
            latencies: Latencies::default(),
        };
        if let Length::Messages(_) = window.length {
            window.begin(Instant::now())?;
        }
        Ok(window)
    }

    fn begin(&mut self, now: Instant) -> Result<(), String> {
        self.begun = Some((now, cpu_time(Some(self.server))?, cpu_time(None)?));
        self.messages = 0;
        self.latencies = Latencies::default();
        Ok(())
    }

    fn arrived(&mut self, messages: u64, latency: Duration) {
        self.messages += messages;
        self.latencies.record(latency, messages);
    }

    /// Begins the window after the warm-up, and says when it is over.
    fn is_over(&mut self, now: Instant) -> Result<bool, String> {
        match (&self.length, self.begun) {
            (Length::Messages(wanted), _) => Ok(self.messages >= *wanted),
            (Length::Window(length), Some((begun, ..))) => Ok(now - begun >= *length),
            (Length::Window(_), None) => {
                if now - self.started >= WARM_UP {
                    self.begin(now)?;
                }
                Ok(false)
            }
        }
    }

    /// The line of JSON: times a message (or a delivery) in microseconds, busy as a share of one core.
    fn report(&self, now: Instant) -> Result<String, String> {
        let (begun, server_before, own_before) = self.begun.ok_or("the window never began")?;
        let seconds = (now - begun).as_secs_f64();
        let server = (cpu_time(Some(self.server))? - server_before).as_secs_f64();
        let own = (cpu_time(None)? - own_before).as_secs_f64();
        let messages = self.messages as f64;
        Ok(format!(
            "{{\"messages\":{},\"per_second\":{:.0},\"server_cpu_us\":{:.5},\"load_cpu_us\":{:.5},\
             \"server_busy\":{:.3},\"load_busy\":{:.3},\"p50_ms\":{:.4},\"p99_ms\":{:.4}}}",
            self.messages,
            messages / seconds,
            server * 1e6 / messages,
            own * 1e6 / messages,
            server / seconds,
            own / seconds,
            self.latencies.quantile(0.5).as_secs_f64() * 1e3,
            self.latencies.quantile(0.99).as_secs_f64() * 1e3,
        ))
    }
}
