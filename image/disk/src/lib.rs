//! Disks as the writer of releases sees them, and whoever erases one: block devices, and files in their place.
//!
//! What is read after a sync comes from the device and not from the kernel's memory of what was written. The crate must not
//! know what lies on a disk.

#![forbid(unsafe_code)]

mod disk;
mod volumes;

pub use disk::{Access, Disk, FILE_SECTOR};
pub use volumes::labelled;
