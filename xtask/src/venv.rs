//! Programs from the Python package index that suites need: each in an environment of its own below the target directory.

use std::time::Duration;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::process::{Shell, has_program, run_bounded};

/// An index that does not answer must not hold up the tests.
const LIMIT: Duration = Duration::from_secs(300);

/// A program of a package, which has the same name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// The package and its program.
    pub(crate) name: &'static str,
    /// The version whose judgement is trusted; another one asks other questions.
    pub(crate) version: &'static str,
}

/// The program, which is installed where it is not there yet; otherwise why it is not.
pub(crate) fn provide(shell: &Shell, target: &Utf8Path, tool: Tool) -> Result<Utf8PathBuf, String> {
    let Tool { name, version } = tool;
    let home = target.join("tools").join(format!("{name}-{version}"));
    let program = home.join("bin").join(name);
    if program.exists() {
        return Ok(program);
    }
    match install(shell, &home, tool) {
        Ok(()) => Ok(program),
        Err(_) if has_program(name) => Ok(Utf8PathBuf::from(name)),
        Err(error) => Err(format!(
            "missing: {name} ({error:#}; by hand: python3 -m venv {home} && {home}/bin/pip install {name}=={version})"
        )),
    }
}

/// The program appears last, so that an installation which was cut off is begun again.
fn install(shell: &Shell, home: &Utf8Path, tool: Tool) -> Result<()> {
    let mut command = shell.program("python3");
    run_bounded(command.args(["-m", "venv", "--clear"]).arg(home), LIMIT).context("make an environment")?;
    let mut command = shell.program(home.join("bin/pip").as_str());
    command.args(["install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1"]);
    command.arg(format!("{}=={}", tool.name, tool.version));
    run_bounded(&mut command, LIMIT).with_context(|| format!("install {} {}", tool.name, tool.version))
}
