//! A decision and its reasons, in the plain form that an audit entry keeps.

use std::fmt;

use holdfast_types::{Problem, ProblemKind};
use serde::{Deserialize, Serialize};

use crate::hash::BundleHash;

/// The most errors a decision keeps; the first one denies already.
pub const MAX_ERRORS: usize = 8;

/// No permit matched.
pub(crate) const DEFAULT_DENY: &str = "default-deny";
/// The request names something that the law does not know.
pub(crate) const UNKNOWN_TERM: &str = "unknown-term";
/// The request says two things that cannot both be.
pub(crate) const CONTRADICTION: &str = "contradicting-facts";
/// The evaluation failed.
pub(crate) const EVALUATION_ERROR: &str = "evaluation-error";
/// The ids that only the engine gives.
pub(crate) const OWN_RULES: [&str; 4] = [DEFAULT_DENY, UNKNOWN_TERM, CONTRADICTION, EVALUATION_ERROR];

/// Whether the act may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It may be done, with the obligations of the decision.
    Allow,
    /// It may not.
    Deny,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

/// A rule that determined a decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// The id of the rule in the bundle, or one that only the engine gives: `default-deny`,
    /// `unknown-term`, `contradicting-facts`, `evaluation-error`.
    pub rule: String,
    /// What it says, in one line.
    pub text: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.rule)
    }
}

/// What the law says of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the act may be done.
    pub verdict: Verdict,
    /// The rules that determined it, in the order of the bundle; never empty.
    pub reasons: Vec<Reason>,
    /// What whoever does the act owes, sorted.
    #[serde(default)]
    pub obligations: Vec<String>,
    /// What went wrong in deciding; never empty without Deny.
    #[serde(default)]
    pub errors: Vec<String>,
    /// The bundle that decided.
    pub bundle: BundleHash,
}

impl Decision {
    /// Whether the act may be done.
    #[must_use]
    pub fn is_allow(&self) -> bool {
        self.verdict == Verdict::Allow
    }

    /// The refusal as a person sees it; `summary` names object and act, such as "job `x` may not be submitted".
    #[must_use]
    pub fn refusal(&self, summary: impl Into<String>) -> Problem {
        let code = if self.errors.is_empty() { 3030 } else { 3031 };
        let mut problem = Problem::new(code, ProblemKind::Refused, summary);
        for reason in &self.reasons {
            problem = problem.because(reason.to_string());
        }
        let said = |error: &&String| self.reasons.iter().any(|reason| reason.text == **error);
        for error in self.errors.iter().filter(|error| !said(error)) {
            problem = problem.because(error.clone());
        }
        problem
    }
}
