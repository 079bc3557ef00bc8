//! A file by plain HTTP: what a machine reads before it has anything but the kernel and a network.
//!
//! Nothing is believed because of where it came from; whoever fetches has a digest, or asks somebody. It must not know what it
//! fetches, nor keep it.

#![forbid(unsafe_code)]

mod address;
mod get;
mod head;

pub use address::{Address, NoAddress};
pub use get::{FetchError, get};
pub use head::{Head, HeadError};
