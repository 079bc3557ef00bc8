//! What looks at a machine and changes it, and decides nothing.

mod error;
mod format;
mod look;
mod payload;
mod pieces;
mod record;
mod sparse;
mod work;
mod write;

pub use error::InstallError;
pub use format::{Ext4, Formatter};
pub use look::look;
pub use payload::{Payload, PayloadError};
pub use work::Work;
pub use write::{Progress, install};
