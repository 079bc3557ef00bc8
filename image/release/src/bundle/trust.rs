//! From what is trusted to what a bundle says: the client's work of The Update Framework, specification 1.0, section 5.

use std::collections::BTreeMap;

use holdfast_types::Time;
use sha2::{Digest as _, Sha256};

use super::error::BundleError;
use super::metadata::{self, Document, Head, MetaBody, MetaFile, RootBody, Signed, TargetsBody};
use super::names::{PAYLOAD_NAMES, is_payload_name};
use super::role::Role;

/// Where the image of a root keeps the root of releases that its site signed, from `/`.
pub const RELEASE_ROOT: &str = "usr/lib/holdfast/releases.root.json";
/// So many roots may follow one another in one bundle.
const MOST_ROOTS: usize = 64;
/// The most files of a payload.
const MOST_TARGETS: usize = 128;

/// What was accepted before: nothing older is accepted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Floor {
    /// The version of the timestamp.
    pub timestamp: u64,
    /// The version of the snapshot.
    pub snapshot: u64,
    /// The version of the targets.
    pub targets: u64,
}

/// What is trusted before a bundle is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The newest root that was accepted, as it was signed.
    pub root: Vec<u8>,
    /// What was accepted before.
    pub floor: Floor,
}

/// The metadata of a bundle, as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Roots by their version.
    pub roots: BTreeMap<u64, Vec<u8>>,
    /// The timestamp.
    pub timestamp: Vec<u8>,
    /// The snapshot.
    pub snapshot: Vec<u8>,
    /// The targets.
    pub targets: Vec<u8>,
}

/// What a file has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Its length.
    pub length: u64,
    /// Its hash.
    pub sha256: [u8; 32],
}

/// What a bundle says, proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What is to be trusted from here on.
    pub trusted: Trusted,
    /// The version of the newest root.
    pub root_version: u64,
    /// The files, by name.
    pub targets: BTreeMap<String, Target>,
    /// When the first part of the metadata ends.
    pub expires: Time,
}

impl Trusted {
    /// Trusts a root for the first time: it has to be signed by the keys that it names itself.
    ///
    /// # Errors
    ///
    /// It is no root, or is not signed.
    pub fn first(root: &[u8]) -> Result<Self, BundleError> {
        let document: Document<RootBody> = metadata::read(Role::Root, root)?;
        document.body.check(&document)?;
        for role in Role::ALL {
            document.body.set(role)?;
        }
        Ok(Self { root: root.to_vec(), floor: Floor::default() })
    }

    /// The version of the root.
    ///
    /// # Errors
    ///
    /// It is no root.
    pub fn root_version(&self) -> Result<u64, BundleError> {
        Ok(metadata::read::<RootBody>(Role::Root, &self.root)?.head.version)
    }

    /// Checks that enough keys of a role have signed a value.
    pub(crate) fn check(&self, role: Role, signed: &Signed) -> Result<(), BundleError> {
        metadata::read::<RootBody>(Role::Root, &self.root)?.body.check_signed(role, signed)
    }

    /// SHA-256 of the root, for people to compare.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(&self.root))
    }
}

/// Proves the metadata of a bundle at a time.
///
/// # Errors
///
/// With the first thing that is wrong.
pub fn verify(trusted: &Trusted, metadata: &Metadata, at: Time) -> Result<Verified, BundleError> {
    let (root, bytes, mut floor) = newest_root(trusted, metadata)?;
    let mut expires = fresh(Role::Root, &root.head, at)?;

    let timestamp: Document<MetaBody> = metadata::read(Role::Timestamp, &metadata.timestamp)?;
    root.body.check(&timestamp)?;
    not_older(Role::Timestamp, timestamp.head.version, floor.timestamp)?;
    let named = named(Role::Timestamp, &timestamp.body, "snapshot.json")?;
    not_older(Role::Snapshot, named.version, floor.snapshot)?;
    expires = expires.min(fresh(Role::Timestamp, &timestamp.head, at)?);

    same(Role::Snapshot, named, &metadata.snapshot)?;
    let snapshot: Document<MetaBody> = metadata::read(Role::Snapshot, &metadata.snapshot)?;
    root.body.check(&snapshot)?;
    same_version(Role::Snapshot, named, &snapshot.head)?;
    let named = self::named(Role::Snapshot, &snapshot.body, "targets.json")?;
    not_older(Role::Targets, named.version, floor.targets)?;
    expires = expires.min(fresh(Role::Snapshot, &snapshot.head, at)?);

    same(Role::Targets, named, &metadata.targets)?;
    let targets: Document<TargetsBody> = metadata::read(Role::Targets, &metadata.targets)?;
    root.body.check(&targets)?;
    same_version(Role::Targets, named, &targets.head)?;
    expires = expires.min(fresh(Role::Targets, &targets.head, at)?);

    floor.timestamp = timestamp.head.version;
    floor.snapshot = snapshot.head.version;
    floor.targets = targets.head.version;
    Ok(Verified {
        trusted: Trusted { root: bytes, floor },
        root_version: root.head.version,
        targets: files(&targets.body)?,
        expires,
    })
}

/// The newest root that the trusted one leads to, each signed by the keys of the one before and by its own, and what of the
/// floor still holds. Where the keys of a role were exchanged, whoever had the old ones could have set its versions as
/// high as he liked: they begin anew.
fn newest_root(
    trusted: &Trusted,
    metadata: &Metadata,
) -> Result<(Document<RootBody>, Vec<u8>, Floor), BundleError> {
    let mut bytes = &trusted.root;
    let mut root: Document<RootBody> = metadata::read(Role::Root, bytes)?;
    root.body.check(&root)?;
    let mut floor = trusted.floor;
    let first = root.head.version.saturating_add(1);
    let newer: Vec<(&u64, &Vec<u8>)> = metadata.roots.range(first..).collect();
    if newer.len() > MOST_ROOTS {
        let why = format!("{} roots follow the trusted one, at most {MOST_ROOTS} are followed", newer.len());
        return Err(BundleError::Metadata { role: Role::Root, why });
    }
    for ((number, next_bytes), wanted) in newer.into_iter().zip(first..) {
        let next: Document<RootBody> = metadata::read(Role::Root, next_bytes)?;
        if *number != wanted || next.head.version != wanted {
            let why = format!("version {wanted} is missing between the trusted root and the newest one");
            return Err(BundleError::Metadata { role: Role::Root, why });
        }
        root.body.check(&next)?;
        next.body.check(&next)?;
        let changed = |role| Ok::<_, BundleError>(root.body.set(role)?.0 != next.body.set(role)?.0);
        if changed(Role::Timestamp)? || changed(Role::Snapshot)? {
            (floor.timestamp, floor.snapshot) = (0, 0);
        }
        if changed(Role::Targets)? {
            floor.targets = 0;
        }
        (root, bytes) = (next, next_bytes);
    }
    Ok((root, bytes.clone(), floor))
}

fn fresh(role: Role, head: &Head, at: Time) -> Result<Time, BundleError> {
    if head.expires <= at {
        return Err(BundleError::Expired { role, expires: head.expires, at });
    }
    Ok(head.expires)
}

fn not_older(role: Role, found: u64, floor: u64) -> Result<(), BundleError> {
    if found < floor { Err(BundleError::Older { role, found, floor }) } else { Ok(()) }
}

fn named<'a>(role: Role, body: &'a MetaBody, name: &str) -> Result<&'a MetaFile, BundleError> {
    let only = (body.meta.len() == 1).then(|| body.meta.get(name)).flatten();
    only.ok_or_else(|| BundleError::Metadata { role, why: format!("it does not name `{name}` alone") })
}

fn same(role: Role, named: &MetaFile, bytes: &[u8]) -> Result<(), BundleError> {
    let found = <[u8; 32]>::from(Sha256::digest(bytes));
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if named.length != length || named.hashes.bytes() != Some(found) {
        let why = format!("its hash is {}, {} was signed", hex::encode(found), named.hashes.sha256);
        return Err(BundleError::Mixed { role, why });
    }
    Ok(())
}

fn same_version(role: Role, named: &MetaFile, head: &Head) -> Result<(), BundleError> {
    if named.version != head.version {
        let why = format!("it has version {}, version {} was signed", head.version, named.version);
        return Err(BundleError::Mixed { role, why });
    }
    Ok(())
}

fn files(body: &TargetsBody) -> Result<BTreeMap<String, Target>, BundleError> {
    let wrong = |why: String| BundleError::Metadata { role: Role::Targets, why };
    if body.targets.len() > MOST_TARGETS {
        return Err(wrong(format!(
            "it names {} files, at most {MOST_TARGETS} are taken",
            body.targets.len()
        )));
    }
    let mut files = BTreeMap::new();
    for (name, file) in &body.targets {
        let short: String = name.chars().take(100).collect();
        if !is_payload_name(name) {
            return Err(wrong(format!("`{short}` is no file of a payload")));
        }
        let sha256 = file.hashes.bytes().ok_or_else(|| wrong(format!("`{short}` has no hash")))?;
        files.insert(name.clone(), Target { length: file.length, sha256 });
    }
    match PAYLOAD_NAMES.iter().find(|name| !files.contains_key(**name)) {
        Some(missing) => Err(wrong(format!("it lacks `{missing}`"))),
        None => Ok(files),
    }
}
