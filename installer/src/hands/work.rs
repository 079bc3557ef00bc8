//! What an installation is made with.

use camino::Utf8Path;

use crate::hands::format::Formatter;
use crate::hands::payload::Payload;

/// What an installation is made with.
#[derive(Debug)]
pub struct Work<'a> {
    /// The files of the release.
    pub payload: &'a Payload,
    /// A directory in memory for file systems in the making.
    pub scratch: &'a Utf8Path,
    /// What makes them.
    pub formatter: &'a Formatter,
}
