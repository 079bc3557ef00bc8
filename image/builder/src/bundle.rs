//! A release as one file: the payload that was built, with metadata that the site's release keys sign.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{
    BundleError, BundleRole, Draft, INSTALL_KERNEL, Keyholder, MANIFEST, Manifest, ManifestError, Target,
    pack,
};
use holdfast_types::Time;
use sha2::{Digest as _, Sha256};

use crate::keys::KeyError;
use crate::release_keys;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum MakeBundleError {
    /// A file.
    #[error("{act} `{path}`: {source}")]
    File {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// What the release says of itself.
    #[error("`{path}`: {source}")]
    Manifest {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        source: ManifestError,
    },
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// What a bundle is made of.
#[derive(Debug, Clone)]
pub struct Release<'a> {
    /// The directory with the files of the payload.
    pub payload: &'a Utf8Path,
    /// The directory with the roots and the public keys.
    pub keys: &'a Utf8Path,
    /// A program that keeps the keys and signs.
    pub signer: Option<&'a Utf8Path>,
    /// Greater than that of every release before.
    pub number: u64,
    /// When it is no longer taken.
    pub expires: Time,
}

fn failed(act: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> MakeBundleError {
    move |source| MakeBundleError::File { act, path: path.to_owned(), source }
}

impl Release<'_> {
    /// Writes the bundle to a file, which is there whole or not at all. The same release has the same bytes.
    ///
    /// # Errors
    ///
    /// A file is missing, a key does not sign, or the bundle cannot be written.
    pub fn write(&self, out: &Utf8Path) -> Result<(), MakeBundleError> {
        let targets = self.targets()?;
        let roots = release_keys::roots(self.keys)?;
        let signers = release_keys::signers(self.keys, self.signer)?;
        let holders: BTreeMap<BundleRole, Vec<&dyn Keyholder>> =
            signers.iter().map(|(role, key)| (*role, vec![key as &dyn Keyholder])).collect();
        let draft = Draft { number: self.number, expires: self.expires, targets };
        let metadata = draft.sign(roots, &holders)?;
        let partial = out.with_extension("partial");
        let mut file = File::create(&partial).map_err(failed("create", &partial))?;
        pack(&metadata, &draft.targets, &mut |part| file.write_all(part), &mut |name, sink| {
            pieces(&self.payload.join(name), sink)
        })?;
        file.sync_all().map_err(failed("write", &partial))?;
        fs::rename(&partial, out).map_err(failed("rename", &partial))
    }

    fn targets(&self) -> Result<BTreeMap<String, Target>, MakeBundleError> {
        let path = self.payload.join(MANIFEST);
        let bytes = fs::read(&path).map_err(failed("read", &path))?;
        let manifest = Manifest::parse(&bytes)
            .map_err(|source| MakeBundleError::Manifest { path: path.clone(), source })?;
        let mut names: Vec<String> =
            manifest.files.keys().filter(|name| name.as_str() != INSTALL_KERNEL).cloned().collect();
        names.push(MANIFEST.to_owned());
        names.into_iter().map(|name| Ok((name.clone(), target(&self.payload.join(name))?))).collect()
    }
}

fn target(path: &Utf8Path) -> Result<Target, MakeBundleError> {
    let (mut length, mut hash) = (0, Sha256::new());
    let mut take = |part: &[u8]| {
        length += u64::try_from(part.len()).unwrap_or(u64::MAX);
        hash.update(part);
        Ok(())
    };
    pieces(path, &mut take).map_err(failed("read", path))?;
    Ok(Target { length, sha256: hash.finalize().into() })
}

fn pieces(path: &Utf8Path, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        sink(piece.get(..read).unwrap_or_default())?;
    }
}

#[cfg(test)]
mod tests {
    use holdfast_release::{Bundle, Digest, FileSum, Profile, Trusted, Verity};

    use super::*;
    use crate::release_keys::{RootRule, init};

    const NOW: Time = Time(1_800_000_000_000);

    #[test]
    fn a_release_is_bundled_the_same_twice_and_proves_itself() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let (keys, payload) = (dir.join("keys"), dir.join("payload"));
        init(&keys, RootRule { keys: 3, threshold: 2 }, NOW).unwrap();
        assert!(init(&keys, RootRule { keys: 1, threshold: 1 }, NOW).is_err(), "keys are not overwritten");
        fs::create_dir_all(&payload).unwrap();
        let mut files = BTreeMap::new();
        for (name, content) in [
            ("holdfast.efi", vec![1; 300_000]),
            ("loader.efi", vec![2; 3]),
            ("root.erofs", vec![3; 2 * 4096]),
            ("root.verity", vec![4; 4096]),
            ("gpu.raw", b"gpu".to_vec()),
        ] {
            fs::write(payload.join(name), &content).unwrap();
            files.insert(name.to_owned(), FileSum::of(&content));
        }
        let manifest = Manifest {
            version: "0.2.0".to_owned(),
            profile: Profile::Small,
            epoch: 0,
            kernel: "6.1".to_owned(),
            files,
            verity: Verity { root_hash: Digest([1; 32]), salt: Digest([2; 32]), data_blocks: 2 },
            pcr11: Digest([3; 32]),
            from: None,
            extensions: Vec::new(),
        };
        fs::write(payload.join(MANIFEST), manifest.encode().unwrap()).unwrap();
        let release = Release {
            payload: &payload,
            keys: &keys,
            signer: None,
            number: 4,
            expires: Time(NOW.0 + 1_000_000),
        };
        let (one, two) = (dir.join("one.tar"), dir.join("two.tar"));
        release.write(&one).unwrap();
        release.write(&two).unwrap();
        assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap(), "the same release has the same bytes");
        let trusted = Trusted::first(&fs::read(keys.join("1.root.json")).unwrap()).unwrap();
        let mut bundle = Bundle::open(File::open(&one).unwrap()).unwrap();
        let verified = bundle.verify(&trusted, NOW).unwrap();
        assert_eq!(verified.trusted.floor.targets, 4);
        assert_eq!(bundle.small(&verified, "gpu.raw", 10).unwrap(), b"gpu");
        fs::remove_file(payload.join("loader.efi")).unwrap();
        let error = release.write(&one).unwrap_err().to_string();
        assert!(error.contains("loader.efi"), "{error}");
    }

    #[test]
    fn a_program_signs_in_place_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        init(dir, RootRule { keys: 1, threshold: 1 }, NOW).unwrap();
        for (program, wanted) in [("/bin/false", "ended with"), ("/bin/echo", "a signature has 64")] {
            let signers = release_keys::signers(dir, Some(Utf8Path::new(program))).unwrap();
            let error = signers[&BundleRole::Targets].sign(b"message").unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
