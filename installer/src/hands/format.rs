//! File systems, made in a file with holes by the tool that knows how, and then carried to the disk like everything else: what
//! the tool wrote is read back and compared as well, and the tool needs no partition, which there is none of yet.

use std::fs::File;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::hands::error::InstallError;

/// A file system to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ext4<'a> {
    /// Where: a file that has its size already.
    pub file: &'a Utf8Path,
    /// Its label.
    pub label: &'a str,
    /// Its number.
    pub uuid: &'a str,
    /// The directory that is copied into it.
    pub content: Option<&'a Utf8Path>,
}

/// mke2fs, as it is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formatter {
    /// The program.
    pub program: Utf8PathBuf,
}

impl Default for Formatter {
    fn default() -> Self {
        let places = ["/usr/sbin/mke2fs", "/sbin/mke2fs", "/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"];
        let found = places.into_iter().find(|path| Utf8Path::new(path).exists());
        Self { program: found.unwrap_or("mke2fs").into() }
    }
}

impl Formatter {
    /// Makes a file system.
    ///
    /// # Errors
    ///
    /// The tool is missing or fails.
    pub fn ext4(&self, new: &Ext4<'_>) -> Result<(), InstallError> {
        // The kernel makes tables and journal when they are needed.
        let more = format!("lazy_itable_init=1,lazy_journal_init=1,nodiscard,hash_seed={}", new.uuid);
        let mut command = Command::new(&self.program);
        command.args(["-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0"]);
        command.args(["-L", new.label, "-U", new.uuid, "-E", &more]);
        if let Some(content) = new.content {
            command.args(["-d", content.as_str()]);
        }
        let failed = |why: String| InstallError::Format { label: new.label.to_owned(), why };
        let output = command.arg(new.file).env_clear().output();
        let output = output.map_err(|error| failed(format!("run `{}`: {error}", self.program)))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(failed(said.lines().last().unwrap_or("it failed without a word").to_owned()))
    }
}

/// A file of so many bytes, all of them holes.
pub(crate) fn hollow(path: &Utf8Path, bytes: u64) -> Result<(), InstallError> {
    let made = File::create(path).and_then(|file| file.set_len(bytes));
    made.map_err(|source| InstallError::File { act: "make", path: path.to_owned(), source })
}
