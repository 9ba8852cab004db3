//! The times of a session, to the millisecond.

use fanfare_session::websocket::{CloseCode, DeflateParameters, InflaterPool};
use fanfare_session::{
    CLOSE_TIMEOUT_MS, Check, Expiry, Heartbeat, INFLATER_HOLD_MS, INFLATER_STALL_MS, Received, Session,
    Share, Turn,
};

const START_MS: u64 = 1_000_000;
const HEARTBEAT: Heartbeat = Heartbeat { interval_ms: 25_000, timeout_ms: 20_000 };
const DEFLATE: DeflateParameters = DeflateParameters {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

/// A session and what it has written.
struct Line {
    session: Session,
    inflaters: InflaterPool,
    written: Vec<u8>,
}

impl Line {
    fn new() -> Self {
        let session = Session::new(START_MS, Some(&DEFLATE));
        Self { session, inflaters: InflaterPool::new(4, 0), written: Vec::new() }
    }

    fn check(&mut self, after_ms: u64) -> Check {
        self.check_while(after_ms, false)
    }

    fn check_while(&mut self, after_ms: u64, inflaters_wanted: bool) -> Check {
        self.written.clear();
        self.session.check(START_MS + after_ms, &HEARTBEAT, inflaters_wanted, &mut self.written)
    }

    fn receive(&mut self, after_ms: u64, bytes: &[u8]) {
        let (length, mut bytes) = (bytes.len(), bytes.to_vec());
        let mut turn = Turn {
            now_ms: START_MS + after_ms,
            text_limit_bytes: 1_000,
            binary_limit_bytes: 1_000,
            inflaters: &mut self.inflaters,
            share: &mut Share::default(),
            transmit: &mut self.written,
        };
        let (taken, received) = self.session.receive(&mut bytes, &mut turn);
        assert_eq!(taken, length);
        assert!(matches!(received, Received::Nothing | Received::Control), "{received:?}");
    }
}

fn again(after_ms: u64) -> Check {
    Check::Again { at_ms: START_MS + after_ms }
}

#[test]
fn silence_is_asked_about_after_the_interval_and_given_up_after_the_timeout() {
    let mut line = Line::new();
    assert_eq!(line.check(0), again(25_000));
    assert_eq!(line.check(24_999), again(25_000));
    assert!(line.written.is_empty());
    assert_eq!(line.check(25_000), again(45_000));
    assert_eq!(line.written, [0x89, 0], "a ping");
    assert_eq!(line.check(44_999), again(45_000));
    assert!(line.written.is_empty(), "one is enough");
    assert_eq!(line.check(45_000), Check::Expired(Expiry::Heartbeat));
}

#[test]
fn anything_that_arrives_is_life() {
    let mut line = Line::new();
    line.check(25_000);
    line.receive(44_000, &[0x8a, 0x80, 0, 0, 0, 0]);
    assert_eq!(line.check(45_000), again(69_000));
}

#[test]
fn a_backlog_that_moves_puts_the_end_off() {
    let mut line = Line::new();
    line.check(25_000);
    line.session.progressed(START_MS + 40_000);
    assert_eq!(line.check(45_000), again(60_000));
    assert_eq!(line.check(60_000), Check::Expired(Expiry::Heartbeat));
}

#[test]
fn who_is_not_read_is_not_asked() {
    let mut line = Line::new();
    line.session.suspend(true, START_MS);
    assert_eq!(line.check(90_000), again(115_000));
    line.session.suspend(true, START_MS + 95_000);
    line.session.suspend(false, START_MS + 100_000);
    assert_eq!(line.check(100_000), again(125_000));
    line.session.suspend(false, START_MS + 110_000);
    assert_eq!(line.check(110_000), again(125_000), "only the end of a rest counts");
    assert!(line.written.is_empty());
}

#[test]
fn a_close_frame_is_answered_in_time_or_not_at_all() {
    let mut line = Line::new();
    line.session.close(START_MS + 10, CloseCode::NORMAL, "", &mut line.written);
    assert_eq!(line.check(10), again(10 + CLOSE_TIMEOUT_MS));
    assert_eq!(line.check(9 + CLOSE_TIMEOUT_MS), again(10 + CLOSE_TIMEOUT_MS));
    assert_eq!(line.check(10 + CLOSE_TIMEOUT_MS), Check::Expired(Expiry::Close));
}

#[test]
fn a_compressed_message_goes_on_or_ends() {
    let mut line = Line::new();
    assert!(!line.session.holds_inflater() && line.session.is_idle());
    line.receive(100, &[0x41, 0x82, 0, 0, 0, 0, 0, 5]);
    assert!(line.session.holds_inflater() && !line.session.is_idle());
    assert_eq!(line.check(100), again(100 + INFLATER_STALL_MS));
    // A ping between its fragments is life, but does not carry it on.
    line.receive(3_000, &[0x89, 0x80, 0, 0, 0, 0]);
    assert_eq!(line.check(99 + INFLATER_STALL_MS), again(100 + INFLATER_STALL_MS));
    assert_eq!(line.check(100 + INFLATER_STALL_MS), Check::Expired(Expiry::InflaterStall));
}

#[test]
fn a_compressed_message_that_goes_on_slowly_ends_where_others_wait() {
    let mut line = Line::new();
    line.receive(0, &[0x41, 0x82, 0, 0, 0, 0, 0, 5]);
    for step in 1..=10 {
        line.receive(step * 4_000, &[0x00, 0x80, 0, 0, 0, 0]);
    }
    assert_eq!(line.check(INFLATER_HOLD_MS + 10_000), again(40_000 + INFLATER_STALL_MS));
    assert_eq!(line.check_while(INFLATER_HOLD_MS, true), Check::Expired(Expiry::InflaterStall));
    assert_ne!(line.check_while(INFLATER_HOLD_MS - 1, true), Check::Expired(Expiry::InflaterStall));
}
