//! The feature level that the controllers agree on: it rises by a command in the log, when every member that votes has said
//! that it knows the next one. Until then nobody proposes what only some of them could read.

use holdfast_api::store::{RaiseLevel, command};
use holdfast_raft::{MemberStatus, Role};
use holdfast_state::State;
use holdfast_types::{Problem, ProblemKind, Span};
use tonic::Status;

use crate::app::{App, now, system};
use crate::attention::{Findings, Severity};

/// What a member said longer ago than this does not count: it may have been started with another release since.
const SPOKE_WITHIN: Span = Span::from_secs(12);
/// How long the first leader waits for the others to say what they know before it founds the cluster at the first level.
const FOUNDING: Span = Span::from_secs(2);

/// A member that votes, and the newest level it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voter {
    name: String,
    /// `None` where it has not said so lately.
    knows: Option<u32>,
}

/// Where the agreement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// What is in force.
    pub(crate) agreed: u32,
    /// The newest level that a member has said it knows.
    pub(crate) newest: u32,
    voters: Vec<Voter>,
}

impl Agreement {
    /// As this controller knows it.
    pub(crate) fn of(app: &App) -> Self {
        let (status, at) = (app.raft.status(), now());
        let voters = status.members.iter().filter(|member| member.role == Role::Voter);
        let voters: Vec<Voter> = voters
            .map(|MemberStatus { member, .. }| {
                let own = || (member.id == status.id).then_some(app.newest_level);
                let said = || app.vitals.said(member.id).filter(|said| at.since(said.at) < SPOKE_WITHIN);
                // Releases that did not say so yet knew the first level.
                let knows = own().or_else(|| said().map(|said| said.health.feature_level.max(1)));
                Voter { name: member.name.clone(), knows }
            })
            .collect();
        Self::among(app.with(State::feature_level), app.newest_level, voters)
    }

    fn among(agreed: u32, own: u32, voters: Vec<Voter>) -> Self {
        let newest = voters.iter().filter_map(|voter| voter.knows).fold(own, u32::max);
        Self { agreed, newest, voters }
    }

    /// Those for whom the level does not rise, where there is one to rise to.
    fn holding(&self) -> impl Iterator<Item = &Voter> {
        let next = self.agreed.saturating_add(1);
        let all = if self.newest > self.agreed { self.voters.as_slice() } else { &[] };
        all.iter().filter(move |voter| voter.knows.is_none_or(|level| level < next))
    }

    /// Their names.
    pub(crate) fn held_back_by(&self) -> Vec<String> {
        self.holding().map(|voter| voter.name.clone()).collect()
    }

    /// The level that everybody who votes knows, while it is above the agreed one.
    fn next(&self, own: u32) -> Option<u32> {
        let next = self.agreed.checked_add(1)?;
        let all = own >= next && !self.voters.is_empty() && self.holding().next().is_none();
        all.then_some(next)
    }

    /// Says it to a person, where somebody holds the level back.
    pub(crate) fn find(&self, out: &mut Findings) {
        let each: Vec<String> = self
            .holding()
            .map(|Voter { name, knows }| match knows {
                Some(level) => format!("{name} knows level {level}"),
                None => format!("{name} has not said what it knows"),
            })
            .collect();
        if each.is_empty() {
            return;
        }
        let what = format!("feature level {} is in force, and {} is known", self.agreed, self.newest);
        let why =
            format!("{}; what is new begins when every controller that votes knows it", each.join(", "));
        out.add(Severity::Warning, what, why, "holdfast cluster status".to_owned());
    }
}

/// Raises the level by one where everybody knows the next; the next round raises it further.
pub(crate) async fn raise(app: &App) -> Result<(), Status> {
    if app.with(State::feature_level) >= app.newest_level {
        return Ok(());
    }
    let Some(level) = Agreement::of(app).next(app.newest_level) else { return Ok(()) };
    app.propose(system(command::Body::RaiseLevel(RaiseLevel { level }))).await?;
    tracing::info!(level, "the feature level is raised");
    Ok(())
}

/// The level to found a cluster at: what all its members know. `None` while those that have not said so are waited for,
/// which is not long: the level can rise later.
pub(crate) fn founding(app: &App, led_for: Span) -> Option<u32> {
    let agreement = Agreement::of(app);
    let known: Option<u32> = agreement.voters.iter().map(|voter| voter.knows).min().flatten();
    known.or_else(|| (led_for > FOUNDING).then_some(1))
}

/// Waits until the cluster has agreed on a level that this release does not know: what follows is not for it.
pub(crate) async fn outgrown(app: &App) -> Problem {
    let mut applied = app.raft.applied();
    loop {
        let level = app.with(State::feature_level);
        if level > app.newest_level || applied.changed().await.is_err() {
            return too_old(level, app.newest_level);
        }
    }
}

fn too_old(level: u32, knows: u32) -> Problem {
    Problem::new(1241, ProblemKind::Invalid, "this release is too old for the cluster")
        .because(format!("the cluster is at feature level {level}, this release knows up to {knows}"))
        .next("start the release of the other controllers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voters(known: &[Option<u32>]) -> Vec<Voter> {
        let named = (1..).zip(known).map(|(n, knows)| Voter { name: format!("c{n}"), knows: *knows });
        named.collect()
    }

    #[test]
    fn the_level_rises_by_one_when_every_voter_knows_the_next() {
        for (agreed, own, known, next, held_back_by) in [
            (1, 2, vec![Some(2)], Some(2), vec![]),
            (1, 3, vec![Some(3), Some(2), Some(3)], Some(2), vec![]),
            (2, 3, vec![Some(3), Some(2), Some(3)], None, vec!["c2"]),
            (1, 2, vec![Some(2), Some(1), None], None, vec!["c2", "c3"]),
            (2, 2, vec![Some(2), Some(2), None], None, vec![]),
            // Who is older raises nothing, and knows who holds back: itself.
            (1, 1, vec![Some(1), Some(2), Some(2)], None, vec!["c1"]),
            (1, 2, vec![], None, vec![]),
        ] {
            let agreement = Agreement::among(agreed, own, voters(&known));
            assert_eq!(
                (agreement.next(own), agreement.held_back_by()),
                (next, held_back_by.iter().map(|n: &&str| (*n).to_owned()).collect()),
                "{known:?}"
            );
        }
    }

    #[test]
    fn a_person_is_told_who_holds_back() {
        let mut out = Findings::default();
        Agreement::among(1, 2, voters(&[Some(2), Some(1), None])).find(&mut out);
        let said = out.sorted();
        assert_eq!(said[0].what, "feature level 1 is in force, and 2 is known");
        assert!(
            said[0].why.starts_with("c2 knows level 1, c3 has not said what it knows; "),
            "{}",
            said[0].why
        );
        let mut out = Findings::default();
        Agreement::among(2, 2, voters(&[Some(2), None])).find(&mut out);
        assert!(out.sorted().is_empty());
    }
}
