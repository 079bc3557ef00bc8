//! Debian packages that suites need: which are missing, and how they come where we may install them.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use camino::Utf8Path;

use crate::process::{has_program, is_root, run_bounded};

/// A mirror that does not answer must not hold up the tests.
const UPDATE_LIMIT: Duration = Duration::from_secs(120);
const INSTALL_LIMIT: Duration = Duration::from_secs(300);

/// A package of Debian and the program that shows that it is there, whoever brought it; the whole path of a file where it
/// brings none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name for apt.
    pub(crate) name: &'static str,
    /// The program it brings, or a file.
    pub(crate) program: &'static str,
}

/// The names of those that are not there.
pub(crate) fn missing(packages: &[Package]) -> Vec<&'static str> {
    packages.iter().filter(|p| !is_there(p.program)).map(|p| p.name).collect()
}

fn is_there(what: &str) -> bool {
    if what.starts_with('/') { Utf8Path::new(what).is_file() } else { has_program(what) }
}

/// Sees to it that the packages are there; otherwise says which are not and why.
pub(crate) fn provide(packages: &[Package]) -> Result<(), String> {
    let names = missing(packages);
    if names.is_empty() {
        return Ok(());
    }
    let list = names.join(" ");
    if !has_program("apt-get") {
        return Err(format!("missing: {list} (no apt-get here)"));
    }
    if !is_root() {
        return Err(format!("missing: {list} (as root: apt-get install -y --no-install-recommends {list})"));
    }
    install(&names).map_err(|error| format!("missing: {list} ({error:#})"))?;
    match missing(packages) {
        still if still.is_empty() => Ok(()),
        still => Err(format!("missing even after apt-get: {}", still.join(" "))),
    }
}

fn install(names: &[&str]) -> Result<()> {
    run_bounded(apt().arg("update"), UPDATE_LIMIT).context("refresh the package lists")?;
    let mut command = apt();
    command.args(["install", "-y", "--no-install-recommends"]).args(names);
    run_bounded(&mut command, INSTALL_LIMIT).context("install packages")
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.args(["-q", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20"]);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_program_stands_for_is_missing() {
        let there = Package { name: "dash", program: "sh" };
        let gone = Package { name: "unheard-of", program: "no-such-program-at-all" };
        let file = Package { name: "base-files", program: "/etc/passwd" };
        let no_file = Package { name: "without-file", program: "/etc/passwd/no" };
        assert_eq!(missing(&[there, gone, file, no_file]), ["unheard-of", "without-file"]);
        assert_eq!(provide(&[there]), Ok(()));
    }
}
