//! What an image has in it, as a file says it: the kernel, its modules, and which files are taken out of which package.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

/// Why a recipe cannot be followed.
#[derive(Debug, thiserror::Error)]
#[error("read the recipe `{path}`: {why}")]
pub struct RecipeError {
    path: Utf8PathBuf,
    why: String,
}

/// A recipe.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The package with the kernel.
    pub kernel: String,
    /// The package with the boot loader and the stub.
    pub loader: String,
    /// Names or directories of modules for the first archive: what it takes to reach the root.
    pub first_modules: Vec<String>,
    /// The same for the first archive of the kernel that fetches the root: the drivers of network cards.
    pub netboot_modules: Vec<String>,
    /// The same for the root.
    pub modules: Vec<String>,
    /// More words of the command line.
    #[serde(default)]
    pub cmdline: Vec<String>,
    /// Bytes of the disk image; without them there is none.
    pub disk_bytes: Option<u64>,
    /// Packages that hold the licence of another one, and are wanted for nothing else.
    #[serde(default)]
    pub licences: Vec<String>,
    /// What is taken out of packages.
    #[serde(default)]
    pub take: Vec<Take>,
}

/// Files of one package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// The package.
    pub package: String,
    /// Files or directories, from the root.
    pub paths: Vec<Utf8PathBuf>,
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    ///
    /// It is not there or not in its form.
    pub fn read(path: &Utf8Path) -> Result<Self, RecipeError> {
        let failed = |why: String| RecipeError { path: path.to_owned(), why };
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        toml::from_str(&text).map_err(|error| failed(error.to_string()))
    }
}
