//! The parts of a bundle as one sealed file, and back: a tar archive, compressed, in the stream that backups are sealed in.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;

use camino::{Utf8Component, Utf8Path};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use holdfast_controller::sealed_problem;
use holdfast_identity::{BackupKey, Recipient, SealedReader, SealedWriter};
use holdfast_types::{Problem, ProblemKind};

use crate::private;

/// The most that is unpacked.
const MAX_BYTES: u64 = 1 << 30;
/// The most files that are unpacked.
const MAX_FILES: usize = 10_000;

fn failed(path: &Utf8Path, because: impl Into<String>) -> Problem {
    Problem::new(7141, ProblemKind::Failed, format!("the support bundle `{path}` cannot be used"))
        .because(because)
}

/// Writes the parts to `path` for the recipients alone; nothing is overwritten, and nothing is left where it fails.
pub(super) fn write(
    path: &Utf8Path,
    recipients: &[Recipient],
    parts: &[(String, String)],
) -> Result<u64, Problem> {
    let fault = |error: std::io::Error| failed(path, error.to_string());
    let file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(fault)?;
    let written = SealedWriter::new(BufWriter::new(&file), recipients)
        .map_err(|error| sealed_problem(&error))
        .and_then(|sealed| {
            let sealed = pack(sealed, parts).map_err(fault)?;
            sealed.finish().map_err(|error| sealed_problem(&error))
        });
    let synced = written.and_then(|_| {
        file.sync_all().map_err(fault)?;
        Ok(file.metadata().map_err(fault)?.len())
    });
    synced.inspect_err(|_| {
        // What is there of it is worth nothing; the error that matters is the first one.
        let _ = std::fs::remove_file(path);
    })
}

fn pack<W: Write>(out: W, parts: &[(String, String)]) -> std::io::Result<W> {
    let mut archive = tar::Builder::new(GzEncoder::new(out, Compression::default()));
    for (name, text) in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(text.len()).unwrap_or(0));
        header.set_mode(0o600);
        archive.append_data(&mut header, name, text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}

/// Unpacks the bundle at `path` into `directory`, which is made; gives the names of the parts.
pub(super) fn unpack(path: &Utf8Path, key: &BackupKey, directory: &Utf8Path) -> Result<Vec<String>, Problem> {
    let fault = |error: std::io::Error| failed(path, error.to_string());
    let file = File::open(path).map_err(fault)?;
    let opened = SealedReader::new(BufReader::new(file), key).map_err(|error| sealed_problem(&error))?;
    std::fs::create_dir(directory)
        .map_err(|error| failed(path, format!("create the directory `{directory}`: {error}")))?;
    let mut archive = tar::Archive::new(GzDecoder::new(opened).take(MAX_BYTES));
    let mut names = Vec::new();
    for entry in archive.entries().map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let plain = |part| matches!(part, Utf8Component::Normal(_));
        if !entry.header().entry_type().is_file() || !Utf8Path::new(&name).components().all(plain) {
            return Err(failed(path, format!("`{name}` in it is no file below a directory")));
        }
        if names.len() == MAX_FILES {
            return Err(failed(path, format!("it has more than {MAX_FILES} files")));
        }
        unpack_one(entry, &directory.join(&name)).map_err(fault)?;
        names.push(name);
    }
    // The end of the archive is not the end of the stream, and only that proves that nothing was cut off.
    let mut rest = archive.into_inner().into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).map_err(fault)?;
    Ok(names)
}

fn unpack_one(mut entry: impl std::io::Read, to: &Utf8Path) -> std::io::Result<()> {
    if let Some(above) = to.parent() {
        std::fs::create_dir_all(above)?;
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    private::create(to, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_opened_by_its_key_alone_and_cannot_write_elsewhere() {
        let temp = tempfile::tempdir().unwrap();
        let place = |name: &str| Utf8Path::from_path(temp.path()).unwrap().join(name);
        let (key, other) = (BackupKey::generate().unwrap(), BackupKey::generate().unwrap());
        let parts =
            [("about.json".to_owned(), "{}".to_owned()), ("nodes/n1.json".to_owned(), "x".repeat(1 << 20))];
        let file = place("bundle");
        let bytes = write(&file, &[key.recipient().clone()], &parts).unwrap();
        assert!(bytes < 100_000, "compressed");
        assert!(write(&file, &[key.recipient().clone()], &parts).is_err(), "nothing is overwritten");
        assert!(unpack(&file, &other, &place("other")).is_err());
        let names = unpack(&file, &key, &place("out")).unwrap();
        assert_eq!(names, ["about.json", "nodes/n1.json"]);
        assert_eq!(std::fs::read_to_string(place("out/nodes/n1.json")).unwrap(), parts[1].1);

        let mut whole = std::fs::read(&file).unwrap();
        whole.truncate(whole.len() - 40);
        std::fs::write(place("cut"), whole).unwrap();
        assert!(unpack(&place("cut"), &key, &place("cut-out")).is_err());
        assert!(write(&place("nobody"), &[], &parts).is_err());
        assert!(!place("nobody").exists());

        let evil = place("evil");
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..8].copy_from_slice(b"../x.txt");
        header.set_size(0);
        header.set_cksum();
        let sealed = SealedWriter::new(File::create(&evil).unwrap(), &[key.recipient().clone()]).unwrap();
        let mut gz = GzEncoder::new(sealed, Compression::default());
        gz.write_all(header.as_bytes()).unwrap();
        gz.write_all(&[0; 1024]).unwrap();
        gz.finish().unwrap().finish().unwrap();
        let refused = unpack(&evil, &key, &place("evil-out")).unwrap_err();
        assert!(refused.to_string().contains("no file below a directory"), "{refused}");
    }
}
