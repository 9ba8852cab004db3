//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The limits on connections; 0 is unlimited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    pub(crate) total: usize,
    pub(crate) per_address: usize,
}

/// Why a connection is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Total(usize),
    PerAddress(usize),
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Who is connected to the server, on any shard. It is asked once a connection, never for a message.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: ConnectionLimits,
    counts: Mutex<Counts>,
}

/// One admitted connection; it counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    /// `None` for loopback, which is not limited.
    address: Option<IpAddr>,
}

impl Admission {
    pub(crate) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { limits, counts: Mutex::default() })
    }

    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Admitted, Refusal> {
        let address = address.to_canonical();
        let address = Some(address).filter(|address| !address.is_loopback() && self.limits.per_address > 0);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if self.limits.total > 0 && counts.total >= self.limits.total {
            return Err(Refusal::Total(self.limits.total));
        }
        if let Some(address) = address {
            let count = counts.by_address.entry(address).or_default();
            if *count >= self.limits.per_address {
                return Err(Refusal::PerAddress(self.limits.per_address));
            }
            *count += 1;
        }
        counts.total += 1;
        Ok(Admitted { admission: Arc::clone(self), address })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        let Some(address) = self.address else { return };
        if let Some(count) = counts.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_until_a_connection_goes() {
        let admission = Admission::new(ConnectionLimits { total: 3, per_address: 2 });
        let [a, b] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from);
        let first = admission.admit(a).expect("the first");
        let _second = admission.admit(a).expect("the second");
        assert_eq!(admission.admit(a).err(), Some(Refusal::PerAddress(2)));
        let _other = admission.admit(b).expect("another address");
        assert_eq!(admission.admit(b).err(), Some(Refusal::Total(3)));
        drop(first);
        assert!(admission.admit(a).is_ok());
    }

    #[test]
    fn loopback_is_not_limited_by_address() {
        let admission = Admission::new(ConnectionLimits { total: 0, per_address: 1 });
        let held: Vec<_> = (0..5).map(|_| admission.admit(IpAddr::from([127, 0, 0, 1]))).collect();
        assert!(held.iter().all(Result::is_ok));
        let mapped: IpAddr = "::ffff:10.1.1.1".parse().expect("an address");
        let _first = admission.admit(mapped).expect("the first");
        assert!(admission.admit(IpAddr::from([10, 1, 1, 1])).is_err(), "the mapped address is the same");
    }
}
