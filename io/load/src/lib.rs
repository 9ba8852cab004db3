//! The load: connections that measure what a real-time server answers, and how fast.
//!
//! One thread over edge-triggered epoll (mio): it has to be faster than whatever it measures. [`run`] does what a [`Plan`] says and
//! returns a [`Report`]; that is `fanfare bench`. `fanfare-bench` has runs of its own, which count messages without looking at them
//! and read what they cost the server's process, over the same [`Target`] and [`Connection`].

mod failure;
mod link;
mod plan;
mod report;
mod run;
mod url;
mod wire;

pub use failure::{Failure, Trouble};
pub use link::{Channel, Connection, Opened, Patience, READ_BUFFER_BYTES, Secure, SecureStream, Target};
pub use plan::{Pace, Plan, Scenario};
pub use report::{Ended, Latency, Percentile, Point, Report, Settings};
pub use run::{Progress, run};
pub use url::{Protocol, Url};
pub use wire::socketio::PATH as SOCKETIO_PATH;
pub use wire::{Counter, Kind, Wire, beginning, payload};
