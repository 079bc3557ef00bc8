//! What the users of the crate see when something is refused or fails, with the codes of the room.

use std::time::Duration;

use camino::Utf8PathBuf;
use holdfast_types::{AsProblem, Problem, ProblemKind};

use crate::applied::RecoverError;
use crate::files::FileError;
use crate::log::LogError;
use crate::rpc::ServeError;
use crate::snapshot::SnapshotError;
use crate::standing::Exclusion;
use crate::types::Member;

const JOIN_AGAIN: &str = "move the directory aside and join again under a new id";

/// Why a member cannot be opened, bootstrapped or asked.
#[derive(Debug, thiserror::Error)]
pub enum RaftError {
    /// A file of the member cannot be used.
    #[error("use the directory of the raft member")]
    File(#[from] FileError),
    /// Another process has the directory open.
    #[error("raft directory `{dir}` is in use by another process")]
    Locked {
        /// The directory.
        dir: Utf8PathBuf,
    },
    /// The directory was written by another member or for another cluster.
    #[error("raft directory `{dir}` belongs to {owner}")]
    Foreign {
        /// The directory.
        dir: Utf8PathBuf,
        /// Whose it is.
        owner: String,
    },
    /// The log or the directory is damaged.
    #[error("{0}")]
    Corrupt(String),
    /// The directory was written by a newer release.
    #[error("{0}")]
    Newer(String),
    /// The state cannot be rebuilt from what the directory holds.
    #[error("{0}")]
    NoState(String),
    /// An option has a value that cannot work.
    #[error("raft options are not valid: {0}")]
    Options(String),
    /// Raft has stopped.
    #[error("raft has stopped: {0}")]
    Stopped(String),
    /// A snapshot that was handed in cannot be used.
    #[error("the snapshot cannot be used: {0}")]
    Snapshot(String),
    /// A directory that is to be made holds something.
    #[error("raft directory `{dir}` is not empty")]
    NotEmpty {
        /// The directory.
        dir: Utf8PathBuf,
    },
    /// A snapshot that was asked for cannot be written.
    #[error("write the snapshot")]
    Export(#[source] std::io::Error),
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl From<LogError> for RaftError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::File(file) => Self::File(file),
            LogError::Newer { .. } => Self::Newer(chain(&error)),
            LogError::Corrupt { .. } | LogError::Decode { .. } | LogError::Gap { .. } => {
                Self::Corrupt(chain(&error))
            }
            LogError::Refused(reason) => Self::Stopped(reason),
        }
    }
}

impl From<SnapshotError> for RaftError {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshot(chain(&error))
    }
}

impl From<RecoverError> for RaftError {
    fn from(error: RecoverError) -> Self {
        match error {
            RecoverError::File(file) => Self::File(file),
            RecoverError::Unreachable { .. } => Self::NoState(chain(&error)),
            // They are whole by their checksums, so what cannot read them is too old.
            RecoverError::Machine(_) => Self::Newer(chain(&error)),
            RecoverError::Thread(_) => Self::Stopped(chain(&error)),
        }
    }
}

impl AsProblem for RaftError {
    fn problem(&self) -> Problem {
        let (code, kind, next) = match self {
            Self::File(_) => {
                (5100, ProblemKind::Failed, "check that the disk is mounted, writable and not full")
            }
            Self::Locked { .. } => (5101, ProblemKind::Conflict, "stop the other controller on this node"),
            Self::Foreign { .. } => {
                (5102, ProblemKind::Conflict, "start the controller with the directory of this member")
            }
            Self::Corrupt(_) => (5103, ProblemKind::Failed, JOIN_AGAIN),
            Self::NoState(_) => (5104, ProblemKind::Failed, JOIN_AGAIN),
            Self::Stopped(_) => {
                (5106, ProblemKind::Unreachable, "read the controller's log, then start it again")
            }
            Self::Options(_) => (5114, ProblemKind::Invalid, "correct the controller's configuration"),
            Self::Newer(_) => {
                (5115, ProblemKind::Invalid, "start the release that wrote the directory, or a newer one")
            }
            Self::Snapshot(_) => (5140, ProblemKind::Failed, "use another backup of the cluster"),
            Self::NotEmpty { .. } => {
                (5141, ProblemKind::Conflict, "name a directory that does not exist yet")
            }
            Self::Export(_) => (5142, ProblemKind::Failed, "write the backup where there is space for it"),
        };
        let mut problem = Problem::new(code, kind, self.to_string());
        match self {
            Self::File(file) => problem = problem.because(file.reason()),
            Self::Export(error) => problem = problem.because(error.to_string()),
            _ => {}
        }
        problem.next(next)
    }
}

/// Why a command was not committed, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// This member is not the leader, or can no longer reach a quorum. The command was not taken.
    #[error("this controller is not the leader")]
    NotLeader {
        /// The leader as far as this member knows.
        leader: Option<Member>,
    },
    /// So many commands wait already that nobody could say in time what became of another. It was not taken.
    #[error("too many commands wait to be committed")]
    Busy {
        /// When it is worth to come back.
        after: Duration,
    },
    /// Nobody knows whether the command was or will be committed. Retry only with an idempotency key.
    #[error("the outcome of the command is not known")]
    Unknown,
    /// This member's disk refuses writes. The command was not taken.
    #[error("this controller cannot store commands: {reason}")]
    Storage {
        /// What the disk said.
        reason: String,
    },
    /// The command is longer than any that is taken.
    #[error("command of {bytes} bytes is too large, at most {limit} are taken")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// This member takes no part, so it takes no command.
    #[error("this controller takes no commands: {0}")]
    Excluded(Exclusion),
    /// The member has been shut down. The command was not taken.
    #[error("raft has stopped")]
    Stopped,
}

impl AsProblem for ProposeError {
    fn problem(&self) -> Problem {
        let (code, kind) = match self {
            Self::Storage { .. } => (5105, ProblemKind::Exhausted),
            Self::Stopped => (5106, ProblemKind::Unreachable),
            Self::NotLeader { .. } => (5108, ProblemKind::Unreachable),
            Self::Unknown => (5109, ProblemKind::Unreachable),
            Self::Busy { .. } => (5110, ProblemKind::Exhausted),
            Self::TooLarge { .. } => (5111, ProblemKind::Invalid),
            Self::Excluded(_) => (5121, ProblemKind::Unreachable),
        };
        let problem = Problem::new(code, kind, self.to_string());
        match self {
            Self::NotLeader { leader } => not_leader(problem, leader.as_ref()),
            Self::Unknown => problem.next("read the object again before you repeat the command"),
            Self::Busy { after } => problem
                .because("what waits already takes about as long as a command may take at all")
                .next(format!("repeat the command in {} ms", after.as_millis())),
            Self::Storage { .. } => {
                problem.next("free space or replace the disk, then start the controller again")
            }
            Self::TooLarge { .. } => problem.next("split the command"),
            Self::Excluded(why) => problem.next(why.next()),
            Self::Stopped => problem.next("ask another controller"),
        }
    }
}

fn not_leader(problem: Problem, leader: Option<&Member>) -> Problem {
    match leader {
        Some(leader) => {
            let name = &leader.name;
            problem
                .because(format!("the leader is `{name}`"))
                .next(format!("ask `{name}` at {}", leader.address))
        }
        None => problem.because("no leader with a quorum is known").next("holdfast cluster status"),
    }
}

/// Why a linearizable read cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// This member is not the leader.
    #[error("this controller is not the leader")]
    NotLeader {
        /// The leader as far as this member knows.
        leader: Option<Member>,
    },
    /// The leader could not confirm in time that a quorum still follows it.
    #[error("this controller cannot reach a quorum")]
    NoQuorum,
    /// This member takes no part, so its state is not to be trusted.
    #[error("this controller serves no reads: {0}")]
    Excluded(Exclusion),
    /// Too many reads wait already.
    #[error("too many reads wait")]
    Busy,
    /// The member has stopped.
    #[error("raft has stopped: {0}")]
    Stopped(String),
}

impl AsProblem for ReadError {
    fn problem(&self) -> Problem {
        let (code, kind) = match self {
            Self::Stopped(_) => (5106, ProblemKind::Unreachable),
            Self::NotLeader { .. } => (5108, ProblemKind::Unreachable),
            Self::Busy => (5110, ProblemKind::Exhausted),
            Self::NoQuorum => (5112, ProblemKind::Unreachable),
            Self::Excluded(_) => (5121, ProblemKind::Unreachable),
        };
        let problem = Problem::new(code, kind, self.to_string());
        match self {
            Self::NotLeader { leader } => not_leader(problem, leader.as_ref()),
            Self::Excluded(why) => problem.next(why.next()),
            Self::NoQuorum | Self::Busy | Self::Stopped(_) => problem.next("holdfast cluster status"),
        }
    }
}

/// Why the membership was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// This member is not the leader.
    #[error("this controller is not the leader")]
    NotLeader {
        /// The leader as far as this member knows.
        leader: Option<Member>,
    },
    /// The change is not safe now, or not one step.
    #[error("the membership is not changed: {0}")]
    Refused(String),
    /// Nobody knows whether the change was or will be committed.
    #[error("the outcome of the membership change is not known")]
    Unknown,
    /// The member has stopped.
    #[error("raft has stopped: {0}")]
    Stopped(String),
}

impl AsProblem for ChangeError {
    fn problem(&self) -> Problem {
        let (code, kind) = match self {
            Self::Stopped(_) => (5106, ProblemKind::Unreachable),
            Self::Refused(_) => (5107, ProblemKind::Conflict),
            Self::NotLeader { .. } => (5108, ProblemKind::Unreachable),
            Self::Unknown => (5109, ProblemKind::Unreachable),
        };
        let problem = Problem::new(code, kind, self.to_string());
        match self {
            Self::NotLeader { leader } => not_leader(problem, leader.as_ref()),
            Self::Refused(_) | Self::Unknown | Self::Stopped(_) => problem.next("holdfast cluster status"),
        }
    }
}

impl AsProblem for ServeError {
    fn problem(&self) -> Problem {
        let (code, kind) = match self {
            Self::Invalid(_) | Self::Misdirected { .. } => (5113, ProblemKind::Invalid),
            Self::Stopped(_) => (5106, ProblemKind::Unreachable),
            Self::Snapshot(_) => (5100, ProblemKind::Failed),
            Self::Excluded(_) => (5120, ProblemKind::Conflict),
            Self::Full(_) => (5105, ProblemKind::Exhausted),
        };
        let next = match self {
            Self::Excluded(why) => why.next(),
            _ => "holdfast cluster status",
        };
        Problem::new(code, kind, self.to_string()).next(next)
    }
}
