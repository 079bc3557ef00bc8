//! A release as one file: proved from a root to the last byte of its payload.

use std::fs::{self, File};
use std::time::{SystemTime, UNIX_EPOCH};

use camino::Utf8Path;
use holdfast_release::{Bundle, MANIFEST, Trusted, parse_expiry};
use holdfast_types::{AsProblem as _, Problem, ProblemKind, Time};
use serde::Serialize;

/// The most bytes of a manifest.
const MOST_MANIFEST: u64 = 1 << 20;

/// What a release is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ReleaseReport {
    version: String,
    /// The build of the kernel that extensions are for.
    kernel: String,
    /// Its number among the releases of the site.
    number: u64,
    /// SHA-256 of the root that it was proved from.
    root: String,
    /// The version of the newest root in it.
    root_version: u64,
    /// When it is no longer taken.
    expires: String,
    /// Whether the root was given and not taken from the release itself.
    root_given: bool,
    files: Vec<FileReport>,
}

/// A file of the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct FileReport {
    name: String,
    bytes: u64,
    sha256: String,
}

impl ReleaseReport {
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![
            format!("release  {}, kernel {}", self.version, self.kernel),
            format!("number   {}", self.number),
            format!("root     version {}, {}", self.root_version, self.root),
            format!("expires  {}", self.expires),
        ];
        for file in &self.files {
            lines.push(format!("  {:<28} {:>12}  {}", file.name, file.bytes, file.sha256));
        }
        lines.push(if self.root_given {
            "whole: every byte is what the keys of the root you gave have signed".to_owned()
        } else {
            "whole in itself; compare the root with the one you trust, or give it with --root".to_owned()
        });
        lines.join("\n")
    }
}

fn cannot(file: &Utf8Path, because: String) -> Problem {
    Problem::new(4301, ProblemKind::Failed, format!("`{file}` cannot be verified")).because(because)
}

fn present(at: Option<&str>) -> Option<Time> {
    match at {
        Some(text) => parse_expiry(text),
        None => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
            Some(Time(u64::try_from(since.as_millis()).ok()?))
        }
    }
}

/// Proves a release.
pub(crate) fn verify_release(
    file: &Utf8Path,
    root: Option<&Utf8Path>,
    at: Option<&str>,
) -> Result<ReleaseReport, Problem> {
    let at = present(at).ok_or_else(|| cannot(file, "--at: is not like 2027-06-30T00:00:00Z".to_owned()))?;
    let source = File::open(file).map_err(|error| cannot(file, error.to_string()))?;
    let mut bundle = Bundle::open(source).map_err(|error| error.problem())?;
    let given =
        root.map(|path| fs::read(path).map_err(|error| cannot(path, error.to_string()))).transpose()?;
    let own = || bundle.metadata().roots.values().next().cloned();
    let bytes =
        given.or_else(own).ok_or_else(|| cannot(file, "it holds no root, and none was given".to_owned()))?;
    let trusted = Trusted::first(&bytes).map_err(|error| error.problem())?;
    let verified = bundle.verify(&trusted, at).map_err(|error| error.problem())?;
    let mut files = Vec::new();
    for (name, target) in &verified.targets {
        bundle.copy(&verified, name, &mut |_| Ok(())).map_err(|error| error.problem())?;
        let sha256 = target.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        files.push(FileReport { name: name.clone(), bytes: target.length, sha256 });
    }
    let manifest = bundle.small(&verified, MANIFEST, MOST_MANIFEST).map_err(|error| error.problem())?;
    let manifest = verified.manifest(&manifest).map_err(|error| error.problem())?;
    Ok(ReleaseReport {
        version: manifest.version,
        kernel: manifest.kernel,
        number: verified.trusted.floor.targets,
        root: verified.trusted.fingerprint(),
        root_version: verified.root_version,
        expires: verified.expires.to_string(),
        root_given: root.is_some(),
        files,
    })
}
