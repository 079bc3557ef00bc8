//! Files made from the code and committed beside it.

use camino::Utf8Path;
use holdfast_types::{Problem, ProblemKind};

use crate::{metrics, rest};

/// Writes `api/openapi.json` and `docs/reference/metrics.md` below a directory.
///
/// # Errors
///
/// Where a file cannot be written.
pub fn generate(directory: &Utf8Path) -> Result<(), Problem> {
    write(directory, "api/openapi.json", openapi())?;
    write(directory, "docs/reference/metrics.md", metrics::page())
}

fn write(directory: &Utf8Path, place: &str, text: Result<String, String>) -> Result<(), Problem> {
    let failed = |because: String| {
        Problem::new(1223, ProblemKind::Failed, format!("`{place}` cannot be written")).because(because)
    };
    let (text, path) = (text.map_err(failed)?, directory.join(place));
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| failed(error.to_string()))?;
    }
    std::fs::write(&path, text).map_err(|error| failed(format!("`{path}`: {error}")))
}

/// The document as text.
pub(crate) fn openapi() -> Result<String, String> {
    let pool = holdfast_api::pool().map_err(|error| error.to_string())?;
    let document = rest::document(&pool, env!("CARGO_PKG_VERSION"));
    serde_json::to_string_pretty(&document).map(|text| text + "\n").map_err(|error| error.to_string())
}
