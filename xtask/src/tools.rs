//! What the suites need and cargo does not bring: installed when missing, pinned by files in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{find, run};
use crate::workspace::Workspace;

const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// A program, and the Debian packages that bring it.
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    pub(crate) packages: &'static [&'static str],
}

pub(crate) const NODE: Tool = Tool { program: "node", packages: &["nodejs"] };
pub(crate) const NPM: Tool = Tool { program: "npm", packages: &["npm"] };
pub(crate) const PYTHON: Tool = Tool { program: "python3", packages: &["python3", "python3-venv"] };
pub(crate) const CHROMIUM: Tool = Tool { program: "chromium", packages: &["chromium"] };
pub(crate) const TASKSET: Tool = Tool { program: "taskset", packages: &["util-linux"] };
pub(crate) const NGINX: Tool = Tool { program: "nginx", packages: &["nginx"] };
pub(crate) const HAPROXY: Tool = Tool { program: "haproxy", packages: &["haproxy"] };
pub(crate) const STRACE: Tool = Tool { program: "strace", packages: &["strace"] };
pub(crate) const VALGRIND: Tool = Tool { program: "valgrind", packages: &["valgrind"] };

/// The program's path; installs its packages where it is missing.
pub(crate) fn need(tool: &Tool, log: &Path) -> Result<PathBuf, String> {
    if let Some(path) = find(tool.program) {
        return Ok(path);
    }
    let mend = format!("apt-get install -y {}", tool.packages.join(" "));
    let missing = |why: &str| format!("`{}` is missing{why}; mend it with: {mend}", tool.program);
    if find("apt-get").is_none() {
        return Err(missing(" and this system has no apt-get"));
    }
    println!("  … installing {}", tool.packages.join(" "));
    let steps = [vec!["update", "-qq"], [&["install", "-y", "-qq"], tool.packages].concat()];
    for step in steps {
        let mut command =
            as_root("apt-get").ok_or_else(|| missing(" and this user is neither root nor in sudo"))?;
        command.args(&step).env("DEBIAN_FRONTEND", "noninteractive");
        if !run(&mut command, log, INSTALL_LIMIT)?.success {
            return Err(missing(&format!(" and apt-get failed, see {}", log.display())));
        }
    }
    find(tool.program).ok_or_else(|| missing(" after its installation, too"))
}

fn as_root(program: &str) -> Option<Command> {
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout.trim_ascii() == b"0" {
        return Some(Command::new(program));
    }
    find("sudo").map(|sudo| {
        let mut command = Command::new(sudo);
        command.args(["-n", program]);
        command
    })
}

/// Installs the packages of `folder`'s lock file, if they are not those of the last time.
pub(crate) fn node_modules(workspace: &Workspace, folder: &str, log: &Path) -> Result<(), String> {
    need(&NODE, log)?;
    let npm = need(&NPM, log)?;
    let folder = workspace.root.join(folder);
    let lock = fs::read_to_string(folder.join("package-lock.json")).map_err(|error| error.to_string())?;
    let stamp = folder.join("node_modules").join(".fanfare-lock");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut command = Command::new(npm);
    command.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
    if !run(&mut command, log, INSTALL_LIMIT)?.success {
        return Err(format!("npm ci failed in {}; see {}", folder.display(), log.display()));
    }
    fs::write(&stamp, lock).map_err(|error| error.to_string())
}

/// The Python of an environment of its own, with the packages of a requirements file.
pub(crate) fn python(workspace: &Workspace, requirements: &str, log: &Path) -> Result<PathBuf, String> {
    let system = need(&PYTHON, log)?;
    let wanted = workspace.read(requirements).ok_or_else(|| format!("{requirements} is not there"))?;
    let folder = workspace.target.join("xtask").join("python");
    let stamp = folder.join("fanfare-requirements.txt");
    let python = folder.join("bin").join("python");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let _ = fs::remove_dir_all(&folder);
    let made = run(Command::new(system).args(["-m", "venv"]).arg(&folder), log, INSTALL_LIMIT)?;
    if !made.success {
        return Err("python3 -m venv failed; mend it with: apt-get install -y python3-venv".to_owned());
    }
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]);
    if !run(install.current_dir(&workspace.root), log, INSTALL_LIMIT)?.success {
        return Err(format!("pip could not install {requirements}; see {}", log.display()));
    }
    fs::write(&stamp, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}
