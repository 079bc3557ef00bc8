//! What a build leaves behind: the parts by themselves, the disk, the medium, what they are made of, and the sums over it all.

use std::fs;

use camino::Utf8Path;
use holdfast_release::{FatFile, FileSum, INSTALL_KERNEL, Layout, MANIFEST, Manifest};

use crate::build::Built;
use crate::carrying;
use crate::crates::linked;
use crate::disk::{self, Content};
use crate::inputs::{BuildError, Inputs, at};
use crate::medium::{Medium, loader_settings};
use crate::sbom::Bill;

/// The level at which a disk is packed: those above cost more time than they save bytes.
const LEVEL: i32 = 9;

/// Writes everything into `out` and returns the manifest of all of it.
///
/// # Errors
///
/// Something cannot be made or written.
pub fn write_all(
    inputs: &Inputs<'_>,
    built: &Built,
    out: &Utf8Path,
    tell: &mut dyn FnMut(&str),
) -> Result<Manifest, BuildError> {
    tell("parts");
    let manifest = built.manifest.encode().map_err(at("write the manifest"))?;
    let mut payload = built.files(inputs);
    payload.insert(MANIFEST, &manifest);
    let alone = [
        (INSTALL_KERNEL, built.install.as_slice()),
        ("netboot.efi", &built.netboot),
        ("netboot.zst", &built.netboot_initrd),
        ("netboot.cmdline", built.netboot_cmdline.as_bytes()),
        ("vmlinuz", &built.kernel),
        ("initrd.zst", &built.initrd),
        ("cmdline", built.cmdline.as_bytes()),
    ];
    let mut whole = built.manifest.clone();
    for (name, bytes) in payload.iter().map(|(name, bytes)| (*name, *bytes)).chain(alone) {
        put(&out.join(name), bytes)?;
        whole.files.insert(name.to_owned(), FileSum::of(bytes));
    }
    tell("bill of materials");
    let programs: Vec<&str> = inputs.programs.keys().map(String::as_str).collect();
    let crates = linked(inputs.workspace, &programs).map_err(at("make the bill of materials"))?;
    let bill = Bill::new(inputs, built, &crates);
    for (name, value) in [("sbom.spdx.json", bill.spdx()), ("sbom.cdx.json", bill.cyclonedx())] {
        let bytes = serde_json::to_vec_pretty(&value).map_err(at("write the bill of materials"))?;
        put(&out.join(name), &bytes)?;
        whole.files.insert(name.to_owned(), FileSum::of(&bytes));
    }
    let medium = format!("holdfast-{}.iso", inputs.version);
    let mut large = vec![medium.clone()];
    if let Some(bytes) = inputs.recipe.disk_bytes {
        tell("disk");
        let (raw, packed) = (out.join("disk.raw"), format!("holdfast-{}.raw.zst", inputs.version));
        disk_image(inputs, built, bytes, &raw)?;
        disk::pack(&raw, &out.join(&packed), LEVEL).map_err(at("pack the disk image"))?;
        large.push(packed);
    }
    tell("medium");
    medium_image(inputs, built, &payload.into_iter().collect::<Vec<_>>(), &out.join(&medium))?;
    for name in large {
        let path = out.join(&name);
        let bytes = fs::read(&path).map_err(at(&format!("read `{path}`")))?;
        whole.files.insert(name, FileSum::of(&bytes));
    }
    let release = whole.encode().map_err(at("write what was built"))?;
    put(&out.join("release.json"), &release)?;
    Ok(whole)
}

fn put(path: &Utf8Path, bytes: &[u8]) -> Result<(), BuildError> {
    fs::write(path, bytes).map_err(at(&format!("write `{path}`")))
}

/// What makes the numbers of the disks of a release their own.
fn id(inputs: &Inputs<'_>) -> String {
    format!("holdfast {} {:?}", inputs.version, inputs.profile)
}

fn medium_image(
    inputs: &Inputs<'_>,
    built: &Built,
    payload: &[(&str, &[u8])],
    to: &Utf8Path,
) -> Result<(), BuildError> {
    let scratch = to.with_extension("scratch");
    drop(fs::remove_dir_all(&scratch));
    // xorriso goes on with a medium that is there already.
    drop(fs::remove_file(to));
    let medium = Medium {
        version: inputs.version,
        epoch: inputs.lock.epoch,
        id: &id(inputs),
        loader: &built.loader,
        kernel: &built.install,
        payload,
    };
    let written = medium.write(&scratch, to).map_err(at("make the medium"));
    drop(fs::remove_dir_all(&scratch));
    written
}

/// Writes a disk of so many bytes with the release into `path`.
///
/// # Errors
///
/// Something does not fit, or the file cannot be written.
pub fn disk_image(inputs: &Inputs<'_>, built: &Built, bytes: u64, path: &Utf8Path) -> Result<(), BuildError> {
    let layout = Layout::plan(inputs.profile, bytes, 512).map_err(at("divide the disk"))?;
    let kernel = format!("EFI/Linux/holdfast-{}+3.efi", inputs.version);
    let settings = loader_settings(!inputs.enrolment.is_empty());
    let mut files = vec![
        FatFile { path: "EFI/BOOT/BOOTX64.EFI", content: &built.loader },
        FatFile { path: &kernel, content: &built.uki },
        FatFile { path: "loader/loader.conf", content: settings.as_bytes() },
    ];
    let named: Vec<String> =
        inputs.enrolment.iter().map(|(name, _)| format!("loader/keys/auto/{name}")).collect();
    let keys = named.iter().zip(inputs.enrolment);
    files.extend(keys.map(|(path, (_, content))| FatFile { path, content }));
    let extensions: Vec<(u64, &[u8])> = carrying::placed(inputs, &built.manifest, &layout)?;
    let content = Content {
        version: inputs.version,
        esp: &files,
        root: &built.root,
        extensions: &extensions,
        disk: &id(inputs),
    };
    disk::write(path, &layout, &content).map_err(at("write the disk image"))
}
