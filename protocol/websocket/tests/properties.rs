//! Each fast path against a slow and obvious one.

use fanfare_websocket::{
    CloseCode, DeflateParameters, Deflater, InflaterPool, Misbehaved, Opcode, Payload, Read, ReadContext,
    Reader, Role, Text, unmask, write_frame,
};
use proptest::collection::vec;
use proptest::prelude::*;

const LIMIT: usize = 1 << 20;

/// What a reader finds, owned.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(CloseCode, String)>),
    Refused(Misbehaved),
}

/// Gives `input` to `reader` in pieces of the sizes that repeat, with at most `budget` inflated bytes a turn.
fn read_in_pieces(
    reader: &mut Reader,
    pool: &mut InflaterPool,
    input: &[u8],
    sizes: &[usize],
    budget: usize,
) -> Vec<Event> {
    let mut events = Vec::new();
    let (mut rest, mut sizes) = (input, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().map_or(1, |size| *size).clamp(1, rest.len());
        let (piece, later) = rest.split_at(size);
        rest = later;
        let mut piece = piece.to_vec();
        let (mut at, mut again) = (0, false);
        while at < piece.len() || again {
            let mut cx =
                ReadContext { message_limit_bytes: LIMIT, inflaters: pool, inflate_budget_bytes: budget };
            let (taken, read) = match reader.read(&mut piece[at..], &mut cx) {
                Ok(found) => found,
                Err(misbehaved) => {
                    events.push(Event::Refused(misbehaved));
                    return events;
                }
            };
            at += taken;
            again = read == Read::Yield;
            match read {
                Read::Text(text) => events.push(Event::Text(text.into_owned())),
                Read::Binary(bytes) => events.push(Event::Binary(bytes.into_owned())),
                Read::Ping(bytes) => events.push(Event::Ping(bytes.into_owned())),
                Read::Pong(bytes) => events.push(Event::Pong(bytes.into_owned())),
                Read::Close(why) => {
                    events.push(Event::Close(why.map(|(code, reason)| (code, reason.into_owned()))));
                    return events;
                }
                Read::NeedMore | Read::Yield => {}
                Read::NoInflater { .. } => panic!("the pool's one inflater is still out"),
            }
        }
    }
    events
}

/// Text and bytes that are nearly text.
fn nearly_text() -> impl Strategy<Value = Vec<u8>> {
    let valid = "\\PC{0,40}".prop_map(String::into_bytes);
    let cut =
        ("\\PC{1,40}", 0..200_usize).prop_map(|(text, end)| text.as_bytes()[..end.min(text.len())].to_vec());
    let noise = vec(any::<u8>(), 0..20);
    let long = ("[a-zé€😀]{60,100}", 0..400_usize, any::<u8>()).prop_map(|(text, at, byte)| {
        let mut bytes = text.into_bytes();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes
    });
    prop_oneof![valid, cut, noise, long]
}

fn mask() -> impl Strategy<Value = Option<[u8; 4]>> {
    any::<[u8; 4]>().prop_map(Some)
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![usize::MAX]), Just(vec![1]), vec(1..50_usize, 1..8), vec(1..5000_usize, 1..4)]
}

proptest! {
    #[test]
    fn unmasking_equals_byte_by_byte(payload in vec(any::<u8>(), 0..300), mask: [u8; 4], phase in 0..9_usize) {
        let slow: Vec<u8> = payload.iter().enumerate().map(|(at, byte)| byte ^ mask[(at + phase) % 4]).collect();
        let mut fast = payload;
        unmask(&mut fast, mask, phase);
        prop_assert_eq!(fast, slow);
    }

    #[test]
    fn text_is_what_std_says_it_is(payload in nearly_text(), sizes in sizes(), cuts in vec(0..40_usize, 0..6), mask in mask()) {
        let wire = fragmented(Opcode::Text, &payload, &cuts, mask);
        let mut reader = Reader::new(Role::Server, None);
        let events = read_in_pieces(&mut reader, &mut InflaterPool::new(1, 0), &wire, &sizes, 0);
        let expected = match String::from_utf8(payload) {
            Ok(text) => Event::Text(text),
            Err(_) => Event::Refused(Misbehaved::TextNotUtf8),
        };
        prop_assert_eq!(events, [expected]);
    }

    #[test]
    fn bad_text_is_refused_with_its_first_bad_byte(payload in nearly_text()) {
        let mut wire = Vec::new();
        write_frame(&mut wire, Opcode::Text, false, false, &payload, None);
        let header = wire.len() - payload.len();
        // Where std says that no continuation could make it valid.
        let good = match std::str::from_utf8(&payload) {
            Err(error) if error.error_len().is_some() => {
                let from = error.valid_up_to();
                (from..payload.len()).find(|end| {
                    std::str::from_utf8(&payload[from..=*end]).is_err_and(|error| error.error_len().is_some())
                })
            }
            _ => None,
        };
        let mut reader = Reader::new(Role::Client, None);
        let mut pool = InflaterPool::new(1, 0);
        let mut refused_at = None;
        for (at, byte) in wire.iter().enumerate() {
            let mut cx = ReadContext { message_limit_bytes: LIMIT, inflaters: &mut pool, inflate_budget_bytes: 0 };
            if reader.read(&mut [*byte], &mut cx).is_err() {
                refused_at = Some(at - header);
                break;
            }
        }
        prop_assert_eq!(refused_at, good);
    }

    #[test]
    fn frames_come_back_in_any_pieces(
        messages in vec((any::<bool>(), vec(any::<u8>(), 0..700), vec(0..300_usize, 0..4), any::<bool>()), 1..6),
        sizes in sizes(),
        mask in mask(),
        server: bool,
    ) {
        let (role, mask) = if server { (Role::Server, mask) } else { (Role::Client, None) };
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        for (text, payload, cuts, ping) in messages {
            if ping {
                let payload = &payload[..payload.len().min(125)];
                write_frame(&mut wire, Opcode::Ping, true, false, payload, mask);
                expected.push(Event::Ping(payload.to_vec()));
            }
            if text {
                let text: String = payload.iter().map(|byte| char::from(*byte)).collect();
                wire.extend(fragmented(Opcode::Text, text.as_bytes(), &cuts, mask));
                expected.push(Event::Text(text));
            } else {
                wire.extend(fragmented(Opcode::Binary, &payload, &cuts, mask));
                expected.push(Event::Binary(payload));
            }
        }
        let mut reader = Reader::new(role, None);
        let events = read_in_pieces(&mut reader, &mut InflaterPool::new(1, 0), &wire, &sizes, 0);
        prop_assert_eq!(events, expected);
        prop_assert!(reader.is_idle());
        prop_assert_eq!(reader.held_bytes(), 0);
    }

    #[test]
    fn whatever_arrives_the_pieces_do_not_matter(noise in vec(any::<u8>(), 0..200), sizes in sizes(), deflate: bool) {
        let parameters = parameters(false);
        let read = |sizes: &[usize]| {
            let mut reader = Reader::new(Role::Client, deflate.then_some(&parameters));
            read_in_pieces(&mut reader, &mut InflaterPool::new(1, 0), &noise, sizes, 1 << 20)
        };
        prop_assert_eq!(read(&[usize::MAX]), read(&sizes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn deflated_messages_come_back(
        messages in vec(compressible(), 1..5),
        cuts in vec(0..3000_usize, 0..4),
        sizes in sizes(),
        window_bits in 9..=15_u8,
        takeover: bool,
        by_fragment: bool,
        budget in prop_oneof![Just(usize::MAX), 1..5000_usize],
        mask in mask(),
    ) {
        let parameters = parameters(takeover);
        let mut reader = Reader::new(Role::Server, Some(&parameters));
        let mut pool = InflaterPool::new(1, 0);
        let mut deflater =
            if takeover { Deflater::with_takeover(window_bits) } else { Deflater::new(window_bits) };
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        for message in messages {
            if by_fragment {
                deflater.start();
                let pieces = cut(&message, &cuts);
                for (index, piece) in pieces.iter().enumerate() {
                    let (first, last) = (index == 0, index + 1 == pieces.len());
                    let mut compressed = Vec::new();
                    deflater.fragment(piece, last, &mut compressed).unwrap();
                    let opcode = if first { Opcode::Binary } else { Opcode::Continuation };
                    write_frame(&mut wire, opcode, last, first, &compressed, mask);
                }
            } else {
                let mut compressed = Vec::new();
                deflater.deflate(&message, &mut compressed).unwrap();
                write_frame(&mut wire, Opcode::Binary, true, true, &compressed, mask);
            }
            expected.push(Event::Binary(message));
        }
        let events = read_in_pieces(&mut reader, &mut pool, &wire, &sizes, budget);
        prop_assert_eq!(events, expected);
        prop_assert_eq!(pool.borrowed(), 0);
        reader.release(&mut pool);
    }
}

fn parameters(takeover: bool) -> DeflateParameters {
    DeflateParameters {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    }
}

/// Noise, repetition near and far (over the 32 KiB window too), and nothing.
fn compressible() -> impl Strategy<Value = Vec<u8>> {
    let noise = vec(any::<u8>(), 0..2000);
    let repeated = (vec(any::<u8>(), 1..600), 1..120_usize).prop_map(|(part, times)| part.repeat(times));
    let few = vec(b'a'..b'd', 0..20_000);
    prop_oneof![noise, repeated, few, Just(Vec::new())]
}

/// `payload` as one message, cut into fragments at the places given.
fn fragmented(opcode: Opcode, payload: &[u8], cuts: &[usize], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut wire = Vec::new();
    let pieces = cut(payload, cuts);
    for (index, piece) in pieces.iter().enumerate() {
        let opcode = if index == 0 { opcode } else { Opcode::Continuation };
        write_frame(&mut wire, opcode, index + 1 == pieces.len(), false, piece, mask);
    }
    wire
}

fn cut<'a>(payload: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let (mut pieces, mut rest) = (Vec::new(), payload);
    for size in cuts {
        let (piece, later) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece);
        rest = later;
    }
    pieces.push(rest);
    pieces
}

#[test]
fn lent_and_owned_are_the_same_to_read() {
    assert_eq!(&*Payload::Borrowed(b"a"), &*Payload::Owned(b"a".to_vec()));
    assert_eq!(Text::Borrowed("a").as_str(), Text::Owned("a".into()).as_str());
}
