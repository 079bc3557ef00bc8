//! The errors of this crate as its callers and an operator see them.

use holdfast_types::{AsProblem, Problem, ProblemKind};

use crate::files::FileError;
use crate::id::TaskId;
use crate::spec::SpecError;
use crate::status::{StartFailure, StartStep};

/// Why the runtime could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A file of the state directory could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The helper process that forks could not be started or died.
    #[error("start the zygote `{exe}`")]
    Zygote {
        /// The program started.
        exe: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The specification cannot be run anywhere.
    #[error("task specification `{id}` is refused")]
    Spec {
        /// The task.
        id: TaskId,
        /// The field and the rule.
        #[source]
        source: SpecError,
    },
    /// A task of this id is on this node already.
    #[error("task `{id}` exists already")]
    Exists {
        /// The task.
        id: TaskId,
    },
    /// There is no task of this id on this node.
    #[error("task `{id}` is not on this node")]
    NotFound {
        /// The task.
        id: TaskId,
    },
    /// The task could not be started.
    #[error("task `{id}` could not be started: {failure}")]
    Start {
        /// The task.
        id: TaskId,
        /// The step and its cause.
        failure: StartFailure,
    },
    /// The shim did not say in time whether the task started.
    #[error("the shim of task `{id}` did not answer")]
    NoAnswer {
        /// The task.
        id: TaskId,
    },
    /// Rank 0 does not listen yet; try again.
    #[error("the workload of task `{id}` does not listen on its rendezvous port")]
    NotListening {
        /// The task.
        id: TaskId,
    },
    /// The task has no rendezvous of the asked role.
    #[error("task `{id}` has no rendezvous of this role")]
    NoRendezvous {
        /// The task.
        id: TaskId,
    },
    /// The task has ended, or its shim is gone.
    #[error("task `{id}` is not running")]
    NotRunning {
        /// The task.
        id: TaskId,
    },
    /// The task still runs.
    #[error("task `{id}` is still running")]
    StillRunning {
        /// The task.
        id: TaskId,
    },
    /// The kernel refused a signal or another act on a running task.
    #[error("act on task `{id}`")]
    Act {
        /// The task.
        id: TaskId,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl RuntimeError {
    /// Whether the same call may succeed in a moment without anybody doing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NotListening { .. } | Self::NoAnswer { .. })
    }
}

impl AsProblem for RuntimeError {
    fn problem(&self) -> Problem {
        let text = self.to_string();
        match self {
            Self::File(error) => Problem::new(6000, ProblemKind::Failed, text)
                .because(error.source.to_string())
                .next("check that the state directory is on a healthy disk with free space and owned by the agent"),
            Self::Zygote { source, .. } => {
                Problem::new(6001, ProblemKind::Failed, text).because(source.to_string())
            }
            Self::Spec { source, .. } => {
                Problem::new(6002, ProblemKind::Invalid, text).because(source.to_string())
            }
            Self::Exists { .. } => Problem::new(6003, ProblemKind::Conflict, text),
            Self::NotFound { .. } => Problem::new(6004, ProblemKind::NotFound, text),
            Self::Start { id, failure } => start_problem(id, failure),
            Self::NoAnswer { .. } => Problem::new(6009, ProblemKind::Unreachable, text)
                .next("read shim.log in the agent's state directory"),
            Self::NotListening { .. } => Problem::new(6011, ProblemKind::Unreachable, text),
            Self::NoRendezvous { .. } => Problem::new(6012, ProblemKind::Invalid, text),
            Self::NotRunning { .. } => Problem::new(6013, ProblemKind::Conflict, text),
            Self::StillRunning { .. } => {
                Problem::new(6014, ProblemKind::Conflict, text).next("stop the task first")
            }
            Self::Act { source, .. } => {
                Problem::new(6016, ProblemKind::Failed, text).because(source.to_string())
            }
        }
    }
}

fn start_problem(id: &TaskId, failure: &StartFailure) -> Problem {
    let summary = format!("task `{id}` could not be started");
    let because = failure.to_string();
    match (failure.step, failure.errno) {
        (StartStep::UserNamespace, _) => Problem::new(6005, ProblemKind::Failed, summary)
            .because(because)
            .because("this kernel refuses user namespaces to this user")
            .next("sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=65536")
            .next("on Ubuntu also: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
            .next("or run the agent as root"),
        (StartStep::Exec, libc::ENOENT | libc::ENOTDIR) => Problem::new(6006, ProblemKind::Invalid, summary)
            .because(because)
            .because("the program, or the interpreter it names, is not in the image")
            .next("check `command` of the job against the files of its image"),
        (StartStep::Exec, _) => Problem::new(6007, ProblemKind::Invalid, summary)
            .because(because)
            .next("check the mode and the architecture of the program in the image"),
        (StartStep::Lease, _) => Problem::new(6010, ProblemKind::Refused, summary)
            .because(because)
            .next("wait until this node has reached a controller again"),
        (StartStep::DataMount, _) => Problem::new(6015, ProblemKind::Failed, summary).because(because),
        _ => Problem::new(6008, ProblemKind::Failed, summary).because(because),
    }
}
