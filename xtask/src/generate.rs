//! Committed generated files: man pages, completions, the reference of the command line, the API document.
//!
//! A generator is one of our own programs with the hidden command `__gen DIR`. What it writes at `DIR/<path>` belongs
//! at `<path>` in the repository.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};

use crate::process::{self, Shell};

/// The packages whose program generates.
const GENERATORS: [&str; 2] = ["holdfast", "holdfast-controller"];

/// Directories that hold generated files alone: a file there that no generator writes any more is stale.
const OWNED: [&str; 2] = ["docs/man", "docs/completions"];

/// What to do with what is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write it into the repository.
    Write,
    /// Compare it with the repository.
    Check,
}

/// What every generator writes, by its path in the repository.
fn run_all(shell: &Shell, directory: &Utf8Path) -> Result<BTreeMap<Utf8PathBuf, Vec<u8>>> {
    let mut generated = BTreeMap::new();
    for package in GENERATORS {
        let into = directory.join(package);
        fs::create_dir_all(&into).with_context(|| format!("create {into}"))?;
        let mut command = shell.cargo();
        command.args([
            "run",
            "--quiet",
            "--locked",
            "-p",
            package,
            "--bin",
            package,
            "--",
            "__gen",
            into.as_str(),
        ]);
        process::run(&mut command)
            .with_context(|| format!("`{package}` must build and have the hidden command `__gen DIR`"))?;
        let files = read_tree(&into)?;
        if files.is_empty() {
            bail!("`{package} __gen` wrote nothing");
        }
        for (path, bytes) in files {
            if generated.insert(path.clone(), bytes).is_some() {
                bail!("two generators write {path}");
            }
        }
    }
    Ok(generated)
}

/// Runs every generator; writes, or fails naming the files that are not current.
pub(crate) fn run(shell: &Shell, mode: Mode) -> Result<()> {
    let directory = std::env::temp_dir().join(format!("holdfast-gen-{}", std::process::id()));
    let directory = Utf8PathBuf::try_from(directory).context("the directory of temporary files")?;
    let generated = run_all(shell, &directory);
    fs::remove_dir_all(&directory).with_context(|| format!("remove {directory}"))?;
    let generated = generated?;
    let stale = stale(&shell.root, &generated)?;
    match mode {
        Mode::Write => write(&shell.root, &generated, &stale),
        Mode::Check if stale.is_empty() => {
            println!("gen: {} files are current", generated.len());
            Ok(())
        }
        Mode::Check => bail!("stale, run `cargo xtask gen`: {}", join(&stale)),
    }
}

/// Files that differ from what is generated, are missing, or are no longer generated.
fn stale(root: &Utf8Path, generated: &BTreeMap<Utf8PathBuf, Vec<u8>>) -> Result<Vec<Utf8PathBuf>> {
    let differs =
        |path: &Utf8PathBuf, bytes: &Vec<u8>| fs::read(root.join(path)).ok().as_ref() != Some(bytes);
    let mut found: Vec<_> =
        generated.iter().filter(|(path, bytes)| differs(path, bytes)).map(|(path, _)| path.clone()).collect();
    for owned in OWNED {
        let directory = root.join(owned);
        if directory.is_dir() {
            let there = read_tree(&directory)?.into_keys().map(|path| Utf8Path::new(owned).join(path));
            found.extend(there.filter(|path| !generated.contains_key(path)));
        }
    }
    Ok(found)
}

fn write(root: &Utf8Path, generated: &BTreeMap<Utf8PathBuf, Vec<u8>>, stale: &[Utf8PathBuf]) -> Result<()> {
    for path in stale {
        let target = root.join(path);
        match generated.get(path) {
            Some(bytes) => {
                let parent = target.parent().context("a generated file lies in a directory")?;
                fs::create_dir_all(parent).with_context(|| format!("create {parent}"))?;
                fs::write(&target, bytes).with_context(|| format!("write {path}"))?;
            }
            None => fs::remove_file(&target).with_context(|| format!("remove {path}"))?,
        }
    }
    println!("gen: {} files, {} changed: {}", generated.len(), stale.len(), join(stale));
    Ok(())
}

fn join(paths: &[Utf8PathBuf]) -> String {
    paths.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(", ")
}

/// Every file below a directory, by its path relative to it.
fn read_tree(directory: &Utf8Path) -> Result<BTreeMap<Utf8PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in at.read_dir_utf8().with_context(|| format!("list {at}"))? {
            let path = entry?.into_path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let bytes = fs::read(&path).with_context(|| format!("read {path}"))?;
                found.insert(path.strip_prefix(directory)?.to_owned(), bytes);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_missing_and_abandoned_files_are_stale_until_written() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        fs::create_dir_all(root.join("docs/man")).unwrap();
        for (path, text) in [("docs/man/old.1", "x"), ("docs/man/same.1", "same"), ("docs/own.md", "ours")] {
            fs::write(root.join(path), text).unwrap();
        }
        let generated: BTreeMap<Utf8PathBuf, Vec<u8>> =
            [("docs/man/same.1", "same"), ("docs/own.md", "new"), ("api/openapi.json", "{}")]
                .map(|(path, text)| (path.into(), text.into()))
                .into();
        let found = stale(root, &generated).unwrap();
        assert_eq!(found, ["api/openapi.json", "docs/own.md", "docs/man/old.1"]);
        write(root, &generated, &found).unwrap();
        assert!(stale(root, &generated).unwrap().is_empty());
        assert!(!root.join("docs/man/old.1").exists());
    }
}
