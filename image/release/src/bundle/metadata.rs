//! The four roles of the metadata (The Update Framework, specification 1.0, section 4), read with limits.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signature, VerifyingKey};
use holdfast_types::Time;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::canonical;
use super::error::BundleError;
use super::expiry;
use super::role::Role;

/// The most signatures that a file may have.
const MOST_SIGNATURES: usize = 32;
/// The most keys that a root may name.
const MOST_KEYS: usize = 64;

/// What every role has.
pub(super) struct Head {
    pub(super) version: u64,
    pub(super) expires: Time,
}

/// A file of the metadata that was read, with what its signatures are over.
pub(super) struct Document<T> {
    pub(super) head: Head,
    pub(super) body: T,
    role: Role,
    signed: Signed,
}

/// A value with signatures that are still to be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// What was signed.
    pub(crate) value: Value,
    spelled: Vec<u8>,
    signatures: Vec<SignatureOf>,
}

#[derive(Deserialize)]
struct Envelope {
    signed: Value,
    signatures: Vec<SignatureOf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct SignatureOf {
    keyid: String,
    sig: String,
}

#[derive(Deserialize)]
struct RawHead {
    #[serde(rename = "_type")]
    kind: String,
    spec_version: String,
    version: u64,
    expires: String,
}

/// Which keys count for which role.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RootBody {
    keys: BTreeMap<String, Key>,
    roles: BTreeMap<String, Keyholders>,
}

#[derive(Debug, Clone, Deserialize)]
struct Key {
    keytype: String,
    scheme: String,
    keyval: KeyValue,
}

#[derive(Debug, Clone, Deserialize)]
struct KeyValue {
    public: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Keyholders {
    keyids: Vec<String>,
    threshold: u64,
}

/// What the timestamp and the snapshot say of other files.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct MetaBody {
    pub(super) meta: BTreeMap<String, MetaFile>,
}

/// One of them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct MetaFile {
    pub(super) version: u64,
    pub(super) length: u64,
    pub(super) hashes: Hashes,
}

/// What the files are.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TargetsBody {
    pub(super) targets: BTreeMap<String, TargetFile>,
}

/// One of them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TargetFile {
    pub(super) length: u64,
    pub(super) hashes: Hashes,
}

/// The hashes of a file.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Hashes {
    pub(super) sha256: String,
}

impl Hashes {
    pub(super) fn bytes(&self) -> Option<[u8; 32]> {
        hex::decode(&self.sha256).ok()?.try_into().ok()
    }
}

impl Signed {
    /// Reads what is signed, in its one spelling.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value = canonical::parse(bytes)?;
        let envelope: Envelope = serde_json::from_value(value).map_err(|error| error.to_string())?;
        if envelope.signatures.len() > MOST_SIGNATURES {
            return Err(format!("it has {} signatures", envelope.signatures.len()));
        }
        let spelled = canonical::canonical(&envelope.signed).ok_or("it has no spelling")?;
        Ok(Self { value: envelope.signed, spelled, signatures: envelope.signatures })
    }
}

/// Reads a file of the metadata. Its signatures are still to be verified.
pub(super) fn read<T: DeserializeOwned>(role: Role, bytes: &[u8]) -> Result<Document<T>, BundleError> {
    let wrong = |why: String| BundleError::Metadata { role, why };
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > role.most_bytes() {
        return Err(wrong(format!("it has {length} bytes, at most {} are read", role.most_bytes())));
    }
    let json = |error: serde_json::Error| wrong(error.to_string());
    let signed = Signed::parse(bytes).map_err(wrong)?;
    let head: RawHead = serde_json::from_value(signed.value.clone()).map_err(json)?;
    if head.kind != role.as_str() {
        return Err(wrong(format!("it is of type `{}`", head.kind.chars().take(20).collect::<String>())));
    }
    if !head.spec_version.starts_with("1.") || head.version == 0 {
        return Err(wrong("it is of another specification, or of version 0".to_owned()));
    }
    let expires = expiry::parse(&head.expires).ok_or_else(|| wrong("`expires` is no instant".to_owned()))?;
    let body = serde_json::from_value(signed.value.clone()).map_err(json)?;
    Ok(Document { head: Head { version: head.version, expires }, body, role, signed })
}

impl RootBody {
    /// The keys of a role and how many of them have to sign.
    fn holders(&self, role: Role) -> Result<(BTreeMap<&str, VerifyingKey>, u64), BundleError> {
        let wrong = |why: String| BundleError::Metadata { role: Role::Root, why };
        if self.keys.len() > MOST_KEYS {
            return Err(wrong(format!("it has {} keys", self.keys.len())));
        }
        let holders =
            self.roles.get(role.as_str()).ok_or_else(|| wrong(format!("it names no keys for {role}")))?;
        if holders.threshold == 0 {
            return Err(wrong(format!("nobody would have to sign the {role} metadata")));
        }
        let mut keys = BTreeMap::new();
        for id in &holders.keyids {
            let key = self.keys.get(id).ok_or_else(|| wrong(format!("it lacks a key of {role}")))?;
            // A key of another kind is one that cannot be verified here; the others have to be enough.
            if let Some(key) = key.verifying() {
                keys.insert(id.as_str(), key);
            }
        }
        Ok((keys, holders.threshold))
    }

    /// The public keys of a role, and its threshold: what is compared when keys change.
    pub(super) fn set(&self, role: Role) -> Result<(BTreeSet<[u8; 32]>, u64), BundleError> {
        let (keys, threshold) = self.holders(role)?;
        Ok((keys.values().map(VerifyingKey::to_bytes).collect(), threshold))
    }

    /// Checks that enough keys of its role have signed a file.
    pub(super) fn check<T>(&self, document: &Document<T>) -> Result<(), BundleError> {
        self.check_signed(document.role, &document.signed)
    }

    /// Checks that enough keys of a role have signed a value.
    pub(super) fn check_signed(&self, role: Role, signed: &Signed) -> Result<(), BundleError> {
        let (keys, need) = self.holders(role)?;
        // By key and not by name of a key: one key under two names signs once.
        let mut by: BTreeSet<[u8; 32]> = BTreeSet::new();
        for signature in &signed.signatures {
            let Some(key) = keys.get(signature.keyid.as_str()) else { continue };
            let bytes = hex::decode(&signature.sig).ok().and_then(|bytes| bytes.try_into().ok());
            let Some(bytes) = bytes else { continue };
            if key.verify_strict(&signed.spelled, &Signature::from_bytes(&bytes)).is_ok() {
                by.insert(key.to_bytes());
            }
        }
        let have = u64::try_from(by.len()).unwrap_or(0);
        if have < need {
            return Err(BundleError::Signatures { role, have, need });
        }
        Ok(())
    }
}

impl Key {
    fn verifying(&self) -> Option<VerifyingKey> {
        if self.keytype != "ed25519" || self.scheme != "ed25519" {
            return None;
        }
        VerifyingKey::from_bytes(&hex::decode(&self.keyval.public).ok()?.try_into().ok()?).ok()
    }
}
