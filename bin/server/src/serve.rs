//! `fanfare serve`: the wiring of doors, kits and shards.

use crate::config::Settings;

/// Serves until it is told to end; what was accepted is delivered before it returns.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<()> {
    tracing::info!(host = settings.host, port = settings.port, "starting");
    anyhow::bail!("this build holds the configuration only: there is nothing to serve yet")
}
