//! The encryption of one piece. A leaf.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::error::SealedError;
use crate::secret::{Secret, random};

/// How much of a stream is encrypted at once.
pub const PIECE: usize = 64 << 10;
/// What the encryption adds to each piece.
pub(super) const TAG: usize = 16;
pub(super) const KEY: usize = 32;

/// The key of one stream.
pub(super) struct StreamKey(Secret);

impl StreamKey {
    pub(super) fn generate() -> Result<Self, SealedError> {
        let bytes = random::<KEY>().map_err(|_| SealedError::Crypto("the system has no random bytes"))?;
        Ok(Self(Secret::new(bytes.to_vec())))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == KEY).then(|| Self(Secret::new(bytes.to_vec())))
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

/// A key from a secret, bound to what it is for.
pub(super) fn derive(secret: &[u8], salt: &[u8], label: &[u8]) -> Zeroizing<[u8; KEY]> {
    let mut key = Zeroizing::new([0; KEY]);
    let info = [label];
    let okm = Salt::new(HKDF_SHA256, salt).extract(secret);
    // 32 bytes are far below what HKDF can give, so this cannot fail; a key of zeros would open nothing.
    if let Ok(okm) = okm.expand(&info, HKDF_SHA256) {
        okm.fill(key.as_mut_slice()).unwrap_or_default();
    }
    key
}

fn aead(key: &[u8; KEY]) -> Result<LessSafeKey, SealedError> {
    let key = UnboundKey::new(&AES_256_GCM, key)
        .map_err(|_| SealedError::Crypto("the key of a piece is not valid"))?;
    Ok(LessSafeKey::new(key))
}

/// Encrypts one thing under a key that is used once.
pub(super) fn seal_one(key: &[u8; KEY], plain: &[u8]) -> Result<Vec<u8>, SealedError> {
    Pieces::of(key)?.seal(plain, true)
}

/// Decrypts it.
pub(super) fn open_one(key: &[u8; KEY], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    Ok(Zeroizing::new(Pieces::of(key)?.open(sealed.to_vec(), true)?))
}

/// The pieces of one stream, in order.
pub(super) struct Pieces {
    key: LessSafeKey,
    number: u64,
}

impl Pieces {
    /// The pieces of the stream that this header begins.
    pub(super) fn begin(key: &StreamKey, header: &[u8]) -> Result<Self, SealedError> {
        Self::of(&derive(key.expose(), header, b"holdfast backup 1 pieces"))
    }

    fn of(key: &[u8; KEY]) -> Result<Self, SealedError> {
        Ok(Self { key: aead(key)?, number: 0 })
    }

    fn nonce(&mut self, last: bool) -> Nonce {
        let mut nonce = [0; 12];
        let (number, rest) = nonce.split_at_mut(8);
        number.copy_from_slice(&self.number.to_be_bytes());
        if let Some(flag) = rest.last_mut() {
            *flag = u8::from(last);
        }
        self.number += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    pub(super) fn seal(&mut self, plain: &[u8], last: bool) -> Result<Vec<u8>, SealedError> {
        let nonce = self.nonce(last);
        let mut piece = plain.to_vec();
        let sealed = self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut piece);
        sealed.map_err(|_| SealedError::Crypto("a piece cannot be encrypted"))?;
        Ok(piece)
    }

    pub(super) fn open(&mut self, mut piece: Vec<u8>, last: bool) -> Result<Vec<u8>, SealedError> {
        let nonce = self.nonce(last);
        let opened = self.key.open_in_place(nonce, Aad::empty(), &mut piece);
        let length = opened.map_err(|_| SealedError::Damaged("a piece is not what was written there"))?.len();
        piece.truncate(length);
        Ok(piece)
    }
}
