//! Extensions that a release carries: each is looked at before it is taken, for a machine would refuse it otherwise.

use std::fs;

use camino::Utf8Path;
use holdfast_release::{
    BLOCK, ExtensionError, ExtensionHead, ExtensionSum, HashTree, Layout, Manifest, Role, Slot, Trusted,
    extension_room, laid_out,
};

use crate::inputs::{BuildError, Inputs, at};
use crate::kernel::Kernel;

/// An extension in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The name of the file in the release.
    pub file: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    head: ExtensionHead,
}

impl Carried {
    /// Reads an extension from a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is none.
    pub fn read(path: &Utf8Path) -> Result<Self, BuildError> {
        let step = format!("read the extension `{path}`");
        let bytes = fs::read(path).map_err(at(&step))?;
        Self::parse(bytes).map_err(at(&step))
    }

    fn parse(bytes: Vec<u8>) -> Result<Self, ExtensionError> {
        let form = |why: String| ExtensionError::Form(why);
        let head =
            ExtensionHead::parse(&bytes)?.ok_or_else(|| form("it does not begin as one".to_owned()))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if head.whole_bytes() != length {
            return Err(form(format!("it has {length} bytes, it says {}", head.whole_bytes())));
        }
        Ok(Self { file: format!("{}.ext", head.name()), bytes, head })
    }

    /// What the manifest of a release with this kernel says of it.
    fn fitting(&self, root: &Trusted, kernel: &Kernel<'_>) -> Result<ExtensionSum, ExtensionError> {
        let says = self.head.proved(root)?;
        says.fits(&kernel.release, &kernel.build)?;
        let damaged = || ExtensionError::Form("its file system is not the one that was signed".to_owned());
        let number = |bytes: u64| usize::try_from(bytes).map_err(|_| damaged());
        let (from, bytes) = (number(self.head.data_at())?, number(says.data_bytes())?);
        let data = self.bytes.get(from..from + bytes).ok_or_else(damaged)?;
        let mut tree = HashTree::new(says.verity.salt.0);
        tree.update(data);
        let tree = tree.finish([0; 16]).map_err(|_| damaged())?;
        // The superblock has a number of its own; nothing is proved by it.
        let behind = self.bytes.get(from + bytes + BLOCK..);
        if tree.root.0 != says.verity.root_hash.0 || behind != tree.bytes.get(BLOCK..) {
            return Err(damaged());
        }
        Ok(ExtensionSum {
            name: says.name,
            version: says.version,
            kernel: says.kernel,
            file: self.file.clone(),
        })
    }
}

/// What the manifest says of the extensions, of which each is for this kernel and all fit onto a disk.
pub(crate) fn fitting(inputs: &Inputs<'_>, kernel: &Kernel<'_>) -> Result<Vec<ExtensionSum>, BuildError> {
    let step = "take the extensions";
    if inputs.extensions.is_empty() {
        return Ok(Vec::new());
    }
    let root = inputs.release_root.as_deref().ok_or_else(|| {
        let why =
            "without `1.root.json` among the keys no machine would believe one (holdfast-image keys release)";
        BuildError::new(step, why.to_owned())
    })?;
    let root = Trusted::first(root).map_err(at("read the root of releases"))?;
    let mut sums: Vec<ExtensionSum> = Vec::new();
    for one in inputs.extensions {
        let step = format!("take the extension `{}`", one.head.name());
        let sum = one.fitting(&root, kernel).map_err(at(&step))?;
        if sums.iter().any(|other| other.name == sum.name) {
            return Err(BuildError::new(&step, "there are two of that name".to_owned()));
        }
        sums.push(sum);
    }
    let bytes = inputs.extensions.iter().map(|one| one.head.whole_bytes()).sum();
    let room = extension_room(inputs.profile);
    if bytes > room {
        return Err(at(step)(ExtensionError::Room { bytes, room }));
    }
    Ok(sums)
}

/// The extensions of a release in slot A, each with where it begins on a disk.
pub(crate) fn placed<'a>(
    inputs: &'a Inputs<'_>,
    manifest: &Manifest,
    layout: &Layout,
) -> Result<Vec<(u64, &'a [u8])>, BuildError> {
    let Some(part) = layout.part(Role::Ext) else { return Ok(Vec::new()) };
    let laid = laid_out(manifest, Slot::A, part.bytes).map_err(at("lay out the extensions"))?;
    let find = |(name, begins, _): (&str, u64, _)| {
        let one = inputs.extensions.iter().find(|one| one.file == name)?;
        Some((part.at + begins, one.bytes.as_slice()))
    };
    Ok(laid.files.into_iter().filter_map(find).collect())
}
