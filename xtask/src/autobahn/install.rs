//! Installs Autobahn|Testsuite, which still needs Python 2.7, into a folder of its own.

use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The last virtualenv that makes environments for Python 2.7.
const VIRTUALENV: &str = "virtualenv==20.21.1";

/// Without their dependencies and in this order: what pip would choose today does not run on Python 2.7.
const PACKAGES: &[&str] = &[
    "six==1.16.0",
    "incremental==16.10.1",
    "zope.interface==4.6.0",
    "constantly==15.1.0",
    "typing==3.10.0.0",
    "attrs==20.3.0",
    "Automat==20.2.0",
    "idna==2.10",
    "hyperlink==21.0.0",
    "PyHamcrest==1.10.1",
    "enum34==1.1.10",
    "ipaddress==1.0.23",
    "pycparser==2.21",
    "cffi==1.15.1",
    "cryptography==3.3.2",
    "pyOpenSSL==19.1.0",
    "pyasn1==0.5.1",
    "pyasn1-modules==0.3.0",
    "service_identity==18.1.0",
    "Twisted==19.10.0",
    "MarkupSafe==1.1.1",
    "Jinja2==2.11.3",
    "Werkzeug==1.0.1",
    "klein==17.10.0",
    "txaio==2.1.0",
    "argparse==1.4.0",
    "linecache2==1.0.0",
    "traceback2==1.4.0",
    "unittest2==1.1.0",
    "autobahn==0.10.9",
    "wsaccel==0.6.2",
    "autobahntestsuite==25.10.1",
];

/// The suite's program in `cache`, installed there if it is not yet (about 40 s).
pub(super) fn wstest(cache: &Path) -> Result<PathBuf> {
    let wstest = cache.join("suite/bin/wstest");
    if wstest.exists() {
        return Ok(wstest);
    }
    std::fs::create_dir_all(cache)?;
    let python = python_2_7()?;
    let (tools, suite) = (cache.join("tools"), cache.join("suite"));
    run(Command::new("python3").args(["-m", "venv"]).arg(&tools))?;
    run(Command::new(tools.join("bin/pip")).args(["install", "--quiet", VIRTUALENV]))?;
    run(Command::new(tools.join("bin/virtualenv")).arg("--quiet").arg("--python").arg(python).arg(&suite))?;
    for package in PACKAGES {
        run(Command::new(suite.join("bin/pip")).args(["install", "--quiet", "--no-deps", package]))?;
    }
    Ok(wstest)
}

/// pyenv's, or the system's.
fn python_2_7() -> Result<PathBuf> {
    let pyenv = std::env::home_dir().map(|home| home.join(".pyenv/versions/2.7.18/bin/python"));
    if let Some(python) = pyenv.filter(|python| python.exists()) {
        return Ok(python);
    }
    let python = PathBuf::from("python2.7");
    match Command::new(&python).arg("--version").output() {
        // pyenv leaves a program of this name that only says where there is one.
        Ok(output) if output.status.success() => Ok(python),
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            "Autobahn needs Python 2.7: `pyenv install 2.7.18` brings it",
        )),
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::other(format!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr))))
}
