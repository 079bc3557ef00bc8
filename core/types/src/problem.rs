//! What a person sees of an error: a stable code, the object and the act, the cause, and the next command.

use std::fmt;

/// A stable error code, written `E2104`; each has a page `docs/errors/E2104.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{:04}", self.0)
    }
}

impl std::str::FromStr for Code {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.strip_prefix('E').filter(|d| d.len() == 4).ok_or(())?;
        digits.parse().map(Code).map_err(|_| ())
    }
}

/// The class of a problem. It decides the exit code of the command line and the status of the API, nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The act was tried and did not succeed.
    Failed,
    /// The request itself is wrong: a field, a flag, a size, a format.
    Invalid,
    /// The named object does not exist.
    NotFound,
    /// The law refuses the act; retrying cannot help.
    Refused,
    /// The caller is not known, or not allowed to ask.
    Unauthorised,
    /// The cluster cannot be reached, has no leader, or did not answer in time; retrying can help.
    Unreachable,
    /// The object exists already, or has changed since it was read.
    Conflict,
    /// A limit is reached: disk, queue, size, rate.
    Exhausted,
}

impl ProblemKind {
    /// The exit code of the command line: 0 ok, 1 failed, 2 usage, 3 not found, 4 refused by policy,
    /// 5 unreachable or timed out, 6 conflict.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed | Self::Exhausted | Self::Unauthorised => 1,
            Self::Invalid => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Unreachable => 5,
            Self::Conflict => 6,
        }
    }
}

/// An error as a contract: what a person reads and what a program matches on.
///
/// `Display` prints the shape of the design:
///
/// ```text
/// error[E2104]: job `llama-ft` cannot be placed
///   because: it needs 8 gpus on one node; the largest free block is 6 (node-03)
///   next:    holdfast job explain llama-ft
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The stable code.
    pub code: Code,
    /// The class, which decides exit code and API status.
    pub kind: ProblemKind,
    /// Object and act in one lowercase sentence without full stop.
    pub summary: String,
    /// The cause with its numbers and limits, outermost first.
    pub because: Vec<String>,
    /// What to type next; empty where nothing helps.
    pub next: Vec<String>,
    /// The id of the request that was refused, where a cluster refused one: its log has the same id.
    pub request: Option<String>,
}

impl Problem {
    /// A problem with a summary alone; add causes and next steps with [`Problem::because`] and [`Problem::next`].
    #[must_use]
    pub fn new(code: u16, kind: ProblemKind, summary: impl Into<String>) -> Self {
        Self {
            code: Code(code),
            kind,
            summary: summary.into(),
            because: Vec::new(),
            next: Vec::new(),
            request: None,
        }
    }

    /// Adds a cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.because.push(cause.into());
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next.push(step.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.summary)?;
        for cause in &self.because {
            write!(f, "\n  because: {cause}")?;
        }
        for step in &self.next {
            write!(f, "\n  next:    {step}")?;
        }
        if let Some(id) = &self.request {
            write!(f, "\n  request id: {id}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// An error that knows how to show itself to a person.
pub trait AsProblem {
    /// The problem as a person and a program see it.
    fn problem(&self) -> Problem;
}

impl AsProblem for Problem {
    fn problem(&self) -> Problem {
        self.clone()
    }
}
