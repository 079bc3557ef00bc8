//! LUKS2 volumes, by Debian's cryptsetup. Keys reach it over its standard input and memory files: never as an argument, in an
//! environment or on a disk.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{MemfdFlags, memfd_create};

const PROGRAM: &str = "/usr/sbin/cryptsetup";
/// How it ends where the key is wrong.
const NO_PERMISSION: i32 = 2;
/// Every key is drawn with 256 bits, so nothing is gained by making a guess slow, and a machine with 512 MiB has no memory for it:
/// the fewest rounds that the tool takes.
const DERIVATION: [&str; 6] = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--hash", "sha512"];

/// A place for a key in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The recovery key.
    Recovery,
    /// A key sealed to a TPM. There are two, so that a new one is whole before the old one goes.
    Tpm(bool),
    /// A key that lies on another volume.
    Kept,
}

impl Slot {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Recovery => 0,
            Self::Tpm(false) => 1,
            Self::Tpm(true) => 2,
            Self::Kept => 3,
        }
    }
}

/// Why a volume cannot be made, opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum LuksError {
    /// The tool is not there.
    #[error("run `{PROGRAM}`: {0}")]
    Program(std::io::Error),
    /// The key does not open it.
    #[error("the key does not open {0}")]
    Key(Utf8PathBuf),
    /// The tool fails.
    #[error("{act} {volume}: {why}")]
    Failed {
        /// What was tried.
        act: &'static str,
        /// The volume.
        volume: Utf8PathBuf,
        /// What it said at last.
        why: String,
    },
}

/// cryptsetup, as it is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cryptsetup {
    program: Utf8PathBuf,
}

impl Default for Cryptsetup {
    fn default() -> Self {
        Self { program: PROGRAM.into() }
    }
}

impl Cryptsetup {
    fn run(
        &self,
        act: &'static str,
        volume: &Utf8Path,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<Vec<u8>, LuksError> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(LuksError::Program)?;
        if let Some(mut pipe) = child.stdin.take() {
            // It may have ended already, and then says why.
            drop(pipe.write_all(input));
        }
        let output = child.wait_with_output().map_err(LuksError::Program)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        if output.status.code() == Some(NO_PERMISSION) {
            return Err(LuksError::Key(volume.to_owned()));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let why = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it failed without a word");
        Err(LuksError::Failed { act, volume: volume.to_owned(), why: why.trim().to_owned() })
    }

    /// Makes a volume of a partition, or of a file that stands for one, with this key in [`Slot::Recovery`].
    ///
    /// # Errors
    ///
    /// The tool is missing or fails.
    pub fn format(&self, volume: &Utf8Path, label: &str, uuid: &str, key: &[u8]) -> Result<(), LuksError> {
        let more = ["--cipher", "aes-xts-plain64", "--key-size", "512", "--sector-size", "4096"];
        // Room for seven keys, and no more to write and compare.
        let room = ["--luks2-keyslots-size", "2016k", "--use-urandom", "--batch-mode", "--key-slot", "0"];
        let first = ["luksFormat", "--type", "luks2", "--label", label, "--uuid", uuid, "--key-file", "-"];
        let arguments = [&first[..], &more, &room, &DERIVATION, &[volume.as_str()]].concat();
        self.run("make", volume, &arguments, key).map(drop)
    }

    /// Adds a key; `by` is one that opens the volume.
    ///
    /// # Errors
    ///
    /// `by` does not open it, the slot is taken, or the tool fails.
    pub fn add_key(&self, volume: &Utf8Path, by: &[u8], slot: Slot, key: &[u8]) -> Result<(), LuksError> {
        let file = memory(key).map_err(|why| LuksError::Failed {
            act: "hand a key over for",
            volume: volume.to_owned(),
            why: why.to_string(),
        })?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let number = slot.number().to_string();
        let first = ["luksAddKey", "--batch-mode", "--key-file", "-", "--key-slot", &number];
        let arguments = [&first[..], &DERIVATION, &[volume.as_str(), &path]].concat();
        self.run("add a key to", volume, &arguments, by).map(drop)
    }

    /// Removes the key in a slot; nothing where there is none.
    ///
    /// # Errors
    ///
    /// The tool fails.
    pub fn remove_key(&self, volume: &Utf8Path, slot: Slot) -> Result<(), LuksError> {
        let number = slot.number().to_string();
        let arguments = ["luksKillSlot", "--batch-mode", volume.as_str(), &number];
        match self.run("remove a key from", volume, &arguments, &[]) {
            Err(LuksError::Failed { why, .. }) if why.contains("is not active") => Ok(()),
            other => other.map(drop),
        }
    }

    /// Opens a volume as `/dev/mapper/NAME`.
    ///
    /// # Errors
    ///
    /// The key does not open it, or the tool fails.
    pub fn open(&self, volume: &Utf8Path, name: &str, key: &[u8]) -> Result<Utf8PathBuf, LuksError> {
        let arguments =
            ["open", "--type", "luks2", "--key-file", "-", "--allow-discards", volume.as_str(), name];
        self.run("open", volume, &arguments, key)?;
        Ok(Utf8Path::new("/dev/mapper").join(name))
    }

    /// Closes what was opened as `/dev/mapper/NAME`.
    ///
    /// # Errors
    ///
    /// It is used, or the tool fails.
    pub fn close(&self, name: &str) -> Result<(), LuksError> {
        self.run("close", Utf8Path::new(name), &["close", name], &[]).map(drop)
    }

    /// Puts a token beside the key of a slot: it has the number of the slot.
    ///
    /// # Errors
    ///
    /// There is one already, or the tool fails.
    pub fn put_token(&self, volume: &Utf8Path, slot: Slot, token: &str) -> Result<(), LuksError> {
        let number = slot.number().to_string();
        let arguments = ["token", "import", "--token-id", &number, "--json-file", "-", volume.as_str()];
        self.run("put a token into", volume, &arguments, token.as_bytes()).map(drop)
    }

    /// The token of a slot, where it has one.
    #[must_use]
    pub fn token(&self, volume: &Utf8Path, slot: Slot) -> Option<String> {
        let number = slot.number().to_string();
        let arguments = ["token", "export", "--token-id", &number, volume.as_str()];
        String::from_utf8(self.run("read a token of", volume, &arguments, &[]).ok()?).ok()
    }

    /// Removes the token of a slot; nothing where there is none.
    ///
    /// # Errors
    ///
    /// The tool fails.
    pub fn remove_token(&self, volume: &Utf8Path, slot: Slot) -> Result<(), LuksError> {
        if self.token(volume, slot).is_none() {
            return Ok(());
        }
        let number = slot.number().to_string();
        let arguments = ["token", "remove", "--token-id", &number, volume.as_str()];
        self.run("remove a token from", volume, &arguments, &[]).map(drop)
    }
}

/// A file in memory that the program which is started next inherits.
fn memory(content: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(memfd_create("key", MemfdFlags::empty())?);
    file.write_all(content)?;
    Ok(file)
}
