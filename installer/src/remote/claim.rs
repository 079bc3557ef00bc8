//! What the face needs of the machine. On the medium that is the machine; in tests it is none.

use std::fs::File;

use holdfast_maintenance::Work;
use holdfast_seal::RecoveryKey;
use serde_json::Value;

use crate::brain::{Confirmed, Detected};
use crate::hands::Admission;

/// Who installs holds one; there is one for each machine.
#[derive(Debug)]
pub struct Claim(pub Option<File>);

/// What the face needs of the machine.
pub trait Hands: Send + Sync {
    /// Looks at it.
    ///
    /// # Errors
    ///
    /// It cannot be looked at.
    fn detect(&self) -> anyhow::Result<Detected>;

    /// The right to install it; nothing where somebody else has it, or did it already.
    ///
    /// # Errors
    ///
    /// Nobody knows.
    fn claim(&self) -> anyhow::Result<Option<Claim>>;

    /// Writes what was confirmed, and tells `on` how far it is; what opens the volumes, where they are encrypted.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    fn install(
        &self,
        claim: Claim,
        confirmed: Confirmed,
        admission: Option<Admission>,
        on: &mut dyn FnMut(Work),
    ) -> anyhow::Result<Option<RecoveryKey>>;

    /// Tells an event.
    fn say(&self, name: &str, fields: &Value);
}
