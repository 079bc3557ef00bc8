//! What was in the directory before: whether it is ours at all, and how a new cluster takes its place.
//!
//! Only a cluster that a demo made is deleted; everything else is put aside whole. A directory that is not one of ours is
//! never touched.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{Problem, ProblemKind};

use super::failure::cannot;
use super::layout::{LOCK, Layout, RECORD};
use super::leftover;

/// How long daemons of an earlier `up`, which were told to end when it did, may still take: a controller drains its
/// calls for 5 s.
const GRACE: Duration = Duration::from_secs(12);

/// Refuses a directory that holds somebody else's files, before anything is written there.
pub(super) fn check(directory: &Utf8Path) -> Result<(), Problem> {
    let mut entries = match directory.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(cannot(format!("read `{directory}`: {error}"))),
    };
    let is_ours = directory.join(RECORD).exists() || directory.join(LOCK).exists();
    if is_ours || entries.next().is_none() {
        return Ok(());
    }
    Err(Problem::new(7097, ProblemKind::Invalid, format!("`{directory}` is not the directory of a cluster"))
        .because(format!("it holds files and no {RECORD}; they are left as they are"))
        .next("holdfast up --dir DIR, where DIR is empty or does not exist"))
}

/// Waits for the daemons that an earlier `up` left, so that they do not meet those that start now.
pub(super) fn end_daemons(directory: &Utf8Path) {
    leftover::end(&directory.join("run"), GRACE);
}

/// Makes room for a new cluster. Says where the old one went, where it was put aside.
pub(super) fn clear(directory: &Utf8Path) -> Result<Option<Utf8PathBuf>, Problem> {
    end_daemons(directory);
    let mut places = Vec::new();
    for entry in directory.read_dir_utf8().map_err(|error| cannot(format!("read `{directory}`: {error}")))? {
        let entry = entry.map_err(|error| cannot(format!("read `{directory}`: {error}")))?;
        if entry.file_name() != LOCK {
            places.push(entry.into_path());
        }
    }
    for place in places.iter().filter(|place| place.join("runtime").is_dir()) {
        holdfast_agent::kill_all(place)?;
    }
    if places.is_empty() {
        return Ok(None);
    }
    // A record that cannot be read is nobody's leave to delete.
    if Layout::read(directory).ok().flatten().is_some_and(|layout| layout.demo) {
        for place in &places {
            let removed = if place.is_dir() {
                holdfast_artifact::remove_tree(place).map_err(|error| error.to_string())
            } else {
                std::fs::remove_file(place).map_err(|error| error.to_string())
            };
            removed.map_err(|error| cannot(format!("delete `{place}`: {error}")))?;
        }
        return Ok(None);
    }
    put_aside(directory, &places).map(Some)
}

/// Moves what is there beside the directory. The lock stays where it is, with whoever holds it.
fn put_aside(directory: &Utf8Path, places: &[Utf8PathBuf]) -> Result<Utf8PathBuf, Problem> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let name = |number: u32| Utf8PathBuf::from(format!("{directory}.old-{since}-{number}"));
    let failed = |path: &Utf8Path, error: std::io::Error| cannot(format!("put `{path}` aside: {error}"));
    // Made, not only looked for: two cannot choose the same name.
    let mut made = Err(failed(directory, std::io::ErrorKind::AlreadyExists.into()));
    for number in 1..100 {
        let path = name(number);
        match std::fs::create_dir(&path) {
            Ok(()) => {
                made = Ok(path);
                break;
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(directory, error)),
        }
    }
    let old = made?;
    // The record goes last: until then the directory is known as ours.
    let (record, others): (Vec<_>, Vec<_>) = places.iter().partition(|p| p.file_name() == Some(RECORD));
    for place in others.into_iter().chain(record) {
        let to = old.join(place.file_name().unwrap_or_default());
        std::fs::rename(place, to).map_err(|error| failed(place, error))?;
    }
    Ok(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(temporary.path()).unwrap().join("up");
        std::fs::create_dir(&directory).unwrap();
        (temporary, directory)
    }

    fn layout(directory: &Utf8Path, demo: bool) -> Layout {
        Layout {
            version: 1,
            directory: directory.to_owned(),
            controllers: Vec::new(),
            nodes: Vec::new(),
            lease: None,
            demo,
        }
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused_and_an_empty_or_absent_one_is_not() {
        let (_temporary, directory) = place();
        assert_eq!(check(&directory), Ok(()));
        assert_eq!(check(&directory.join("absent")), Ok(()));
        std::fs::create_dir(directory.join("thesis")).unwrap();
        let problem = check(&directory).unwrap_err();
        assert_eq!((problem.code.0, problem.kind.exit_code()), (7097, 2), "{problem}");
        std::fs::write(directory.join(LOCK), "").unwrap();
        assert_eq!(check(&directory), Ok(()));
    }

    #[test]
    fn a_cluster_is_put_aside_whole_and_only_a_demo_is_deleted() {
        let (_temporary, directory) = place();
        std::fs::write(directory.join(LOCK), "").unwrap();
        assert_eq!(clear(&directory), Ok(None));
        let fill = |demo| {
            layout(&directory, demo).save().unwrap();
            std::fs::create_dir(directory.join("node-01")).unwrap();
            std::fs::write(directory.join("node-01/blob"), "work").unwrap();
        };
        fill(false);
        let old = clear(&directory).unwrap().unwrap();
        assert_eq!(std::fs::read_to_string(old.join("node-01/blob")).unwrap(), "work");
        assert!(old.join(RECORD).exists() && !directory.join(RECORD).exists());
        assert!(directory.join(LOCK).exists());

        fill(true);
        assert_eq!(clear(&directory), Ok(None));
        assert!(!directory.join("node-01").exists());

        // A record that cannot be read may be of anything.
        fill(true);
        std::fs::write(directory.join(RECORD), "{").unwrap();
        let second = clear(&directory).unwrap().unwrap();
        assert!(second != old && second.join("node-01/blob").exists());
    }
}
