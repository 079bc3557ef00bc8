//! Locks the newest packages that apt knows, for when those that are locked are gone or have holes.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::lock::{Lock, LockError, Package};

/// Why the packages cannot be locked anew.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The file as it is.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// apt does not know a package.
    #[error("apt knows no package `{package}`: {why}")]
    Unknown {
        /// The package.
        package: String,
        /// What it said.
        why: String,
    },
    /// A file.
    #[error("{act} `{path}`: {source}")]
    File {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
}

/// What apt says of the candidate of a package.
fn asked(package: &str) -> Result<String, RefreshError> {
    let unknown = |why: String| RefreshError::Unknown { package: package.to_owned(), why };
    let output = Command::new("apt-cache")
        .args(["show", "--no-all-versions", package])
        .output()
        .map_err(|error| unknown(error.to_string()))?;
    if !output.status.success() {
        return Err(unknown(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn field<'a>(record: &'a str, name: &str) -> Option<&'a str> {
    record.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The package that always depends on the newest kernel of the same kind: its name without the number of the build.
fn newest_of(name: &str) -> Option<String> {
    let kind = ["linux-image-", "linux-headers-"].into_iter().find(|kind| name.starts_with(kind))?;
    let mut words = name.strip_prefix(kind)?.split('-');
    let numbered = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    (numbered(words.next()?) && numbered(words.next()?)).then_some(())?;
    let flavour: Vec<&str> = words.collect();
    (!flavour.is_empty()).then(|| format!("{kind}{}", flavour.join("-")))
}

fn candidate(
    package: &Package,
    ask: &dyn Fn(&str) -> Result<String, RefreshError>,
) -> Result<Package, RefreshError> {
    let unknown = |name: &str, what: &str| RefreshError::Unknown {
        package: name.to_owned(),
        why: format!("what it says has no {what}"),
    };
    let name = match newest_of(&package.name) {
        None => package.name.clone(),
        Some(newest) => {
            let record = ask(&newest)?;
            let needs = field(&record, "Depends").ok_or_else(|| unknown(&newest, "kernel"))?;
            let mut words = needs.split([' ', ',']);
            let found = words.find(|word| newest_of(word).as_deref() == Some(&newest));
            found.ok_or_else(|| unknown(&newest, "kernel"))?.to_owned()
        }
    };
    let record = ask(&name)?;
    let take = |what: &str| field(&record, what).map(str::to_owned).ok_or_else(|| unknown(&name, what));
    Ok(Package {
        version: take("Version")?,
        sha256: take("SHA256")?,
        profiles: package.profiles.clone(),
        name,
    })
}

/// Locks what apt has now in the directory with `packages.lock` and the recipes, and says what is another one than before.
///
/// # Errors
///
/// apt does not know one of them, or a file cannot be written; then nothing is changed.
pub fn refresh(source: &Utf8Path) -> Result<Vec<String>, RefreshError> {
    refresh_with(source, &asked)
}

fn refresh_with(
    source: &Utf8Path,
    ask: &dyn Fn(&str) -> Result<String, RefreshError>,
) -> Result<Vec<String>, RefreshError> {
    let file = |act| move |path: &Utf8Path, source| RefreshError::File { act, path: path.to_owned(), source };
    let path = source.join("packages.lock");
    let lock = Lock::read(&path)?;
    let mut text = fs::read_to_string(&path).map_err(|source| file("read")(&path, source))?;
    let mut recipes = Vec::new();
    for entry in source.read_dir_utf8().map_err(|error| file("read")(source, error))?.filter_map(Result::ok) {
        if entry.path().extension() == Some("toml") && entry.file_name() != "Cargo.toml" {
            let recipe =
                fs::read_to_string(entry.path()).map_err(|source| file("read")(entry.path(), source))?;
            recipes.push((entry.path().to_owned(), recipe));
        }
    }
    let mut changes = Vec::new();
    for old in &lock.packages {
        let new = candidate(old, ask)?;
        if new == *old {
            continue;
        }
        let row = |one: &Package| {
            format!("name = \"{}\"\nversion = \"{}\"\nsha256 = \"{}\"\n", one.name, one.version, one.sha256)
        };
        text = text.replace(&row(old), &row(&new));
        let quoted = |one: &Package| format!("\"{}\"", one.name);
        recipes.iter_mut().for_each(|(_, recipe)| *recipe = recipe.replace(&quoted(old), &quoted(&new)));
        changes.push(format!("{} {} -> {} {}", old.name, old.version, new.name, new.version));
    }
    for (path, text) in recipes.iter().chain([&(path, text)]) {
        fs::write(path, text).map_err(|source| file("write")(path, source))?;
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_kernel_takes_the_place_of_the_old_one_everywhere() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let row = |name: &str, version: &str, fill: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsha256 = \"{}\"\n",
                fill.repeat(64)
            )
        };
        let before = row("libc6", "1", "a") + &row("linux-image-6.1.0-9-cloud-amd64", "6.1.1-1", "b");
        fs::write(dir.join("packages.lock"), format!("# Kept.\nepoch = 1\n{before}profiles = [\"small\"]\n"))
            .unwrap();
        fs::write(dir.join("small.toml"), "kernel = \"linux-image-6.1.0-9-cloud-amd64\"\n").unwrap();
        let ask = |name: &str| {
            Ok(match name {
                "libc6" => format!("Package: libc6\nVersion: 1\nSHA256: {}\n", "a".repeat(64)),
                "linux-image-cloud-amd64" => {
                    "Version: 6.1.2-1\nDepends: linux-image-6.1.0-10-cloud-amd64 (= 6.1.2-1)\n".to_owned()
                }
                "linux-image-6.1.0-10-cloud-amd64" => {
                    format!("Version: 6.1.2-1\nSHA256: {}\n", "c".repeat(64))
                }
                other => return Err(RefreshError::Unknown { package: other.to_owned(), why: String::new() }),
            })
        };
        let changes = refresh_with(dir, &ask).unwrap();
        assert_eq!(
            changes,
            ["linux-image-6.1.0-9-cloud-amd64 6.1.1-1 -> linux-image-6.1.0-10-cloud-amd64 6.1.2-1"]
        );
        let after = row("libc6", "1", "a") + &row("linux-image-6.1.0-10-cloud-amd64", "6.1.2-1", "c");
        let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
        assert_eq!(read("packages.lock"), format!("# Kept.\nepoch = 1\n{after}profiles = [\"small\"]\n"));
        assert_eq!(read("small.toml"), "kernel = \"linux-image-6.1.0-10-cloud-amd64\"\n");
        assert!(refresh_with(dir, &ask).unwrap().is_empty());
        assert!(refresh_with(dir, &|name| ask(if name == "libc6" { "gone" } else { name })).is_err());
        assert_eq!((newest_of("libc6"), newest_of("linux-image-amd64")), (None, None));
    }
}
