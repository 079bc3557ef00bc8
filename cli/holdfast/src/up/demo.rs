//! The main job from end to end, as a person would do it, with the loss of a node in the middle. Every figure it prints
//! was measured in this run, and it ends well only if every step did what it says.

mod refusal;
mod training;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{Problem, ProblemKind};

use super::failure::{CANNOT, cannot, word};
use super::layout::Layout;
use super::program;
use super::say::Say;
use super::supervise::Supervisor;
use super::tail::last_lines;

/// How many lines of a log are shown where a step fails.
const SHOWN: usize = 5;

/// Runs every step; the first that does not do what it says ends the demo.
pub(super) fn run(supervisor: &Supervisor, say: &Say, corpus: &Utf8Path) -> Result<(), Problem> {
    let layout = supervisor.layout();
    let decided = || leader_log(layout);
    step("importing the corpus", import_corpus(layout, say, corpus), decided)?;
    step("packing and importing the trainer", import_trainer(layout, say), decided)?;
    step("the training", training::run(supervisor, say), || {
        training::node(layout).map_or_else(decided, |node| layout.log(&node))
    })?;
    step("the refusal in FR", refusal::run(layout, say), decided)?;
    step("verifying the audit log", verify_audit(layout, say), decided)?;
    say.line("every step did what it says; what is simulated: the accelerators, and the loss of power");
    say.line(&format!("everything is in {}: logs in logs/, the audit log in audit/", layout.directory));
    say.line(&format!(
        "next: export HOLDFAST_CONTEXT={}; holdfast up --dir {}",
        layout.context(),
        layout.directory
    ));
    Ok(())
}

/// Says at which step the demo stopped, why, and what the log says that is most likely to tell.
fn step<T>(name: &str, result: Result<T, Problem>, log: impl FnOnce() -> Utf8PathBuf) -> Result<T, Problem> {
    result.map_err(|cause| {
        let mut told = Problem::new(7100, ProblemKind::Failed, format!("the demo stopped at {name}"));
        if cause.code.0 != CANNOT {
            told = told.because(cause.summary);
        }
        told.because.extend(cause.because);
        let log = log();
        for line in last_lines(&log, SHOWN) {
            told = told.because(format!("{}: {line}", log.file_name().unwrap_or_default()));
        }
        told.next.extend(cause.next);
        told.next(format!("less {log}"))
    })
}

/// The log of the controller that leads, or of the first where nobody says which.
fn leader_log(layout: &Layout) -> Utf8PathBuf {
    let status = program::json(layout, &["cluster", "status"]).unwrap_or_default();
    let first = || layout.controllers.first().map_or("", |c| c.name.as_str());
    layout.log(status["leader"].as_str().filter(|leader| !leader.is_empty()).unwrap_or_else(first))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_is_named_with_its_cause_and_the_end_of_a_log() {
        let temporary = tempfile::tempdir().unwrap();
        let log = Utf8Path::from_path(temporary.path()).unwrap().join("node-01.log");
        std::fs::write(&log, "one\ntwo\n").unwrap();
        let failed = step::<()>("the training", Err(cannot("the job failed")), || log.clone()).unwrap_err();
        assert_eq!((failed.code.0, failed.kind.exit_code()), (7100, 1));
        let text = failed.to_string();
        assert!(text.contains("stopped at the training\n  because: the job failed\n"), "{text}");
        assert!(text.contains("node-01.log: two") && text.contains(&format!("less {log}")), "{text}");
        assert!(!text.contains("cannot come up"), "{text}");

        let refused = Problem::new(1, ProblemKind::Refused, "it is refused").next("try again");
        let failed = step::<()>("x", Err(refused), || "/absent".into()).unwrap_err();
        assert_eq!(failed.kind.exit_code(), 1);
        assert!(failed.to_string().contains("because: it is refused\n  next:    try again"), "{failed}");
        assert_eq!(step("x", Ok(7), || "/absent".into()), Ok(7));
    }
}
