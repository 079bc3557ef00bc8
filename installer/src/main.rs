//! The installer, which runs from the medium; `holdfast-installer file` prepares a disk as a file.

use std::process::ExitCode;

fn main() -> ExitCode {
    holdfast_installer::run(std::env::args().skip(1).collect())
}
