//! What is put into a bundle: the parts without their secrets, and the part that says what it is.

use holdfast_types::{Problem, ProblemKind};
use serde_json::json;

use super::parts::Part;
use super::scan::without_secrets;

/// The parts that there are without their secrets, why others are missing, and how many secrets there were.
pub(super) fn cleaned(parts: Vec<Part>) -> (Vec<(String, String)>, Vec<serde_json::Value>, usize) {
    let (mut files, mut missing, mut removed) = (Vec::new(), Vec::new(), 0);
    for Part { name, content } in parts {
        match content {
            Ok(text) => {
                let (clean, count) = without_secrets(&text);
                removed += count;
                files.push((name, clean));
            }
            Err(why) => missing.push(json!({"part": name, "why": without_secrets(&why).0})),
        }
    }
    (files, missing, removed)
}

/// The part that says what a bundle is.
pub(super) fn described(about: &serde_json::Value) -> Result<(String, String), Problem> {
    let text = serde_json::to_string_pretty(about).map_err(|error| {
        Problem::new(7141, ProblemKind::Failed, "the bundle cannot be described").because(error.to_string())
    })?;
    Ok(("about.json".to_owned(), text))
}
