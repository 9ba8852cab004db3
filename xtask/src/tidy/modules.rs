//! Modules: no circles, no dead files, no kit that nobody mounts.

use std::collections::{BTreeMap, BTreeSet};

use super::{Problem, sources::is_test};
use crate::code::{code_only, has_word, identifiers, production_code};
use crate::workspace::{Crate, Workspace};

/// Where a module first uses another: file and line.
type Edges = BTreeMap<String, BTreeMap<String, (String, usize)>>;

/// The top-level modules of a crate import each other in one direction only.
pub(super) fn no_circle(workspace: &Workspace) -> Vec<Problem> {
    workspace.crates.iter().filter_map(|member| circle(&edges(workspace, member))).collect()
}

fn edges(workspace: &Workspace, member: &Crate) -> Edges {
    let source = format!("{}/src", member.folder);
    let module_of = |file: &str| -> Option<String> {
        let inside = file.strip_prefix(&source)?.strip_prefix('/')?;
        let name = inside.split('/').next()?.trim_end_matches(".rs").to_owned();
        (!matches!(name.as_str(), "lib" | "main" | "bin")).then_some(name)
    };
    let files: Vec<&str> = workspace.below(&source, &[".rs"]).filter(|file| !is_test(file)).collect();
    let modules: BTreeSet<String> = files.iter().filter_map(|file| module_of(file)).collect();
    let handed_out = handed_out(workspace, &source, &modules);
    let mut edges = Edges::new();
    for file in files {
        let Some(from) = module_of(file) else { continue };
        let top_level = file == format!("{source}/{from}.rs") || file == format!("{source}/{from}/mod.rs");
        let code = production_code(&workspace.read(file).unwrap_or_default());
        for (line, name) in crate_names(&code, top_level) {
            let to = if modules.contains(&name) { Some(&name) } else { handed_out.get(&name) };
            if let Some(to) = to.filter(|to| **to != from) {
                let targets = edges.entry(from.clone()).or_default();
                targets.entry(to.clone()).or_insert_with(|| (file.to_owned(), line));
            }
        }
    }
    edges
}

/// Names that the root of the crate re-exports, and from which module.
fn handed_out(workspace: &Workspace, source: &str, modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for root in ["lib.rs", "main.rs"] {
        let code = production_code(&workspace.read(format!("{source}/{root}")).unwrap_or_default());
        for statement in code.split(';') {
            let Some((_, path)) = statement.rsplit_once("use ") else { continue };
            let mut words = identifiers(path).skip_while(|word| *word == "crate" || *word == "self");
            if let Some(module) = words.next().filter(|word| modules.contains(*word)) {
                names.extend(words.map(|word| (word.to_owned(), module.to_owned())));
            }
        }
    }
    names
}

/// The first segments after `crate::` (and `super::` where that is the crate), with their lines; groups are opened.
fn crate_names(code: &str, top_level: bool) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    let prefixes: &[&str] = if top_level { &["crate::", "super::"] } else { &["crate::"] };
    for prefix in prefixes {
        for (at, _) in code.match_indices(prefix) {
            let line = code[..at].matches('\n').count() + 1;
            let rest = &code[at + prefix.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                names.extend(first_segments(group).into_iter().map(|name| (line, name)));
            } else if let Some(name) = identifiers(rest).next() {
                names.push((line, name.to_owned()));
            }
        }
    }
    names
}

fn first_segments(group: &str) -> Vec<String> {
    let mut depth = 0_i32;
    let mut part = String::new();
    let mut names = Vec::new();
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.extend(identifiers(&std::mem::take(&mut part)).next().map(str::to_owned));
            }
            _ => part.push(character),
        }
    }
    names.extend(identifiers(&part).next().map(str::to_owned));
    names
}

fn circle(edges: &Edges) -> Option<Problem> {
    let mut done = BTreeSet::new();
    for start in edges.keys() {
        let mut way = Vec::new();
        if let Some(problem) = walk(edges, start, &mut way, &mut done) {
            return Some(problem);
        }
    }
    None
}

fn walk<'a>(
    edges: &'a Edges,
    module: &'a str,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Problem> {
    if let Some(start) = way.iter().position(|visited| *visited == module) {
        let last = way[way.len() - 1];
        let (file, line) = &edges[last][module];
        let round = format!("{} → {module}", way[start..].join(" → "));
        let mend = "move what both need into a module below the two, or pass it as an argument";
        return Some(Problem::new(
            file,
            *line,
            format!("modules import each other in a circle: {round}"),
            mend,
        ));
    }
    if !done.contains(module) {
        way.push(module);
        for next in edges.get(module).into_iter().flat_map(BTreeMap::keys) {
            let found = walk(edges, next, way, done);
            if found.is_some() {
                return found;
            }
        }
        way.pop();
        done.insert(module);
    }
    None
}

/// Every source file is reached from a target by `mod`.
pub(super) fn no_dead_file(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for member in &workspace.crates {
        let mut alive = BTreeSet::new();
        for root in &member.roots {
            reach(workspace, root, true, &mut alive);
        }
        let source = format!("{}/src", member.folder);
        for file in workspace.below(&source, &[".rs"]).filter(|file| !alive.contains(*file)) {
            let mend = "name it with `mod` where it belongs, or delete it";
            problems.push(Problem::new(file, 1, "no module names this file, so nothing builds it", mend));
        }
    }
    problems
}

fn reach(workspace: &Workspace, file: &str, root: bool, alive: &mut BTreeSet<String>) {
    let Some(text) = workspace.read(file) else { return };
    if !alive.insert(file.to_owned()) {
        return;
    }
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let below = if root || name == "mod.rs" {
        folder.to_owned()
    } else {
        format!("{folder}/{}", name.trim_end_matches(".rs"))
    };
    let code = code_only(&text);
    let originals: Vec<&str> = text.lines().collect();
    for (number, line) in code.lines().enumerate() {
        let line = line.trim();
        let Some((before, declared)) = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod "))
        else {
            continue;
        };
        if !(before.is_empty() || before.starts_with("pub") || before.ends_with("] ")) {
            continue;
        }
        let path =
            number.checked_sub(1).and_then(|above| originals[above].trim().strip_prefix("#[path = \""));
        if let Some(path) = path {
            reach(workspace, &format!("{folder}/{}", path.trim_end_matches("\"]")), false, alive);
        } else {
            reach(workspace, &format!("{below}/{declared}.rs"), false, alive);
            reach(workspace, &format!("{below}/{declared}/mod.rs"), false, alive);
        }
    }
}

/// A folder under app/kits/src is a kit, and the server mounts each.
pub(super) fn kits_mounted(workspace: &Workspace) -> Vec<Problem> {
    if !workspace.has("bin/server/src") {
        return Vec::new();
    }
    let kits: BTreeSet<&str> = workspace
        .below("app/kits/src", &[".rs"])
        .filter_map(|file| file.strip_prefix("app/kits/src/")?.split_once('/'))
        .map(|(kit, _)| kit)
        .collect();
    let server: String = workspace
        .below("bin/server/src", &[".rs"])
        .filter_map(|file| workspace.read(file))
        .map(|text| production_code(&text))
        .collect();
    kits.into_iter()
        .filter(|kit| !has_word(&server, kit) && !has_word(&server, &capitalised(kit)))
        .map(|kit| {
            let file = format!("app/kits/src/{kit}/mod.rs");
            Problem::new(&file, 1, format!("nobody mounts the kit `{kit}`"), "mount it in bin/server/src")
        })
        .collect()
}

fn capitalised(name: &str) -> String {
    name.split('_')
        .map(|part| {
            part.chars().take(1).flat_map(char::to_uppercase).chain(part.chars().skip(1)).collect::<String>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(name: &str, files: &[(&str, &str)]) -> Workspace {
        Workspace::of_files(name, files).with_crate("fanfare-hub", "app/hub", &[])
    }

    #[test]
    fn a_circle_is_found_also_through_groups_and_the_root() {
        let root =
            ("app/hub/src/lib.rs", "mod room; mod shard; mod limits;\npub use room::{Room, Member};\n");
        let limits = ("app/hub/src/limits.rs", "");
        let straight = hub(
            "straight",
            &[
                root,
                limits,
                ("app/hub/src/room.rs", "use crate::limits::Limit;"),
                ("app/hub/src/shard.rs", "use crate::{limits, room::Room};"),
            ],
        );
        assert!(no_circle(&straight).is_empty());
        let through_root = hub(
            "root",
            &[
                root,
                ("app/hub/src/room.rs", "\nuse crate::{shard::{A, B}};"),
                ("app/hub/src/shard.rs", "use crate::Member;"),
            ],
        );
        let found = no_circle(&through_root);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("room → shard → room"), "{}", found[0]);
    }

    #[test]
    fn tests_may_look_anywhere() {
        let files = [
            ("app/hub/src/lib.rs", "mod a; mod b;"),
            ("app/hub/src/a.rs", "use crate::b::B;"),
            ("app/hub/src/b.rs", "#[cfg(test)]\nmod tests {\nuse crate::a::A;\n}"),
        ];
        assert!(no_circle(&hub("in-tests", &files)).is_empty());
    }

    #[test]
    fn a_dead_file_is_found() {
        let files = [
            ("app/hub/src/lib.rs", "mod room;\n#[cfg(test)]\nmod tests;\n"),
            ("app/hub/src/room.rs", "pub(crate) mod member;"),
            ("app/hub/src/room/member.rs", ""),
            ("app/hub/src/room/forgotten.rs", ""),
            ("app/hub/src/tests.rs", ""),
        ];
        let found = no_dead_file(&hub("dead", &files));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].file, "app/hub/src/room/forgotten.rs");
    }

    #[test]
    fn a_kit_that_nobody_mounts_is_found() {
        let workspace = Workspace::of_files(
            "kits",
            &[
                ("app/kits/src/chat/mod.rs", ""),
                ("app/kits/src/echo/mod.rs", ""),
                ("bin/server/src/main.rs", "fn f() { mount(Chat::new()); }"),
            ],
        );
        let found = kits_mounted(&workspace);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("`echo`"));
    }
}
