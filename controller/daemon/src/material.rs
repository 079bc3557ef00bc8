//! The files that every controller of a cluster has the same of: the CA, the key of the audit log, the law it was founded on.
//! They travel to a new controller and into a backup, and are written here with the rights they need.

use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::DirBuilderExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::internal::ControllerFile;
use holdfast_identity::IssuerId;
use holdfast_types::{Problem, ProblemKind};

use crate::durable;

/// The longest of these files; the longest is the law.
const MAX_FILE: u64 = 1 << 20;
/// The most of them: two for each jurisdiction there is, and a few.
pub(crate) const MAX_FILES: usize = 1_024;
/// All of them together.
pub(crate) const MAX_BYTES: usize = 8 << 20;

const ISSUING: &str = "pki/issuing/";
const AUDIT_KEY: &str = "pki/audit.key";
const ROOT: &str = "pki/root.crt";

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(1274, ProblemKind::Failed, "the files of a controller cannot be used").because(because)
}

/// Whether this is one of the files, so that nothing foreign can be written anywhere else.
fn is_known(path: &str) -> bool {
    if let Some(name) = path.strip_prefix(ISSUING) {
        let stem = name.strip_suffix(".crt").or_else(|| name.strip_suffix(".key"));
        return stem.is_some_and(|stem| stem.parse::<IssuerId>().is_ok());
    }
    matches!(path, ROOT | "pki/root.key" | AUDIT_KEY | "law/law.toml" | "law/tenant.cedar")
}

/// Everything but certificates and the law is a secret.
fn mode(path: &str) -> u32 {
    if path.ends_with(".crt") || path.starts_with("law/") { 0o644 } else { 0o600 }
}

/// The files as a controller has them.
pub(crate) fn read(directory: &Utf8Path, law: &Utf8Path) -> Result<Vec<ControllerFile>, Problem> {
    let mut places: Vec<(String, Utf8PathBuf)> = [ROOT, "pki/root.key", AUDIT_KEY]
        .map(|path| (path.to_owned(), directory.join(path)))
        .into_iter()
        .chain(["law.toml", "tenant.cedar"].map(|name| (format!("law/{name}"), law.join(name))))
        .collect();
    let issuing = directory.join(ISSUING);
    let list = |error: std::io::Error| failed(format!("list `{issuing}`: {error}"));
    for entry in issuing.read_dir_utf8().map_err(list)? {
        let path = entry.map_err(list)?.into_path();
        places.push((format!("{ISSUING}{}", path.file_name().unwrap_or_default()), path));
    }
    places.sort();
    let mut files = Vec::new();
    for (name, path) in places.into_iter().filter(|(name, _)| is_known(name)) {
        match read_one(&path) {
            Ok(content) => files.push(ControllerFile { path: name, content }),
            // The key of the root may be kept elsewhere, and the law is read once, at the founding.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(format!("read `{path}`: {error}"))),
        }
    }
    Ok(files)
}

fn read_one(path: &Utf8Path) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut content)?;
    if u64::try_from(content.len()).is_ok_and(|length| length <= MAX_FILE) {
        Ok(content)
    } else {
        Err(std::io::Error::other(format!("it has more than {MAX_FILE} bytes")))
    }
}

/// Writes the files below a directory. The certificate of the root comes last: with it they are complete.
pub(crate) fn write(directory: &Utf8Path, files: &[ControllerFile]) -> Result<(), Problem> {
    let total: usize = files.iter().map(|file| file.content.len()).sum();
    if files.len() > MAX_FILES || total > MAX_BYTES {
        return Err(failed(format!("there are {} of them with {total} bytes", files.len())));
    }
    for needed in [ROOT, AUDIT_KEY, "pki/issuing/cluster.crt", "pki/issuing/cluster.key"] {
        if !files.iter().any(|file| file.path == needed) {
            return Err(failed(format!("`{needed}` is missing")));
        }
    }
    if let Some(foreign) = files.iter().find(|file| !is_known(&file.path)) {
        return Err(failed(format!("`{}` is not one of them", foreign.path.escape_debug())));
    }
    let (root, others): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.path == ROOT);
    for file in others.into_iter().chain(root) {
        let path = directory.join(&file.path);
        write_one(&path, &file.content, mode(&file.path))
            .map_err(|error| failed(format!("write `{path}`: {error}")))?;
    }
    Ok(())
}

fn write_one(path: &Utf8Path, content: &[u8], mode: u32) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    durable::write(path, content, mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_is_written() {
        for good in ["pki/root.crt", "pki/issuing/cluster.key", "pki/issuing/DE.crt", "law/law.toml"] {
            assert!(is_known(good), "{good}");
        }
        for bad in [
            "pki/issuing/../../x.crt",
            "pki/issuing/cluster",
            "pki/issuing/.crt",
            "/etc/passwd",
            "controller.toml",
            "raft/identity",
            "",
        ] {
            assert!(!is_known(bad), "{bad}");
        }
        assert_eq!((mode("pki/issuing/DE.key"), mode("pki/issuing/DE.crt")), (0o600, 0o644));
        let directory = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(directory.path()).unwrap();
        let file = |path: &str| ControllerFile { path: path.to_owned(), content: b"x".to_vec() };
        let mut files: Vec<ControllerFile> =
            [ROOT, AUDIT_KEY, "pki/issuing/cluster.crt", "pki/issuing/cluster.key"].map(file).into();
        write(directory, &files).unwrap();
        assert_eq!(read(directory, &directory.join("law")).unwrap().len(), 4);
        files.push(file("../x"));
        assert!(write(directory, &files).unwrap_err().to_string().contains("is not one of them"));
        files.truncate(3);
        assert!(write(directory, &files).unwrap_err().to_string().contains("is missing"));
    }
}
