//! Builds holdfast-bench as it would ship and lets it measure the promises.

use anyhow::{Result, anyhow};

use crate::outcome::target_directory;
use crate::packages::{self, Package};
use crate::process::{self, Shell};
use crate::suites::image::{self, Build};

/// The area that measures images.
const IMAGES: &str = "os";
/// The packages of those that images and updates are compared with, and a program of each.
const PEERS: [(&str, &str); 5] = [
    ("mmdebstrap", "mmdebstrap"),
    ("rauc", "rauc"),
    ("dbus", "dbus-daemon"),
    ("squashfs-tools", "mksquashfs"),
    ("swupdate", "swupdate"),
];

/// Measures the promises, or those of one area; an error where a measured one is missed.
pub(crate) fn run(shell: &Shell, area: Option<&str>) -> Result<()> {
    let mut build = shell.cargo();
    build.args(["build", "--quiet", "--locked", "--release", "-p", "holdfast-bench"]);
    // What it measures as it ships.
    build.args(["-p", "holdfast-controller"]);
    process::run(&mut build)?;
    let mut command = shell.program(target_directory(shell)?.join("release/holdfast-bench").as_str());
    command.args(["--promises", "docs/promises.md"]);
    command.args(area);
    if area.is_none_or(|area| area == IMAGES || area.starts_with("image")) {
        packages::provide(image::PACKAGES).map_err(|why| anyhow!(why))?;
        // Their absence is told by the rows that compare with them.
        for (name, program) in PEERS {
            drop(packages::provide(&[Package { name, program }]));
        }
        command.envs(image::built(shell, Build::Release)?);
    }
    process::run(&mut command)
}
