//! Writes data to stdout. Nobody else does, so that a closed pipe ends a command quietly everywhere.

use std::fmt::Display;
use std::io::{self, Write as _};

use holdfast_types::{Problem, ProblemKind};

use super::canonical::{Shown, to_json};
use crate::failure::Failure;
use crate::globals::Format;

/// Where data goes, and in which format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    format: Format,
}

impl Printer {
    /// A printer of one format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// The format.
    pub(crate) fn format(self) -> Format {
        self.format
    }

    /// Prints a message: as `text` for people, as itself otherwise.
    pub(crate) fn show<M: Shown>(self, message: &M, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.text(&text()),
            Format::Name => self.text(&message.names().iter().map(|n| format!("{n}\n")).collect::<String>()),
            Format::Json | Format::Yaml => self.value(&to_json(message)?),
        }
    }

    /// Prints a change of something that is watched: the text, the name, or one line of JSON.
    pub(crate) fn change<M: Shown>(self, message: &M, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.line(to_json(message)?),
            Format::Yaml => {
                self.text("---\n")?;
                self.value(&to_json(message)?)
            }
            Format::Table | Format::Name => self.show(message, text),
        }
    }

    /// Prints a JSON value as JSON or YAML.
    pub(crate) fn value(self, value: &serde_json::Value) -> Result<(), Failure> {
        let failed = |cause: String| {
            Problem::new(7002, ProblemKind::Failed, "the data cannot be written").because(cause)
        };
        let text = if self.format == Format::Yaml {
            serde_saphyr::to_string(value).map_err(|e| failed(e.to_string()))?
        } else {
            serde_json::to_string_pretty(value).map_err(|e| failed(e.to_string()))?
        };
        self.line(text.trim_end())
    }

    /// Prints a line.
    pub(crate) fn line(self, text: impl Display) -> Result<(), Failure> {
        self.text(&format!("{text}\n"))
    }

    /// Prints a text as it is.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Prints bytes as they are.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// Says something that is not data.
    pub(crate) fn note(self, text: impl Display) {
        // Where stderr is closed there is nobody left to tell.
        let _ = writeln!(io::stderr(), "{text}");
    }
}
