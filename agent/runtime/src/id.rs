//! The name of one task on this node. It becomes a directory and a cgroup, so its alphabet is narrow.

use std::fmt;
use std::str::FromStr;

const MAX_TASK_ID: usize = 128;

/// The name of one task on this node: 1 to 128 of `a-z A-Z 0-9 . _ -`, starting with a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(String);

/// Why a text is not a task id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a task id: write 1 to 128 of a-z, A-Z, 0-9, `.`, `_`, `-`, starting with a letter or digit"
)]
pub struct TaskIdError {
    text: String,
}

impl TaskId {
    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TaskId {
    type Err = TaskIdError;

    fn from_str(text: &str) -> Result<Self, TaskIdError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let starts_well = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if starts_well && text.len() <= MAX_TASK_ID && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TaskIdError { text: text.chars().take(MAX_TASK_ID).collect() })
        }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for TaskId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for TaskId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
