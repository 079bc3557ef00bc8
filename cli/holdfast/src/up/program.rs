//! The command line as `up` itself uses it: the same program, started as a person would.

use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::Problem;
use serde_json::Value;

use super::failure::cannot;
use super::layout::Layout;

/// This program's own path. It is asked for once, early: where a build replaces the program while it runs, the kernel
/// names a file that is gone.
pub(super) fn own() -> Result<Utf8PathBuf, Problem> {
    static OWN: OnceLock<Utf8PathBuf> = OnceLock::new();
    if let Some(exe) = OWN.get() {
        return Ok(exe.clone());
    }
    let exe = std::env::current_exe().map_err(|error| cannot(error.to_string()))?;
    let exe =
        Utf8PathBuf::from_path_buf(exe).map_err(|path| cannot(format!("{} is not UTF-8", path.display())))?;
    Ok(OWN.get_or_init(|| exe).clone())
}

/// A command of ours, run to its end.
pub(super) fn output(layout: &Layout, args: &[&str]) -> Result<Output, Problem> {
    Command::new(own()?)
        .args(args)
        .env("HOLDFAST_CONTEXT", layout.context())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| cannot(format!("run `holdfast {}`: {error}", args.join(" "))))
}

/// A command that has to succeed; what it printed.
pub(super) fn text(layout: &Layout, args: &[&str]) -> Result<String, Problem> {
    let output = output(layout, args)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(cannot(format!("`holdfast {}` failed: {}", args.join(" "), said.trim().replace('\n', "; "))))
}

/// A command that has to succeed; what it printed as JSON.
pub(super) fn json(layout: &Layout, args: &[&str]) -> Result<Value, Problem> {
    let args = [&["-o", "json"], args].concat();
    let text = text(layout, &args)?;
    serde_json::from_str(&text).map_err(|error| cannot(format!("`holdfast {}`: {error}", args.join(" "))))
}

/// A program of this repository beside this one, built first where this is a checkout and it is not there yet.
pub(super) fn beside(name: &str, say: &super::say::Say) -> Result<Utf8PathBuf, Problem> {
    let exe = own()?;
    let place = exe.parent().map(Utf8Path::to_owned).unwrap_or_default();
    let wanted = place.join(name);
    if wanted.exists() {
        return Ok(wanted);
    }
    let root = checkout(&place);
    let Some(root) = root else {
        return Err(cannot(format!("`{name}` is not beside `{exe}`"))
            .next(format!("cargo build --release -p {name}")));
    };
    say.line(&format!("building {name}"));
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", name]).current_dir(root).stdin(Stdio::null());
    // What is built has to appear beside this program, wherever that was built to.
    if let Some(target) = place.parent() {
        command.arg("--target-dir").arg(target);
    }
    if place.file_name() == Some("release") {
        command.arg("--release");
    }
    let output = command.output().map_err(|error| cannot(format!("run cargo: {error}")))?;
    if output.status.success() && wanted.exists() {
        return Ok(wanted);
    }
    Err(cannot(format!("cargo build of {name}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// The checkout this program was built from: where cargo says it runs it from, or above the usual place of its output.
fn checkout(place: &Utf8Path) -> Option<Utf8PathBuf> {
    let package = std::env::var("CARGO_MANIFEST_DIR").ok().map(Utf8PathBuf::from);
    let output = place.parent().and_then(Utf8Path::parent).map(Utf8Path::to_owned);
    let is_ours =
        |root: &Utf8Path| root.join("Cargo.lock").exists() && root.join("examples/trainer").exists();
    let above = |path: Utf8PathBuf| path.ancestors().find(|root| is_ours(root)).map(Utf8Path::to_owned);
    package.and_then(above).or_else(|| output.filter(|root| is_ours(root)))
}
