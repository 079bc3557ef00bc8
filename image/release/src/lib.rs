//! What a release is, as one signed file and on a disk: how a disk is laid out, how its root is proved, and which slot is booted
//! next.
//!
//! The image builder writes it, the installer puts it on a disk, and the init of the appliance decides by it. It must not
//! know how bytes reach a disk, nor what runs in the system.

#![forbid(unsafe_code)]

mod bundle;
mod digest;
mod extension;
mod fat;
mod fat_names;
mod gpt;
mod guid;
mod kernels;
mod layout;
pub mod machine;
mod manifest;
mod meta;
mod slots;
mod verity;
pub mod writer;

pub use bundle::{
    Bundle, BundleError, BundleRole, Checker, Draft, Floor, Keyholder, Metadata, PAYLOAD_NAMES, RELEASE_ROOT,
    Sink, Target, Trusted, Unsigned, Verified, is_payload_name, pack, parse_expiry, public_key_id, verify,
};
pub use digest::{Digest, NoDigest};
pub use extension::{
    Extension, ExtensionError, ExtensionHead, Installed, Laid, MOST_EXTENSION_HEAD, extension_room,
    installed, laid_out,
};
pub use fat::{Fat, FatError, FatFile};
pub use gpt::{Entry, GptError, Table};
pub use guid::Guid;
pub use kernels::{is_older, kernel_parts};
pub use layout::{Layout, LayoutError, Part, Profile, Role};
pub use manifest::{
    ExtensionSum, FileSum, INSTALL_KERNEL, KERNEL, LOADER, MANIFEST, MANIFEST_MOST_BYTES, Manifest,
    ManifestError, ROOT, ROOT_TREE, TAKES_OVER_FROM, Verity,
};
pub use meta::{META_COPY_BYTES, META_MACHINE, Meta, MetaError};
pub use slots::{Attempt, Boot, MOST_ATTEMPTS, Slot, Verdict, decide};
pub use verity::{BLOCK, BLOCK_BYTES, HashTree, RootHash, Salt, Tree, VerityError};
