//! Files made from the code and committed beside it.

use camino::Utf8Path;
use holdfast_types::{Problem, ProblemKind};

use crate::rest;

/// Writes the OpenAPI document to `api/openapi.json` below a directory.
///
/// # Errors
///
/// Where the file cannot be written.
pub fn generate(directory: &Utf8Path) -> Result<(), Problem> {
    let failed = |because: String| {
        Problem::new(1223, ProblemKind::Failed, "the OpenAPI document cannot be written").because(because)
    };
    let text = openapi().map_err(failed)?;
    let path = directory.join("api/openapi.json");
    std::fs::create_dir_all(directory.join("api")).map_err(|error| failed(error.to_string()))?;
    std::fs::write(&path, text).map_err(|error| failed(format!("`{path}`: {error}")))
}

/// The document as text.
pub(crate) fn openapi() -> Result<String, String> {
    let pool = holdfast_api::pool().map_err(|error| error.to_string())?;
    let document = rest::document(&pool, env!("CARGO_PKG_VERSION"));
    serde_json::to_string_pretty(&document).map(|text| text + "\n").map_err(|error| error.to_string())
}
