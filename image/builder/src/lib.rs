//! The image builder: locked packages and our own programs become a root that is proved, a kernel that is signed, and the images
//! that carry both to a machine. The same input gives the same bytes.
//!
//! It must not know what runs in the system, nor how a machine boots beyond what is on its disk.

#![forbid(unsafe_code)]

mod build;
mod bundle;
mod calendar;
mod carried;
mod carrying;
mod cli;
mod contents;
mod cpio;
mod crates;
mod deb;
mod der;
mod disk;
mod extension;
mod inputs;
mod kernel;
mod keys;
mod licence;
mod lock;
mod measure;
mod medium;
mod modules;
mod outputs;
mod pe;
mod recipe;
mod refresh;
mod release_keys;
mod root;
mod sbom;
mod sign;
mod signer;
mod uki;

pub use build::{Built, build};
pub use bundle::{MakeBundleError, Release};
pub use carried::Carried;
pub use cli::main_with_args;
pub use cpio::{Archive, Node};
pub use crates::CratesError;
pub use deb::{DebError, DebFile, DebKind, files};
pub use disk::{Content, DiskError, pack, write};
pub use extension::{FileToAdd, NewExtension, extension};
pub use inputs::{BuildError, Inputs};
pub use keys::{FIRMWARE_KEYS, KeyError, MEASURED_KEY, SigningKey, init, init_measured};
pub use lock::{Cache, Lock, LockError, Package};
pub use medium::{Medium, MediumError, volume_id};
pub use modules::{Module, ModuleError, Modules, built_for};
pub use outputs::{disk_image, write_all};
pub use pe::{Pe, PeError};
pub use recipe::{Recipe, RecipeError, Take};
pub use refresh::{RefreshError, refresh};
pub use release_keys::{RootRule, init as init_release_keys};
pub use root::{Image, Item, Root, RootError};
pub use sbom::Bill;
pub use sign::{SignError, enrolment, module, program, variable};
pub use uki::{Parts, assemble, pcr11};
