//! What starts again when a task is over before its job is. It must not know jobs.

use std::fmt;
use std::str::FromStr;

use crate::text::serde_by_text;

/// What starts again when a task is over before its job is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Restart {
    /// All tasks: the gang, from the newest checkpoint.
    #[default]
    Gang,
    /// The task alone, with its rank, while the others go on.
    Task,
}

/// Why a text does not say what restarts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is nothing that restarts: use gang or task")]
pub struct RestartError(String);

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gang => "gang",
            Self::Task => "task",
        })
    }
}

impl FromStr for Restart {
    type Err = RestartError;

    fn from_str(text: &str) -> Result<Self, RestartError> {
        match text {
            "gang" => Ok(Self::Gang),
            "task" => Ok(Self::Task),
            other => Err(RestartError(other.chars().take(80).collect())),
        }
    }
}

serde_by_text!(Restart);

/// Whether a job need not say it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(crate) fn is_usual(restart: &Restart) -> bool {
    *restart == Restart::default()
}
