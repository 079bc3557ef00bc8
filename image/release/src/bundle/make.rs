//! Making the metadata of a bundle and the bundle. Whoever holds a key is asked to sign; no key is seen here.

use std::collections::BTreeMap;

use ed25519_dalek::{Signer, SigningKey};
use holdfast_types::Time;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::archive;
use super::canonical::canonical;
use super::error::BundleError;
use super::expiry;
use super::role::Role;
use super::trust::{Metadata, Target};

/// The specification that is followed.
const SPECIFICATION: &str = "1.0.31";

/// Whoever holds a key.
pub trait Keyholder {
    /// The public half of its Ed25519 key.
    fn public(&self) -> [u8; 32];

    /// Its signature over a message.
    ///
    /// # Errors
    ///
    /// Why it does not sign.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String>;
}

impl Keyholder for SigningKey {
    fn public(&self) -> [u8; 32] {
        self.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        Ok(Signer::sign(self, message).to_bytes())
    }
}

/// Metadata that nobody has signed yet.
#[derive(Debug, Clone)]
pub struct Unsigned {
    role: Role,
    value: Value,
}

/// What the metadata of a release is to say.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The version of timestamp, snapshot and targets: greater than that of every release before.
    pub number: u64,
    /// When it ends.
    pub expires: Time,
    /// The files.
    pub targets: BTreeMap<String, Target>,
}

/// The name of a key in the metadata.
#[must_use]
pub fn public_key_id(public: &[u8; 32]) -> String {
    hex::encode(Sha256::digest(canonical(&key(public)).unwrap_or_default()))
}

fn key(public: &[u8; 32]) -> Value {
    json!({"keytype": "ed25519", "keyval": {"public": hex::encode(public)}, "scheme": "ed25519"})
}

fn head(role: Role, version: u64, expires: Time) -> Value {
    json!({
        "_type": role.as_str(),
        "expires": expiry::format(expires),
        "spec_version": SPECIFICATION,
        "version": version,
    })
}

fn with(mut head: Value, name: &str, member: Value) -> Value {
    if let Some(members) = head.as_object_mut() {
        members.insert(name.to_owned(), member);
    }
    head
}

impl Unsigned {
    /// A root: for every role its keys and how many of them have to sign.
    #[must_use]
    pub fn root(version: u64, expires: Time, roles: &BTreeMap<Role, (Vec<[u8; 32]>, u64)>) -> Self {
        let keys = roles.values().flat_map(|(keys, _)| keys);
        let keys: BTreeMap<String, Value> = keys.map(|public| (public_key_id(public), key(public))).collect();
        let holders = roles.iter().map(|(role, (keys, threshold))| {
            let ids: Vec<String> = keys.iter().map(public_key_id).collect();
            (role.as_str().to_owned(), json!({"keyids": ids, "threshold": threshold}))
        });
        let holders: BTreeMap<String, Value> = holders.collect();
        let value = with(head(Role::Root, version, expires), "keys", json!(keys));
        let value = with(value, "roles", json!(holders));
        Self { role: Role::Root, value: with(value, "consistent_snapshot", json!(false)) }
    }

    fn targets(draft: &Draft) -> Self {
        let files = draft.targets.iter().map(|(name, target)| {
            let hashes = json!({"sha256": hex::encode(target.sha256)});
            (name.clone(), json!({"hashes": hashes, "length": target.length}))
        });
        let files: BTreeMap<String, Value> = files.collect();
        let value = with(head(Role::Targets, draft.number, draft.expires), "targets", json!(files));
        Self { role: Role::Targets, value }
    }

    fn naming(role: Role, draft: &Draft, name: &str, bytes: &[u8]) -> Self {
        let file = json!({
            "hashes": {"sha256": hex::encode(Sha256::digest(bytes))},
            "length": bytes.len(),
            "version": draft.number,
        });
        Self { role, value: with(head(role, draft.number, draft.expires), "meta", json!({name: file})) }
    }

    /// The file, signed by these.
    ///
    /// # Errors
    ///
    /// One of them does not sign.
    pub fn sign(self, holders: &[&dyn Keyholder]) -> Result<Vec<u8>, BundleError> {
        signed(&self.value, holders).map_err(|why| BundleError::Metadata { role: self.role, why })
    }
}

/// A value in its one spelling, with the signatures of these.
pub(crate) fn signed(value: &Value, holders: &[&dyn Keyholder]) -> Result<Vec<u8>, String> {
    let spelled = |value: &Value| canonical(value).ok_or_else(|| "it has no spelling".to_owned());
    let message = spelled(value)?;
    let mut signatures = Vec::new();
    for holder in holders {
        let signature = holder.sign(&message)?;
        let id = public_key_id(&holder.public());
        signatures.push(json!({"keyid": id, "sig": hex::encode(signature)}));
    }
    spelled(&json!({"signatures": signatures, "signed": value}))
}

impl Draft {
    /// The metadata of a release below these roots, signed by whoever holds the key of each role.
    ///
    /// # Errors
    ///
    /// One of them does not sign.
    pub fn sign(
        &self,
        roots: BTreeMap<u64, Vec<u8>>,
        holders: &BTreeMap<Role, Vec<&dyn Keyholder>>,
    ) -> Result<Metadata, BundleError> {
        let by = |role: Role| holders.get(&role).map(Vec::as_slice).unwrap_or_default();
        let targets = Unsigned::targets(self).sign(by(Role::Targets))?;
        let snapshot = Unsigned::naming(Role::Snapshot, self, "targets.json", &targets);
        let snapshot = snapshot.sign(by(Role::Snapshot))?;
        let timestamp = Unsigned::naming(Role::Timestamp, self, "snapshot.json", &snapshot);
        let timestamp = timestamp.sign(by(Role::Timestamp))?;
        Ok(Metadata { roots, timestamp, snapshot, targets })
    }
}

/// Takes bytes in order.
pub type Sink<'a> = dyn FnMut(&[u8]) -> std::io::Result<()> + 'a;

/// Writes a bundle: `put` gets all of it in order, `file` gives the content of a file of the payload to its second argument.
///
/// # Errors
///
/// A file cannot be named, has another length than was signed, or `put` fails.
pub fn pack(
    metadata: &Metadata,
    targets: &BTreeMap<String, Target>,
    put: &mut Sink<'_>,
    file: &mut dyn FnMut(&str, &mut Sink<'_>) -> std::io::Result<()>,
) -> Result<(), BundleError> {
    let failed = |error: std::io::Error| BundleError::Archive(format!("it cannot be written: {error}"));
    let roots = metadata.roots.iter().map(|(number, bytes)| (format!("{number}.root"), bytes));
    let others = [
        ("timestamp", &metadata.timestamp),
        ("snapshot", &metadata.snapshot),
        ("targets", &metadata.targets),
    ];
    let others = others.into_iter().map(|(name, bytes)| (name.to_owned(), bytes));
    for (name, bytes) in roots.chain(others) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        put(&named(&format!("metadata/{name}.json"), length)?).map_err(failed)?;
        put(bytes).map_err(failed)?;
        put(&zeros(length)).map_err(failed)?;
    }
    for (name, target) in targets {
        put(&named(&format!("payload/{name}"), target.length)?).map_err(failed)?;
        let mut written = 0;
        file(name, &mut |part| {
            written += u64::try_from(part.len()).unwrap_or(u64::MAX);
            put(part)
        })
        .map_err(failed)?;
        if written != target.length {
            let why = format!("it has {written} bytes, {} were signed", target.length);
            return Err(BundleError::File { name: name.clone(), why });
        }
        put(&zeros(target.length)).map_err(failed)?;
    }
    put(&[0; 2 * archive::BLOCK_LEN]).map_err(failed)
}

fn named(name: &str, length: u64) -> Result<archive::Header, BundleError> {
    archive::header(name, length).ok_or_else(|| BundleError::Archive(format!("`{name}` has no header")))
}

fn zeros(length: u64) -> Vec<u8> {
    vec![0; usize::try_from(archive::padding(length)).unwrap_or(0)]
}
