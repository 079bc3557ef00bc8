//! Why a machine does not do what it was asked for, as it crosses the wire and as a person reads it.

use holdfast_types::{AsProblem, Problem, ProblemKind};
use serde::{Deserialize, Serialize};

/// Which kind of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Because {
    /// The code is not the one that the machine shows.
    Code,
    /// The message is none, or too long.
    Message,
    /// The configuration, or the machine for it.
    Plan,
    /// Somebody else installs this machine.
    Busy,
    /// Something has to be asked before.
    Order,
    /// The machine cannot find out about itself.
    Machine,
}

/// A refusal. Nothing was touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[error("{why}")]
pub struct Refused {
    /// Which kind.
    pub because: Because,
    /// A word for programs, as `install.refused` has it.
    pub reason: String,
    /// Why, for people.
    pub why: String,
    /// The disks there were to choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<String>,
}

impl Refused {
    /// A refusal of this kind.
    #[must_use]
    pub fn new(because: Because, reason: &str, why: impl Into<String>) -> Self {
        Self { because, reason: reason.to_owned(), why: why.into(), disks: Vec::new() }
    }
}

impl AsProblem for Refused {
    fn problem(&self) -> Problem {
        let problem = match self.because {
            Because::Code => {
                Problem::new(7180, ProblemKind::Unauthorised, "the machine does not take this code")
                    .next("read the code on the machine's console again: it may have changed")
            }
            Because::Message => {
                Problem::new(7181, ProblemKind::Invalid, "the machine does not know this request")
                    .next("use the command line of the release on the medium")
            }
            Because::Plan => Problem::new(
                7182,
                ProblemKind::Invalid,
                "the machine cannot be installed as the configuration says",
            )
            .next("change the configuration and ask again"),
            Because::Busy => {
                Problem::new(7183, ProblemKind::Conflict, "somebody else installs this machine already")
                    .next("look at its console")
            }
            Because::Order => {
                Problem::new(7184, ProblemKind::Invalid, "the machine was not asked for a plan before")
                    .next("holdfast site install --help")
            }
            Because::Machine => Problem::new(7185, ProblemKind::Failed, "the machine cannot be installed")
                .next("look at its console"),
        };
        let problem = problem.because(&self.why);
        self.disks.iter().fold(problem, |problem, disk| problem.because(format!("there is {disk}")))
    }
}
