//! What the rows of images and of updates both need to know.

use anyhow::{Context as _, Result};

/// Bytes of a megabyte.
pub(super) const MB: f64 = 1e6;
/// Names the program that builds images.
const BUILDER: &str = "HOLDFAST_IMAGE_BUILDER";

/// The program that builds images.
pub(super) fn builder() -> Result<String> {
    std::env::var(BUILDER).with_context(|| format!("{BUILDER} is not set"))
}
