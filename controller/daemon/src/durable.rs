//! Files that are there whole or not at all, whenever the power goes.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use camino::Utf8Path;

/// Puts a file of this mode in its place; when this returns no cut can lose it. Its directory has to be there.
pub(crate) fn write(path: &Utf8Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let directory = path.parent().filter(|parent| !parent.as_str().is_empty());
    File::open(directory.unwrap_or(Utf8Path::new(".")))?.sync_all()
}
