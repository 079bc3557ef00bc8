//! Another release, of the same root as the images under test: with another salt it has another root hash, and so its kernel boots
//! no slot but its own.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;
use holdfast_release::{
    Digest, ExtensionSum, FileSum, HashTree, INSTALL_KERNEL, KERNEL, MANIFEST, Manifest, ROOT, ROOT_TREE,
};

use crate::Images;

/// The first words of every command line, in whose place others can stand.
const CONSOLES: &str = "console=tty0 console=ttyS0,115200";

/// All words before those that name the release.
const WORDS: &str = "console=tty0 console=ttyS0,115200 no_timer_check loglevel=6 panic=1";

/// Another release.
#[derive(Debug)]
pub struct Another {
    /// Its root, which is that of the images.
    pub root: Vec<u8>,
    /// The hash tree of the root.
    pub tree: Vec<u8>,
    /// Its kernel, which nobody signed before [`Another::sign`] does.
    pub kernel: Vec<u8>,
    manifest: Manifest,
    /// Files that the images do not have, by name.
    more: BTreeMap<String, Vec<u8>>,
}

impl Another {
    /// The release `version`, of as many bytes as that of the images. `words` stand in place of the first ones of its command
    /// line, of which there are at most as many bytes; the same where empty.
    ///
    /// # Errors
    ///
    /// The images cannot be read, or are not as they should be.
    pub fn new(images: &Images, version: &str, words: &str) -> Result<Self> {
        let mut manifest = images.manifest(MANIFEST)?;
        let read = |name: &str| {
            let path = images.path(name);
            fs::read(&path).with_context(|| format!("read {path}"))
        };
        let root = read(ROOT)?;
        let salt = Digest::of(version.as_bytes());
        let mut tree = HashTree::new(salt.0);
        tree.update(&root);
        let tree = tree.finish([7; 16])?;
        let (before, after) = (manifest.verity.root_hash.to_string(), tree.root.to_string());
        let mut kernel = replaced(&read(KERNEL)?, &before, &after)?;
        let id = |version: &str| format!("VERSION_ID={version}");
        kernel = replaced(&kernel, &id(&manifest.version), &id(version))?;
        if !words.is_empty() {
            kernel = replaced(&kernel, CONSOLES, &format!("{words:<width$}", width = CONSOLES.len()))?;
        }
        version.clone_into(&mut manifest.version);
        (manifest.verity.root_hash, manifest.verity.salt) = (Digest(tree.root.0), salt);
        manifest.files.remove(INSTALL_KERNEL);
        manifest.files.insert(KERNEL.to_owned(), FileSum::of(&kernel));
        manifest.files.insert(ROOT_TREE.to_owned(), FileSum::of(&tree.bytes));
        Ok(Self { root, tree: tree.bytes, kernel, manifest, more: BTreeMap::new() })
    }

    /// Lets it carry an extension.
    pub fn carry(&mut self, name: &str, bytes: Vec<u8>) {
        let (file, kernel) = (format!("{name}.ext"), self.manifest.kernel.clone());
        let (name, version) = (name.to_owned(), "1.2".to_owned());
        self.manifest.files.insert(file.clone(), FileSum::of(&bytes));
        self.manifest.extensions.push(ExtensionSum { name, version, kernel, file: file.clone() });
        self.more.insert(file, bytes);
    }

    /// Signs its kernel as the site does, for firmware that knows the site's keys: that of a machine which started the medium once.
    ///
    /// # Errors
    ///
    /// The keys of the images are not there, or sbsigntool is not.
    pub fn sign(&mut self, images: &Images, scratch: &Utf8Path) -> Result<()> {
        let (kernel, keys) = (scratch.join("signed.efi"), images.keys());
        fs::write(&kernel, &self.kernel).with_context(|| format!("write {kernel}"))?;
        let (key, certificate) = (keys.join("db.key"), keys.join("db.crt"));
        let place = kernel.as_str();
        let signs = ["--key", key.as_str(), "--cert", certificate.as_str(), "--output", place, place];
        // What the images were signed with is in it, and is of other bytes.
        for (program, arguments) in [("sbattach", &["--remove", place][..]), ("sbsign", &signs)] {
            let output = Command::new(program).args(arguments).output();
            let output = output.with_context(|| format!("start {program}"))?;
            ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        }
        self.kernel = fs::read(&kernel).with_context(|| format!("read {kernel}"))?;
        self.manifest.files.insert(KERNEL.to_owned(), FileSum::of(&self.kernel));
        Ok(())
    }

    /// Lays it out as `holdfast-image bundle` takes it.
    ///
    /// # Errors
    ///
    /// The directory cannot be written.
    pub fn lay_out(&self, images: &Images, payload: &Utf8Path) -> Result<()> {
        fs::create_dir_all(payload).with_context(|| format!("create {payload}"))?;
        for name in self.manifest.files.keys() {
            let content = match name.as_str() {
                KERNEL => self.kernel.clone(),
                ROOT_TREE => self.tree.clone(),
                other => match self.more.get(other) {
                    Some(content) => content.clone(),
                    None => fs::read(images.path(other)).with_context(|| format!("read {other}"))?,
                },
            };
            fs::write(payload.join(name), content).with_context(|| format!("write {name}"))?;
        }
        fs::write(payload.join(MANIFEST), self.manifest.encode()?).context("write the manifest")
    }
}

/// The kernel for the network with the address of its files on its command line, in place of words that a test can do without.
/// Nobody signed it.
///
/// # Errors
///
/// It cannot be read, or the address is too long.
pub fn netboot_kernel(images: &Images, from: &str) -> Result<Vec<u8>> {
    let path = images.path("netboot.efi");
    let kernel = fs::read(&path).with_context(|| format!("read {path}"))?;
    let words = format!("console=ttyS0 no_timer_check holdfast.root={from}");
    replaced(&kernel, WORDS, &format!("{words:<width$}", width = WORDS.len()))
}

/// The bytes with one text in place of another of its length, wherever it stands.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Result<Vec<u8>> {
    ensure!(from.len() == to.len(), "`{from}` and `{to}` differ in length");
    let mut out = bytes.to_vec();
    let mut places = bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from.as_bytes());
    let mut found = false;
    for (at, _) in places.by_ref() {
        found = true;
        if let Some(place) = out.get_mut(at..at + to.len()) {
            place.copy_from_slice(to.as_bytes());
        }
    }
    ensure!(found, "`{from}` is not there");
    Ok(out)
}
