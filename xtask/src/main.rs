//! The project's own commands: `cargo xtask test`, `cargo xtask tidy`, `cargo xtask bench`.
#![allow(clippy::print_stdout, reason = "a command line tool: standard output is what it is for")]

mod autobahn;
mod bench;
mod code;
mod faults;
mod process;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const USAGE: &str = "\
The project's own commands.

  cargo xtask test [suite…]    everything that CI runs, or the named suites
  cargo xtask test --list      the suites
  cargo xtask tidy             the rules of the house: imports, modules, words
  cargo xtask trial load [socketio]|bad-input [case…]|simulation [--seeds N]|mixed-room|idle|fairness|waiting|service-echoes
                               a trial in its full form; the plot goes to docs/trials
  cargo xtask trial differential [--seeds N]
                               Socket.IO: random sequences to the reference server and to ours; 20,000
  cargo xtask trial reference  Socket.IO's tests against the reference server: that they are right, and notice faults
  cargo xtask autobahn [--all] Autobahn|Testsuite on the pure core, both roles; --all: every case, 20 minutes
  cargo xtask bench [full|quick|smoke] [section…]
                               the servers of others beside ours: full into bench/README.md; quick in five minutes, and smoke to
                               see that everything works, into target/xtask/bench
  cargo xtask bench tables     tables and plots once more, of the results that are there
  cargo xtask bench budget     counts the instructions of the hot paths and makes that their budget
  cargo xtask bench costs [before DIR]
                               where those instructions go, into bench/COSTS.md; of the servers in DIR/release
  cargo xtask faults           plants eleven faults and sees that the simulation notices each
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("tidy") if rest.is_empty() => Workspace::load().map(|workspace| tidy::report(&workspace)),
        Some("test") => Workspace::load().and_then(|workspace| test::run(&workspace, &rest)),
        Some("trial") => Workspace::load().and_then(|workspace| test::trial(&workspace, &rest)),
        Some("autobahn") => {
            Workspace::load().and_then(|workspace| autobahn::command(&workspace.root, rest == ["--all"]))
        }
        Some("bench") => Workspace::load().and_then(|workspace| bench::command(&workspace, &rest)),
        Some("faults") if rest.is_empty() => {
            Workspace::load().and_then(|workspace| faults::command(&workspace))
        }
        Some("--help" | "-h" | "help") | None => {
            print!("{USAGE}");
            Ok(true)
        }
        Some(other) => Err(format!("unknown command `{other}`\n\n{USAGE}")),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}
