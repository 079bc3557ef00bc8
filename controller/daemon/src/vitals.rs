//! What is remembered of this controller and the others: who leads since when, who fell behind, what the others said.

use std::collections::{BTreeMap, VecDeque};

use holdfast_api::v1::ControllerHealth;
use holdfast_raft::Status;
use holdfast_types::{Span, Time};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::command_counts::CommandCounts;

/// A member that is further behind than this is not only on its way to the newest entry.
const MAX_LAG: u64 = 1_000;
/// How long changes of leader are remembered.
const HOUR: Span = Span::from_secs(3_600);
/// How many of them, at most.
const MAX_CHANGES: usize = 1_024;

/// What another controller said, and when.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) health: ControllerHealth,
    pub(crate) at: Time,
    /// The same by a clock that nobody sets.
    pub(crate) heard: Instant,
    /// How far its clock is ahead of ours; absent where the answer took too long to tell.
    pub(crate) ahead_ms: Option<i64>,
}

/// What is remembered of this controller and the others.
#[derive(Debug)]
pub(crate) struct Vitals {
    /// How often each command was proposed here.
    pub(crate) commands: CommandCounts,
    started: Time,
    began: Instant,
    leader_changes: Mutex<VecDeque<Time>>,
    others: Mutex<BTreeMap<u64, Said>>,
    behind: Mutex<BTreeMap<u64, Time>>,
}

impl Vitals {
    /// Nothing yet, of a controller that started at `started`.
    pub(crate) fn new(started: Time) -> Self {
        let (leader_changes, others, behind) = (Mutex::default(), Mutex::default(), Mutex::default());
        let commands = CommandCounts::default();
        Self { commands, started, began: Instant::now(), leader_changes, others, behind }
    }

    /// When this controller started.
    pub(crate) fn started(&self) -> Time {
        self.started
    }

    /// For how long this controller runs, by a clock that nobody sets.
    pub(crate) fn runs(&self) -> Span {
        Span(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// What a member said last.
    pub(crate) fn said(&self, id: u64) -> Option<Said> {
        self.others.lock().get(&id).cloned()
    }

    /// Since when a member has been too far behind, as the leader saw it.
    pub(crate) fn behind_since(&self, id: u64) -> Option<Time> {
        self.behind.lock().get(&id).copied()
    }

    /// Remembers that somebody began to lead.
    pub(crate) fn leader_changed(&self, at: Time) {
        let mut changes = self.leader_changes.lock();
        changes.push_back(at);
        if changes.len() > MAX_CHANGES {
            changes.pop_front();
        }
    }

    /// How often that was within the hour before `at`.
    pub(crate) fn changes_within_hour(&self, at: Time) -> u32 {
        let changes = self.leader_changes.lock();
        u32::try_from(changes.iter().filter(|change| at.since(**change) < HOUR).count()).unwrap_or(u32::MAX)
    }

    /// Keeps when each member fell behind, where this member leads.
    pub(crate) fn see_lag(&self, status: &Status, leads: bool, at: Time) {
        let mut behind = self.behind.lock();
        let too_far = |id: u64| leads && lag(status, id).is_some_and(|lag| lag > MAX_LAG);
        behind.retain(|id, _| too_far(*id));
        for member in status.members.iter().filter(|member| too_far(member.member.id)) {
            behind.entry(member.member.id).or_insert(at);
        }
    }

    /// Keeps what a member said, and only what the members said.
    pub(crate) fn keep(&self, id: u64, said: Option<Said>, members: &[u64]) {
        let mut others = self.others.lock();
        others.retain(|known, _| members.contains(known));
        if let Some(said) = said {
            others.insert(id, said);
        }
    }
}

/// How many entries a member is behind; only the leader knows.
pub(crate) fn lag(status: &Status, id: u64) -> Option<u64> {
    let member = status.members.iter().find(|member| member.member.id == id)?;
    if id == status.id {
        return None;
    }
    Some(status.last_log?.saturating_sub(member.matched?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_changes_of_the_last_hour_count_and_their_number_is_bounded() {
        let vitals = Vitals::new(Time(0));
        for minute in 0..u64::try_from(MAX_CHANGES).unwrap() + 9 {
            vitals.leader_changed(Time(minute * 60_000));
        }
        assert_eq!(vitals.leader_changes.lock().len(), MAX_CHANGES);
        let newest = (u64::try_from(MAX_CHANGES).unwrap() + 8) * 60_000;
        assert_eq!(vitals.changes_within_hour(Time(newest)), 60);
    }
}
