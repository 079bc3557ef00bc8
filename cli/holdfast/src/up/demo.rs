//! The main job from end to end, as a person would do it, with the loss of a node in the middle. Every figure it prints
//! was measured in this run, and it ends well only if every step did what it says.

mod refusal;
mod training;

use camino::Utf8Path;
use holdfast_types::Problem;

use super::failure::{cannot, word};
use super::layout::Layout;
use super::program;
use super::say::Say;
use super::supervise::Supervisor;

/// Runs every step; the first that does not do what it says ends the demo.
pub(super) fn run(supervisor: &Supervisor, say: &Say, corpus: &Utf8Path) -> Result<(), Problem> {
    let layout = supervisor.layout();
    import_corpus(layout, say, corpus)?;
    import_trainer(layout, say)?;
    training::run(supervisor, say)?;
    refusal::run(layout, say)?;
    verify_audit(layout, say)?;
    say.line("every step did what it says; what is simulated: the accelerators, and the loss of power");
    say.line(&format!("everything is in {}: logs in logs/, the audit log in audit/", layout.directory));
    say.line(&format!(
        "next: export HOLDFAST_CONTEXT={}; holdfast up --dir {}",
        layout.context(),
        layout.directory
    ));
    Ok(())
}

fn import_corpus(layout: &Layout, say: &Say, corpus: &Utf8Path) -> Result<(), Problem> {
    say.progress("importing the corpus");
    let args = [
        "dataset",
        "import",
        "demo-corpus",
        corpus.as_str(),
        "--label",
        "personal",
        "--residency",
        "DE",
        "--purpose",
        "research",
        "--tenant",
        "lab",
    ];
    program::text(layout, &args)?;
    let shown = program::json(layout, &["dataset", "show", "demo-corpus"])?;
    let spec = &shown["spec"];
    say.line(&format!(
        "dataset demo-corpus version {}: {} files, {} bytes from {corpus}; personal, residency DE, purpose research",
        word(&spec["version"]),
        word(&spec["files"]),
        word(&spec["bytes"]),
    ));
    Ok(())
}

fn import_trainer(layout: &Layout, say: &Say) -> Result<(), Problem> {
    let binary = program::beside("holdfast-trainer", say)?;
    let archive = layout.directory.join("trainer.tar");
    say.progress("packing the trainer as an OCI image, without Docker");
    program::text(layout, &["image", "pack", "--binary", binary.as_str(), "--out", archive.as_str()])?;
    let args = [
        "image",
        "import",
        "trainer",
        archive.as_str(),
        "--residency",
        "EU",
        "--purpose",
        "research",
        "--tenant",
        "lab",
    ];
    program::text(layout, &args)?;
    let shown = program::json(layout, &["image", "show", "trainer"])?;
    say.line(&format!(
        "image trainer version {}: {}",
        word(&shown["spec"]["version"]),
        word(&shown["spec"]["imageDigest"])
    ));
    Ok(())
}

fn verify_audit(layout: &Layout, say: &Say) -> Result<(), Problem> {
    let place = layout.directory.join("audit");
    program::text(layout, &["audit", "export", place.as_str()])?;
    let verifier = program::beside("holdfast-verify", say)?;
    let output = std::process::Command::new(verifier)
        .args(["log", place.as_str()])
        .output()
        .map_err(|error| cannot(format!("run holdfast-verify: {error}")))?;
    let told = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(cannot(format!("holdfast-verify: {}{}", told, String::from_utf8_lossy(&output.stderr))));
    }
    let field = |name: &str| {
        let line = told.lines().find_map(|l| l.strip_prefix(name));
        line.map(|l| l.trim().to_owned()).unwrap_or_default()
    };
    say.line(&format!(
        "audit log verified by holdfast-verify: entries {}; root {}",
        field("entries"),
        field("root")
    ));
    Ok(())
}
