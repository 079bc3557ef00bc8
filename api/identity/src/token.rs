//! Join tokens: one secret that lets one machine ask for a certificate, and the pin of the root it is to trust.
//!
//! Text form: `hft1-<id, 16 hex digits>-<secret, 64>-<SHA-256 of the root, 64>`. The cluster stores the hash alone.

use std::fmt;

use holdfast_types::{AsProblem, Problem, ProblemKind};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::names::{NameFault, RootPin, hex_bytes};
use crate::secret::{RandomError, Secret, equal_in_constant_time, random};

const PREFIX: &str = "hft1";
const SECRET: usize = 32;
/// The one length of a token in characters.
const LENGTH: usize = PREFIX.len() + 3 + 16 + 2 * SECRET + 64;
/// Separates this hash from every other use of SHA-256 over a secret of 32 bytes.
const DOMAIN: &[u8] = b"holdfast join token v1\0";

hex_bytes!(
    /// The public name of a join token, by which it is listed and withdrawn.
    TokenId,
    8,
    "join token id",
    "16 lowercase hexadecimal digits"
);
hex_bytes!(
    /// What the cluster stores of a join token. Comparing hashes of 256-bit secrets leaks nothing a caller could use;
    /// [`TokenHash::matches`] takes constant time all the same.
    TokenHash,
    32,
    "join token hash",
    "64 lowercase hexadecimal digits"
);

/// Why a text is not a join token, or none could be made. The text is not repeated: it may be nearly right.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The text is malformed.
    #[error("join token is malformed: expected {LENGTH} characters `hft1-<id>-<secret>-<root>`")]
    Malformed,
    /// The system gave no random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl AsProblem for TokenError {
    fn problem(&self) -> Problem {
        match self {
            Self::Malformed => Problem::new(5018, ProblemKind::Invalid, self.to_string()),
            Self::Random(_) => Problem::new(5016, ProblemKind::Failed, self.to_string()),
        }
    }
}

/// A join token. It has no `Debug` and no `Display`; [`JoinToken::to_text`] is for the one time it is shown.
#[expect(missing_debug_implementations, reason = "a token must not be printable by accident")]
pub struct JoinToken {
    id: TokenId,
    secret: Secret,
    root: RootPin,
}

impl JoinToken {
    /// Makes a token for the cluster with this root.
    pub fn create(root: RootPin) -> Result<Self, TokenError> {
        let secret = Zeroizing::new(random::<SECRET>()?);
        Ok(Self { id: TokenId(random()?), secret: Secret::new(secret.to_vec()), root })
    }

    /// Reads a token.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let malformed = |_: NameFault| TokenError::Malformed;
        if text.len() != LENGTH || !text.is_ascii() || text.bytes().any(|c| c.is_ascii_uppercase()) {
            return Err(TokenError::Malformed);
        }
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or(TokenError::Malformed);
        let (prefix, id, secret, root) = (next()?, next()?, next()?, next()?);
        let mut bytes = Zeroizing::new(vec![0; SECRET]);
        hex::decode_to_slice(secret, &mut bytes).map_err(|_| TokenError::Malformed)?;
        if prefix != PREFIX || parts.next().is_some() {
            return Err(TokenError::Malformed);
        }
        Ok(Self {
            id: id.parse().map_err(malformed)?,
            secret: Secret::new(std::mem::take(&mut *bytes)),
            root: root.parse().map_err(malformed)?,
        })
    }

    /// The text form, erased when dropped.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(hex::encode(self.secret.expose()));
        Zeroizing::new(format!("{PREFIX}-{}-{}-{}", self.id, *secret, self.root))
    }

    /// The public name.
    #[must_use]
    pub fn id(&self) -> TokenId {
        self.id
    }

    /// The pin of the root to trust.
    #[must_use]
    pub fn root(&self) -> RootPin {
        self.root
    }

    /// What the cluster stores.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        let hash = Sha256::new().chain_update(DOMAIN).chain_update(self.id.0);
        TokenHash(hash.chain_update(self.secret.expose()).finalize().into())
    }
}

impl TokenHash {
    /// Whether a token is the one this hash was stored for, in constant time.
    #[must_use]
    pub fn matches(&self, token: &JoinToken) -> bool {
        equal_in_constant_time(&self.0, &token.hash().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_a_changed_one_does_not_match() {
        let root = RootPin([7; 32]);
        let token = JoinToken::create(root).unwrap();
        let text = token.to_text();
        assert_eq!(text.len(), LENGTH);
        let read = JoinToken::parse(&text).unwrap();
        assert_eq!((read.id(), read.root()), (token.id(), root));
        assert!(token.hash().matches(&read));

        // One digit of the id, and one of the secret.
        for position in [6, 30] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
            let changed = JoinToken::parse(std::str::from_utf8(&bytes).unwrap()).unwrap();
            assert!(!token.hash().matches(&changed), "position {position}");
        }
    }

    #[test]
    fn what_is_not_exactly_a_token_is_refused() {
        let text = JoinToken::create(RootPin([0xab; 32])).unwrap().to_text();
        let dashes = text.replace('-', "--");
        for bad in [
            "",
            "hft1",
            &text[..LENGTH - 1],
            &format!("{}0", *text),
            &text.to_uppercase(),
            &text.replace("hft1", "hft2"),
            &text.replacen('-', "0", 1),
            &dashes[..LENGTH],
            &"ä".repeat(LENGTH / 2 + 1)[..LENGTH - LENGTH % 2],
            &"-".repeat(LENGTH),
        ] {
            assert!(matches!(JoinToken::parse(bad), Err(TokenError::Malformed)), "{bad}");
        }
    }
}
