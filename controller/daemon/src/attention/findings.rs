//! What was found, and how bad it is. A leaf.

use holdfast_api::v1::Attention;

/// The most lines of attention in one answer.
const MAX_ATTENTION: usize = 32;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The cluster does not do its work or is about to stop.
    Critical,
    /// It does, but somebody should look.
    Warning,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

/// What was found, in the order of finding.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<(Severity, Attention)>);

impl Findings {
    pub(crate) fn add(&mut self, severity: Severity, what: String, why: impl Into<String>, next: String) {
        let attention = Attention { what, why: why.into(), next, severity: severity.word().to_owned() };
        self.0.push((severity, attention));
    }

    /// Worst first; what is equally bad stays in the order of finding.
    pub(crate) fn sorted(mut self) -> Vec<Attention> {
        self.0.sort_by_key(|(severity, _)| *severity);
        self.0.truncate(MAX_ATTENTION);
        self.0.into_iter().map(|(_, attention)| attention).collect()
    }
}
