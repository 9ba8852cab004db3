//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The limits on connections; 0 is unlimited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    pub(crate) total: usize,
    pub(crate) per_address: usize,
}

/// Why a connection is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("The server has {0} connections, its limit")]
    Total(usize),
    #[error("Your address has {0} connections, its limit")]
    PerAddress(usize),
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    /// The addresses are shared with those who count for them.
    by_address: HashMap<Arc<IpAddr>, usize>,
}

/// Who is connected to the server, on any shard. It is asked once a connection, never for a message.
///
/// An address counts from its TCP connection on, so that nobody takes the places of others by connecting and saying nothing.
/// The total counts WebSockets: pages and health are served by a full server too.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: ConnectionLimits,
    counts: Mutex<Counts>,
}

/// A TCP connection; it counts for its address until this is dropped.
#[derive(Debug)]
pub(crate) struct Arrived {
    admission: Arc<Admission>,
    counted: Mutex<Option<Counted>>,
}

/// Counts for an address until it is dropped. Thousands of connections have one.
#[derive(Debug)]
struct Counted {
    admission: Arc<Admission>,
    /// `None` for loopback, which is not limited.
    address: Option<Arc<IpAddr>>,
}

/// An admitted WebSocket or polling session; it counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Admitted(By);

#[derive(Debug)]
enum By {
    /// The TCP connection goes on, and counts once with all that came of it.
    Request(Arc<Arrived>),
    /// It is the TCP connection from now on.
    Connection(Counted),
}

impl Admission {
    pub(crate) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { limits, counts: Mutex::default() })
    }

    pub(crate) fn arrive(self: &Arc<Self>, address: IpAddr) -> Result<Arc<Arrived>, Refusal> {
        let address = address.to_canonical();
        let is_limited = !address.is_loopback() && self.limits.per_address > 0;
        let address = is_limited.then(|| self.counts().add(address, self.limits.per_address)).transpose()?;
        let counted = Counted { admission: Arc::clone(self), address };
        Ok(Arc::new(Arrived { admission: Arc::clone(self), counted: Mutex::new(Some(counted)) }))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn add(&mut self, address: IpAddr, limit: usize) -> Result<Arc<IpAddr>, Refusal> {
        let known = self.by_address.get_key_value(&address);
        let address = known.map_or_else(|| Arc::new(address), |(known, _)| Arc::clone(known));
        let count = self.by_address.entry(Arc::clone(&address)).or_default();
        if *count >= limit {
            return Err(Refusal::PerAddress(limit));
        }
        *count += 1;
        Ok(address)
    }
}

impl Arrived {
    /// Admits what a request begins and does not end with its connection: a session that polls.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Admitted, Refusal> {
        self.count_in()?;
        Ok(Admitted(By::Request(Arc::clone(self))))
    }

    /// Admits the WebSocket that the connection becomes.
    pub(crate) fn admit_upgraded(self: &Arc<Self>) -> Result<Admitted, Refusal> {
        self.count_in()?;
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Admitted(counted.map_or_else(|| By::Request(Arc::clone(self)), By::Connection)))
    }

    fn count_in(&self) -> Result<(), Refusal> {
        let limit = self.admission.limits.total;
        let mut counts = self.admission.counts();
        if limit > 0 && counts.total >= limit {
            return Err(Refusal::Total(limit));
        }
        counts.total += 1;
        Ok(())
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let admission = match &self.0 {
            By::Request(arrived) => &arrived.admission,
            By::Connection(counted) => &counted.admission,
        };
        admission.counts().total -= 1;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(address) = &self.address else { return };
        let mut counts = self.admission.counts();
        if let Some(count) = counts.by_address.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_until_a_connection_goes() {
        let admission = Admission::new(ConnectionLimits { total: 2, per_address: 2 });
        let [a, b] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from);
        let first = admission.arrive(a).expect("the first");
        let second = admission.arrive(a).expect("the second");
        assert_eq!(admission.arrive(a).err(), Some(Refusal::PerAddress(2)));
        let other = admission.arrive(b).expect("another address");
        let admitted = first.admit().expect("the first");
        let _also = second.admit_upgraded().expect("the second");
        assert_eq!(other.admit().err(), Some(Refusal::Total(2)));
        assert_eq!(other.admit_upgraded().err(), Some(Refusal::Total(2)));
        // Whoever is admitted counts for the address as long as it lives, whatever became of the request.
        drop(first);
        assert_eq!(admission.arrive(a).err(), Some(Refusal::PerAddress(2)));
        drop(admitted);
        assert!(admission.arrive(a).is_ok());
        assert!(other.admit().is_ok());
        drop(second);
        drop(other);
        assert_eq!(admission.counts().by_address.len(), 1, "an address that is gone is forgotten");
    }

    #[test]
    fn a_websocket_counts_for_its_address_whatever_becomes_of_the_request() {
        let admission = Admission::new(ConnectionLimits { total: 0, per_address: 1 });
        let address = IpAddr::from([10, 0, 0, 1]);
        let arrived = admission.arrive(address).expect("the first");
        let admitted = arrived.admit_upgraded().expect("the first");
        assert_eq!(admission.arrive(address).err(), Some(Refusal::PerAddress(1)), "and it counts once");
        drop(arrived);
        assert_eq!(admission.arrive(address).err(), Some(Refusal::PerAddress(1)));
        drop(admitted);
        assert!(admission.arrive(address).is_ok());
        assert_eq!(admission.counts().total, 0);
        assert_eq!(size_of::<Admitted>(), 16, "thousands of connections have one");
    }

    #[test]
    fn loopback_is_not_limited_by_address() {
        let admission = Admission::new(ConnectionLimits { total: 0, per_address: 1 });
        let held: Vec<_> = (0..5).map(|_| admission.arrive(IpAddr::from([127, 0, 0, 1]))).collect();
        assert!(held.iter().all(Result::is_ok));
        assert!(held.iter().flatten().all(|arrived| arrived.admit().is_ok()), "0 is unlimited");
        let mapped: IpAddr = "::ffff:10.1.1.1".parse().expect("an address");
        let _first = admission.arrive(mapped).expect("the first");
        assert!(admission.arrive(IpAddr::from([10, 1, 1, 1])).is_err(), "the mapped address is the same");
    }
}
