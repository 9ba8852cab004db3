//! Where and from what a run was made.

use std::process::Command;

use serde_json::{Value, json};

use super::peers::Peer;
use crate::workspace::Workspace;

/// The commit that is about to be built, and whether anything but what a run writes differs from it.
pub(crate) fn commit(workspace: &Workspace) -> (String, bool) {
    let dirty = said(
        workspace,
        "git",
        &[
            "status",
            "--porcelain",
            "--untracked-files=no",
            "--",
            ".",
            ":!bench/README.md",
            ":!bench/results.json",
            ":!bench/plots",
        ],
    );
    (said(workspace, "git", &["rev-parse", "--short=12", "HEAD"]), !dirty.is_empty())
}

fn said(workspace: &Workspace, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(&workspace.root).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

pub(crate) fn describe(workspace: &Workspace, commit: &str, peers: &[&Peer]) -> Value {
    let said = |program: &str, arguments: &[&str]| said(workspace, program, arguments);
    let cpu = said("lscpu", &[]);
    let field = |name: &str| {
        let line = cpu.lines().find_map(|line| line.trim().strip_prefix(name));
        line.map(|value| value.trim_start_matches(':').trim().to_owned()).unwrap_or_default()
    };
    let versions: serde_json::Map<String, Value> =
        peers.iter().map(|peer| (peer.name.to_owned(), json!(peer.version(&workspace.root)))).collect();
    json!({
        "cpu": format!("{} (family {} model {})", field("Model name"), field("CPU family"), field("Model:")),
        "cores": field("CPU(s)"),
        "hypervisor": field("Hypervisor vendor"),
        "kernel": said("uname", &["-sr"]),
        "rustc": said("rustc", &["--version"]),
        "date": said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        "load_average": std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').take(3).collect::<Vec<_>>().join(" "),
        "commit": commit,
        "versions": versions,
    })
}
