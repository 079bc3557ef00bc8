//! A key as a TPM wrapped it, and how it lies in the header of a volume: as a token of LUKS2.

use serde::{Deserialize, Serialize};

use crate::error::SealError;
use crate::key::PublicKey;

/// Bytes of a key.
pub const SECRET_BYTES: usize = 32;
/// The kind of token.
const KIND: &str = "holdfast-tpm2";
/// The largest token that is read.
const MOST: usize = 16 << 10;

/// A key that only one TPM can read, and only where its policy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub(crate) private: Vec<u8>,
    pub(crate) public: Vec<u8>,
    /// The key whose signatures satisfy the policy.
    pub(crate) signer: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Token {
    #[serde(rename = "type")]
    kind: String,
    keyslots: Vec<String>,
    #[serde(rename = "holdfast-private")]
    private: String,
    #[serde(rename = "holdfast-public")]
    public: String,
    #[serde(rename = "holdfast-signer")]
    signer: String,
}

impl Sealed {
    pub(crate) const fn new(private: Vec<u8>, public: Vec<u8>, key: &PublicKey) -> Self {
        Self { private, public, signer: *key.fingerprint() }
    }

    /// The token for the key in this slot.
    ///
    /// # Errors
    ///
    /// Never in practice.
    pub fn token(&self, slot: u8) -> Result<String, SealError> {
        let (private, public) = (hex::encode(&self.private), hex::encode(&self.public));
        let signer = hex::encode(self.signer);
        let token =
            Token { kind: KIND.to_owned(), keyslots: vec![slot.to_string()], private, public, signer };
        serde_json::to_string(&token).map_err(|error| SealError::Sealed(error.to_string()))
    }

    /// Reads a token.
    ///
    /// # Errors
    ///
    /// It is none of ours.
    pub fn parse(token: &str) -> Result<Self, SealError> {
        let failed = |why: &str| SealError::Sealed(why.to_owned());
        if token.len() > MOST {
            return Err(failed("the token is too large"));
        }
        let token: Token = serde_json::from_str(token).map_err(|error| failed(&error.to_string()))?;
        if token.kind != KIND {
            return Err(failed("the token is of another kind"));
        }
        let read = |text: &str| hex::decode(text).map_err(|_| failed("the token is damaged"));
        let signer = read(&token.signer)?.try_into().map_err(|_| failed("the token is damaged"))?;
        Ok(Self { private: read(&token.private)?, public: read(&token.public)?, signer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_no_other() {
        let sealed = Sealed { private: vec![1; 120], public: vec![2; 80], signer: [3; 32] };
        let token = sealed.token(1).unwrap();
        assert_eq!(Sealed::parse(&token).unwrap(), sealed);
        for wrong in
            ["", "{}", &token.replace("holdfast-tpm2", "systemd-tpm2"), &token.replace("0101", "01x1")]
        {
            assert!(matches!(Sealed::parse(wrong), Err(SealError::Sealed(_))), "{wrong}");
        }
        assert!(Sealed::parse(&" ".repeat(MOST + 1)).is_err());
    }
}
