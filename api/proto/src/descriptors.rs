//! The descriptors of every message, for canonical JSON and the OpenAPI document.

use prost_reflect::DescriptorPool;

/// The encoded `FileDescriptorSet`.
pub static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The descriptors, decoded. Fails only if this program was built wrongly.
///
/// # Errors
///
/// Where the embedded descriptors do not decode.
pub fn pool() -> Result<DescriptorPool, prost_reflect::DescriptorError> {
    DescriptorPool::decode(DESCRIPTORS)
}
