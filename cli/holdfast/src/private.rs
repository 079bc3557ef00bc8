//! Files that their owner alone reads: keys, and what holds keys.

use std::fs::{File, OpenOptions};
use std::io::{Result, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use camino::Utf8Path;

const OWNER_ALONE: u32 = 0o600;

/// Writes `bytes` to `path` where nothing is yet.
///
/// # Errors
///
/// Where something is there already, or it cannot be written.
pub(crate) fn create(path: &Utf8Path, bytes: &[u8]) -> Result<()> {
    write(File::options().create_new(true), path, bytes)
}

/// Writes `bytes` to `path` in place of what is there: after a cut it is the one or the other, whole.
///
/// # Errors
///
/// Where it cannot be written; what was there still is.
pub(crate) fn replace(path: &Utf8Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default();
    let temporary = path.with_file_name(format!(".{name}.new"));
    write(File::options().create(true).truncate(true), &temporary, bytes)?;
    std::fs::rename(&temporary, path)
}

fn write(options: &mut OpenOptions, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
    let mut file = options.write(true).mode(OWNER_ALONE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_written_is_for_its_owner_and_is_lost_to_nobody() {
        let temp = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(temp.path()).unwrap().join("key");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        create(&path, b"one").unwrap();
        assert_eq!(mode(), 0o600);
        assert_eq!(create(&path, b"two").unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!((mode(), std::fs::read(&path).unwrap()), (0o600, b"three".to_vec()));
    }
}
