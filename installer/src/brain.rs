//! What the installer decides: which disk, whether it may be taken, what will lie on it, what is missing. Nothing in here
//! touches a machine, so every decision is a test.

mod bytes;
mod checks;
mod facts;
mod holds;
mod refusal;
mod select;
mod shown;
mod sides;
mod steps;

pub use bytes::{amount, clock};
pub use checks::{Check, Topic, Verdict, checks};
pub use facts::{Disk, Facts, Firmware, Nic, Release, SecureBoot, System, Transport};
pub use holds::{Found, Half, Held, Holds, LOOKED_AT, Look, holds};
pub(crate) use holds::{describe, describe_data};
pub use refusal::Refusal;
pub use select::select;
pub use shown::{disk_line, disk_name};
pub use sides::sides;
pub use steps::{Confirmed, Consent, Detected, Locks, Planned, Written};
