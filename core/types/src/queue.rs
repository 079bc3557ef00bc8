//! Queues: where jobs wait.

use serde::{Deserialize, Serialize};

use crate::id::QueueName;

/// A queue as its owner wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct QueueSpec {
    /// Higher queues are served first.
    #[serde(default)]
    pub priority: i32,
    /// A stopped queue takes jobs but starts none.
    #[serde(default)]
    pub stopped: bool,
    /// The most accelerators its jobs may hold at once; 0 for no limit.
    #[serde(default)]
    pub max_devices: u32,
}

/// The queue of a job that names none.
#[must_use]
pub fn default_queue_name() -> QueueName {
    // The literal is a valid name; a test holds it to that.
    QueueName::constant("default")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_queue_has_a_valid_name() {
        assert_eq!("default".parse(), Ok(default_queue_name()));
    }
}
