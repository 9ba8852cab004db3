//! What the workspace consists of, read once from `cargo metadata` and git.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The workspace as cargo and git see it.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where builds go; our own logs and environments are in its `xtask` folder.
    pub(crate) target: PathBuf,
    pub(crate) crates: Vec<Crate>,
    /// Every file that git tracks or would, relative to the root.
    pub(crate) files: Vec<String>,
    graph: Graph,
}

/// One member of the workspace.
pub(crate) struct Crate {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Its folder, relative to the root, as `protocol/websocket`.
    pub(crate) folder: String,
    /// The root files of its targets, relative to the workspace root.
    pub(crate) roots: Vec<String>,
    /// Names of packages that it builds with, and of those that only its tests use.
    pub(crate) dependencies: BTreeSet<String>,
    pub(crate) dev_dependencies: BTreeSet<String>,
}

/// The resolved dependency graph without dev edges.
#[derive(Default)]
struct Graph {
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self, String> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let metadata = output(Command::new(cargo).args(["metadata", "--format-version", "1"]))?;
        let metadata: Value =
            serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let root = PathBuf::from(text(&metadata["workspace_root"]));
        let target = PathBuf::from(text(&metadata["target_directory"]));
        let members: BTreeSet<String> = items(&metadata["workspace_members"]).map(text).collect();
        let mut crates: Vec<Crate> = items(&metadata["packages"])
            .filter(|package| members.contains(&text(&package["id"])))
            .map(|package| Crate::read(package, &root))
            .collect();
        crates.sort_by(|one, other| one.folder.cmp(&other.folder));
        let listed = output(Command::new("git").current_dir(&root).args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let mut files: Vec<String> =
            listed.lines().filter(|file| root.join(file).is_file()).map(str::to_owned).collect();
        files.sort();
        files.dedup();
        Ok(Self { graph: Graph::read(&metadata), root, target, crates, files })
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Crate> {
        self.crates.iter().find(|member| member.name == name)
    }

    /// The text of a file; nothing for one that is not text.
    pub(crate) fn read(&self, file: impl AsRef<Path>) -> Option<String> {
        std::fs::read_to_string(self.root.join(file)).ok()
    }

    /// The files below a folder with one of these endings.
    pub(crate) fn below<'a>(&'a self, folder: &'a str, endings: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.files.iter().map(String::as_str).filter(move |file| {
            file.strip_prefix(folder).is_some_and(|rest| folder.is_empty() || rest.starts_with('/'))
                && endings.iter().any(|ending| file.ends_with(ending))
        })
    }

    /// By which packages `from` comes to build `wanted`, if it does.
    pub(crate) fn way_to(&self, from: &Crate, wanted: &str) -> Option<Vec<String>> {
        let mut seen = BTreeSet::from([from.id.as_str()]);
        let mut ways = vec![vec![from.id.as_str()]];
        while let Some(way) = ways.pop() {
            let last = way[way.len() - 1];
            for next in self.graph.edges.get(last).into_iter().flatten() {
                if seen.insert(next) {
                    let mut longer = way.clone();
                    longer.push(next);
                    if self.graph.names.get(next).is_some_and(|name| name == wanted) {
                        let name = |id: &&str| self.graph.names.get(*id).cloned().unwrap_or_default();
                        return Some(longer.iter().map(name).collect());
                    }
                    ways.push(longer);
                }
            }
        }
        None
    }
}

impl Crate {
    fn read(package: &Value, root: &Path) -> Self {
        let relative = |path: &Value| {
            let path = Path::new(path.as_str().unwrap_or_default());
            path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
        };
        let named = |dev: bool| {
            items(&package["dependencies"])
                .filter(|dependency| (dependency["kind"].as_str() == Some("dev")) == dev)
                .filter_map(|dependency| dependency["name"].as_str())
                .map(str::to_owned)
                .collect()
        };
        let manifest = relative(&package["manifest_path"]);
        Self {
            id: package["id"].as_str().unwrap_or_default().to_owned(),
            name: package["name"].as_str().unwrap_or_default().to_owned(),
            folder: manifest.trim_end_matches("/Cargo.toml").to_owned(),
            roots: items(&package["targets"]).map(|target| relative(&target["src_path"])).collect(),
            dependencies: named(false),
            dev_dependencies: named(true),
        }
    }
}

impl Graph {
    fn read(metadata: &Value) -> Self {
        let mut graph = Self::default();
        for package in items(&metadata["packages"]) {
            if let (Some(id), Some(name)) = (package["id"].as_str(), package["name"].as_str()) {
                graph.names.insert(id.to_owned(), name.to_owned());
            }
        }
        for node in items(&metadata["resolve"]["nodes"]) {
            let built = |dependency: &&Value| {
                items(&dependency["dep_kinds"]).any(|kind| kind["kind"].as_str() != Some("dev"))
            };
            let next = items(&node["deps"])
                .filter(built)
                .filter_map(|dependency| dependency["pkg"].as_str())
                .map(str::to_owned)
                .collect();
            graph.edges.insert(node["id"].as_str().unwrap_or_default().to_owned(), next);
        }
        graph
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn output(command: &mut Command) -> Result<String, String> {
    let done = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        Err(format!("{command:?} failed:\n{}", String::from_utf8_lossy(&done.stderr)))
    }
}

#[cfg(test)]
impl Workspace {
    /// A workspace of these files below a fresh folder, for the tests of the checks.
    pub(crate) fn of_files(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("fanfare-tidy-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        for (file, text) in files {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let files = files.iter().map(|(file, _)| (*file).to_owned()).collect();
        Self { target: root.join("target"), root, crates: Vec::new(), files, graph: Graph::default() }
    }

    pub(crate) fn with_crate(mut self, name: &str, folder: &str, dependencies: &[&str]) -> Self {
        self.crates.push(Crate {
            id: name.to_owned(),
            name: name.to_owned(),
            folder: folder.to_owned(),
            roots: vec![format!("{folder}/src/lib.rs")],
            dependencies: dependencies.iter().map(|&name| name.to_owned()).collect(),
            dev_dependencies: BTreeSet::new(),
        });
        let edges = dependencies.iter().map(|&name| name.to_owned()).collect();
        self.graph.edges.insert(name.to_owned(), edges);
        for id in dependencies.iter().chain([&name]) {
            self.graph.names.insert((*id).to_owned(), (*id).to_owned());
        }
        self
    }
}

#[cfg(test)]
impl Drop for Workspace {
    fn drop(&mut self) {
        if self.root.starts_with(std::env::temp_dir()) {
            let _ = std::fs::remove_dir_all(&self.root);
        }
    }
}
