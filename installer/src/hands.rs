//! What looks at a machine and changes it, and decides nothing.

mod error;
mod format;
mod look;
mod payload;
mod pieces;
mod probe;
mod record;
mod sparse;
mod vault;
mod work;
mod write;

pub use error::InstallError;
pub use format::{Ext4, Formatter};
pub use look::look;
pub use payload::{Payload, PayloadError};
pub use probe::probe;
pub use vault::Vault;
pub use work::{Admission, Work};
pub use write::{Progress, install};
