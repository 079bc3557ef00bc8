//! How it is decided what starts. It must not know how.

use std::fmt;

use holdfast_scheduler::Config;
use holdfast_types::Span;
use serde::Deserialize;

/// What decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// The scheduler's own code. It is told no durations.
    Holdfast(Config),
    /// What others do.
    Baseline(Baseline),
}

/// What others do, on whole nodes and the best fit for the rest of a gang.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Baseline {
    /// First come, first served: nothing passes the job at the head.
    Fifo,
    /// In the order of arrival, and what does not fit is passed, as Kueue's `BestEffortFIFO` does.
    Greedy,
    /// As [`Baseline::Greedy`], but what passes the job at the head must not delay it, as far as the sum of free accelerators
    /// tells (D. Lifka, "The ANL/IBM SP scheduling system", 1995). Durations are known.
    Easy,
    /// The shortest job that fits. Durations are known.
    Sjf,
    /// Least attained service in three levels, which preempts (J. Gu and others, "Tiresias: a GPU cluster manager for distributed deep
    /// learning", 2019): after 2 and 32 hours a job goes behind those that had less, and one that has run for 12 hours on end may
    /// have to stop for them. One that has waited for two days in all goes first.
    Las,
}

impl Baseline {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Fifo, Self::Greedy, Self::Easy, Self::Sjf, Self::Las];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Greedy => "greedy",
            Self::Easy => "easy",
            Self::Sjf => "sjf",
            Self::Las => "las",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holdfast(_) => out.write_str("holdfast"),
            Self::Baseline(baseline) => out.write_str(baseline.word()),
        }
    }
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(String);

/// What a file may say; what it leaves out is as it is where nobody says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    reserve_after: Option<Span>,
    max_gangs_per_plan: Option<u32>,
    max_holds: Option<u32>,
    levels: Option<[Span; 2]>,
    rehold_after: Option<Span>,
    slice: Option<Span>,
    min_run: Option<Span>,
    spared_after: Option<Span>,
    overdue_after: Option<Span>,
}

impl Policy {
    /// The scheduler with the settings of a TOML text: `reserveAfter`, `reholdAfter`, `slice`, `minRun`, `sparedAfter`, `overdueAfter` (spans),
    /// `levels` (two spans), `maxHolds` and `maxGangsPerPlan` (numbers).
    ///
    /// # Errors
    ///
    /// It is no TOML, or a field is unknown.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let file: File =
            toml::from_str(text).map_err(|error| PolicyError(error.to_string().trim().to_owned()))?;
        let usual = Config::default();
        if file.max_gangs_per_plan == Some(0) {
            return Err(PolicyError("`maxGangsPerPlan` is 0: nothing would ever start".to_owned()));
        }
        Ok(Self::Holdfast(Config {
            reserve_after: file.reserve_after.unwrap_or(usual.reserve_after),
            max_gangs_per_plan: file.max_gangs_per_plan.unwrap_or(usual.max_gangs_per_plan),
            max_holds: file.max_holds.unwrap_or(usual.max_holds),
            levels: file.levels.unwrap_or(usual.levels),
            rehold_after: file.rehold_after.unwrap_or(usual.rehold_after),
            slice: file.slice.unwrap_or(usual.slice),
            min_run: file.min_run.unwrap_or(usual.min_run),
            spared_after: file.spared_after.unwrap_or(usual.spared_after),
            overdue_after: file.overdue_after.unwrap_or(usual.overdue_after),
            ..usual
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let usual = Config::default();
        assert_eq!(Policy::parse("").unwrap(), Policy::Holdfast(usual.clone()));
        let eager = Config { reserve_after: Span::from_secs(60), max_holds: 9, ..usual };
        assert_eq!(Policy::parse("reserveAfter = \"1m\"\nmaxHolds = 9").unwrap(), Policy::Holdfast(eager));
        assert!(Policy::parse("reserve = 1").unwrap_err().to_string().contains("unknown field `reserve`"));
        assert!(Policy::parse("maxGangsPerPlan = 0").is_err());
    }
}
