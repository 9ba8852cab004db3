//! What the server says while it runs: a line for a person on a terminal, JSON for a collector otherwise.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::config::Settings;

/// Logs go to standard error, so that standard output stays for what a command answers.
pub(crate) fn start(settings: &Settings) -> anyhow::Result<()> {
    let filter: Targets = settings.log.parse()?;
    let terminal = io::stderr().is_terminal();
    let json = match settings.log_format.as_str() {
        "json" => true,
        "human" => false,
        _ => !terminal,
    };
    let lines = fmt::layer().with_writer(io::stderr);
    let layer = if json {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        lines.with_ansi(terminal).with_target(false).boxed()
    };
    registry().with(layer.with_filter(filter)).try_init()?;
    // A panic is caught where it concerns one kit or one shard; its line looks like the others.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a panic, which is our fault")));
    Ok(())
}
