//! Listening: one port, one listener a shard.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// Binds `shards` listeners to one address, and says which it is.
///
/// Listeners that share a port (`SO_REUSEPORT`) would also share it with another server of the same user, and each would
/// get half of the connections. So one plain bind comes first: it fails where the port is taken. Two servers that start in the
/// same instant can both pass it.
pub(crate) fn listeners(address: SocketAddr, shards: u16) -> io::Result<(Vec<TcpListener>, SocketAddr)> {
    let alone = listener(address, false)?;
    let address = alone.local_addr()?;
    if shards == 1 {
        return Ok((vec![alone], address));
    }
    drop(alone);
    let listeners = (0..shards).map(|_| listener(address, true)).collect::<io::Result<_>>()?;
    Ok((listeners, address))
}

fn listener(address: SocketAddr, share_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `::` is every address, IPv4's too.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share_port)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_refused_even_where_the_first_shares_its_port() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (held, address) = listeners(any, 4).expect("a free port");
        assert_eq!(held.len(), 4);
        for shards in [1, 4] {
            let error = listeners(address, shards).expect_err("taken");
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        }
    }
}
