//! Reading to the end of a long message's buffer, without filling that with zeros first.
#![expect(
    unsafe_code,
    reason = "the zeros took 4 to 8 % of what a long message's echo costs (bench/COSTS.md)"
)]

use std::io;
use std::os::fd::AsFd;

use rustix::net::{RecvFlags, recv};

/// Appends what is there, within the capacity and at most so many bytes; gives how many.
///
/// # Errors
/// As the socket's; the buffer is as it was then.
pub(crate) fn append(socket: impl AsFd, buffer: &mut Vec<u8>, bytes_max: usize) -> io::Result<usize> {
    let start = buffer.len();
    let spare = buffer.spare_capacity_mut();
    let room = bytes_max.min(spare.len());
    let ((read, _), _) = recv(socket, &mut spare[..room], RecvFlags::empty())?;
    let bytes = read.len();
    // SAFETY: the kernel has written the first `bytes` of the spare capacity, which begins at `start`.
    unsafe { buffer.set_len(start + bytes) };
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn it_reads_what_the_slow_way_reads_and_no_more_than_fits() {
        for (capacity, bytes_max) in [(0, 9), (3, 9), (9, 3), (9, 9), (100, 100)] {
            let (mut peer, socket) = UnixStream::pair().expect("a pair");
            peer.write_all(b"0123456").expect("space");
            let mut buffer = Vec::with_capacity(capacity + 2);
            buffer.extend_from_slice(b"ab");
            let fits = bytes_max.min(buffer.capacity() - 2).min(7);
            assert_eq!(append(&socket, &mut buffer, bytes_max).expect("bytes"), fits);
            assert_eq!(buffer, [b"ab", &b"0123456"[..fits]].concat());
        }
    }

    #[test]
    fn an_error_and_an_end_leave_the_buffer_as_it_was() {
        let (peer, socket) = UnixStream::pair().expect("a pair");
        socket.set_nonblocking(true).expect("a socket");
        let mut buffer = vec![7; 3];
        buffer.reserve(9);
        let error = append(&socket, &mut buffer, 9).expect_err("nothing is there");
        assert_eq!((error.kind(), buffer.len()), (io::ErrorKind::WouldBlock, 3));
        drop(peer);
        assert_eq!(append(&socket, &mut buffer, 9).expect("the end"), 0);
        assert_eq!(buffer, [7; 3]);
    }
}
