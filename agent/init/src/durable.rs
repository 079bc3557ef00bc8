//! Files that are there whole or not at all, also when the power goes.

use std::fs::{self, File};
use std::io::Write as _;

use camino::Utf8Path;

/// Writes a file in place of another one.
pub(crate) fn write(path: &Utf8Path, bytes: &[u8]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("write `{path}`: {error}");
    let new = Utf8Path::new(path.parent().map_or(".", Utf8Path::as_str))
        .join(format!(".{}.new", path.file_name().unwrap_or_default()));
    let mut file = File::create(&new).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    sync_directory(path)
}

/// Takes a file away, for good.
pub(crate) fn remove(path: &Utf8Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Ok(()) => sync_directory(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("remove `{path}`: {error}")),
    }
}

/// Gives a file of a directory another name in it; one that is gone has it already.
pub(crate) fn rename(from: &Utf8Path, to: &Utf8Path) -> Result<(), String> {
    match fs::rename(from, to) {
        Ok(()) => sync_directory(to),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("rename `{from}`: {error}")),
    }
}

/// Makes names durable.
pub(crate) fn sync_directory(path: &Utf8Path) -> Result<(), String> {
    let directory = path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| format!("sync `{directory}`: {error}"))
}
