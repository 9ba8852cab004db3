//! Planted faults: small patches that the simulation has to notice.
//!
//! Each patch in `testkit/faults/` is applied to a scratch copy of what is committed, built, and simulated. That `cargo
//! mutants` cannot make them is why they are there: they live between two places that are each right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process;
use crate::workspace::Workspace;

/// Seeds within which each fault has to be noticed.
const SEEDS: &str = "1000";

/// How long building or simulating one of them may take.
const LIMIT: Duration = Duration::from_secs(900);

/// Applies each patch in turn; true if every one was noticed.
pub(crate) fn command(workspace: &Workspace) -> Result<bool, String> {
    let scratch = workspace.target.join("faults");
    let copy = scratch.join("copy");
    let log = scratch.join("faults.log");
    let _ = fs::remove_dir_all(&copy);
    fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    let step = |command: &mut Command| process::run(command, &log, LIMIT);
    let cloned = step(Command::new("git").arg("clone").arg("--quiet").arg(&workspace.root).arg(&copy))?;
    if !cloned.success {
        return Err(format!("the scratch copy could not be made; {} says why", log.display()));
    }
    let (mut noticed, mut missed) = (0, 0);
    for patch in patches(&workspace.root.join("testkit/faults"))? {
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.current_dir(&copy).args(arguments);
            command
        };
        step(&mut git(&["checkout", "--quiet", "."]))?;
        if !step(git(&["apply", "-p0"]).arg(&patch))?.success {
            return Err(format!("{name} does not apply any more: make it anew from the code as it is"));
        }
        let simulate = ["run", "--release", "--quiet", "-p", "fanfare-testkit", "--bin", "simulate", "--"];
        let mut run = Command::new("cargo");
        run.current_dir(&copy).env("CARGO_TARGET_DIR", scratch.join("target")).args(simulate);
        let done = step(run.args(["--seeds", SEEDS, "--failures", "1"]))?;
        let first = done.output.lines().find(|line| line.starts_with("seed "));
        match first {
            Some(line) if !done.success => {
                noticed += 1;
                println!("ok {name}: {line:.160}");
            }
            _ => {
                missed += 1;
                println!("not ok {name}: {SEEDS} seeds did not notice it");
            }
        }
    }
    println!("{noticed} passed, {missed} failed");
    Ok(missed == 0)
}

fn patches(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut patches: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "patch"))
        .collect();
    patches.sort();
    Ok(patches)
}
