//! Why a TPM did not give a key.

use std::io;

/// Why.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There is none.
    #[error("this machine has no TPM 2.0")]
    NoTpm,
    /// It cannot be talked to.
    #[error("{act} the TPM: {source}")]
    Device {
        /// What was tried.
        act: &'static str,
        /// What went wrong.
        source: io::Error,
    },
    /// It answers what it must not.
    #[error("the TPM's answer to {0} is malformed")]
    Answer(&'static str),
    /// It refuses a command.
    #[error("the TPM refuses {command} with the code {code:#05x}")]
    Refused {
        /// The command.
        command: &'static str,
        /// Its code, by part 2 of the specification of TPM 2.0.
        code: u32,
    },
    /// The key was sealed by another one.
    #[error("this TPM is not the one that the key was sealed to, or it was cleared")]
    OtherTpm,
    /// What runs was not signed.
    #[error("what was started is not what was signed: PCR 11 holds {0}, for which there is no signature")]
    Measured(String),
    /// The release came without signatures.
    #[error(
        "what was started brought no signature of its measurement: it was started without firmware, or is not signed"
    )]
    Unsigned,
    /// The key was sealed to the signatures of another key.
    #[error("the key was sealed for releases of another signing key than this one's")]
    OtherSigner,
    /// The public key cannot be read.
    #[error("the key that signs measurements is none: {0}")]
    Key(&'static str),
    /// The signatures cannot be read.
    #[error("the signatures of the measurement cannot be read: {0}")]
    Signatures(String),
    /// What lies on the disk cannot be read.
    #[error("what is sealed cannot be read: {0}")]
    Sealed(String),
    /// There is no chance to be had.
    #[error("the kernel gives no chance")]
    Chance,
}
