//! Heads and halves as a machine finds them, damaged or another site's among them.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use holdfast_types::{AsProblem as _, Time};
use proptest::prelude::*;
use serde_json::json;

use super::file::{MAGIC, PREFIX, form};
use super::*;
use crate::bundle::{BundleRole, Keyholder, Trusted, Unsigned, signed};
use crate::digest::Digest;
use crate::layout::Profile;
use crate::manifest::{ExtensionSum, FileSum, Manifest, Verity};
use crate::slots::Slot;
use crate::verity::{BLOCK, BLOCK_BYTES};
use crate::writer::Target;

const BUILD: &str = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)";
const KERNEL: &str = "6.1.0-56-amd64";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// The root of a site with one key for everything.
fn site(seed: u8) -> Trusted {
    let roles = BundleRole::ALL.map(|role| (role, (vec![key(seed).public()], 1)));
    let root = Unsigned::root(1, Time(1_900_000_000_000), &roles.into()).sign(&[&key(seed)]).unwrap();
    Trusted::first(&root).unwrap()
}

fn extension(name: &str, blocks: u64) -> Extension {
    Extension {
        name: name.to_owned(),
        version: "535.261.03".to_owned(),
        kernel: KERNEL.to_owned(),
        build: BUILD.to_owned(),
        verity: Verity { root_hash: Digest([1; 32]), salt: Digest([2; 32]), data_blocks: blocks },
        tree_bytes: BLOCK_BYTES,
    }
}

fn file(name: &str, blocks: u64, seed: u8) -> Vec<u8> {
    let mut bytes = extension(name, blocks).head(&[&key(seed)]).unwrap();
    bytes.resize(bytes.len() + usize::try_from((blocks + 1) * BLOCK_BYTES).unwrap(), 7);
    bytes
}

struct Ram(Vec<u8>);

impl Target for Ram {
    fn size(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap()
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        let from = &self.0[usize::try_from(at).unwrap()..];
        let count = from.len().min(buffer.len()).min(5_000);
        buffer[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> std::io::Result<usize> {
        let at = usize::try_from(at).unwrap();
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn manifest(files: &[(&str, &[u8])]) -> Manifest {
    let sum = |one: &(&str, &[u8])| ExtensionSum {
        name: one.0.trim_end_matches(".ext").to_owned(),
        version: "1".to_owned(),
        kernel: KERNEL.to_owned(),
        file: one.0.to_owned(),
    };
    Manifest {
        version: "2.0".to_owned(),
        profile: Profile::Small,
        epoch: 0,
        kernel: KERNEL.to_owned(),
        files: files.iter().map(|(name, bytes)| ((*name).to_owned(), FileSum::of(bytes))).collect(),
        verity: Verity { root_hash: Digest([1; 32]), salt: Digest([2; 32]), data_blocks: 2 },
        pcr11: Digest([3; 32]),
        from: None,
        extensions: files.iter().map(sum).collect(),
    }
}

/// Writes the extensions of a release to the half of a slot, as installer, agent and builder do.
fn write(ext: &mut Ram, slot: Slot, files: &[(&str, &[u8])]) {
    let (manifest, contents) = (manifest(files), BTreeMap::from_iter(files.iter().copied()));
    let laid = laid_out(&manifest, slot, ext.size()).unwrap();
    for (name, at, sum) in laid.files {
        assert_eq!(sum, FileSum::of(contents[name]));
        ext.write_at(at, contents[name]).unwrap();
    }
    if let Some(end) = laid.end {
        ext.write_at(end, &[0; BLOCK]).unwrap();
    }
}

fn names(ext: &mut Ram, slot: Slot) -> Vec<String> {
    let (found, error) = installed(ext, slot).unwrap();
    assert_eq!(error, None);
    found.iter().map(|one| one.head.name().to_owned()).collect()
}

#[test]
fn an_extension_is_believed_where_its_site_signed_it_and_used_for_its_kernel_alone() {
    let bytes = file("gpu", 3, 1);
    let head = ExtensionHead::parse(&bytes).unwrap().unwrap();
    assert_eq!((head.name(), head.whole_bytes()), ("gpu", u64::try_from(bytes.len()).unwrap()));
    let says = head.proved(&site(1)).unwrap();
    assert_eq!(says, extension("gpu", 3));
    says.fits(KERNEL, BUILD).unwrap();
    let error = head.proved(&site(2)).unwrap_err();
    assert!(error.to_string().starts_with("it is not signed by this site"), "{error}");
    for (kernel, build) in [("6.1.0-57-amd64", BUILD), (KERNEL, "#1 SMP Debian 6.1.192-3")] {
        let error = says.fits(kernel, build).unwrap_err();
        let said = format!("it is for kernel {KERNEL} ({BUILD}), this is kernel {kernel} ({build})");
        assert_eq!((error.to_string(), error.problem().code.to_string().as_str()), (said, "E7162"));
    }
}

#[test]
fn what_was_signed_for_something_else_or_cannot_be_is_none() {
    assert_eq!(ExtensionHead::parse(&[0; BLOCK]), Ok(None));
    assert_eq!(ExtensionHead::parse(b""), Ok(None));
    let document = signed(&json!({"_type": "targets", "name": "gpu"}), &[&key(1)]).unwrap();
    let mut other = [MAGIC.as_slice(), &u32::try_from(document.len()).unwrap().to_le_bytes()].concat();
    other.extend(document);
    assert_eq!(ExtensionHead::parse(&other).unwrap_err(), form("something else was signed"));
    let long = [MAGIC.as_slice(), &u32::MAX.to_le_bytes(), &[0; 90]].concat();
    assert!(ExtensionHead::parse(&long).unwrap_err().to_string().contains("would have"));
    for name in ["../x", "", ".hidden", "a/b", "GPU", &"x".repeat(64)] {
        assert!(extension(name, 1).head(&[&key(1)]).is_err(), "{name}");
    }
    for (blocks, tree) in [(0, BLOCK_BYTES), (1, 0), (1, 5), (u64::MAX, BLOCK_BYTES), (1, u64::MAX)] {
        let odd = Extension { tree_bytes: tree, ..extension("gpu", blocks) };
        assert!(odd.head(&[&key(1)]).is_err(), "{blocks} {tree}");
    }
}

#[test]
fn each_slot_keeps_its_own_whatever_is_written_for_the_other() {
    let mut ext = Ram(vec![0; 256 << 10]);
    let (gpu, npu, new) = (file("gpu", 3, 1), file("npu", 1, 1), file("gpu", 9, 1));
    write(&mut ext, Slot::A, &[("gpu.ext", &gpu), ("npu.ext", &npu)]);
    assert_eq!(
        (names(&mut ext, Slot::A), names(&mut ext, Slot::B)),
        (vec!["gpu".into(), "npu".into()], vec![])
    );
    write(&mut ext, Slot::B, &[("gpu.ext", &new)]);
    assert_eq!(names(&mut ext, Slot::A), ["gpu", "npu"]);
    let (found, _) = installed(&mut ext, Slot::B).unwrap();
    assert_eq!((found[0].at, found[0].head.whole_bytes()), (128 << 10, u64::try_from(new.len()).unwrap()));
    // A release without any leaves none of the one that lay there before.
    write(&mut ext, Slot::A, &[]);
    assert_eq!((names(&mut ext, Slot::A), names(&mut ext, Slot::B)), (vec![], vec!["gpu".to_owned()]));
}

#[test]
fn what_does_not_fit_is_refused_and_what_leads_out_of_its_half_is_not_followed() {
    let large = file("gpu", 40, 1);
    let full = manifest(&[("gpu.ext", &large)]);
    let error = laid_out(&full, Slot::A, 256 << 10).unwrap_err();
    assert_eq!(error, ExtensionError::Room { bytes: 42 * BLOCK_BYTES, room: 128 << 10 });
    assert_eq!(laid_out(&full, Slot::B, 2 * 42 * BLOCK_BYTES).unwrap().end, None, "it fills its half");
    assert!(laid_out(&manifest(&[("gpu.ext", b"odd")]), Slot::A, 1 << 20).is_err());
    let mut ext = Ram(vec![0; 256 << 10]);
    ext.0[..BLOCK].copy_from_slice(&large[..BLOCK]);
    let (found, error) = installed(&mut ext, Slot::A).unwrap();
    assert!(found.is_empty() && error.unwrap().to_string().contains("`gpu` would have 172032 bytes"));
    assert!(extension_room(Profile::Metal) == 8 << 30 && extension_room(Profile::Small) == 128 << 20);
}

proptest! {
    #[test]
    fn a_flipped_bit_changes_nothing_that_is_believed(at in 0..2_000_usize, bit in 0..8_u8) {
        let mut bytes = file("gpu", 1, 1);
        let length = usize::try_from(u32::from_le_bytes(bytes[8..12].try_into().unwrap())).unwrap();
        bytes[at % (PREFIX + length)] ^= 1 << bit;
        if let Ok(Some(head)) = ExtensionHead::parse(&bytes) {
            // The digits of a signature may be capitals.
            prop_assert!(head.proved(&site(1)).is_ok_and(|says| says == extension("gpu", 1)) || head.proved(&site(1)).is_err());
        }
    }
}
