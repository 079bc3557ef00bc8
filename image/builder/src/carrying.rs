//! The extensions of a release: whether they fit its kernel and a disk, and where they lie on one.

use holdfast_release::{
    ExtensionError, ExtensionSum, Layout, Manifest, Role, Slot, Trusted, extension_room, laid_out,
};

use crate::inputs::{BuildError, Inputs, at};
use crate::kernel::Kernel;

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
        let step = format!("take the extension `{}`", one.head().name());
        let sum = one.fitting(&root, (&kernel.release, &kernel.build)).map_err(at(&step))?;
        if sums.iter().any(|other| other.name == sum.name) {
            return Err(BuildError::new(&step, "there are two of that name".to_owned()));
        }
        sums.push(sum);
    }
    let bytes = inputs.extensions.iter().map(|one| one.head().whole_bytes()).sum();
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
