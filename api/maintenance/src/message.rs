//! What can be said: a closed list.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::refused::Refused;

/// The first message of a connection; the answer is [`Answer::Welcome`], or the end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The code that the machine shows.
    pub code: String,
}

impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello").finish_non_exhaustive()
    }
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// What the machine is and has.
    Facts {},
    /// What would be done with a configuration. Nothing is.
    Plan {
        /// The configuration, as a volume has it in `machine.toml`.
        machine: String,
        /// The file that it names beside itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        admission: Option<String>,
    },
    /// Do what was planned last in this connection.
    Install {
        /// The serial number that somebody typed; without it the disk is free, or `wipe` in the configuration names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
    },
    /// How far it is.
    Progress {},
    /// Leave the medium: what is to be kept was received.
    Leave {},
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A configuration and an admission hold secrets.
        f.write_str(match self {
            Self::Facts {} => "Facts",
            Self::Plan { .. } => "Plan",
            Self::Install { .. } => "Install",
            Self::Progress {} => "Progress",
            Self::Leave {} => "Leave",
        })
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "camelCase")]
pub enum Answer {
    /// The code is right.
    Welcome {
        /// The version of the release on the medium.
        version: String,
    },
    /// What the machine is and has.
    Facts(Facts),
    /// What would be done.
    Plan(Plan),
    /// How far it is.
    Progress(Progress),
    /// It is not done, and why.
    Refused(Refused),
}

/// A machine, as its consoles show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The version of the release on the medium.
    pub version: String,
    /// What its maker calls it.
    pub product: String,
    /// Its serial number.
    pub serial: Option<String>,
    /// Its UUID.
    pub uuid: Option<String>,
    /// What was looked at, a line each.
    pub checks: Vec<String>,
    /// Its network cards.
    pub cards: Vec<Card>,
    /// Its disks.
    pub disks: Vec<Disk>,
}

/// A network card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// The kernel's name of it.
    pub name: String,
    /// Its address.
    pub mac: String,
    /// Whether there is something at the other end of the cable.
    pub link: bool,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// Its device.
    pub path: String,
    /// Its serial number.
    pub serial: Option<String>,
    /// Its bytes.
    pub bytes: u64,
    /// All of it, and what it holds, for people.
    pub line: String,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The name of the machine.
    pub machine: String,
    /// The disk that is written.
    pub disk: String,
    /// What is typed to give it away: its serial number, or its device where it has none.
    pub serial: String,
    /// What opens its volumes: `none`, `recoveryKey` or `tpm`.
    pub encryption: String,
    /// What was looked at, a line each.
    pub checks: Vec<String>,
    /// What is on the disk, and beside it what will be.
    pub sides: Vec<String>,
}

/// How far it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Progress {
    /// Nothing was begun.
    Idle,
    /// It is being written.
    Writing(Work),
    /// It failed; the disk boots nothing, or what it booted before.
    Failed {
        /// Why.
        why: String,
    },
    /// It is done, and the machine waits for [`Request::Leave`].
    Done {
        /// The name of the machine.
        machine: String,
        /// What opens its volumes where its TPM does not; shown this once, and kept nowhere.
        recovery: Option<String>,
    },
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("Idle"),
            Self::Writing(work) => f.debug_tuple("Writing").field(work).finish(),
            Self::Failed { why } => f.debug_struct("Failed").field("why", why).finish(),
            Self::Done { machine, .. } => {
                f.debug_struct("Done").field("machine", machine).finish_non_exhaustive()
            }
        }
    }
}

/// How far the writing is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// What is being written.
    pub what: String,
    /// Bytes that are right.
    pub done: u64,
    /// Bytes of all.
    pub total: u64,
    /// Seconds since it began.
    pub seconds: u64,
}
