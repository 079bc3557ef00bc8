//! A machine that found no configuration, installed from somebody's desk: the third face of the installer, beside the screens and the
//! volume. It decides nothing: what it is asked goes to the same brain and the same hands.

mod addresses;
mod claim;
mod desk;
mod serve;
mod session;
mod shown;

pub use addresses::addresses;
pub use claim::{Claim, Hands};
pub use desk::{Desk, Ended};
pub use serve::serve;
pub use shown::Notice;

#[cfg(test)]
mod tests;
