//! uWebSockets on its one loop: an echo as it comes, or its own publish and subscribe, which joins what a turn of the loop has for
//! a subscriber.

use std::process::ExitCode;

use uwebsockets_rs::app::App;
use uwebsockets_rs::http_response::HttpResponseStruct;
use uwebsockets_rs::listen_socket::ListenSocket;
use uwebsockets_rs::us_socket_context_options::UsSocketContextOptions;
use uwebsockets_rs::websocket::WebSocketStruct;
use uwebsockets_rs::websocket_behavior::{CompressOptions, WebSocketBehavior};

const USAGE: &str = "fanfare-bench-uwebsockets --port N [--mode echo|broadcast] [--deflate]";

/// Where everybody is subscribed.
const TOPIC: &str = "everybody";

const MESSAGE_LIMIT_BYTES: u32 = 64 << 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1)
    };
    let Some(port) = value("--port").and_then(|port| port.parse().ok()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let broadcasts = value("--mode").is_some_and(|mode| mode == "broadcast");
    let deflates = words.iter().any(|word| word == "--deflate");
    let options = UsSocketContextOptions {
        key_file_name: None,
        cert_file_name: None,
        passphrase: None,
        dh_params_file_name: None,
        ca_file_name: None,
        ssl_ciphers: None,
        ssl_prefer_low_memory_usage: None,
    };
    let mut app = App::new(options);
    app.ws("/*", behavior(broadcasts, deflates)).listen(port, None::<fn(ListenSocket)>).run();
    // It only ends where it could not listen.
    ExitCode::FAILURE
}

fn behavior(broadcasts: bool, deflates: bool) -> WebSocketBehavior<false> {
    let compression: u32 = if deflates {
        u32::from(CompressOptions::SharedCompressor) | u32::from(CompressOptions::SharedDecompressor)
    } else {
        CompressOptions::Disabled.into()
    };
    WebSocketBehavior {
        compression,
        max_payload_length: MESSAGE_LIMIT_BYTES,
        // Longer than a measurement, so that none has pings in it.
        idle_timeout: 900,
        max_backpressure: MESSAGE_LIMIT_BYTES,
        close_on_backpressure_limit: false,
        reset_idle_timeout_on_send: false,
        send_pings_automatically: false,
        max_lifetime: 0,
        upgrade: Some(Box::new(HttpResponseStruct::<false>::default_upgrade)),
        open: Some(Box::new(move |socket: WebSocketStruct<false>| {
            if broadcasts {
                socket.subscribe(TOPIC);
            }
        })),
        message: Some(Box::new(move |socket, message, opcode| {
            if broadcasts {
                socket.publish_with_options(TOPIC, message, opcode, deflates);
            } else {
                socket.send_with_options(message, opcode, deflates, true);
            }
        })),
        ping: None,
        pong: None,
        close: None,
        drain: None,
        subscription: None,
    }
}
