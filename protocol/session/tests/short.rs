//! The short way of short messages beside the way that takes all of them.

use fanfare_session::websocket::{InflaterPool, Opcode, Payload, Short, Text, write_frame};
use fanfare_session::{End, Received, Session, Share, Turn};
use proptest::prelude::*;

/// The limit of the door is within what is short, so that it is met as well.
const LIMIT_BYTES: usize = 100;

/// What one session makes of a client's bytes that come in these pieces.
#[derive(Debug, Default, PartialEq)]
struct Story {
    /// Each thing that came of it, how many bytes it took, and the frames that were left of the share.
    events: Vec<(usize, String, u32)>,
    written: Vec<u8>,
    is_idle: bool,
    has_closed: bool,
}

fn play(pieces: &[Vec<u8>], by_the_short_way: bool) -> (Story, usize) {
    let mut session = Session::new(0, None);
    let mut inflaters = InflaterPool::new(1, 0);
    let (mut story, mut short_ones) = (Story::default(), 0);
    for (number, piece) in (1u64..).zip(pieces) {
        let mut bytes = piece.clone();
        let mut rest = &mut bytes[..];
        let mut share = Share { frames: 3, ..Share::default() };
        loop {
            let short = session.short_message(rest, LIMIT_BYTES, &share).filter(|_| by_the_short_way);
            short_ones += usize::from(short.is_some());
            let mut receive = |rest, share: &mut Share, story: &mut Story| {
                let mut turn = Turn {
                    now_ms: number,
                    text_limit_bytes: LIMIT_BYTES,
                    binary_limit_bytes: LIMIT_BYTES,
                    inflaters: &mut inflaters,
                    share,
                    transmit: &mut story.written,
                };
                session.receive(rest, &mut turn)
            };
            let (taken, received) = match short {
                None => receive(&mut *rest, &mut share, &mut story),
                Some(short) => match session.take_short(short, rest, number, &mut share) {
                    Some(Short::Text(text)) => (short.frame_bytes(), Received::Text(Text::Borrowed(text))),
                    Some(Short::Binary(bytes)) => {
                        (short.frame_bytes(), Received::Binary(Payload::Borrowed(bytes)))
                    }
                    None => (0, Received::Ended(session.refuse_short(&mut story.written))),
                },
            };
            let stops = match &received {
                Received::Nothing | Received::ShareUsed | Received::InflaterWanted { .. } => true,
                Received::Ended(End::Misbehaved(_) | End::ByUs | End::ByPeer(..)) => true,
                Received::Text(_) | Received::Binary(_) | Received::Control => false,
            };
            story.events.push((taken, format!("{received:?}"), share.frames));
            if stops {
                break;
            }
            rest = &mut rest[taken..];
        }
    }
    story.is_idle = session.is_idle();
    story.has_closed = session.has_closed();
    (story, short_ones)
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![
        4 => Just(Opcode::Text),
        4 => Just(Opcode::Binary),
        1 => Just(Opcode::Continuation),
        1 => Just(Opcode::Ping),
    ];
    let payload = prop_oneof![
        6 => "[a-z]{0,40}".prop_map(String::into_bytes),
        2 => "[a-zé€😀]{0,30}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => Just(vec![b'x'; LIMIT_BYTES]),
        1 => Just(vec![b'x'; LIMIT_BYTES + 1]),
        1 => Just(vec![b'x'; 126]),
    ];
    let odd = prop_oneof![20 => Just(0u8), 1 => Just(0x40), 1 => Just(0x80)];
    (opcode, payload, prop::bool::weighted(0.9), any::<[u8; 4]>(), odd).prop_map(
        |(opcode, mut payload, fin, mask, odd)| {
            let fin = fin || opcode.is_control();
            payload.truncate(if opcode.is_control() { 125 } else { usize::MAX });
            let mut bytes = Vec::new();
            write_frame(&mut bytes, opcode, fin, false, &payload, Some(mask));
            // A bit that has no meaning, or no mask.
            bytes[usize::from(odd == 0x80)] ^= odd;
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_ways_tell_the_same_story(
        frames in prop::collection::vec(frame(), 1..12),
        cuts in prop::collection::vec(1..60usize, 0..12),
    ) {
        let mut rest = &frames.concat()[..];
        let mut pieces = Vec::new();
        for cut in cuts {
            let (piece, more) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece.to_vec());
            rest = more;
        }
        pieces.push(rest.to_vec());
        prop_assert_eq!(play(&pieces, true).0, play(&pieces, false).0);
    }
}

#[test]
fn what_is_short_goes_the_short_way() {
    let mut bytes = Vec::new();
    for text in ["", "a", "é", "twenty bytes of text"] {
        write_frame(&mut bytes, Opcode::Text, true, false, text.as_bytes(), Some([1, 2, 3, 4]));
    }
    write_frame(&mut bytes, Opcode::Binary, true, false, &[0xFF; LIMIT_BYTES], Some([1, 2, 3, 4]));
    let pieces = [bytes[..20].to_vec(), bytes[20..].to_vec()];
    assert_eq!(play(&pieces, true).1, 4, "two before the cut; the third is cut, so two after it");
}
