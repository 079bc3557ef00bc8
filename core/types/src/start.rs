//! When a job may start: what must have become of other jobs, and between which instants. Knows nothing of where it runs.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::JobName;
use crate::time::{Span, Time};

/// The most jobs one job may wait for.
pub const MAX_DEPENDENCIES: usize = 64;

/// What must have become of another job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DependencyCondition {
    /// All of its tasks have been running together, or it has ended.
    After,
    /// It succeeded.
    #[default]
    AfterOk,
    /// It failed or was cancelled.
    AfterNotOk,
}

impl DependencyCondition {
    /// Every condition.
    pub const ALL: [Self; 3] = [Self::After, Self::AfterOk, Self::AfterNotOk];

    /// The condition as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::AfterOk => "afterok",
            Self::AfterNotOk => "afternotok",
        }
    }
}

impl fmt::Display for DependencyCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a word is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a condition: use after, afterok or afternotok")]
pub struct DependencyConditionError {
    word: String,
}

impl std::str::FromStr for DependencyCondition {
    type Err = DependencyConditionError;

    fn from_str(word: &str) -> Result<Self, DependencyConditionError> {
        const SHOWN: usize = 40;
        let found = Self::ALL.into_iter().find(|condition| condition.as_str() == word);
        found.ok_or_else(|| DependencyConditionError { word: word.chars().take(SHOWN).collect() })
    }
}

/// Another job that a job waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// Which job.
    pub job: JobName,
    /// What must have become of it.
    #[serde(default)]
    pub condition: DependencyCondition,
}

/// Why a job could never start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum StartError {
    #[error("dependsOn: {count} jobs, at most {MAX_DEPENDENCIES} are allowed")]
    TooManyDependencies { count: usize },
    #[error("dependsOn: job `{job}` is named twice")]
    DependencyTwice { job: JobName },
    #[error("deadline: {deadline} is not after notBefore {not_before}")]
    DeadlineBeforeStart { deadline: Time, not_before: Time },
    #[error(
        "deadline: from notBefore {not_before} on it takes up to maxRunTime {max_run_time}, so it can end after {deadline}"
    )]
    DeadlineTooNear { deadline: Time, not_before: Time, max_run_time: Span },
}

/// Whether there is a moment to start at, as far as the spec alone says.
pub(crate) fn check_start(
    depends_on: &[Dependency],
    not_before: Option<Time>,
    deadline: Option<Time>,
    max_run_time: Option<Span>,
) -> Result<(), StartError> {
    if depends_on.len() > MAX_DEPENDENCIES {
        return Err(StartError::TooManyDependencies { count: depends_on.len() });
    }
    let mut named = BTreeSet::new();
    if let Some(twice) = depends_on.iter().find(|other| !named.insert(&other.job)) {
        return Err(StartError::DependencyTwice { job: twice.job.clone() });
    }
    let (Some(not_before), Some(deadline)) = (not_before, deadline) else { return Ok(()) };
    if deadline <= not_before {
        return Err(StartError::DeadlineBeforeStart { deadline, not_before });
    }
    match max_run_time {
        Some(max_run_time) if deadline.since(not_before) < max_run_time => {
            Err(StartError::DeadlineTooNear { deadline, not_before, max_run_time })
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(depends_on: &[&str], times: [Option<u64>; 2], max_run_time: Option<u64>, expected: &str) {
        let of = |job: &&str| Dependency { job: job.parse().unwrap(), condition: DependencyCondition::After };
        let depends_on: Vec<Dependency> = depends_on.iter().map(of).collect();
        let [not_before, deadline] = times.map(|time| time.map(Time));
        let said = check_start(&depends_on, not_before, deadline, max_run_time.map(Span));
        let said = said.map_or_else(|error| error.to_string(), |()| String::new());
        assert_eq!(said.is_empty(), expected.is_empty(), "{said}");
        assert!(said.contains(expected), "expected `{expected}` in `{said}`");
    }

    #[test]
    fn a_job_that_could_never_start_is_refused_by_the_name_of_its_field() {
        check(&["a", "b"], [Some(1), Some(11)], Some(10), "");
        check(&[], [None, Some(1)], Some(10), "");
        check(&["a", "b", "a"], [None, None], None, "dependsOn: job `a` is named twice");
        let many: Vec<String> = (0..65).map(|n| format!("j{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        check(&many, [None, None], None, "dependsOn: 65 jobs, at most 64 are allowed");
        check(&[], [Some(5), Some(5)], None, "deadline: 1970-01-01T00:00:00.005Z is not after notBefore");
        check(&[], [Some(5), Some(14)], Some(10), "takes up to maxRunTime 10ms");
    }

    #[test]
    fn a_condition_is_the_word_it_is_written_with() {
        for condition in DependencyCondition::ALL {
            assert_eq!(condition.as_str().parse(), Ok(condition));
            assert_eq!(serde_json::to_value(condition).unwrap(), condition.as_str());
        }
        assert_eq!("ok".parse::<DependencyCondition>().unwrap_err().to_string().get(..4), Some("`ok`"));
    }
}
