//! The variables of UEFI firmware, as the kernel shows them, and the firmware's list of what it boots.
//!
//! Whoever starts a machine or installs one writes a few of them and reads a few more. The crate must not know what a release
//! is, and finds nothing by itself: it is told which partition the loader is on.

#![forbid(unsafe_code)]

mod entries;
mod variables;

pub use entries::{EntryError, Esp, STARTS, keep, put_first};
pub use variables::{Variables, Vendor};
