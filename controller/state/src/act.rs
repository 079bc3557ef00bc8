//! The command being applied, as its parts see it: the state, the revision to stamp, the logical time, who acts.

use holdfast_api::store::{ClusterRecord, DecisionRecord, outcome};
use holdfast_api::{timestamp, v1};
use holdfast_types::{Problem, Time};

use crate::refuse;
use crate::state::State;

/// The command being applied: what its parts may use.
#[derive(Debug)]
pub(crate) struct Act<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) cluster: ClusterRecord,
    /// The revision that what this command changes gets.
    pub(crate) revision: u64,
    pub(crate) now: Time,
    pub(crate) actor: String,
    /// The id of the request that led to it; empty where there was none.
    pub(crate) request: String,
    pub(crate) expected_revision: u64,
    pub(crate) decision: Option<DecisionRecord>,
}

/// What a part answers.
pub(crate) type Answer = Result<outcome::Result, Problem>;

impl Act<'_> {
    /// Keeps an event for people.
    pub(crate) fn event(&mut self, object: &str, reason: &str, text: impl Into<String>) {
        let event = v1::Event {
            revision: self.revision,
            at: Some(timestamp(self.now)),
            object: object.to_owned(),
            reason: reason.to_owned(),
            text: text.into(),
        };
        self.state.event(&mut self.cluster, event);
    }

    /// Refuses where the caller decided on an older state of the named resource.
    pub(crate) fn check_revision(&self, kind: &str, name: &str, found: u64) -> Result<(), Problem> {
        if self.expected_revision == 0 || self.expected_revision == found {
            Ok(())
        } else {
            Err(refuse::changed(kind, name, self.expected_revision, found))
        }
    }
}
