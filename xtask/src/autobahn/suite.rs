//! The suite's program: installed here, or in its public container image where there is no Python 2.7 but an engine.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::install;
use crate::process;

/// The version that is installed elsewhere. An engine knows by itself where images come from.
const IMAGE: &str = "crossbario/autobahn-testsuite:25.10.1";

/// Where a run's folder is inside the container.
const FOLDER: &str = "/suite";

const ENGINES: [&str; 2] = ["docker", "podman"];

/// An engine whose daemon does not answer is none.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
const PULL_LIMIT: Duration = Duration::from_secs(600);

/// How the suite's program is started.
#[derive(Debug)]
pub(super) enum Suite {
    /// `wstest`, by its path.
    Installed(PathBuf),
    /// In a container.
    Contained(Engine),
}

/// A container engine that answers.
#[derive(Debug)]
pub(super) struct Engine {
    program: &'static str,
    /// The user and group that the reports shall belong to, where the engine would not take ours.
    user: Option<String>,
}

impl Suite {
    /// Installs the suite into `cache` or, where there is no Python 2.7, finds an engine that has its image.
    ///
    /// # Errors
    /// Of the kind `Unsupported` where neither can be had.
    pub(super) fn find(cache: &Path) -> Result<Self> {
        match install::wstest(cache) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let log = cache.join("engine.log");
                let Some(engine) = Engine::find(cache, &log)? else { return Err(error) };
                engine
                    .pull(&log)
                    .map_err(|why| Error::new(ErrorKind::Unsupported, format!("{error}; {why}")))?;
                println!("  … no Python 2.7 here: {} runs {IMAGE}", engine.program);
                Ok(Self::Contained(engine))
            }
            installed => installed.map(Self::Installed),
        }
    }

    /// A command that runs the suite in `folder`, where its specification is, and its reports and its log will be.
    pub(super) fn command(&self, folder: &Path, name: &str) -> Result<Command> {
        let mut command = match self {
            Self::Installed(wstest) => Command::new(wstest),
            Self::Contained(engine) => engine.command(folder, name),
        };
        let log = File::create(folder.join("suite.log"))?;
        command.current_dir(folder).args(["--spec", "spec.json", "--mode"]);
        command.stderr(log.try_clone()?).stdout(log);
        Ok(command)
    }

    /// What ends a run that the end of its command does not end: a container is no child of ours.
    pub(super) fn end(&self, name: &str) -> Option<Command> {
        let Self::Contained(engine) = self else { return None };
        let mut kill = Command::new(engine.program);
        kill.args(["kill", name]).stdout(Stdio::null()).stderr(Stdio::null());
        Some(kill)
    }
}

impl Engine {
    /// The first engine that answers. Only where it can be on our own network: elsewhere it runs in a virtual machine.
    fn find(cache: &Path, log: &Path) -> Result<Option<Self>> {
        let owner = std::fs::metadata(cache)?;
        for program in ENGINES.into_iter().filter(|_| cfg!(target_os = "linux")) {
            let info = process::run(Command::new(program).arg("info"), log, ANSWER_LIMIT);
            if let Some(info) = info.ok().filter(|info| info.success) {
                // In podman, also where docker is its other name, and in a docker without root, a container's root is us.
                let ours = program == "podman" || info.output.contains("rootless");
                let user = (!ours).then(|| format!("{}:{}", owner.uid(), owner.gid()));
                return Ok(Some(Self { program, user }));
            }
        }
        Ok(None)
    }

    /// Brings the image beforehand, so that no run waits for it.
    fn pull(&self, log: &Path) -> std::result::Result<(), String> {
        let run =
            |arguments: &[&str], limit| process::run(Command::new(self.program).args(arguments), log, limit);
        if run(&["image", "inspect", IMAGE], ANSWER_LIMIT)?.success
            || run(&["pull", IMAGE], PULL_LIMIT)?.success
        {
            return Ok(());
        }
        Err(format!("{} can't pull {IMAGE}, see {}", self.program, log.display()))
    }

    /// `wstest` in a container on our network, with the run's folder as its own.
    fn command(&self, folder: &Path, name: &str) -> Command {
        let mut command = Command::new(self.program);
        command.args(["run", "--rm", "--name", name, "--network", "host"]);
        // A folder of ours is not labelled for containers where SELinux asks for that.
        command.args(["--security-opt", "label=disable"]);
        command.arg("--volume").arg(format!("{}:{FOLDER}", folder.display())).args(["--workdir", FOLDER]);
        if let Some(user) = &self.user {
            // A user that the image does not know has no home in it.
            command.args(["--user", user, "--env", "HOME=/tmp"]);
        }
        command.args([IMAGE, "wstest"]);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> String {
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        format!("{} {}", command.get_program().display(), words.join(" "))
    }

    #[test]
    fn a_container_is_on_our_network_with_the_folder_of_the_run() {
        let docker = Engine { program: "docker", user: Some("1000:100".to_owned()) };
        assert_eq!(
            words(&docker.command(Path::new("/target/run-3"), "fanfare-3")),
            "docker run --rm --name fanfare-3 --network host --security-opt label=disable \
             --volume /target/run-3:/suite --workdir /suite --user 1000:100 --env HOME=/tmp \
             crossbario/autobahn-testsuite:25.10.1 wstest"
        );
        let podman = Engine { program: "podman", user: None };
        assert!(!words(&podman.command(Path::new("/target/run-3"), "fanfare-3")).contains("--user"));
    }

    #[test]
    fn both_ways_run_the_same_specification_and_a_container_is_ended_by_name() {
        let folder = std::env::temp_dir().join(format!("fanfare-suite-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let installed = Suite::Installed(PathBuf::from("bin/wstest"));
        let contained = Suite::Contained(Engine { program: "podman", user: None });
        assert_eq!(words(&installed.command(&folder, "one").unwrap()), "bin/wstest --spec spec.json --mode");
        let command = words(&contained.command(&folder, "one").unwrap());
        assert!(command.ends_with(" wstest --spec spec.json --mode"), "{command}");
        assert!(installed.end("one").is_none());
        assert_eq!(words(&contained.end("one").unwrap()), "podman kill one");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
