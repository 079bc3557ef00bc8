//! The keys of encrypted volumes: sealed to the TPM of a machine by a policy that a signature over a measurement satisfies,
//! recovery keys that people write down, and LUKS2 through Debian's cryptsetup.
//!
//! It must not know which volumes there are, nor when they are opened.

#![forbid(unsafe_code)]

mod error;
mod key;
mod luks;
mod policy;
mod recovery;
mod sealed;
mod signature;
mod tpm;
mod wire;

pub use error::SealError;
pub use key::PublicKey;
pub use luks::{Cryptsetup, LuksError, Slot};
pub use policy::{UNLOCKED, extended, measurement_policy};
pub use recovery::{RecoveryError, RecoveryKey};
pub use sealed::{SECRET_BYTES, Sealed};
pub use signature::{MOST_SIGNATURE_BYTES, Signatures};
pub use tpm::{DEVICE, Tpm, Transport};
