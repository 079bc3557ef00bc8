//! Checkpoints as signed notes (C2SP signed-note and tlog-checkpoint): three lines that fix a whole log.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::hash::Hash;

/// The longest note that is read.
pub const MAX_NOTE: usize = 16 * 1024;
/// The most signatures of a note: the log's own and those of witnesses.
const MAX_SIGNATURES: usize = 32;
/// The algorithm of signed-note for Ed25519.
const ED25519: u8 = 1;
/// What begins a line with a signature.
const DASH: &str = "\u{2014} ";

/// Why a note or a key is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a name for a key.
    #[error("`{0}` does not name a key: it is empty, too long, or has a space or a `+`")]
    Name(String),
    /// Not a verifier key.
    #[error("`{0}` is not a verifier key: expected `<name>+<hash>+<base64>` of an Ed25519 key")]
    Key(String),
    /// Not a signed note.
    #[error("read checkpoint: {0}")]
    Form(&'static str),
    /// No signature by the key.
    #[error("checkpoint bears no signature by `{0}`")]
    Unsigned(String),
    /// A signature by the key that is not valid.
    #[error("signature by `{0}` on the checkpoint is not valid")]
    Forged(String),
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > 255 || name.chars().any(bad) {
        return Err(NoteError::Name(name.chars().take(80).collect()));
    }
    Ok(())
}

/// The first four bytes of SHA-256 over the name, a line feed, the algorithm and the public key.
fn key_hash(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let digest = Sha256::new_with_prefix(name.as_bytes())
        .chain_update([b'\n', ED25519])
        .chain_update(public)
        .finalize();
    let [a, b, c, d, ..] = <[u8; 32]>::from(digest);
    [a, b, c, d]
}

/// The public half of a log's key, in the text form `name+hash+base64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The name, which is the origin of the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn hash(&self) -> [u8; 4] {
        key_hash(&self.name, self.key.as_bytes())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex::encode(self.hash()), STANDARD.encode(bytes))
    }
}

impl std::str::FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let error = || NoteError::Key(text.chars().take(120).collect());
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(error());
        };
        check_name(name)?;
        let bytes = STANDARD.decode(key).map_err(|_| error())?;
        let Some((&ED25519, public)) = bytes.split_first() else {
            return Err(error());
        };
        let public: &[u8; 32] = public.try_into().map_err(|_| error())?;
        let key = VerifyingKey::from_bytes(public).map_err(|_| error())?;
        let read = Self { name: name.to_owned(), key };
        if hex::encode(read.hash()) == hash { Ok(read) } else { Err(error()) }
    }
}

/// The private half. It has no text form, and its memory is cleared when it is dropped.
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Signer {
    /// The key with a seed, under the name of the log it signs.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), key: self.key.verifying_key() }
    }
}

/// What a log was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

impl Checkpoint {
    /// The checkpoint as a note signed by the log's key.
    #[must_use]
    pub fn sign(&self, signer: &Signer) -> String {
        let text = self.text();
        let verifier = signer.verifier();
        let mut bytes = verifier.hash().to_vec();
        bytes.extend_from_slice(&signer.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n{DASH}{} {}\n", signer.name, STANDARD.encode(bytes))
    }

    /// Reads a note whose signature by a key holds.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let (text, signatures) = split(note)?;
        verify(text, signatures, key)?;
        Self::parse(text)
    }

    /// Reads a note and believes it: for one that comes from where it is trusted already.
    pub fn read_unverified(note: &str) -> Result<Self, NoteError> {
        Self::parse(split(note)?.0)
    }

    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.0))
    }

    fn parse(text: &str) -> Result<Self, NoteError> {
        // Lines after the third are extensions, which are signed and not looked at.
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::Form("it has fewer than three lines"));
        };
        if origin.is_empty() {
            return Err(NoteError::Form("its origin is empty"));
        }
        let number: u64 = size.parse().map_err(|_| NoteError::Form("its size is not a number"))?;
        if number.to_string() != size {
            return Err(NoteError::Form("its size is not in decimal form"));
        }
        let root = STANDARD.decode(root).map_err(|_| NoteError::Form("its root is not base64"))?;
        let root = root.try_into().map_err(|_| NoteError::Form("its root does not have 32 bytes"))?;
        Ok(Self { origin: origin.to_owned(), size: number, root: Hash(root) })
    }
}

/// The signed text with its last line feed, and the lines of signatures.
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > MAX_NOTE {
        return Err(NoteError::Form("it is longer than 16 KiB"));
    }
    if note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(NoteError::Form("it has control characters"));
    }
    let at = note.rfind("\n\n").ok_or(NoteError::Form("it has no signatures"))?;
    let (text, signatures) = note.split_at_checked(at + 1).ok_or(NoteError::Form("it has no signatures"))?;
    let signatures = signatures.strip_prefix('\n').ok_or(NoteError::Form("it has no signatures"))?;
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(NoteError::Form("its signatures are cut off"));
    }
    Ok((text, signatures))
}

fn verify(text: &str, signatures: &str, key: &VerifierKey) -> Result<(), NoteError> {
    if signatures.lines().count() > MAX_SIGNATURES {
        return Err(NoteError::Form("it has too many signatures"));
    }
    let mut signed = false;
    for line in signatures.lines() {
        let parts = line.strip_prefix(DASH).and_then(|rest| rest.split_once(' '));
        let (name, encoded) = parts.ok_or(NoteError::Form("a signature is not `— <name> <base64>`"))?;
        let bytes = STANDARD.decode(encoded).map_err(|_| NoteError::Form("a signature is not base64"))?;
        let (hash, signature) =
            bytes.split_first_chunk::<4>().ok_or(NoteError::Form("a signature is too short"))?;
        // Signatures of witnesses, and by keys not known here, are neither needed nor harmful.
        if name != key.name || *hash != key.hash() {
            continue;
        }
        let forged = || NoteError::Forged(key.name.clone());
        let signature = Signature::from_slice(signature).map_err(|_| forged())?;
        key.key.verify_strict(text.as_bytes(), &signature).map_err(|_| forged())?;
        signed = true;
    }
    if signed { Ok(()) } else { Err(NoteError::Unsigned(key.name.clone())) }
}

#[cfg(test)]
mod tests;
