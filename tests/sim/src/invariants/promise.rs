//! What a promise is to the witness. A leaf: every promise builds on it.

use crate::event::{Ending, Seen};

/// One promise.
pub(crate) trait Invariant: Send {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Judges something that happened.
    ///
    /// # Errors
    ///
    /// The promise is broken, and how.
    fn see(&mut self, seen: &Seen) -> Result<(), String>;

    /// Judges how it ended.
    ///
    /// # Errors
    ///
    /// The promise is broken, and how.
    fn end(&mut self, _ending: &Ending) -> Result<(), String> {
        Ok(())
    }
}
