//! The few acts on files that must be durable, and what a file system still offers.

use std::fs::File;
use std::io::{self, Read, Write};

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

/// Large enough that a system call and a round of hashing are worth their overhead.
const COPY_BYTES: usize = 256 * 1024;

/// Copies at most `limit` bytes in large steps, and says how many there were.
pub fn copy(from: &mut dyn Read, to: &mut dyn Write, limit: u64) -> io::Result<u64> {
    let most = usize::try_from(limit).map_or(COPY_BYTES, |limit| limit.min(COPY_BYTES));
    let mut buffer = vec![0; most];
    let mut done = 0_u64;
    while done < limit {
        let want = usize::try_from(limit.saturating_sub(done)).map_or(most, |left| left.min(most));
        let count = match from.read(buffer.get_mut(..want).unwrap_or_default()) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        to.write_all(buffer.get(..count).unwrap_or_default())?;
        done = done.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
    Ok(done)
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
