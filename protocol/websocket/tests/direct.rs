//! Long messages that are read straight into their buffers, beside the same bytes read in one piece.

use fanfare_websocket::{
    DIRECT_BYTES_MIN, InflaterPool, Misbehaved, Opcode, Read, ReadContext, Reader, Role, write_frame,
};
use proptest::prelude::*;

const LIMIT_BYTES: usize = 8 << 20;

/// What came of a client's bytes.
#[derive(Debug, Default, PartialEq)]
struct Story {
    messages: Vec<(bool, Vec<u8>)>,
    refused: Option<Misbehaved>,
}

/// Reads pieces of these sizes, over and over; those after a long frame's first straight into its buffer where `direct` allows it.
/// Gives also how many bytes went there.
fn read(bytes: &[u8], sizes: &[usize], direct: bool) -> (Story, usize) {
    let (mut reader, mut inflaters) = (Reader::new(Role::Server, None), InflaterPool::new(1, 0));
    let (mut story, mut directly) = (Story::default(), 0);
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, more) = rest.split_at((*size).min(rest.len()));
        let mut piece = piece.to_vec();
        rest = more;
        if direct && let Some(space) = reader.space() {
            let room = space.capacity() - space.len();
            assert!(room >= DIRECT_BYTES_MIN && room <= space.len(), "{room}");
            let taken = piece.len().min(room);
            space.extend_from_slice(&piece[..taken]);
            directly += taken;
            let behind = piece.split_off(taken);
            piece = match reader.appended(taken) {
                Ok(excess) => [excess, behind].concat(),
                Err(refused) => return (Story { refused: Some(refused), ..story }, directly),
            };
        }
        let mut input = &mut piece[..];
        loop {
            let mut cx = ReadContext {
                message_limit_bytes: LIMIT_BYTES,
                inflaters: &mut inflaters,
                inflate_budget_bytes: usize::MAX,
            };
            let taken = match reader.read(input, &mut cx) {
                Ok((_, Read::NeedMore)) => break,
                Ok((taken, Read::Text(text))) => {
                    story.messages.push((true, text.as_bytes().to_vec()));
                    taken
                }
                Ok((taken, Read::Binary(payload))) => {
                    story.messages.push((false, payload.to_vec()));
                    taken
                }
                Ok((taken, _)) => taken,
                Err(refused) => return (Story { refused: Some(refused), ..story }, directly),
            };
            input = &mut input[taken..];
        }
    }
    (story, directly)
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![3 => 60_000..70_000usize, 3 => 100_000..900_000usize, 1 => 0..200usize];
    let content = prop_oneof![Just("abcdefg"), Just("aé€😀"), Just("€")];
    (length, content, any::<bool>(), 1..4usize, any::<[u8; 4]>(), prop::bool::weighted(0.1), any::<u16>())
        .prop_map(|(length, content, is_text, frames, mask, spoils, at)| {
            let mut payload = content.repeat(length / content.len()).into_bytes();
            if spoils && !payload.is_empty() {
                let at = usize::from(at) * 13 % payload.len();
                payload[at] = 0xFF;
            }
            let mut bytes = Vec::new();
            let parts: Vec<&[u8]> = payload.chunks((payload.len() / frames).max(1)).collect();
            for (number, part) in parts.iter().enumerate() {
                let opcode = match (number, is_text) {
                    (0, true) => Opcode::Text,
                    (0, false) => Opcode::Binary,
                    _ => Opcode::Continuation,
                };
                write_frame(&mut bytes, opcode, number + 1 == parts.len(), false, part, Some(mask));
                write_frame(&mut bytes, Opcode::Ping, true, false, b"between", Some(mask));
            }
            bytes
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_read_directly_is_what_is_read_at_once(
        messages in prop::collection::vec(message(), 1..4),
        sizes in prop::collection::vec(prop_oneof![1..100usize, 1_000..300_000usize], 1..8),
    ) {
        let bytes = messages.concat();
        let (expected, _) = read(&bytes, &[bytes.len().max(1)], false);
        let (story, _) = read(&bytes, &sizes, true);
        prop_assert!(story == expected);
    }
}

#[test]
fn all_but_the_beginning_of_a_long_message_is_read_directly() {
    for opcode in [Opcode::Text, Opcode::Binary] {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, opcode, true, false, &vec![b'x'; 2 << 20], Some([1, 2, 3, 4]));
        write_frame(&mut bytes, opcode, true, false, b"the next", Some([1, 2, 3, 4]));
        let (story, directly) = read(&bytes, &[64 << 10], true);
        assert_eq!(story.messages.len(), 2);
        assert_eq!(story.messages[1].1, b"the next");
        assert!(directly >= (2 << 20) - (128 << 10), "{directly}");
    }
}

#[test]
fn a_text_is_refused_where_it_goes_wrong_and_not_at_its_end() {
    let mut payload = vec![b'x'; 1 << 20];
    payload[300_000] = 0xFF;
    let mut bytes = Vec::new();
    write_frame(&mut bytes, Opcode::Text, true, false, &payload, Some([9, 8, 7, 6]));
    let (story, directly) = read(&bytes[..400_000], &[64 << 10], true);
    assert_eq!(story.refused, Some(Misbehaved::TextNotUtf8));
    assert!(directly > 190_000, "{directly}");
}

/// The header of a binary message of 16 MiB, and so many bytes of it.
fn begun(reader: &mut Reader, bytes: usize) {
    let mut input = vec![0x82, 0xFF, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    input.resize(14 + bytes, 0);
    let mut inflaters = InflaterPool::new(1, 0);
    let mut cx = ReadContext {
        message_limit_bytes: 16 << 20,
        inflaters: &mut inflaters,
        inflate_budget_bytes: usize::MAX,
    };
    assert!(matches!(reader.read(&mut input, &mut cx), Ok((_, Read::NeedMore))));
}

#[test]
fn a_buffer_grows_with_what_has_come_and_not_with_each_read() {
    let mut reader = Reader::new(Role::Server, None);
    begun(&mut reader, DIRECT_BYTES_MIN);
    let (mut capacities, mut came) = (Vec::new(), DIRECT_BYTES_MIN);
    while let Some(space) = reader.space() {
        assert!(space.capacity() <= 2 * came, "{} for {came}", space.capacity());
        capacities.push(space.capacity());
        space.extend_from_slice(&[0; 1_448]);
        came += 1_448;
        reader.appended(1_448).expect("binary");
    }
    assert!(came > (16 << 20) - DIRECT_BYTES_MIN - 1_448, "{came}");
    capacities.dedup();
    assert!(capacities.len() <= 16, "{capacities:?}");
}

#[test]
fn a_header_without_a_body_makes_no_space() {
    for bytes in [0, 1, DIRECT_BYTES_MIN - 1] {
        let mut reader = Reader::new(Role::Server, None);
        begun(&mut reader, bytes);
        assert!(reader.space().is_none());
        assert!(reader.held_bytes() < 2 * bytes + 200, "{} for {bytes}", reader.held_bytes());
    }
}
