//! What was checked and how it went. A leaf.

use std::fmt::Write as _;

use holdfast_types::Problem;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    /// What was looked at, a word or two.
    pub(crate) name: &'static str,
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) found: String,
    /// What to type or do; empty where nothing is to be done.
    pub(crate) next: String,
}

/// Every check, in the order in which they depend on each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report(pub(crate) Vec<Check>);

impl Report {
    /// Adds a check that went well.
    pub(crate) fn ok(&mut self, name: &'static str, found: impl Into<String>) {
        self.add(name, Verdict::Ok, found, "");
    }

    /// Adds a check with what to do about it.
    pub(crate) fn add(
        &mut self,
        name: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.0.push(Check { name, verdict, found: found.into(), next: next.into() });
    }

    /// Adds a problem as a check that failed.
    pub(crate) fn problem(&mut self, name: &'static str, problem: &Problem) {
        let causes = problem.because.iter();
        let found = causes.fold(problem.summary.clone(), |found, cause| format!("{found}; {cause}"));
        self.add(name, Verdict::Fail, found, problem.next.first().cloned().unwrap_or_default());
    }

    /// Whether anything does not work.
    pub(crate) fn fails(&self) -> bool {
        self.0.iter().any(|check| check.verdict == Verdict::Fail)
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|check| check.verdict == verdict).count()
    }

    /// A line for each check, and what to do below those that need it.
    pub(crate) fn text(&self) -> String {
        let width = self.0.iter().map(|check| check.name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for check in &self.0 {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{:<4}  {:<width$}  {}", check.verdict.word(), check.name, check.found);
            if !check.next.is_empty() {
                let _ = writeln!(text, "      {:<width$}  next: {}", "", check.next);
            }
        }
        let (ok, warn, fail) =
            (self.count(Verdict::Ok), self.count(Verdict::Warn), self.count(Verdict::Fail));
        let _ = writeln!(text, "\n{} checks: {ok} ok, {warn} warn, {fail} fail", self.0.len());
        text
    }

    /// The same for a program.
    pub(crate) fn json(&self) -> serde_json::Value {
        let check = |check: &Check| {
            serde_json::json!({
                "check": check.name,
                "verdict": check.verdict.word(),
                "found": check.found,
                "next": check.next,
            })
        };
        let checks: Vec<serde_json::Value> = self.0.iter().map(check).collect();
        serde_json::json!({ "healthy": !self.fails(), "checks": checks })
    }
}
