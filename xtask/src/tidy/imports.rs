//! Which crate may import which of ours: the house, as data.

use super::Problem;
use crate::workspace::{Crate, Workspace};

/// A row: the package, its folder, and which of ours it may import. A row applies once its crate exists.
struct Row {
    package: &'static str,
    folder: &'static str,
    may_import: May,
}

enum May {
    Only(&'static [&'static str]),
    /// Tools and trials, which nobody imports.
    Anything,
}

use May::{Anything, Only};

const fn row(package: &'static str, folder: &'static str, may_import: May) -> Row {
    Row { package, folder, may_import }
}

const TABLE: &[Row] = &[
    row("fanfare-websocket", "protocol/websocket", Only(&[])),
    row("fanfare-engineio", "protocol/engineio", Only(&[])),
    row("fanfare-socketio", "protocol/socketio", Only(&[])),
    row("fanfare-native", "protocol/native", Only(&[])),
    row(
        "fanfare-session",
        "protocol/session",
        Only(&["fanfare-websocket", "fanfare-engineio", "fanfare-socketio", "fanfare-native"]),
    ),
    row("fanfare-hub", "app/hub", Only(&["fanfare-session"])),
    row("fanfare-kits", "app/kits", Only(&["fanfare-hub", "fanfare-native"])),
    row(
        "fanfare-driver",
        "io/driver",
        Only(&["fanfare-session", "fanfare-hub", "fanfare-websocket", "fanfare-engineio"]),
    ),
    row("fanfare-store", "io/store", Only(&["fanfare-kits"])),
    row("fanfare-identity", "io/identity", Only(&["fanfare-hub"])),
    row("fanfare-metrics", "io/metrics", Only(&["fanfare-hub"])),
    row("fanfare-relay", "io/relay", Only(&["fanfare-hub"])),
    row("fanfare-client", "io/client", Only(&["fanfare-session", "fanfare-native"])),
    row("fanfare-load", "io/load", Only(&[])),
    row("fanfare", "fanfare", Only(&["fanfare-hub", "fanfare-kits", "fanfare-driver"])),
    row("fanfare-server", "bin/server", Only(ABOVE_THE_SERVER)),
    row(
        "fanfare-testkit",
        "testkit",
        Only(&[
            "fanfare-websocket",
            "fanfare-engineio",
            "fanfare-socketio",
            "fanfare-native",
            "fanfare-session",
            "fanfare-hub",
            "fanfare-kits",
        ]),
    ),
    row("fanfare-bench", "bench", Anything),
    row("fanfare-conformance", "conformance", Anything),
    row("fanfare-fuzz", "fuzz", Anything),
    row("xtask", "xtask", Only(&[])),
];

const ABOVE_THE_SERVER: &[&str] = &[
    "fanfare-websocket",
    "fanfare-engineio",
    "fanfare-socketio",
    "fanfare-native",
    "fanfare-session",
    "fanfare-hub",
    "fanfare-kits",
    "fanfare-driver",
    "fanfare-store",
    "fanfare-identity",
    "fanfare-metrics",
    "fanfare-relay",
    "fanfare-client",
    "fanfare-load",
    "fanfare",
];

const TABLE_FILE: &str = "xtask/src/tidy/imports.rs";

/// Each member has a row, stands in its folder, and imports only what the row allows; its tests may also use testkit.
pub(super) fn table(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for member in &workspace.crates {
        let manifest = format!("{}/Cargo.toml", member.folder);
        let Some(row) = TABLE.iter().find(|row| row.package == member.name) else {
            problems.push(Problem::new(
                &manifest,
                line_of(workspace, &manifest, "name"),
                format!("the crate `{}` is not in the import table", member.name),
                format!("give it a row in {TABLE_FILE} that says what it may import"),
            ));
            continue;
        };
        if row.folder != member.folder {
            problems.push(Problem::new(
                &manifest,
                1,
                format!("`{}` belongs in {}", member.name, row.folder),
                format!("move it, or change its row in {TABLE_FILE}"),
            ));
        }
        problems.extend(forbidden(workspace, member, row).map(|(name, what)| {
            Problem::new(
                &manifest,
                line_of(workspace, &manifest, name),
                what,
                "turn the import round (a port: a trait that the lower crate owns), or move the code",
            )
        }));
    }
    problems
}

fn forbidden<'a>(
    workspace: &'a Workspace,
    member: &'a Crate,
    row: &'a Row,
) -> impl Iterator<Item = (&'a str, String)> {
    let ours = |name: &&String| workspace.member(name).is_some() && **name != member.name;
    let allowed = |name: &str| match row.may_import {
        Only(list) => list.contains(&name),
        Anything => !TABLE.iter().any(|row| row.package == name && matches!(row.may_import, Anything)),
    };
    let built = member
        .dependencies
        .iter()
        .filter(ours)
        .filter(move |name| !allowed(name))
        .map(|name| (name.as_str(), format!("`{}` may not import `{name}`", member.name)));
    let tested = member
        .dev_dependencies
        .iter()
        .filter(ours)
        .filter(move |name| !allowed(name) && name.as_str() != "fanfare-testkit");
    built.chain(
        tested.map(|name| (name.as_str(), format!("the tests of `{}` may not import `{name}`", member.name))),
    )
}

/// Nothing under protocol/ or app/ builds tokio or mio, by whatever way.
pub(super) fn no_runtime(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for member in workspace.crates.iter().filter(|member| is_pure(&member.folder)) {
        for runtime in ["tokio", "mio"] {
            if let Some(way) = workspace.way_to(member, runtime) {
                let manifest = format!("{}/Cargo.toml", member.folder);
                let first = way.get(1).map_or("", String::as_str);
                problems.push(Problem::new(
                    &manifest,
                    line_of(workspace, &manifest, first),
                    format!("`{}` builds {runtime}: {}", member.name, way.join(" → ")),
                    "take the dependency out, or turn off its feature; what needs a runtime goes under io/",
                ));
            }
        }
    }
    problems
}

pub(super) fn is_pure(path: &str) -> bool {
    path.starts_with("protocol/") || path.starts_with("app/")
}

fn line_of(workspace: &Workspace, file: &str, start: &str) -> usize {
    let text = workspace.read(file).unwrap_or_default();
    text.lines().position(|line| line.starts_with(start)).map_or(1, |number| number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upward_import_an_unknown_crate_and_a_wrong_folder_are_found() {
        let workspace = Workspace::of_files("imports", &[])
            .with_crate("fanfare-hub", "app/hub", &[])
            .with_crate("fanfare-session", "protocol/session", &["fanfare-hub"])
            .with_crate("fanfare-surprise", "app/surprise", &[])
            .with_crate("fanfare-native", "app/native", &[]);
        let found: Vec<String> = table(&workspace).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("`fanfare-session` may not import `fanfare-hub`"));
        assert!(found[1].contains("not in the import table"));
        assert!(found[2].contains("belongs in protocol/native"));
    }

    #[test]
    fn tokio_is_found_by_whatever_way() {
        let workspace = Workspace::of_files("runtime", &[])
            .with_crate("helpful", "vendor/helpful", &["tokio"])
            .with_crate("fanfare-session", "protocol/session", &["helpful"])
            .with_crate("fanfare-driver", "io/driver", &["tokio"]);
        let found = no_runtime(&workspace);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("fanfare-session → helpful → tokio"), "{}", found[0]);
    }

    #[test]
    fn the_table_names_only_its_own_rows() {
        for row in TABLE {
            if let Only(list) = row.may_import {
                for name in list {
                    assert!(TABLE.iter().any(|other| other.package == *name), "{name} has no row");
                }
            }
        }
    }
}
