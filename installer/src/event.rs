//! What happens, told where programs hear it: one line of JSON each, on the kernel's log or on the standard output.

use std::io::Write as _;

use serde_json::Value;

/// What stands before every event.
const MARK: &str = "HOLDFAST-EVENT ";

/// Where events go.
#[derive(Debug)]
pub(crate) enum Events {
    /// The standard output.
    Output,
}

impl Events {
    /// Says an event.
    pub(crate) fn say(&mut self, name: &str, fields: &Value) {
        let event = serde_json::json!({ "event": name, "fields": fields });
        self.line(&format!("{MARK}{event}"));
    }

    /// Says a line for people.
    pub(crate) fn line(&mut self, text: &str) {
        let text = text.replace('\n', " ");
        match self {
            Self::Output => drop(writeln!(std::io::stdout().lock(), "{text}")),
        }
    }
}
