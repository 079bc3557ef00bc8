//! `holdfast audit export`: the log as files in the layout that `holdfast-verify` and every tlog-tiles tool read. The
//! entries are checked against the signed head before the directory gets its name.

mod tiles;

use std::fs::{self, File};
use std::io;

use camino::Utf8Path;
use holdfast_api::problem_from_status;
use holdfast_api::v1::audit_client::AuditClient;
use holdfast_api::v1::{AuditHead, AuditHeadRequest, ListAuditRequest};
use holdfast_audit::{CHECKPOINT, Checkpoint, KEYS, NoteError, VerifierKey};
use holdfast_types::{Problem, ProblemKind};
use rustix::fs::{CWD, RenameFlags, renameat_with, syncfs};

use self::tiles::Tiles;
use crate::failure::Failure;
use crate::session::{Session, call};

/// Exports the log as it is at one signed head.
pub(super) async fn run(session: &Session, dir: &Utf8Path) -> Result<(), Failure> {
    let failed = |error: io::Error| not_written(dir, error.to_string());
    if dir.as_std_path().symlink_metadata().is_ok() {
        return Err(Problem::new(7062, ProblemKind::Conflict, format!("`{dir}` is there already"))
            .because("an export makes the directory")
            .next("choose another name")
            .into());
    }
    let head = call!(session, AuditClient, head, AuditHeadRequest {})?;
    let checkpoint = open(&head).map_err(|error| {
        Problem::new(7071, ProblemKind::Failed, "the head of the audit log is not signed by the key it names")
            .because(error.to_string())
    })?;
    let parent = dir.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let staging = tempfile::Builder::new().prefix(".holdfast-audit-").tempdir_in(parent).map_err(failed)?;
    let path = Utf8Path::from_path(staging.path())
        .ok_or_else(|| not_written(dir, "its path is not UTF-8".into()))?;
    let mut tiles = Tiles::new(path);
    fetch(session, &mut tiles, checkpoint.size).await?;
    let root = tiles.finish().map_err(failed)?;
    if root != Some(checkpoint.root) {
        return Err(Problem::new(7072, ProblemKind::Failed, "the entries are not those that the head signs")
            .because(format!("{} entries have another root than the signed one", checkpoint.size))
            .next("export again from another controller, and keep both results")
            .into());
    }
    fs::write(path.join(KEYS), format!("{}\n", head.verifier_key)).map_err(failed)?;
    fs::write(path.join(CHECKPOINT), &head.checkpoint).map_err(failed)?;
    publish(path, dir, parent).map_err(failed)?;
    session.printer.line(format!("{} entries in {dir}\nnext: holdfast audit verify {dir}", checkpoint.size))
}

fn not_written(dir: &Utf8Path, cause: String) -> Problem {
    Problem::new(7070, ProblemKind::Failed, format!("the audit log cannot be written to `{dir}`"))
        .because(cause)
}

fn open(head: &AuditHead) -> Result<Checkpoint, NoteError> {
    let key: VerifierKey = head.verifier_key.parse()?;
    Checkpoint::open(&head.checkpoint, &key)
}

/// Reads exactly the entries below the head: those that came later are for the next export.
async fn fetch(session: &Session, tiles: &mut Tiles<'_>, size: u64) -> Result<(), Problem> {
    if size == 0 {
        return Ok(());
    }
    let mut entries = call!(session, AuditClient, export, ListAuditRequest { from: 0, limit: 0 })?;
    while tiles.size() < size {
        let next = entries.message().await.map_err(|status| problem_from_status(&status))?;
        let Some(entry) = next else {
            let found = tiles.size();
            return Err(Problem::new(7072, ProblemKind::Failed, "the audit log ends before its head")
                .because(format!("{found} entries came, the head signs {size}")));
        };
        if entry.index != tiles.size() {
            return Err(Problem::new(7072, ProblemKind::Failed, "the audit log does not come in order")
                .because(format!("entry {} came in the place of entry {}", entry.index, tiles.size())));
        }
        tiles.append(&entry.entry).map_err(|error| not_written(tiles.dir(), error.to_string()))?;
    }
    Ok(())
}

/// Makes everything durable and gives the directory its name.
fn publish(path: &Utf8Path, dir: &Utf8Path, parent: &Utf8Path) -> io::Result<()> {
    // A temporary directory is private; evidence is for whoever may read the directory it lies in.
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    syncfs(File::open(path)?)?;
    renameat_with(CWD, path.as_std_path(), CWD, dir.as_std_path(), RenameFlags::NOREPLACE)?;
    File::open(parent)?.sync_all()
}
