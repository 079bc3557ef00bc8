//! Builds holdfast-bench as it would ship and lets it measure the promises.

use anyhow::Result;

use crate::process::{self, Shell};

/// Measures the promises, or those of one area; an error where a measured one is missed.
pub(crate) fn run(shell: &Shell, area: Option<&str>) -> Result<()> {
    let mut command = shell.cargo();
    command.args(["run", "--quiet", "--locked", "--release", "-p", "holdfast-bench", "--"]);
    command.args(["--promises", "docs/promises.md"]);
    command.args(area);
    process::run(&mut command)
}
