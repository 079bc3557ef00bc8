//! Signatures of measurements, in the form of systemd (`systemd-measure(1)`), so that its tools read them, too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::SealError;
use crate::key::PublicKey;
use crate::policy::{REGISTER, measurement_policy};

/// The largest file that is read.
pub const MOST_SIGNATURE_BYTES: usize = 64 << 10;

/// Signatures of what a register may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signatures {
    sha256: Vec<One>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct One {
    pcrs: Vec<u8>,
    pkfp: String,
    pol: String,
    sig: String,
}

impl Signatures {
    /// The one signature of `key` over the policy that the register holds `register`.
    #[must_use]
    pub fn new(key: &PublicKey, register: &[u8; 32], signature: &[u8]) -> Self {
        let (pkfp, pol) = (hex::encode(key.fingerprint()), hex::encode(measurement_policy(register)));
        Self { sha256: vec![One { pcrs: vec![REGISTER], pkfp, pol, sig: STANDARD.encode(signature) }] }
    }

    /// Reads signatures.
    ///
    /// # Errors
    ///
    /// They are none.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        if text.len() > MOST_SIGNATURE_BYTES {
            return Err(SealError::Signatures("the file is too large".to_owned()));
        }
        serde_json::from_str(text).map_err(|error| SealError::Signatures(error.to_string()))
    }

    /// Their text.
    ///
    /// # Errors
    ///
    /// Never in practice.
    pub fn text(&self) -> Result<String, SealError> {
        serde_json::to_string(self).map_err(|error| SealError::Signatures(error.to_string()))
    }

    /// The signature of `key` over this policy.
    pub(crate) fn of(&self, key: &PublicKey, policy: &[u8; 32]) -> Option<Vec<u8>> {
        let (pkfp, pol) = (hex::encode(key.fingerprint()), hex::encode(policy));
        let fits = |one: &&One| one.pcrs == [REGISTER] && one.pkfp == pkfp && one.pol == pol;
        STANDARD.decode(&self.sha256.iter().find(fits)?.sig).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_signature_is_refused() {
        for text in [
            "",
            "{}",
            "{\"sha256\":[{}]}",
            "{\"sha256\":[{\"pcrs\":[999],\"pkfp\":\"\",\"pol\":\"\",\"sig\":\"\"}]}",
        ] {
            assert!(Signatures::parse(text).is_err(), "{text}");
        }
        assert!(Signatures::parse(&" ".repeat(MOST_SIGNATURE_BYTES + 1)).is_err());
        assert_eq!(Signatures::parse("{\"sha256\":[],\"sha1\":[]}").unwrap().sha256, []);
    }
}
