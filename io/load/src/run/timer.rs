//! Waking up at a time. The poller itself counts in whole milliseconds, which is longer than most answers take.

use std::io;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

/// Wakes the poller at a time.
pub(crate) struct Timer {
    #[cfg(target_os = "linux")]
    descriptor: std::os::fd::OwnedFd,
    at: Option<Instant>,
}

#[cfg(target_os = "linux")]
impl Timer {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use std::os::fd::AsRawFd;

        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let mut source = mio::unix::SourceFd(&descriptor.as_raw_fd());
        registry.register(&mut source, token, mio::Interest::READABLE)?;
        Ok(Self { descriptor, at: None })
    }

    /// Wakes the poller at this time, unless it is to be woken then already.
    pub(crate) fn arm(&mut self, at: Instant, now: Instant) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        if self.at == Some(at) {
            return Ok(());
        }
        self.at = Some(at);
        // No time at all would disarm it.
        let wait = at.saturating_duration_since(now).max(Duration::from_nanos(1));
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: wait.subsec_nanos().into(),
            },
        };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// How long the poller may sleep where it would sleep for `wait`.
    pub(crate) fn sleep(&self, wait: Duration, _: Instant) -> Duration {
        wait
    }
}

#[cfg(not(target_os = "linux"))]
impl Timer {
    pub(crate) fn new(_: &Registry, _: Token) -> io::Result<Self> {
        Ok(Self { at: None })
    }

    /// Wakes the poller at this time.
    pub(crate) fn arm(&mut self, at: Instant, _: Instant) -> io::Result<()> {
        self.at = Some(at);
        Ok(())
    }

    /// How long the poller may sleep where it would sleep for `wait`.
    pub(crate) fn sleep(&self, wait: Duration, now: Instant) -> Duration {
        self.at.map_or(wait, |at| at.saturating_duration_since(now).min(wait))
    }
}
