//! The packages of an image, each by name, version and hash, and where they come from: a cache by hash, filled through the
//! ordinary apt client or by whoever carries it to a site without a network.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::Profile;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Why packages cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file.
    #[error("read the packages `{path}`: {why}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Not in the cache, and the network is off.
    #[error("package {package} (sha256 {sha256}) is not in the cache `{cache}`")]
    Missing {
        /// Name and version.
        package: String,
        /// Its hash.
        sha256: String,
        /// Where it was looked for.
        cache: Utf8PathBuf,
    },
    /// apt does not have it any more.
    #[error("package {package} (sha256 {sha256}) cannot be fetched any more: {why}")]
    Vanished {
        /// Name and version.
        package: String,
        /// Its hash.
        sha256: String,
        /// What apt said.
        why: String,
    },
    /// Another one has its name.
    #[error("package {package} has the hash {found}, {sha256} is locked")]
    Different {
        /// Name and version.
        package: String,
        /// The locked hash.
        sha256: String,
        /// The hash of what was fetched.
        found: String,
    },
    /// A file of the cache.
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

/// A package, exactly this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The hash of its file.
    pub sha256: String,
    /// The profiles it belongs to; both where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Profile>,
}

/// The file with all packages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The second at which the files of the image are dated.
    pub epoch: u64,
    /// All packages, by name.
    #[serde(rename = "package")]
    pub packages: Vec<Package>,
}

impl Package {
    fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

impl Lock {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// It is not there, not in its form, or names a package twice.
    pub fn read(path: &Utf8Path) -> Result<Self, LockError> {
        let failed = |why: String| LockError::Read { path: path.to_owned(), why };
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let lock: Self = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
        let mut seen = BTreeMap::new();
        for package in &lock.packages {
            let hex = package.sha256.len() == 64 && package.sha256.bytes().all(|b| b.is_ascii_hexdigit());
            if !hex || seen.insert(&package.name, ()).is_some() {
                return Err(failed(format!("`{}` stands twice or has no hash", package.name)));
            }
        }
        Ok(lock)
    }

    /// The packages of a profile.
    pub fn of(&self, profile: Profile) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(move |package| package.profiles.is_empty() || package.profiles.contains(&profile))
    }
}

/// Where packages lie by their hash.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: Utf8PathBuf,
    offline: bool,
}

impl Cache {
    /// The cache in `dir`; `offline` never asks apt.
    #[must_use]
    pub fn new(dir: &Utf8Path, offline: bool) -> Self {
        Self { dir: dir.to_owned(), offline }
    }

    /// The bytes of a package, with the hash that is locked.
    ///
    /// # Errors
    ///
    /// It is nowhere, or is another one.
    pub fn get(&self, package: &Package) -> Result<Vec<u8>, LockError> {
        let path = self.dir.join(format!("{}.deb", package.sha256));
        match fs::read(&path) {
            Ok(bytes) => return checked(package, bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(LockError::File { act: "read", path, source }),
        }
        if self.offline {
            return Err(LockError::Missing {
                package: package.label(),
                sha256: package.sha256.clone(),
                cache: self.dir.clone(),
            });
        }
        let bytes = checked(package, self.fetch(package)?)?;
        let partial = path.with_extension("part");
        let file =
            |act| move |path: &Utf8Path, source| LockError::File { act, path: path.to_owned(), source };
        fs::create_dir_all(&self.dir).map_err(|source| file("create")(&self.dir, source))?;
        fs::write(&partial, &bytes).map_err(|source| file("write")(&partial, source))?;
        fs::rename(&partial, &path).map_err(|source| file("rename")(&partial, source))?;
        Ok(bytes)
    }

    fn fetch(&self, package: &Package) -> Result<Vec<u8>, LockError> {
        let vanished = |why: String| LockError::Vanished {
            package: package.label(),
            sha256: package.sha256.clone(),
            why,
        };
        let dir = self.dir.join(format!("fetch-{}", package.sha256));
        let file =
            |act| move |path: &Utf8Path, source| LockError::File { act, path: path.to_owned(), source };
        fs::create_dir_all(&dir).map_err(|source| file("create")(&dir, source))?;
        let output = Command::new("apt-get")
            .args(["-qq", "download"])
            .arg(format!("{}={}", package.name, package.version))
            .current_dir(&dir)
            .output()
            .map_err(|error| vanished(format!("apt-get cannot be started: {error}")))?;
        let found = dir.read_dir_utf8().ok().and_then(|mut entries| entries.find_map(Result::ok));
        let bytes = match found {
            Some(entry) if output.status.success() => {
                fs::read(entry.path()).map_err(|source| file("read")(entry.path(), source))
            }
            _ => Err(vanished(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        };
        drop(fs::remove_dir_all(&dir));
        bytes
    }
}

fn checked(package: &Package, bytes: Vec<u8>) -> Result<Vec<u8>, LockError> {
    let found = hex::encode(Sha256::digest(&bytes));
    if found == package.sha256 {
        return Ok(bytes);
    }
    Err(LockError::Different { package: package.label(), sha256: package.sha256.clone(), found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(bytes: &[u8]) -> Package {
        let sha256 = hex::encode(Sha256::digest(bytes));
        Package {
            name: "no-such-package".to_owned(),
            version: "1-1".to_owned(),
            sha256,
            profiles: Vec::new(),
        }
    }

    #[test]
    fn without_a_network_what_is_missing_is_named_whole() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let (cache, package) = (Cache::new(dir, true), package(b"deb"));
        let error = cache.get(&package).unwrap_err().to_string();
        assert!(error.contains("no-such-package 1-1") && error.contains(&package.sha256), "{error}");
        let path = dir.join(format!("{}.deb", package.sha256));
        fs::write(&path, b"deb").unwrap();
        assert_eq!(cache.get(&package).unwrap(), b"deb");
        fs::write(&path, b"dab").unwrap();
        assert!(matches!(cache.get(&package), Err(LockError::Different { .. })), "a cache is not believed");
    }

    #[test]
    fn a_lock_says_each_package_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("packages.lock");
        let row = |name: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"1\"\nsha256 = \"{}\"\n", "0".repeat(64))
        };
        let write = |text: String| fs::write(&path, format!("epoch = 1\n{text}")).unwrap();
        write(row("a") + &row("b") + "profiles = [\"metal\"]\n");
        let lock = Lock::read(&path).unwrap();
        assert_eq!((lock.of(Profile::Small).count(), lock.of(Profile::Metal).count()), (1, 2));
        write(row("a") + &row("a"));
        assert!(Lock::read(&path).unwrap_err().to_string().contains("`a` stands twice"));
        write(row("a").replace('0', "x"));
        assert!(Lock::read(&path).is_err());
    }
}
