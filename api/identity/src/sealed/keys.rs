//! The two halves of a backup key, and wrapping the key of one stream for one of them.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::error::SealedError;
use super::pieces::{KEY, StreamKey, derive, open_one, seal_one};
use crate::secret::Secret;

const X25519: usize = 32;
const PUBLIC: usize = 1_184;
const SECRET: usize = 2_400;
const ENCAPSULATED: usize = 1_088;
/// A key of a stream with one tag, and with two.
const ONCE: usize = KEY + 16;
const TWICE: usize = ONCE + 16;
/// What a recipient adds to a header: fingerprint, ML-KEM ciphertext, HPKE encapsulated key, the wrapped key.
pub(super) const STANZA: usize = 8 + ENCAPSULATED + X25519 + TWICE;

const PUBLIC_PREFIX: &str = "holdfast-backup-1-";
const SECRET_PREFIX: &str = "HOLDFAST-BACKUP-SECRET-1-";
const INFO: &[u8] = b"holdfast backup 1 hpke";
const KEM_LABEL: &[u8] = b"holdfast backup 1 ml-kem";

/// The longest text of a key.
const MAX_TEXT: usize = 8 << 10;

fn hpke() -> &'static dyn Hpke {
    DH_KEM_X25519_HKDF_SHA256_AES_256
}

/// The public half: to whom backups are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    x25519: [u8; X25519],
    ml_kem: Vec<u8>,
}

/// The secret half: with it backups are read. It has no `Debug` and is erased when dropped.
#[expect(missing_debug_implementations, reason = "a private key must not be printable by accident")]
pub struct BackupKey {
    recipient: Recipient,
    x25519: Secret,
    ml_kem: Secret,
}

impl Recipient {
    /// What names the key in a header and to people.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(self.id())
    }

    fn id(&self) -> [u8; 8] {
        let digest = Sha256::new().chain_update(self.x25519).chain_update(&self.ml_kem).finalize();
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// The key of a stream, for this recipient alone.
    pub(super) fn wrap(&self, key: &StreamKey) -> Result<Vec<u8>, SealedError> {
        let failed = |_| SealedError::Crypto("a key cannot be wrapped");
        let public = EncapsulationKey::new(&ML_KEM_768, &self.ml_kem)
            .map_err(|_| SealedError::Crypto("the ML-KEM key of a recipient is not valid"))?;
        let (ciphertext, shared) = public.encapsulate().map_err(failed)?;
        let once = seal_one(&derive(shared.as_ref(), ciphertext.as_ref(), KEM_LABEL), key.expose())?;
        let pub_key = HpkePublicKey(self.x25519.to_vec());
        let sealed = hpke().seal(INFO, ciphertext.as_ref(), &once, &pub_key);
        let (encapsulated, twice) = sealed.map_err(|_| SealedError::Crypto("a key cannot be wrapped"))?;
        let mut stanza = self.id().to_vec();
        stanza.extend_from_slice(ciphertext.as_ref());
        stanza.extend_from_slice(&encapsulated.0);
        stanza.extend_from_slice(&twice);
        if stanza.len() == STANZA {
            Ok(stanza)
        } else {
            Err(SealedError::Crypto("a wrapped key has another length"))
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.x25519.as_slice(), &self.ml_kem].concat();
        write!(f, "{PUBLIC_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Recipient {
    type Err = SealedError;

    fn from_str(text: &str) -> Result<Self, SealedError> {
        let fault = || {
            SealedError::Text("the public half of a backup key, as `holdfast cluster backup-key` prints it")
        };
        let rest = text.trim().strip_prefix(PUBLIC_PREFIX).filter(|rest| rest.len() <= MAX_TEXT);
        let bytes = URL_SAFE_NO_PAD.decode(rest.ok_or_else(fault)?).map_err(|_| fault())?;
        let (x25519, ml_kem) = bytes.split_first_chunk::<X25519>().ok_or_else(fault)?;
        if ml_kem.len() != PUBLIC {
            return Err(fault());
        }
        Ok(Self { x25519: *x25519, ml_kem: ml_kem.to_vec() })
    }
}

impl BackupKey {
    /// Makes a key.
    ///
    /// # Errors
    ///
    /// Where the crypto library has no randomness.
    pub fn generate() -> Result<Self, SealedError> {
        let failed = |_| SealedError::Crypto("a backup key cannot be made");
        let (public, private) =
            hpke().generate_key_pair().map_err(|_| SealedError::Crypto("a backup key cannot be made"))?;
        let ml_kem = DecapsulationKey::generate(&ML_KEM_768).map_err(failed)?;
        let encapsulation = ml_kem.encapsulation_key().and_then(|key| Ok(key.key_bytes()?.as_ref().to_vec()));
        let x25519 = public.0.as_slice().try_into().map_err(|_| SealedError::Text("an X25519 key"))?;
        let secret = ml_kem.key_bytes().map_err(failed)?;
        Ok(Self {
            recipient: Recipient { x25519, ml_kem: encapsulation.map_err(failed)? },
            x25519: Secret::new(private.secret_bytes().to_vec()),
            ml_kem: Secret::new(secret.as_ref().to_vec()),
        })
    }

    /// The public half.
    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// As text for a file that only its owner can read; erased when dropped.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = self.recipient.x25519.to_vec();
        bytes.extend_from_slice(&self.recipient.ml_kem);
        bytes.extend_from_slice(self.x25519.expose());
        bytes.extend_from_slice(self.ml_kem.expose());
        let text = Zeroizing::new(format!("{SECRET_PREFIX}{}\n", URL_SAFE_NO_PAD.encode(&bytes)));
        bytes.zeroize();
        text
    }

    /// Reads what [`BackupKey::to_text`] wrote.
    ///
    /// # Errors
    ///
    /// Where the text is not a key.
    pub fn parse(text: &str) -> Result<Self, SealedError> {
        let fault = || SealedError::Text("a backup key, as `holdfast cluster backup-key` writes it");
        let rest = text.trim().strip_prefix(SECRET_PREFIX).filter(|rest| rest.len() <= MAX_TEXT);
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(rest.ok_or_else(fault)?).map_err(|_| fault())?);
        let (public, rest) = bytes.split_first_chunk::<X25519>().ok_or_else(fault)?;
        let (ml_kem, rest) = rest.split_first_chunk::<PUBLIC>().ok_or_else(fault)?;
        let (x25519, secret) = rest.split_first_chunk::<X25519>().ok_or_else(fault)?;
        if secret.len() != SECRET {
            return Err(fault());
        }
        Ok(Self {
            recipient: Recipient { x25519: *public, ml_kem: ml_kem.to_vec() },
            x25519: Secret::new(x25519.to_vec()),
            ml_kem: Secret::new(secret.to_vec()),
        })
    }

    /// The key of a stream, from what was wrapped for this key; nothing where it is for another.
    pub(super) fn unwrap_from(&self, stanza: &[u8]) -> Option<Result<StreamKey, SealedError>> {
        let (id, rest) = stanza.split_first_chunk::<8>()?;
        (*id == self.recipient.id()).then(|| self.open(rest))
    }

    fn open(&self, rest: &[u8]) -> Result<StreamKey, SealedError> {
        let damaged = || SealedError::Damaged("its key cannot be unwrapped");
        let (ciphertext, rest) = rest.split_first_chunk::<ENCAPSULATED>().ok_or_else(damaged)?;
        let (encapsulated, twice) = rest.split_first_chunk::<X25519>().ok_or_else(damaged)?;
        let private = HpkePrivateKey::from(self.x25519.expose().to_vec());
        let encapsulated = EncapsulatedSecret(encapsulated.to_vec());
        let once = hpke().open(&encapsulated, INFO, ciphertext, twice, &private).map_err(|_| damaged())?;
        let secret = DecapsulationKey::new(&ML_KEM_768, self.ml_kem.expose()).map_err(|_| damaged())?;
        let shared = secret.decapsulate(Ciphertext::from(ciphertext.as_slice())).map_err(|_| damaged())?;
        let key = open_one(&derive(shared.as_ref(), ciphertext, KEM_LABEL), &once)?;
        StreamKey::from_bytes(&key).ok_or_else(damaged)
    }
}
