//! The offline verifier of exported audit logs: any edited, deleted, reordered or cut entry is found and named.
//!
//! It trusts no file of the log: leaves, links, tiles and the signed root are all computed again, and every read is
//! bounded. It must not know how a log is written, and has no network code.

#![forbid(unsafe_code)]

mod command;
mod entry;
mod finding;
mod growth;
mod log;
mod release;
mod store;

pub use command::{main_with_args, run};
pub use entry::{ProvedEntry, verify_entry};
pub use finding::{Fault, Finding, Place};
pub use growth::verify_growth;
pub use log::{Report, Trust, verify_log};
