//! RFC 6455 (`WebSocket`) and RFC 7692 (permessage-deflate), both roles, pure: bytes are arguments, and there is no
//! socket, no clock and no runtime.
//!
//! - The opening handshake: [`accept`] for a server, [`ClientHandshake`] for a client.
//! - What arrives: a [`Reader`] for each connection takes bytes and gives one [`Read`] at a time. Whose fault an error
//!   is follows from its type: [`Misbehaved`] is the peer's and names its close code.
//! - What is sent: [`write_frame`], [`write_close`], [`encode_header`], and a [`Deflater`] for compressed payloads.
//!
//! ```
//! use fanfare_websocket::{InflaterPool, Opcode, Read, ReadContext, Reader, Role, write_frame};
//!
//! let mut wire = Vec::new();
//! write_frame(&mut wire, Opcode::Text, true, false, b"hello", Some([1, 2, 3, 4]));
//!
//! let mut inflaters = InflaterPool::new(64, 0);
//! let mut cx = ReadContext { message_limit_bytes: 1 << 20, inflaters: &mut inflaters, inflate_budget_bytes: 64 << 10 };
//! let mut reader = Reader::new(Role::Server, None);
//! let (taken, read) = reader.read(&mut wire, &mut cx).expect("the peer behaves");
//! assert_eq!(taken, 11);
//! assert!(matches!(read, Read::Text(text) if &*text == "hello"));
//! ```

mod close;
mod close_code;
mod deflate;
mod frame;
mod handshake;
mod mask;
mod message;
mod misbehaved;
mod reader;
mod unchecked;
mod utf8;

pub use close::{CLOSE_REASON_BYTES_MAX, write_close};
pub use close_code::CloseCode;
pub use deflate::{
    COMPRESSION_THRESHOLD_BYTES, DEFLATER_BYTES, DeflateFailed, DeflateOptions, DeflateParameters, Deflater,
    Deflaters, EXPRESS_INFLATERS, INFLATER_BYTES, InflaterPool, write_stored,
};
pub use frame::{
    CONTROL_PAYLOAD_BYTES_MAX, HEADER_BYTES_MAX, Opcode, Role, encode_header, short_header, write_frame,
    write_frame_header,
};
pub use handshake::{
    Accepted, Agreed, BadRequest, BadResponse, ClientHandshake, HandshakeOptions, HttpVersion, Refused,
    Request, accept, accept_value,
};
pub use mask::unmask;
pub use message::{Payload, Text};
pub use misbehaved::Misbehaved;
pub use reader::{DIRECT_BYTES_MIN, Read, ReadContext, Reader, Short, ShortMessage};
