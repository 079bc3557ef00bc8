//! Volumes that are encrypted, made in a file like every file system, with all their keys: what reaches the disk was never plain
//! on it.

use std::fmt;

use camino::Utf8Path;
use holdfast_seal::{Cryptsetup, PublicKey, RecoveryKey, SECRET_BYTES, SealError, Slot, Tpm};
use zeroize::Zeroizing;

use crate::hands::error::InstallError;

/// The volumes of a machine that are encrypted, and what opens each.
pub struct Vault {
    tool: Cryptsetup,
    recovery: RecoveryKey,
    /// The key of RAFT, which lies on STATE.
    raft: Zeroizing<[u8; SECRET_BYTES]>,
    /// Whose signatures let the TPM open STATE; without it the recovery key alone does.
    signer: Option<PublicKey>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("signer", &self.signer).finish_non_exhaustive()
    }
}

/// A volume to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Volume<'a> {
    /// Where: a file that has its size already.
    pub(crate) file: &'a Utf8Path,
    /// Its label.
    pub(crate) label: &'a str,
    /// Its number.
    pub(crate) uuid: &'a str,
    /// Which key it has besides the recovery key.
    pub(crate) second: Second,
}

/// The key of a volume besides the recovery key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// The TPM keeps it.
    Sealed,
    /// It lies on another volume.
    Kept,
}

impl Vault {
    /// New keys; with a signer STATE opens by the TPM of this machine.
    ///
    /// # Errors
    ///
    /// There is no chance to be had.
    pub fn new(signer: Option<PublicKey>) -> Result<Self, InstallError> {
        let recovery = RecoveryKey::draw().map_err(|_| InstallError::Chance)?;
        Ok(Self { tool: Cryptsetup::default(), recovery, raft: drawn()?, signer })
    }

    /// The key that opens everything.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryKey {
        &self.recovery
    }

    /// The key of RAFT.
    pub(crate) fn raft(&self) -> &[u8] {
        self.raft.as_ref()
    }

    /// Makes a volume and has `fill` make what lies in it.
    pub(crate) fn volume(
        &self,
        volume: &Volume<'_>,
        fill: impl FnOnce(&Utf8Path) -> Result<(), InstallError>,
    ) -> Result<(), InstallError> {
        let (tool, recovery) = (&self.tool, self.recovery.text().as_bytes());
        tool.format(volume.file, volume.label, volume.uuid, recovery)?;
        match (volume.second, &self.signer) {
            (Second::Kept, _) => tool.add_key(volume.file, recovery, Slot::Kept, self.raft())?,
            (Second::Sealed, Some(signer)) => self.seal(volume, signer)?,
            (Second::Sealed, None) => {}
        }
        let name = format!("new-{}", volume.label);
        let device = tool.open(volume.file, &name, recovery)?;
        let filled = fill(&device);
        let closed = tool.close(&name);
        filled?;
        Ok(closed?)
    }

    fn seal(&self, volume: &Volume<'_>, signer: &PublicKey) -> Result<(), InstallError> {
        let failed = |source: SealError| InstallError::Seal { label: volume.label.to_owned(), source };
        let (secret, slot) = (drawn()?, Slot::Tpm(false));
        let sealed = Tpm::open().and_then(|mut tpm| tpm.seal(signer, &secret)).map_err(failed)?;
        let token = sealed.token(slot.number()).map_err(failed)?;
        self.tool.add_key(volume.file, self.recovery.text().as_bytes(), slot, secret.as_ref())?;
        Ok(self.tool.put_token(volume.file, slot, &token)?)
    }
}

fn drawn() -> Result<Zeroizing<[u8; SECRET_BYTES]>, InstallError> {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    getrandom::fill(bytes.as_mut()).map_err(|_| InstallError::Chance)?;
    Ok(bytes)
}
