//! What a TPM computes of a policy, computed without one (TPM 2.0 library, part 3, 23.7 and 23.16), so that keys are sealed for
//! what is not running yet and measurements are signed where there is no TPM.

use sha2::{Digest as _, Sha256};

/// The register that the stub of systemd measures a kernel image into.
pub(crate) const REGISTER: u8 = 11;
/// What this register is extended with once the volumes are open: from then on no key comes out of the TPM any more.
pub const UNLOCKED: &str = "holdfast:unlocked";

pub(crate) const POLICY_PCR: u32 = 0x17f;
pub(crate) const POLICY_AUTHORIZE: u32 = 0x16a;
pub(crate) const SHA256: u16 = 0x0b;

/// The register that firmware measures the state and the keys of Secure Boot into, with the list of what is revoked.
pub(crate) const SECURE_BOOT: u8 = 7;

/// The selection of [`REGISTER`] alone.
pub(crate) const SELECTION: [u8; 10] = selection(REGISTER);

/// The selection of one register (TPML_PCR_SELECTION), in SHA-256.
pub(crate) const fn selection(register: u8) -> [u8; 10] {
    let bits = (1_u32 << register).to_le_bytes();
    [0, 0, 0, 1, 0, 0x0b, 3, bits[0], bits[1], bits[2]]
}

/// The digest of the policy that the register holds `register`: what is signed.
#[must_use]
pub fn measurement_policy(register: &[u8; 32]) -> [u8; 32] {
    let hash = Sha256::new().chain_update([0; 32]).chain_update(POLICY_PCR.to_be_bytes());
    hash.chain_update(SELECTION).chain_update(Sha256::digest(register)).finalize().into()
}

/// The digest of the policy that the key with this name signed whatever policy holds: what keys are sealed to.
pub(crate) fn signed_policy(name: &[u8]) -> [u8; 32] {
    let hash = Sha256::new().chain_update([0; 32]).chain_update(POLICY_AUTHORIZE.to_be_bytes());
    let named = hash.chain_update(name).finalize();
    // No words of ours (policyRef) follow.
    Sha256::digest(named).into()
}

/// A register after it was extended with `content`.
#[must_use]
pub fn extended(register: [u8; 32], content: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(register).chain_update(Sha256::digest(content)).finalize().into()
}
