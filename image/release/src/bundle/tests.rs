//! What a bundle withstands: every attack on the metadata that the specification names, as a table.

use std::collections::BTreeMap;
use std::io::Cursor;

use ed25519_dalek::SigningKey;
use holdfast_types::Time;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::digest::Digest;
use crate::layout::Profile;
use crate::manifest::{ExtensionSum, FileSum, MANIFEST, Manifest, ROOT, Verity};

const NOW: Time = Time(1_800_000_000_000);
const LATER: Time = Time(1_900_000_000_000);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// A site: two of three root keys sign, one key for each other role.
struct Site {
    root: Vec<u8>,
    seeds: BTreeMap<BundleRole, Vec<u8>>,
}

fn root(version: u64, expires: Time, seeds: &BTreeMap<BundleRole, Vec<u8>>, signers: &[u8]) -> Vec<u8> {
    let roles = seeds.iter().map(|(role, seeds)| {
        let need = if *role == BundleRole::Root { 2 } else { 1 };
        (*role, (seeds.iter().map(|seed| key(*seed).public()).collect(), need))
    });
    let signers: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
    let signers: Vec<&dyn Keyholder> = signers.iter().map(|key| key as &dyn Keyholder).collect();
    Unsigned::root(version, expires, &roles.collect()).sign(&signers).unwrap()
}

fn seeds() -> BTreeMap<BundleRole, Vec<u8>> {
    [
        (BundleRole::Root, vec![1, 2, 3]),
        (BundleRole::Timestamp, vec![4]),
        (BundleRole::Snapshot, vec![5]),
        (BundleRole::Targets, vec![6]),
    ]
    .into()
}

fn site() -> Site {
    Site { root: root(1, LATER, &seeds(), &[1, 3]), seeds: seeds() }
}

fn payload() -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> =
        PAYLOAD_NAMES.iter().map(|name| ((*name).to_owned(), name.repeat(100).into_bytes())).collect();
    files.insert("gpu.raw".to_owned(), vec![7; 200_000]);
    files
}

fn targets(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Target> {
    let target = |bytes: &Vec<u8>| Target {
        length: u64::try_from(bytes.len()).unwrap(),
        sha256: Sha256::digest(bytes).into(),
    };
    files.iter().map(|(name, bytes)| (name.clone(), target(bytes))).collect()
}

fn metadata(site: &Site, number: u64, expires: Time) -> Metadata {
    metadata_of(&site.seeds, &[(1, &site.root)], number, expires, &payload())
}

fn metadata_of(
    seeds: &BTreeMap<BundleRole, Vec<u8>>,
    roots: &[(u64, &Vec<u8>)],
    number: u64,
    expires: Time,
    files: &BTreeMap<String, Vec<u8>>,
) -> Metadata {
    let keys: BTreeMap<BundleRole, Vec<SigningKey>> =
        seeds.iter().map(|(role, seeds)| (*role, seeds.iter().map(|seed| key(*seed)).collect())).collect();
    let holders =
        keys.iter().map(|(role, keys)| (*role, keys.iter().map(|key| key as &dyn Keyholder).collect()));
    let roots = roots.iter().map(|(number, bytes)| (*number, (*bytes).clone())).collect();
    let draft = Draft { number, expires, targets: targets(files) };
    draft.sign(roots, &holders.collect()).unwrap()
}

fn packed(metadata: &Metadata, files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    let put = &mut |part: &[u8]| {
        out.extend_from_slice(part);
        Ok(())
    };
    pack(metadata, &targets(files), put, &mut |name, sink| sink(&files[name])).unwrap();
    out
}

fn trusted(site: &Site, floor: u64) -> Trusted {
    let first = Trusted::first(&site.root).unwrap();
    Trusted { floor: Floor { timestamp: floor, snapshot: floor, targets: floor }, ..first }
}

#[test]
fn a_bundle_is_proved_read_and_always_the_same() {
    let site = site();
    let bytes = packed(&metadata(&site, 7, LATER), &payload());
    assert_eq!(bytes, packed(&metadata(&site, 7, LATER), &payload()));
    let mut bundle = Bundle::open(Cursor::new(&bytes)).unwrap();
    let verified = bundle.verify(&trusted(&site, 7), NOW).unwrap();
    assert_eq!((verified.root_version, verified.trusted.floor.targets, verified.expires), (1, 7, LATER));
    for (name, content) in payload() {
        assert_eq!(bundle.small(&verified, &name, 1 << 20).unwrap(), content, "{name}");
    }
    assert!(bundle.small(&verified, "gpu.raw", 100).is_err());
    // Others read the archive, too.
    let names: Vec<String> = tar::Archive::new(bytes.as_slice())
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names.first().map(String::as_str), Some("metadata/1.root.json"));
    assert_eq!(names.last().map(String::as_str), Some("payload/root.verity"));
}

#[test]
fn every_attack_on_the_metadata_is_refused() {
    let site = site();
    let good = metadata(&site, 7, LATER);
    let old = metadata(&site, 5, LATER);
    let refused = |what: &str, metadata: &Metadata, floor: u64, at: Time, wanted: &str| {
        let error = verify(&trusted(&site, floor), metadata, at).expect_err(what).to_string();
        assert!(error.contains(wanted), "{what}: {error}");
    };
    assert!(verify(&trusted(&site, 0), &good, NOW).is_ok());
    refused("rollback", &old, 7, NOW, "the timestamp metadata has version 5; version 7 was accepted before");
    refused("freeze", &good, 0, LATER, "the root metadata ended");
    let ended = metadata(&site, 7, NOW);
    refused("expired", &ended, 0, NOW, "the timestamp metadata ended at 2027-01-15T08:00:00.000Z");
    let mixed = Metadata { targets: old.targets.clone(), ..good.clone() };
    refused("mix and match of targets", &mixed, 0, NOW, "the targets metadata is not the one");
    let mixed = Metadata { snapshot: old.snapshot.clone(), ..good.clone() };
    refused("mix and match of snapshot", &mixed, 0, NOW, "the snapshot metadata is not the one");
    // Each role signed by the key of another one.
    for role in [BundleRole::Timestamp, BundleRole::Snapshot, BundleRole::Targets] {
        let mut seeds = site.seeds.clone();
        seeds.insert(role, vec![9, 1]);
        let forged = metadata_of(&seeds, &[], 7, LATER, &payload());
        refused("wrong key", &forged, 0, NOW, &format!("the {role} metadata has 0 valid signatures"));
    }
    // The file of one role in the place of another.
    let swapped = Metadata { timestamp: good.snapshot.clone(), ..good.clone() };
    refused("another role", &swapped, 0, NOW, "it is of type `snapshot`");
    let long = Metadata { timestamp: vec![b' '; 20_000], ..good.clone() };
    refused("endless data", &long, 0, NOW, "it has 20000 bytes, at most 16384 are read");
    let mut strange = payload();
    strange.insert("etc/passwd".to_owned(), Vec::new());
    let strange = metadata_of(&site.seeds, &[], 7, LATER, &strange);
    refused("a strange file", &strange, 0, NOW, "`etc/passwd` is no file of a payload");
    let mut less = payload();
    less.remove("root.verity");
    let less = metadata_of(&site.seeds, &[], 7, LATER, &less);
    refused("a missing file", &less, 0, NOW, "it lacks `root.verity`");
}

#[test]
fn each_version_that_goes_back_is_refused_by_itself() {
    let site = site();
    let good = metadata(&site, 7, LATER);
    let higher = |timestamp, snapshot, targets| Trusted {
        floor: Floor { timestamp, snapshot, targets },
        ..trusted(&site, 0)
    };
    for (floor, role) in [
        (higher(8, 0, 0), BundleRole::Timestamp),
        (higher(0, 8, 0), BundleRole::Snapshot),
        (higher(0, 0, 8), BundleRole::Targets),
    ] {
        let found = verify(&floor, &good, NOW);
        assert_eq!(found, Err(BundleError::Older { role, found: 7, floor: 8 }));
    }
}

#[test]
fn keys_change_by_a_chain_of_roots_and_free_what_a_thief_set_high() {
    let site = site();
    // The second root exchanges the timestamp key and one of the root keys, the third the targets key.
    let mut second = site.seeds.clone();
    second.insert(BundleRole::Timestamp, vec![14]);
    second.insert(BundleRole::Root, vec![1, 2, 13]);
    let mut third = second.clone();
    third.insert(BundleRole::Targets, vec![16]);
    let roots = [root(2, LATER, &second, &[1, 2]), root(3, LATER, &third, &[2, 13])];
    let chain = [(1, &site.root), (2, &roots[0]), (3, &roots[1])];
    let all = metadata_of(&third, &chain, 8, LATER, &payload());
    let high = Trusted {
        floor: Floor { timestamp: 1 << 40, snapshot: 1 << 40, targets: 1 << 40 },
        ..trusted(&site, 0)
    };
    let verified = verify(&high, &all, NOW).unwrap();
    assert_eq!((verified.root_version, verified.trusted.root.clone()), (3, roots[1].clone()));
    assert_eq!(verified.trusted.floor, Floor { timestamp: 8, snapshot: 8, targets: 8 });
    // Once there, the older keys are nobody's.
    let stolen = metadata_of(&site.seeds, &chain, 9, LATER, &payload());
    let found = verify(&verified.trusted, &stolen, NOW);
    assert_eq!(found, Err(BundleError::Signatures { role: BundleRole::Timestamp, have: 0, need: 1 }));

    let refused = |roots: &[(u64, &Vec<u8>)], wanted: &str| {
        let metadata = metadata_of(&third, roots, 8, LATER, &payload());
        let error = verify(&high, &metadata, NOW).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    };
    refused(&[(3, &roots[1])], "version 2 is missing");
    refused(&[(2, &roots[1])], "version 2 is missing");
    // Signed by the new keys alone, by the old keys alone, by one key twice.
    refused(&[(2, &root(2, LATER, &second, &[13, 14]))], "the root metadata has 0 valid signatures");
    let mut taken = second.clone();
    taken.insert(BundleRole::Root, vec![21, 22, 23]);
    refused(&[(2, &root(2, LATER, &taken, &[1, 2]))], "the root metadata has 0 valid signatures");
    refused(&[(2, &root(2, LATER, &second, &[1, 1]))], "the root metadata has 1 valid signatures");
    // An old root may be over when a newer one follows; the newest may not.
    let over = root(1, NOW, &site.seeds, &[1, 3]);
    let from_over = Trusted { root: over.clone(), floor: Floor::default() };
    assert!(verify(&from_over, &all, NOW).is_ok());
    let only = metadata_of(&site.seeds, &[(1, &over)], 8, LATER, &payload());
    assert!(matches!(verify(&from_over, &only, NOW), Err(BundleError::Expired { .. })));
}

#[test]
fn the_first_root_is_signed_by_its_own_keys() {
    assert!(Trusted::first(&root(1, LATER, &seeds(), &[1])).is_err());
    assert!(Trusted::first(&root(1, LATER, &seeds(), &[4, 5])).is_err());
    let first = Trusted::first(&root(1, LATER, &seeds(), &[1, 2])).unwrap();
    assert_eq!((first.root_version().unwrap(), first.fingerprint().len()), (1, 64));
}

#[test]
fn a_bundle_cut_anywhere_is_refused() {
    let site = site();
    let mut files = payload();
    files.insert("gpu.raw".to_owned(), vec![7; 1_000]);
    let metadata = metadata_of(&site.seeds, &[(1, &site.root)], 7, LATER, &files);
    let bytes = packed(&metadata, &files);
    for end in (0..bytes.len()).step_by(97).chain([bytes.len() - 1, bytes.len() - 512, bytes.len() - 1024]) {
        assert!(Bundle::open(Cursor::new(&bytes[..end])).is_err(), "cut at {end}");
    }
    let longer = [bytes.as_slice(), &[0; 512]].concat();
    assert!(Bundle::open(Cursor::new(&longer)).is_err());
}

#[test]
fn a_payload_that_is_not_what_was_signed_is_refused() {
    let site = site();
    let metadata = metadata(&site, 7, LATER);
    let check = |files: &BTreeMap<String, Vec<u8>>, wanted: &str| {
        let mut bytes = Vec::new();
        let put = &mut |part: &[u8]| {
            bytes.extend_from_slice(part);
            Ok(())
        };
        pack(&metadata, &targets(files), put, &mut |name, sink| sink(&files[name])).unwrap();
        let mut bundle = Bundle::open(Cursor::new(&bytes)).unwrap();
        let proved = bundle.verify(&trusted(&site, 0), NOW);
        let read = proved.and_then(|verified| {
            verified.targets.keys().try_for_each(|name| bundle.copy(&verified, name, &mut |_| Ok(())))
        });
        let error = read.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    };
    let mut files = payload();
    files.get_mut("root.erofs").unwrap()[17] ^= 1;
    check(&files, "`root.erofs` is not what was signed: its hash is");
    let mut files = payload();
    files.get_mut("loader.efi").unwrap().push(0);
    check(&files, "`loader.efi` is not what was signed: it has 1001 bytes, 1000 were signed");
    let mut files = payload();
    files.remove("holdfast.efi");
    check(&files, "`holdfast.efi` is not what was signed: it is not there");
    let mut files = payload();
    files.insert("other.raw".to_owned(), Vec::new());
    check(&files, "`other.raw` is not what was signed: it was not signed");
}

/// A payload whose manifest names what it holds.
fn release(change: impl FnOnce(&mut Manifest)) -> BTreeMap<String, Vec<u8>> {
    let mut files = payload();
    files.insert(ROOT.to_owned(), vec![5; 3 * 4096]);
    files.remove(MANIFEST);
    let sums = files.iter().map(|(name, bytes)| (name.clone(), FileSum::of(bytes)));
    let extension = ExtensionSum {
        name: "gpu".to_owned(),
        version: "535".to_owned(),
        kernel: "6.1.0-56-amd64".to_owned(),
        file: "gpu.raw".to_owned(),
    };
    let mut manifest = Manifest {
        version: "0.2.0".to_owned(),
        profile: Profile::Small,
        epoch: 1_793_491_200,
        kernel: "6.1.0-56-amd64".to_owned(),
        files: sums.collect(),
        verity: Verity { root_hash: Digest([1; 32]), salt: Digest([2; 32]), data_blocks: 3 },
        pcr11: Digest([3; 32]),
        from: None,
        extensions: vec![extension],
    };
    change(&mut manifest);
    files.insert(MANIFEST.to_owned(), manifest.encode().unwrap());
    files
}

#[test]
fn a_release_that_does_not_fit_together_is_refused() {
    let site = site();
    let read = |files: &BTreeMap<String, Vec<u8>>| {
        let metadata = metadata_of(&site.seeds, &[], 7, LATER, files);
        verify(&trusted(&site, 0), &metadata, NOW).and_then(|verified| verified.manifest(&files[MANIFEST]))
    };
    let manifest = read(&release(|_| {})).unwrap();
    assert_eq!(manifest.version, "0.2.0");
    let needs = |name: &str| Verified::brings(&manifest, &[name.to_owned()]);
    assert!(needs("gpu").is_ok());
    assert!(needs("npu").unwrap_err().to_string().contains("no extension `npu`, which this machine needs"));
    let refused = |files: BTreeMap<String, Vec<u8>>, wanted: &str| {
        let error = read(&files).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    };
    let other = release(|manifest| manifest.extensions[0].kernel = "6.1.0-57-amd64".to_owned());
    refused(other, "extension `gpu` is for kernel 6.1.0-57-amd64, the release has 6.1.0-56-amd64");
    refused(
        release(|manifest| manifest.extensions[0].file = "npu.raw".to_owned()),
        "extension `gpu` has no file",
    );
    let mut more = release(|_| {});
    more.insert("npu.raw".to_owned(), vec![1]);
    refused(more, "its manifest does not name `npu.raw`");
    let mut other = release(|_| {});
    other.insert("holdfast.efi".to_owned(), vec![1]);
    refused(other, "its manifest names another `holdfast.efi` than was signed");
    let mut nonsense = release(|_| {});
    nonsense.insert(MANIFEST.to_owned(), b"{}".to_vec());
    refused(nonsense, "the release does not fit together");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_flipped_bit_is_never_taken_for_another_release(at in 0..30_000_usize, bit in 0..8_u8) {
        let site = site();
        let mut files = payload();
        files.insert("gpu.raw".to_owned(), vec![7; 1_000]);
        let metadata = metadata_of(&site.seeds, &[(1, &site.root)], 7, LATER, &files);
        let mut bytes = packed(&metadata, &files);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let read = Bundle::open(Cursor::new(&bytes)).and_then(|mut bundle| {
            let verified = bundle.verify(&trusted(&site, 0), NOW)?;
            let mut all = BTreeMap::new();
            for name in verified.targets.keys() {
                all.insert(name.clone(), bundle.small(&verified, name, 1 << 20)?);
            }
            Ok(all)
        });
        // The root in the bundle is not read where a trusted one is there already.
        if let Ok(all) = read {
            prop_assert_eq!(all, files);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..3_000)) {
        drop(Bundle::open(Cursor::new(&bytes)));
        drop(Trusted::first(&bytes));
    }
}
