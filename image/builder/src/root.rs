//! The root of the appliance as a tree of files with their owners, and its image: EROFS, dm-verity behind it. Nothing in it can
//! be run that is not named: no shell, no interpreter, nothing that raises privileges.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{HashTree, Tree};

/// Programs that have no place in a root, by the name of their file.
const FORBIDDEN: [&str; 14] = [
    "sh", "bash", "dash", "busybox", "python3", "perl", "sshd", "su", "sudo", "ld.gold", "gdb", "ash", "lua",
    "dropbear",
];
/// How much of an image is read at once.
const PIECE: usize = 1 << 20;

/// Why there is no root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Two sources of one file.
    #[error("`{path}` comes from {first} and from {second}, and they are not the same")]
    Conflict {
        /// The file.
        path: Utf8PathBuf,
        /// One source.
        first: String,
        /// The other one.
        second: String,
    },
    /// Something that must not be there.
    #[error("`{path}` of {owner} has no place in the root: {why}")]
    Forbidden {
        /// The file.
        path: Utf8PathBuf,
        /// Its source.
        owner: String,
        /// Why not.
        why: &'static str,
    },
    /// A file on the machine that builds.
    #[error("{act} `{path}`: {source}")]
    File {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The tool.
    #[error("mkfs.erofs {0}")]
    Tool(String),
    /// The image is none that can be proved.
    #[error(transparent)]
    Verity(#[from] holdfast_release::VerityError),
}

/// What a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A directory.
    Directory,
    /// A file, and whether it can be run.
    File {
        /// What is in it.
        content: Vec<u8>,
        /// Whether it can be run.
        program: bool,
    },
    /// A link.
    Link(String),
}

/// The root as it will be.
#[derive(Debug, Clone, Default)]
pub struct Root {
    items: BTreeMap<Utf8PathBuf, (Item, String)>,
}

/// An image of a root.
#[derive(Debug)]
pub struct Image {
    /// The file system.
    pub bytes: Vec<u8>,
    /// What proves it.
    pub tree: Tree,
    /// The salt of that.
    pub salt: [u8; 32],
}

impl Root {
    /// Puts an item in; `owner` is the package it comes from.
    ///
    /// # Errors
    ///
    /// Something else is there, or it has no place in a root.
    pub fn put(&mut self, path: &Utf8Path, item: Item, owner: &str) -> Result<(), RootError> {
        let name = path.file_name().unwrap_or_default();
        let program = matches!(item, Item::File { program: true, .. } | Item::Link(_));
        if program && FORBIDDEN.contains(&name) {
            let why = "it is a shell, an interpreter or a way to other privileges";
            return Err(RootError::Forbidden { path: path.to_owned(), owner: owner.to_owned(), why });
        }
        if let Some((there, first)) = self.items.get(path) {
            if *there == item {
                return Ok(());
            }
            let (first, second) = (first.clone(), owner.to_owned());
            return Err(RootError::Conflict { path: path.to_owned(), first, second });
        }
        self.items.insert(path.to_owned(), (item, owner.to_owned()));
        Ok(())
    }

    /// Every file with where it comes from.
    pub fn owners(&self) -> impl Iterator<Item = (&Utf8Path, &Item, &str)> {
        self.items.iter().map(|(path, (item, owner))| (path.as_path(), item, owner.as_str()))
    }

    /// Writes the tree below `dir`, which is empty. What may be done with what is never left to who builds.
    fn write(&self, dir: &Utf8Path) -> Result<(), RootError> {
        let file =
            |act| move |path: &Utf8Path, source| RootError::File { act, path: path.to_owned(), source };
        let set = |path: &Utf8Path, mode: u32| {
            let set = fs::set_permissions(path, fs::Permissions::from_mode(mode));
            set.map_err(|source| file("set the mode of")(path, source))
        };
        let mut directories = BTreeSet::from([Utf8Path::new("")]);
        for (path, (item, _)) in &self.items {
            let above = if *item == Item::Directory { Some(path.as_path()) } else { path.parent() };
            directories.extend(above.into_iter().flat_map(Utf8Path::ancestors));
        }
        for path in directories {
            let path = dir.join(path);
            fs::create_dir_all(&path).map_err(|source| file("create")(&path, source))?;
            set(&path, 0o755)?;
        }
        for (path, (item, _)) in &self.items {
            let path = dir.join(path);
            match item {
                Item::Directory => {}
                Item::Link(to) => symlink(to, &path).map_err(|source| file("link")(&path, source))?,
                Item::File { content, program } => {
                    fs::write(&path, content).map_err(|source| file("write")(&path, source))?;
                    set(&path, if *program { 0o755 } else { 0o644 })?;
                }
            }
        }
        Ok(())
    }

    /// The image, below a directory for what comes in between. `id` and `epoch` are what else would differ between two builds.
    ///
    /// # Errors
    ///
    /// The tool refuses, or a file cannot be written.
    pub fn image(&self, scratch: &Utf8Path, id: &str, epoch: u64) -> Result<Image, RootError> {
        let (tree, out) = (scratch.join("root"), scratch.join("root.erofs"));
        let file =
            |act| move |path: &Utf8Path, source| RootError::File { act, path: path.to_owned(), source };
        fs::create_dir_all(&tree).map_err(|source| file("create")(&tree, source))?;
        self.write(&tree)?;
        let output = Command::new("mkfs.erofs")
            .args(["-zlz4hc,12", "-C65536", "--all-root", "-x-1", "--quiet"])
            .arg(format!("-T{epoch}"))
            .args(["-U", id])
            .args([&out, &tree])
            .output()
            .map_err(|error| RootError::Tool(format!("cannot be started: {error} (Debian's erofs-utils)")))?;
        if !output.status.success() {
            return Err(RootError::Tool(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let mut bytes = fs::read(&out).map_err(|source| file("read")(&out, source))?;
        bytes.resize(bytes.len().next_multiple_of(holdfast_release::BLOCK), 0);
        let salt = holdfast_release::Digest::of(id.as_bytes()).0;
        let mut hashes = HashTree::new(salt);
        let mut pieces = bytes.as_slice();
        let mut piece = vec![0; PIECE];
        while let Ok(length) = pieces.read(&mut piece) {
            if length == 0 {
                break;
            }
            hashes.update(piece.get(..length).unwrap_or_default());
        }
        let tree = hashes.finish(holdfast_release::Guid::named("holdfast.verity", id).bytes())?;
        Ok(Image { bytes, tree, salt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8], program: bool) -> Item {
        Item::File { content: content.to_vec(), program }
    }

    #[test]
    fn nothing_gets_in_that_could_be_a_shell_and_nothing_twice() {
        let mut root = Root::default();
        root.put("usr/bin/holdfast".into(), file(b"x", true), "holdfast").unwrap();
        root.put("usr/bin/holdfast".into(), file(b"x", true), "other").unwrap();
        assert!(root.put("usr/bin/holdfast".into(), file(b"y", true), "other").is_err());
        assert!(root.put("usr/bin/sh".into(), Item::Link("dash".to_owned()), "dash").is_err());
        assert!(root.put("usr/share/sh".into(), file(b"a text", false), "doc").is_ok());
    }

    #[test]
    fn the_image_is_the_same_each_time_and_the_tool_of_others_reads_it() {
        let mut root = Root::default();
        root.put("usr/bin/holdfast".into(), file(&[7; 100_000], true), "holdfast").unwrap();
        root.put("etc".into(), Item::Directory, "holdfast").unwrap();
        root.put("bin".into(), Item::Link("usr/bin".to_owned()), "holdfast").unwrap();
        let build = || {
            let scratch = tempfile::tempdir().unwrap();
            let id = "6f5b0c3e-3b1a-4c0e-9b1e-0123456789ab";
            root.image(Utf8Path::from_path(scratch.path()).unwrap(), id, 1_700_000_000).unwrap()
        };
        let (first, second) = (build(), build());
        assert_eq!(first.bytes, second.bytes);
        assert_eq!(first.tree, second.tree);
        let kept = tempfile::NamedTempFile::new().unwrap();
        fs::write(kept.path(), &first.bytes).unwrap();
        let said = Command::new("fsck.erofs").arg(kept.path()).output().expect("fsck.erofs of erofs-utils");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
}
