//! What happens, told where programs hear it: one line of JSON each, on the kernel's log or on the standard output.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use serde_json::Value;

/// The kernel cuts lines that are longer.
const LONGEST: usize = 900;
/// What stands before every event.
const MARK: &str = "HOLDFAST-EVENT ";

/// Where events go.
#[derive(Debug)]
pub(crate) enum Events {
    /// The kernel's log, which goes to every console.
    Log(Option<File>),
    /// The standard output.
    Output,
}

impl Events {
    /// The kernel's log; nowhere, where it cannot be written.
    pub(crate) fn log() -> Self {
        Self::Log(OpenOptions::new().write(true).open("/dev/kmsg").ok())
    }

    /// Says an event.
    pub(crate) fn say(&mut self, name: &str, fields: &Value) {
        let event = serde_json::json!({ "event": name, "fields": fields });
        self.line(&format!("{MARK}{event}"));
    }

    /// Says a line for people.
    pub(crate) fn line(&mut self, text: &str) {
        let text = text.replace('\n', " ");
        match self {
            Self::Log(None) => {}
            Self::Log(Some(log)) => {
                // One write is one line there, and without its end the kernel waits for the rest.
                let mut line: String = format!("<5>holdfast: {text}").chars().take(LONGEST).collect();
                line.push('\n');
                drop(log.write_all(line.as_bytes()));
            }
            Self::Output => drop(writeln!(std::io::stdout().lock(), "{text}")),
        }
    }
}
