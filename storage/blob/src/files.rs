//! The few acts on files that must be durable, and what a file system still offers.

use std::fs::File;
use std::io;

use camino::Utf8Path;

/// Makes the entries of a directory durable: a rename or a new name counts only after this.
pub fn sync_dir(dir: &Utf8Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// What an unprivileged writer can still write near `path`; 0 where nobody knows.
#[must_use]
pub fn free_bytes(path: &Utf8Path) -> u64 {
    // The file itself may not exist yet; its directory speaks for it.
    let there = path.ancestors().find_map(|p| rustix::fs::statvfs(p.as_std_path()).ok());
    there.map_or(0, |v| v.f_bavail.saturating_mul(v.f_frsize))
}

/// The names in a directory, sorted; names that are not UTF-8 are none of ours and are left out.
pub(crate) fn sorted_names(dir: &Utf8Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
