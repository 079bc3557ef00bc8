//! The medium that installs: a disc and a USB stick in one file, by xorriso. The firmware finds its partition with the loader,
//! the installer finds the files of the release in the directory [`DIRECTORY`].

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{Fat, FatFile, Guid, INSTALL_KERNEL};

use crate::calendar::Date;

/// Where the files of the release lie on the medium.
const DIRECTORY: &str = "holdfast";
const MIB: u64 = 1 << 20;
/// FAT32 takes no less.
const LEAST_ESP: u64 = 36 * MIB;
/// What the tables of FAT and the directories take beside the files.
const ESP_REST: u64 = 3 * MIB;
/// The longest name that a disc can have.
const LONGEST_NAME: usize = 32;

/// Why there is no medium.
#[derive(Debug, thiserror::Error)]
pub enum MediumError {
    /// The partition of the loader.
    #[error(transparent)]
    Fat(#[from] holdfast_release::FatError),
    /// A file on the machine that builds.
    #[error("{act} `{path}`: {source}")]
    File {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The version is too long.
    #[error("a disc cannot be called `{0}`: {LONGEST_NAME} characters are the most")]
    Name(String),
    /// The tool.
    #[error("xorriso {0}")]
    Tool(String),
}

/// What goes onto the medium.
#[derive(Debug)]
pub struct Medium<'a> {
    /// The version of the release.
    pub version: &'a str,
    /// The second that dates everything.
    pub epoch: u64,
    /// What makes its numbers its own.
    pub id: &'a str,
    /// The signed loader.
    pub loader: &'a [u8],
    /// The signed kernel that installs.
    pub kernel: &'a [u8],
    /// The files of the release, by name.
    pub payload: &'a [(&'a str, &'a [u8])],
}

/// The name of the medium of a version, by which it is found.
#[must_use]
pub fn volume_id(version: &str) -> String {
    format!("HOLDFAST-{version}")
}

impl Medium<'_> {
    /// Writes the medium into `to`, below a directory for what comes in between.
    ///
    /// # Errors
    ///
    /// The tool refuses, or a file cannot be written.
    pub fn write(&self, scratch: &Utf8Path, to: &Utf8Path) -> Result<(), MediumError> {
        let name = volume_id(self.version);
        if name.len() > LONGEST_NAME {
            return Err(MediumError::Name(name));
        }
        let file =
            |act| move |path: &Utf8Path, source| MediumError::File { act, path: path.to_owned(), source };
        let (tree, esp) = (scratch.join("medium"), scratch.join("medium-esp"));
        let below = tree.join(DIRECTORY);
        fs::create_dir_all(&below).map_err(|source| file("create")(&below, source))?;
        for (name, content) in self.payload {
            let path = below.join(name);
            fs::write(&path, content).map_err(|source| file("write")(&path, source))?;
        }
        self.write_esp(&esp)?;
        let output = self
            .command(&name, &esp, &tree, to)
            .output()
            .map_err(|error| MediumError::Tool(format!("cannot be started: {error} (Debian's xorriso)")))?;
        if !output.status.success() {
            return Err(MediumError::Tool(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Ok(())
    }

    fn command(&self, name: &str, esp: &Utf8Path, tree: &Utf8Path, to: &Utf8Path) -> Command {
        let number = Guid::named(self.id, "medium").to_string().to_lowercase();
        let mut command = Command::new("xorriso");
        command.env("SOURCE_DATE_EPOCH", self.epoch.to_string());
        command.args(["-as", "mkisofs", "-quiet", "-r", "-V", name]);
        // A table for those who read it as a disk, with the content of the disc as its first partition.
        command.args(["-partition_offset", "16", "-append_partition", "2"]);
        command.args([holdfast_release::Role::Esp.kind().to_string().as_str(), esp.as_str()]);
        command.args(["-appended_part_as_gpt", "-e", "--interval:appended_partition_2:all::"]);
        command.args(["-no-emul-boot", "--gpt_disk_guid", &number]);
        command.args(["--set_all_file_dates", &Date::of(self.epoch).digits()]);
        command.args(["-o", to.as_str(), tree.as_str()]);
        command
    }

    fn write_esp(&self, path: &Utf8Path) -> Result<(), MediumError> {
        let kernel = format!("EFI/Linux/{INSTALL_KERNEL}");
        let mut files = vec![
            FatFile { path: "EFI/BOOT/BOOTX64.EFI", content: self.loader },
            FatFile { path: &kernel, content: self.kernel },
        ];
        // Keys are enrolled by the installer, which asks, and not by the loader: with firmware that takes none it would start again
        // for ever.
        let settings = loader_settings(false);
        files.push(FatFile { path: "loader/loader.conf", content: settings.as_bytes() });
        let used: usize = files.iter().map(|file| file.content.len()).sum();
        let used = u64::try_from(used).unwrap_or(u64::MAX).saturating_add(ESP_REST);
        let bytes = used.next_multiple_of(MIB).max(LEAST_ESP);
        let serial = u32::from_le_bytes(first_four(Guid::named(self.id, "medium").bytes()));
        let fat = Fat { bytes, sector: 512, serial, label: "ESP".to_owned() };
        let parts = fat.encode(&files)?;
        let write = || -> io::Result<()> {
            let file = File::create(path)?;
            file.set_len(bytes)?;
            parts.iter().try_for_each(|(at, part)| file.write_all_at(part, *at))
        };
        write().map_err(|source| MediumError::File { act: "write", path: path.to_owned(), source })
    }
}

const fn first_four([a, b, c, d, ..]: [u8; 16]) -> [u8; 4] {
    [a, b, c, d]
}

/// What the loader reads: no menu, no editor, and whether it enrols keys.
pub(crate) fn loader_settings(enrols: bool) -> String {
    let enrol = if enrols { "secure-boot-enroll force\n" } else { "" };
    format!("timeout 0\neditor no\n{enrol}")
}
