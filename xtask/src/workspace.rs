//! The repository as the checks see it: crates with floors, dependencies and sources, and every other text file.
//!
//! Reading happens here and nowhere else, so that a check can be tested on a made-up workspace.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::modules::ModuleTree;
use crate::source::Source;

/// When a dependency is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// By the crate itself.
    Normal,
    /// By its build script.
    Build,
    /// By its tests only.
    Test,
}

/// One dependency as a manifest states it.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    /// The name of the package.
    pub(crate) name: String,
    /// When it is needed.
    pub(crate) need: Need,
}

/// One crate of the workspace.
#[derive(Debug)]
pub(crate) struct Crate {
    /// The name of the package.
    pub(crate) name: String,
    /// Its directory, relative to the root.
    pub(crate) directory: Utf8PathBuf,
    /// `[package.metadata.holdfast] floor`.
    pub(crate) floor: Option<u64>,
    /// `[package.metadata.holdfast] pure`.
    pub(crate) pure: Option<bool>,
    /// What it depends on.
    pub(crate) dependencies: Vec<Dependency>,
    /// Its Rust files.
    pub(crate) sources: Vec<Source>,
    /// The module trees, one for each crate root.
    pub(crate) trees: Vec<ModuleTree>,
}

impl Crate {
    /// A crate from its files; finds which of them are tests. `roots` are paths of crate roots among `sources`.
    pub(crate) fn new(name: &str, directory: &str, mut sources: Vec<Source>, roots: &[Utf8PathBuf]) -> Self {
        let source_directory = Utf8Path::new(directory).join("src");
        let root_indices: Vec<usize> =
            roots.iter().filter_map(|r| sources.iter().position(|s| s.path == *r)).collect();
        let trees: Vec<_> = root_indices.iter().map(|root| ModuleTree::read(&sources, *root)).collect();
        for (i, source) in sources.iter_mut().enumerate() {
            let shipped = trees.iter().any(|t| t.modules.iter().any(|m| m.file == i));
            let in_source = source.path.starts_with(&source_directory);
            let in_tests = source.path.starts_with(Utf8Path::new(directory).join("tests"));
            source.is_test = in_tests || (in_source && !shipped);
        }
        Self {
            name: name.to_owned(),
            directory: directory.into(),
            floor: None,
            pure: None,
            dependencies: Vec::new(),
            sources,
            trees,
        }
    }

    /// The first directory of its path: its room.
    pub(crate) fn room(&self) -> &str {
        self.directory.components().next().map_or("", |c| c.as_str())
    }

    /// Its manifest, relative to the root.
    pub(crate) fn manifest(&self) -> Utf8PathBuf {
        self.directory.join("Cargo.toml")
    }

    /// The files that ship: neither tests nor build scripts nor examples.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = &Source> {
        let source_directory = self.directory.join("src");
        self.sources.iter().filter(move |s| !s.is_test && s.path.starts_with(&source_directory))
    }
}

/// Everything the checks look at.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// The crates, in the order of the workspace manifest.
    pub(crate) crates: Vec<Crate>,
    /// Text files by path relative to the root: manifests, documents, protos, scripts; Rust files too.
    pub(crate) texts: BTreeMap<Utf8PathBuf, String>,
}

/// Directories that hold nothing of ours.
const SKIPPED: [&str; 4] = ["target", ".git", "__pycache__", "node_modules"];

/// The endings of the files that are read.
const READ: [&str; 11] =
    ["rs", "toml", "md", "proto", "sh", "py", "yaml", "yml", "cedar", "cedarschema", "service"];

/// No file of ours comes near this; a stray archive named like a document is not read.
const MAX_TEXT_BYTES: u64 = 2 << 20;

impl Workspace {
    /// Reads the repository at `root`.
    pub(crate) fn read(root: &Utf8Path) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .other_options(vec!["--offline".to_owned()])
            .exec()
            .context("read the workspace by `cargo metadata`")?;
        let mut texts = BTreeMap::new();
        read_texts(root, Utf8Path::new(""), &mut texts)?;
        let manifest = texts.get(Utf8Path::new("Cargo.toml")).map(String::as_str).unwrap_or_default();
        let order = members(manifest);
        let directories: Vec<Utf8PathBuf> =
            metadata.packages.iter().map(|p| directory_of(root, p)).collect::<Result<_>>()?;
        let mut crates = Vec::new();
        for (package, directory) in metadata.packages.iter().zip(&directories) {
            crates.push(read_crate(root, package, directory, &directories, &texts));
        }
        crates.sort_by_key(|c| order.iter().position(|m| *m == c.directory).unwrap_or(usize::MAX));
        Ok(Self { crates, texts })
    }

    /// The crate of that name and its place in the order.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Crate)> {
        self.crates.iter().enumerate().find(|(_, c)| c.name == name)
    }
}

fn directory_of(root: &Utf8Path, package: &Package) -> Result<Utf8PathBuf> {
    let directory = package.manifest_path.parent().context("a manifest lies in a directory")?;
    Ok(directory.strip_prefix(root).with_context(|| format!("{directory} is outside {root}"))?.to_owned())
}

fn read_crate(
    root: &Utf8Path,
    package: &Package,
    directory: &Utf8Path,
    all: &[Utf8PathBuf],
    texts: &BTreeMap<Utf8PathBuf, String>,
) -> Crate {
    let nested = |path: &Utf8Path| {
        all.iter().any(|d| d != directory && d.starts_with(directory) && path.starts_with(d))
    };
    let sources = texts
        .iter()
        .filter(|(path, _)| path.extension() == Some("rs") && path.starts_with(directory) && !nested(path))
        .map(|(path, text)| Source::new(path.clone(), text.clone()))
        .collect();
    let roots: Vec<Utf8PathBuf> = package
        .targets
        .iter()
        .filter(|t| t.is_lib() || t.is_bin())
        .filter_map(|t| t.src_path.strip_prefix(root).ok().map(Utf8Path::to_owned))
        .collect();
    let mut read = Crate::new(&package.name, directory.as_str(), sources, &roots);
    let ours = package.metadata.get("holdfast");
    read.floor = ours.and_then(|o| o.get("floor")).and_then(serde_json::Value::as_u64);
    read.pure = ours.and_then(|o| o.get("pure")).and_then(serde_json::Value::as_bool);
    read.dependencies = package
        .dependencies
        .iter()
        .map(|d| Dependency {
            name: d.name.clone(),
            need: match d.kind {
                DependencyKind::Development => Need::Test,
                DependencyKind::Build => Need::Build,
                _ => Need::Normal,
            },
        })
        .collect();
    read
}

/// The members of a workspace manifest, in its order.
fn members(manifest: &str) -> Vec<Utf8PathBuf> {
    let list =
        manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']')).map(|(list, _)| list);
    list.unwrap_or_default().split('"').skip(1).step_by(2).map(Utf8PathBuf::from).collect()
}

fn read_texts(root: &Utf8Path, below: &Utf8Path, texts: &mut BTreeMap<Utf8PathBuf, String>) -> Result<()> {
    let directory = root.join(below);
    for entry in directory.read_dir_utf8().with_context(|| format!("list {directory}"))? {
        let entry = entry?;
        let name = entry.file_name();
        let path = below.join(name);
        if entry.file_type()?.is_dir() {
            if !SKIPPED.contains(&name) {
                read_texts(root, &path, texts)?;
            }
            continue;
        }
        let wanted = path.extension().is_some_and(|e| READ.contains(&e)) || path == ".ci/run";
        if wanted && entry.file_type()?.is_file() && entry.metadata()?.len() <= MAX_TEXT_BYTES {
            let text = fs::read_to_string(entry.path()).with_context(|| format!("read {path}"))?;
            texts.insert(path, text);
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod made_up {
    //! A workspace made up of a few lines, for the tests of the checks.

    use super::*;

    /// A crate with its files given as (path below the crate, text).
    pub(crate) fn crate_of(name: &str, directory: &str, files: &[(&str, &str)]) -> Crate {
        let at = |path: &str| Utf8Path::new(directory).join(path);
        let sources = files.iter().map(|(path, text)| Source::new(at(path), *text)).collect();
        let mut made = Crate::new(name, directory, sources, &[at("src/lib.rs"), at("src/main.rs")]);
        made.floor = Some(1);
        made.pure = Some(false);
        made
    }

    /// The same crate with a floor and dependencies.
    pub(crate) fn on_floor(mut made: Crate, floor: u64, dependencies: &[&str]) -> Crate {
        made.floor = Some(floor);
        made.dependencies =
            dependencies.iter().map(|d| Dependency { name: (*d).to_owned(), need: Need::Normal }).collect();
        made
    }

    /// A workspace of crates and other texts.
    pub(crate) fn workspace(crates: Vec<Crate>, texts: &[(&str, &str)]) -> Workspace {
        let texts = texts.iter().map(|(path, text)| ((*path).into(), (*text).to_owned())).collect();
        Workspace { crates, texts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order() {
        assert_eq!(members("[workspace]\nmembers = [\n \"b\",\n \"a/c\",\n]\n[x]\n"), ["b", "a/c"]);
        assert!(members("[package]").is_empty());
    }

    #[test]
    fn a_file_that_only_tests_declare_is_a_test() {
        let made = made_up::crate_of(
            "x",
            "core/x",
            &[
                ("src/lib.rs", "mod a; #[cfg(test)] mod tests;"),
                ("src/a.rs", "mod b; #[cfg(test)]\nmod tests;"),
                ("src/a/b.rs", ""),
                ("src/a/tests.rs", ""),
                ("src/tests.rs", ""),
                ("tests/whole.rs", ""),
                ("build.rs", ""),
            ],
        );
        let tests: Vec<_> = made.sources.iter().filter(|s| s.is_test).map(|s| s.path.as_str()).collect();
        assert_eq!(tests, ["core/x/src/a/tests.rs", "core/x/src/tests.rs", "core/x/tests/whole.rs"]);
        assert_eq!(made.shipped().count(), 3);
    }
}
