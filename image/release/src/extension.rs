//! Extensions: what one is, and where those of a slot lie on a disk.

mod area;
mod file;

pub use area::{Installed, Laid, extension_room, installed, laid_out};
pub use file::{Extension, ExtensionError, ExtensionHead, MOST_EXTENSION_HEAD};

#[cfg(test)]
mod tests;
