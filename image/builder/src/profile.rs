//! The two kinds of images.

use serde::{Deserialize, Serialize};

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Virtual machines and tests.
    Small,
    /// Servers.
    Metal,
}

impl std::str::FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "small" => Ok(Self::Small),
            "metal" => Ok(Self::Metal),
            other => Err(format!("`{other}` is no profile; small and metal are")),
        }
    }
}
