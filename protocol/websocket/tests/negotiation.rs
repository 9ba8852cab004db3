//! Client and server negotiate, then understand each other.

use fanfare_websocket::{
    ClientHandshake, DeflateOptions, DeflateParameters, Deflater, HandshakeOptions, HttpVersion,
    InflaterPool, Opcode, Read, ReadContext, Reader, Request, Role, accept, write_frame, write_stored,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn options() -> impl Strategy<Value = DeflateOptions> {
    (any::<bool>(), any::<bool>(), 0..20_u8, 0..20_u8).prop_map(
        |(server, client, server_bits, client_bits)| DeflateOptions {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        },
    )
}

/// The lines of a head after its first, as headers.
fn headers(head: &str) -> Vec<(&str, &[u8])> {
    let lines = head.split("\r\n").skip(1);
    lines.filter_map(|line| line.split_once(": ").map(|(name, value)| (name, value.as_bytes()))).collect()
}

/// What both sides hold to be agreed.
fn negotiate(
    client: DeflateOptions,
    server: DeflateOptions,
) -> (Option<DeflateParameters>, Option<DeflateParameters>) {
    let handshake =
        ClientHandshake::new("host", "/", [7; 16], &["a", "b"], Some(client), &[]).expect("a request");
    let mut request = Vec::new();
    handshake.write_request(&mut request);
    let request = String::from_utf8(request).expect("a request is text");
    let headers_sent = headers(&request);
    let request =
        Request { method: "GET", version: HttpVersion::Http11, target: "/", headers: &headers_sent };
    let accepted = accept(&request, &HandshakeOptions { subprotocols: &["b"], deflate: Some(server) });
    let accepted = accepted.expect("the server takes it");
    let mut response = Vec::new();
    accepted.write_response(&mut response);
    let response = String::from_utf8(response).expect("a response is text");
    let agreed = handshake.verify(101, &headers(&response)).expect("the client takes it");
    assert_eq!(agreed.subprotocol, accepted.subprotocol);
    (agreed.deflate, accepted.deflate)
}

/// Sends messages from `role` to its peer and checks that they arrive.
fn talk(role: Role, parameters: &DeflateParameters, messages: &[Vec<u8>]) {
    let bits = parameters.own_window_bits(role).expect("we never agree on a window of 8");
    let takeover = parameters.own_context_takeover(role);
    let mut deflater = if takeover { Deflater::with_takeover(bits) } else { Deflater::new(bits) };
    let (peer, mask) = match role {
        Role::Client => (Role::Server, Some([9, 8, 7, 6])),
        Role::Server => (Role::Client, None),
    };
    let mut pool = InflaterPool::new(1, usize::MAX);
    let mut reader = Reader::new(peer, Some(parameters));
    for message in messages {
        let (mut compressed, mut wire) = (Vec::new(), Vec::new());
        deflater.deflate(message, &mut compressed).expect("deflating works");
        write_frame(&mut wire, Opcode::Binary, true, true, &compressed, mask);
        let mut cx = ReadContext {
            message_limit_bytes: 1 << 20,
            inflaters: &mut pool,
            inflate_budget_bytes: usize::MAX,
        };
        let (taken, read) = reader.read(&mut wire, &mut cx).expect("we behave");
        let Read::Binary(found) = read else { panic!("{read:?}") };
        assert_eq!(&*found, &message[..]);
        assert_eq!(taken, wire.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_sides_agree_and_understand_each_other(
        client in options(),
        server in options(),
        messages in vec(vec(b'a'..b'e', 0..3000), 1..4),
    ) {
        let (agreed, accepted) = negotiate(client, server);
        prop_assert_eq!(agreed, accepted);
        let parameters = agreed.expect("every offer of ours can be taken");
        prop_assert!(parameters.server_no_context_takeover || !server.server_no_context_takeover);
        prop_assert!(parameters.client_no_context_takeover || !client.client_no_context_takeover);
        talk(Role::Client, &parameters, &messages);
        talk(Role::Server, &parameters, &messages);
    }

    #[test]
    fn a_stored_head_goes_before_a_shared_tail(
        head in prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 65_530..65_540)],
        tail in vec(b'a'..b'e', 0..3000),
    ) {
        let (mut compressed, mut wire) = (Vec::new(), Vec::new());
        write_stored(&mut compressed, &head);
        Deflater::new(15).deflate(&tail, &mut compressed).expect("deflating works");
        write_frame(&mut wire, Opcode::Binary, true, true, &compressed, None);
        let parameters = negotiate(DeflateOptions::default(), DeflateOptions::default()).0.expect("agreed");
        let mut pool = InflaterPool::new(1, 0);
        let mut cx = ReadContext {
            message_limit_bytes: 1 << 20,
            inflaters: &mut pool,
            inflate_budget_bytes: usize::MAX,
        };
        let mut reader = Reader::new(Role::Client, Some(&parameters));
        let (_, read) = reader.read(&mut wire, &mut cx).expect("we behave");
        let Read::Binary(found) = read else { panic!("{read:?}") };
        prop_assert_eq!(found.into_owned(), [head, tail].concat());
    }
}
