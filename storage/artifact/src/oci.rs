//! OCI images: packed from a program, read from a layout, kept as an artifact, unpacked to a root directory.
//!
//! A layout is a directory, a tar of one, or an artifact made from either. Everything in a foreign one is hostile until
//! its digest is checked, and its paths and sizes stay hostile after that. This module must not know registries,
//! networks, or how a container is started.

mod archive;
mod digest;
mod elf;
mod error;
mod image;
mod import;
mod layer;
mod layout;
mod limits;
mod pack;
mod platform;
mod rootfs;
mod spec;
mod tarball;
mod unpack;

pub use digest::{Digest, DigestError};
pub use error::{OciError, Result};
pub use image::{ImageConfig, Layer, OciImage, read_image};
pub use import::{Imported, from_manifest, import, read_archive};
pub use layer::Compression;
pub use layout::Layout;
pub use limits::Limits;
pub use pack::{PackOptions, pack};
pub use platform::{Arch, ArchError};
pub use unpack::unpack;

#[cfg(test)]
mod tests;
