//! The volume that a blank machine is configured from: a file system that every firmware and kernel reads.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::machine::{self, Cluster};
use holdfast_release::{Fat, FatFile};
use holdfast_types::{Problem, ProblemKind};

use crate::failure::Failure;
use crate::output::Printer;

/// The label by which installer and machine find it.
const LABEL: &str = "HOLDFASTCFG";
/// The least that FAT32 takes, rounded up; most of it are holes.
const BYTES: u64 = 48 << 20;
const SECTOR: u32 = 512;
/// The longest file on it.
const MAX_FILE: u64 = 8 << 20;

/// A volume to be.
#[derive(Debug, clap::Args)]
pub(crate) struct Volume {
    /// The configuration of the machine
    machine: Utf8PathBuf,
    /// What lets it in: of `site init`, of `controller add --out`, or the token of `node token`
    #[arg(long, value_name = "FILE")]
    admission: Option<Utf8PathBuf>,
    /// Where the image goes; it must not be there
    #[arg(long, value_name = "FILE")]
    out: Utf8PathBuf,
}

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(7122, ProblemKind::Failed, "the volume cannot be written").because(because)
}

/// Writes it.
pub(super) fn run(printer: Printer, volume: &Volume) -> Result<(), Failure> {
    let machine = read(&volume.machine).map_err(failed)?;
    let text = std::str::from_utf8(&machine)
        .map_err(|error| failed(format!("`{}` is no text: {error}", volume.machine)))?;
    let parsed = machine::parse(text)
        .map_err(|error| failed(format!("`{}`, {error}", volume.machine)).next("holdfast explain E7122"))?;
    let admission =
        admission(&volume.machine, volume.admission.as_deref(), &parsed.spec.cluster).map_err(failed)?;
    let mut files = vec![FatFile { path: "machine.toml", content: text.as_bytes() }];
    if let Some((name, content)) = &admission {
        files.push(FatFile { path: name, content });
    }
    let serial = crc(&files);
    let fat = Fat { bytes: BYTES, sector: SECTOR, serial, label: LABEL.to_owned() };
    let parts = fat.encode(&files).map_err(|error| failed(error.to_string()))?;
    let out = &volume.out;
    let write = || {
        let file = File::options().write(true).create_new(true).mode(0o600).open(out)?;
        file.set_len(BYTES)?;
        for (at, bytes) in &parts {
            file.write_all_at(bytes, *at)?;
        }
        file.sync_all()
    };
    write().map_err(|error| failed(format!("write `{out}`: {error}")))?;
    if admission.is_some() {
        printer.note(format!("`{out}` holds a key: destroy it and the medium when the machine has joined."));
    }
    printer.line(out)
}

/// What lets the machine in, under the name that its configuration has for it.
pub(super) fn admission(
    machine: &Utf8Path,
    file: Option<&Utf8Path>,
    cluster: &Cluster,
) -> Result<Option<(String, Vec<u8>)>, String> {
    match (&cluster.admission_file, file) {
        (None, None) => Ok(None),
        (Some(name), Some(path)) => Ok(Some((name.clone(), read(path)?))),
        (Some(name), None) => {
            Err(format!("`{machine}` speaks of a file `{name}`: name it with --admission FILE"))
        }
        (None, Some(path)) => Err(format!("`{path}` would not be read: `{machine}` has no `admissionFile`")),
    }
}

/// The number of the volume, by what is on it.
fn crc(files: &[FatFile<'_>]) -> u32 {
    let digest = files.iter().fold(blake3::Hasher::new(), |mut hasher, file| {
        hasher.update(file.content);
        hasher
    });
    let hash = digest.finalize();
    hash.as_bytes().first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// A file, with a limit.
pub(super) fn read(path: &Utf8Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| format!("open `{path}`: {error}"))?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| format!("read `{path}`: {error}"))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(format!("`{path}` is longer than {MAX_FILE} bytes"));
    }
    Ok(bytes)
}
