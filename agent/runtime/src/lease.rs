//! The lease of the node: a deadline every shim of a fenced task watches, so that nothing runs on when the node is cut
//! off, even if the agent is dead.

use camino::{Utf8Path, Utf8PathBuf};

use crate::files::{Durability, FileError, write_file};

fn path(state_dir: &Utf8Path) -> Utf8PathBuf {
    state_dir.join("lease")
}

/// The boot this machine is in; a deadline of an earlier boot means nothing.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Writes the deadline, in milliseconds of the boot clock. It is for this boot only, so it is not synced.
pub(crate) fn renew(state_dir: &Utf8Path, deadline_ms: u64) -> Result<(), FileError> {
    let text = format!("{} {deadline_ms}\n", boot_id());
    write_file(&path(state_dir), text.as_bytes(), Durability::ThisBoot)
}

/// A reader of the lease that knows its boot.
#[derive(Debug)]
pub(crate) struct LeaseWatch {
    path: Utf8PathBuf,
    boot: String,
}

impl LeaseWatch {
    pub(crate) fn new(state_dir: &Utf8Path) -> Self {
        Self { path: path(state_dir), boot: boot_id() }
    }

    /// Whether the lease holds now. A missing, torn or foreign lease does not: the fence fails closed.
    pub(crate) fn holds(&self, now_ms: u64) -> bool {
        let Ok(text) = std::fs::read_to_string(&self.path) else { return false };
        let mut words = text.split_ascii_whitespace();
        let ours = words.next() == Some(self.boot.as_str());
        ours && words.next().and_then(|w| w.parse::<u64>().ok()).is_some_and(|deadline| now_ms < deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_past_torn_or_foreign_lease_does_not_hold() {
        let dir = tempfile::tempdir().unwrap();
        let state_dir = Utf8Path::from_path(dir.path()).unwrap();
        let watch = LeaseWatch::new(state_dir);
        assert!(!watch.holds(0), "missing");
        renew(state_dir, 1000).unwrap();
        assert!(watch.holds(999));
        assert!(!watch.holds(1000), "past");
        std::fs::write(path(state_dir), &watch.boot).unwrap();
        assert!(!watch.holds(0), "torn");
        std::fs::write(path(state_dir), "another-boot 99999999999").unwrap();
        assert!(!watch.holds(0), "foreign");
    }
}
