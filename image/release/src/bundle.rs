//! A release as one file: the metadata that proves it, as The Update Framework has it, and the payload. No network, no clock,
//! no key: what is trusted and what time it is comes from the caller.

mod archive;
mod canonical;
mod error;
mod expiry;
mod make;
mod metadata;
mod names;
mod payload;
mod read;
mod role;
mod trust;

pub use error::BundleError;
pub use expiry::parse as parse_expiry;
pub(crate) use make::signed;
pub use make::{Draft, Keyholder, Sink, Unsigned, pack, public_key_id};
pub(crate) use metadata::Signed;
pub use names::{PAYLOAD_NAMES, is_payload_name};
pub use read::{Bundle, Checker};
pub use role::Role as BundleRole;
pub use trust::{Floor, Metadata, RELEASE_ROOT, Target, Trusted, Verified, verify};

#[cfg(test)]
mod tests;
