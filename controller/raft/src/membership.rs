//! Changes of the membership, one at a time and only such that a quorum stays reachable.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::error::{ClientWriteError, RaftError};
use openraft::raft::ClientWriteResponse;
use openraft::{ChangeMembers, RaftMetrics, ServerState};
use tokio::sync::MutexGuard;

use crate::catchup::{self, MOST_LAG};
use crate::contacts::Contacts;
use crate::error::ChangeError;
use crate::options::Options;
use crate::tracker::leader_of;
use crate::types::{Member, Membership, Peer, Raft, TypeConfig};

/// How long a change may take to be committed.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a change waits for the one before it; one that waits for a learner to catch up takes longer.
const GATE_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a change that lost its leader is looked for.
const SETTLE_EVERY: Duration = Duration::from_secs(1);
/// More voters make every write slower and are not safer in practice.
const MOST_VOTERS: usize = 6;

/// What a change of the voters left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// How many vote now.
    pub voters: usize,
    /// What is allowed and not advised.
    pub warning: Option<String>,
}

/// Makes changes, one at a time.
pub(crate) struct Changer {
    raft: Raft,
    id: u64,
    contacts: Contacts,
    /// Within this a member must have answered to count as reachable.
    reachable_within: Duration,
    /// How long a learner may make no progress.
    patience: Duration,
    /// The greatest id that was seen in any configuration.
    greatest: AtomicU64,
    gate: tokio::sync::Mutex<()>,
}

type Metrics = RaftMetrics<u64, Peer>;
type Written = Result<ClientWriteResponse<TypeConfig>, RaftError<u64, ClientWriteError<u64, Peer>>>;

fn refused(reason: impl Into<String>) -> ChangeError {
    ChangeError::Refused(reason.into())
}

fn voters_of(metrics: &Metrics) -> BTreeSet<u64> {
    metrics.membership_config.membership().voter_ids().collect()
}

fn changed(voters: usize) -> Changed {
    let warning = voters.is_multiple_of(2).then(|| {
        format!(
            "{voters} voters stand the loss of no more members than {} and need one more to agree: go on to {} or back to {}",
            voters - 1,
            voters + 1,
            voters - 1
        )
    });
    Changed { voters, warning }
}

impl Changer {
    pub(crate) fn new(raft: Raft, contacts: Contacts, options: &Options) -> Arc<Self> {
        Arc::new(Self {
            raft,
            id: options.id,
            contacts,
            reachable_within: options.election.1 * 2,
            patience: options.catch_up,
            greatest: AtomicU64::new(0),
            gate: tokio::sync::Mutex::new(()),
        })
    }

    fn leading(&self) -> Result<Metrics, ChangeError> {
        let metrics = self.raft.metrics().borrow().clone();
        let ids = metrics.membership_config.membership().nodes().map(|(id, _)| *id);
        self.greatest.fetch_max(ids.max().unwrap_or(0), Ordering::Relaxed);
        if metrics.state == ServerState::Leader {
            Ok(metrics)
        } else {
            Err(ChangeError::NotLeader { leader: leader_of(&metrics) })
        }
    }

    /// openraft looks at changes under way before it looks at who leads, so that is asked first.
    async fn begin(&self) -> Result<(MutexGuard<'_, ()>, Metrics), ChangeError> {
        self.leading()?;
        let gate = tokio::time::timeout(GATE_TIMEOUT, self.gate.lock()).await;
        let gate = gate.map_err(|_| refused("another change is under way"))?;
        Ok((gate, self.leading()?))
    }

    pub(crate) async fn add_learner(&self, member: Member) -> Result<(), ChangeError> {
        let (_one, metrics) = self.begin().await?;
        if let Some(late) = founder_not_heard(&metrics) {
            return Err(refused(format!(
                "founding member {late} has not come yet: start, remove or replace it"
            )));
        }
        self.add(&metrics, &member).await
    }

    async fn add(&self, metrics: &Metrics, member: &Member) -> Result<(), ChangeError> {
        let membership = metrics.membership_config.membership();
        match membership.get_node(&member.id) {
            Some(known) if *known != Peer::from(member) => {
                Err(refused(format!("member {} exists with another address or name", member.id)))
            }
            Some(_) => Ok(()),
            // A member of that id may have voted and acknowledged what the new one does not know.
            None if member.id <= self.greatest.load(Ordering::Relaxed) => {
                Err(refused(format!("id {} may have been used before; ids only grow", member.id)))
            }
            None => self.commit(self.raft.add_learner(member.id, Peer::from(member), false)).await,
        }
    }

    pub(crate) async fn remove_learner(&self, id: u64) -> Result<(), ChangeError> {
        let (_one, _) = self.begin().await?;
        self.forget(id).await
    }

    async fn forget(&self, id: u64) -> Result<(), ChangeError> {
        let change = ChangeMembers::RemoveNodes(BTreeSet::from([id]));
        self.commit(self.raft.change_membership(change, true)).await
    }

    /// Makes these the voters; a voter that is left out leaves the cluster.
    pub(crate) async fn change(&self, voters: BTreeSet<u64>) -> Result<(), ChangeError> {
        let (_one, metrics) = self.begin().await?;
        let now = voters_of(&metrics);
        if now.symmetric_difference(&voters).count() > 1 {
            return Err(refused("more than one voter would change at once"));
        }
        let last = metrics.last_log_index.unwrap_or(0);
        for id in voters.difference(&now) {
            let matched = metrics.replication.as_ref().and_then(|all| all.get(id).copied().flatten());
            let near = matched.is_some_and(|matched| last.saturating_sub(matched.index) < MOST_LAG);
            if !near {
                return Err(refused(format!("member {id} is not a learner that has caught up")));
            }
        }
        self.check(&voters)?;
        self.vote(voters).await.map(drop)
    }

    /// Makes a learner a voter once it has caught up.
    pub(crate) async fn promote(&self, id: u64) -> Result<Changed, ChangeError> {
        let (_one, metrics) = self.begin().await?;
        let mut voters = voters_of(&metrics);
        if metrics.membership_config.membership().get_node(&id).is_none() {
            return Err(refused(format!("there is no member {id}")));
        }
        if !voters.insert(id) {
            return Ok(changed(voters.len()));
        }
        self.check(&voters)?;
        catchup::wait(&self.raft, &self.contacts, id, self.patience).await?;
        self.check(&voters)?;
        self.vote(voters).await
    }

    /// Removes a member, voter or learner, dead or alive.
    pub(crate) async fn remove(&self, id: u64) -> Result<Changed, ChangeError> {
        let (_one, metrics) = self.begin().await?;
        let mut voters = voters_of(&metrics);
        if metrics.membership_config.membership().get_node(&id).is_none() {
            return Err(refused(format!("there is no member {id}")));
        }
        if !voters.remove(&id) {
            return self.forget(id).await.map(|()| changed(voters.len()));
        }
        if voters.is_empty() {
            return Err(refused(format!("member {id} is the only voter")));
        }
        self.check(&voters)?;
        self.vote(voters).await
    }

    /// Puts `new` in the place of `old`, which may be dead. What a call that was cut off has done already is not repeated.
    pub(crate) async fn replace(&self, old: u64, new: Member) -> Result<Changed, ChangeError> {
        let (_one, metrics) = self.begin().await?;
        let membership = metrics.membership_config.membership();
        let mut voters = voters_of(&metrics);
        if membership.get_node(&old).is_none() {
            return match voters.contains(&new.id) {
                true => Ok(changed(voters.len())),
                false => Err(refused(format!("there is no member {old}"))),
            };
        }
        if !voters.remove(&old) {
            return Err(refused(format!("member {old} is a learner: remove it and add another")));
        }
        if !voters.insert(new.id) {
            return Err(refused(format!("member {} votes already, so it can replace nobody", new.id)));
        }
        self.add(&metrics, &new).await?;
        catchup::wait(&self.raft, &self.contacts, new.id, self.patience).await?;
        self.check(&voters)?;
        self.vote(voters).await
    }

    fn check(&self, voters: &BTreeSet<u64>) -> Result<(), ChangeError> {
        let now = voters_of(&self.raft.metrics().borrow());
        let reaches = |id| id == self.id || self.contacts.within(id, self.reachable_within);
        guard(&now, voters, reaches).map_err(refused)
    }

    async fn vote(&self, voters: BTreeSet<u64>) -> Result<Changed, ChangeError> {
        let count = voters.len();
        let change = ChangeMembers::ReplaceAllVoters(voters);
        self.commit(self.raft.change_membership(change, false)).await?;
        let changed = changed(count);
        if let Some(warning) = &changed.warning {
            tracing::warn!(%warning, "the number of voters is even");
        }
        Ok(changed)
    }

    async fn commit(&self, change: impl Future<Output = Written>) -> Result<(), ChangeError> {
        let Ok(written) = tokio::time::timeout(CHANGE_TIMEOUT, change).await else {
            return Err(ChangeError::Unknown);
        };
        match written {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
                let leader = forward.leader_id.zip(forward.leader_node).map(|(id, peer)| peer.member(id));
                Err(ChangeError::NotLeader { leader })
            }
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(error))) => {
                Err(refused(error.to_string()))
            }
            Err(RaftError::Fatal(fatal)) => Err(ChangeError::Stopped(fatal.to_string())),
        }
    }

    /// Ends a change whose leader was lost half way, and the founding once every founding member was heard. Both write a
    /// configuration again; the second one tells an empty log of a founding member from one that was lost.
    async fn settle(&self) {
        let Ok(metrics) = self.leading() else { return };
        if unsettled(&metrics).is_none() {
            return;
        }
        let Ok((_one, metrics)) = self.begin().await else { return };
        let Some(voters) = unsettled(&metrics) else { return };
        match self.vote(voters).await {
            Ok(changed) => tracing::info!(voters = changed.voters, "the membership is settled"),
            Err(error) => tracing::debug!(%error, "the membership is not settled yet"),
        }
    }
}

/// Refuses voters that could not agree on anything, and a change that those who vote now could not agree on: a change
/// takes a majority of both.
fn guard(now: &BTreeSet<u64>, then: &BTreeSet<u64>, reaches: impl Fn(u64) -> bool) -> Result<(), String> {
    if then.len() > MOST_VOTERS {
        let count = then.len();
        return Err(format!("{count} voters are too many: 5 stand the loss of two, and more only cost"));
    }
    for (voters, there) in [(then, "there would be"), (now, "there are")] {
        let (reachable, silent): (Vec<u64>, Vec<u64>) = voters.iter().partition(|id| reaches(**id));
        if reachable.len() <= voters.len() / 2 {
            return Err(format!(
                "of the {} voters {there}, {} can be reached now (silent: {silent:?})",
                voters.len(),
                reachable.len()
            ));
        }
    }
    Ok(())
}

fn founding(metrics: &Metrics) -> bool {
    metrics.membership_config.log_id().is_some_and(|id| id.index == 0)
}

/// A founding member of which this leader never saw an entry beyond the founding one.
fn founder_not_heard(metrics: &Metrics) -> Option<u64> {
    if !founding(metrics) {
        return None;
    }
    let replication = metrics.replication.as_ref()?;
    let heard = |id: &u64| replication.get(id).copied().flatten().is_some_and(|id| id.index > 0);
    voters_of(metrics).into_iter().find(|id| !heard(id))
}

/// The voters to write again, if there is reason to.
fn unsettled(metrics: &Metrics) -> Option<BTreeSet<u64>> {
    let membership: &Membership = metrics.membership_config.membership();
    let sets = membership.get_joint_config();
    match sets.as_slice() {
        [_, .., last] => Some(last.clone()),
        [only] if founding(metrics) && only.len() > 1 && founder_not_heard(metrics).is_none() => {
            Some(only.clone())
        }
        _ => None,
    }
}

/// Settles the membership whenever this member leads.
pub(crate) async fn settle(changer: Arc<Changer>) {
    let mut tick = tokio::time::interval(SETTLE_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        changer.settle().await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::types::{StoredMembership, log_id};

    fn metrics(configured: u64, sets: Vec<BTreeSet<u64>>, matched: &[u64]) -> Metrics {
        let peers: BTreeMap<u64, Peer> = sets.iter().flatten().map(|id| (*id, Peer::default())).collect();
        let replication = (1..).zip(matched).map(|(id, index)| (id, Some(log_id(1, 1, *index)))).collect();
        Metrics {
            membership_config: Arc::new(StoredMembership::new(
                Some(log_id(1, 1, configured)),
                Membership::new(sets, peers),
            )),
            replication: Some(replication),
            ..Metrics::new_initial(1)
        }
    }

    /// A leader that dies between the two halves of a change leaves both sets of voters; the next one ends the change.
    #[test]
    fn what_is_unsettled_is_a_change_half_made_and_a_founding_all_took_part_in() {
        let (old, new): (BTreeSet<u64>, BTreeSet<u64>) = ([1, 2, 3].into(), [1, 2, 4].into());
        assert_eq!(unsettled(&metrics(9, vec![old.clone(), new.clone()], &[9, 9, 9, 9])), Some(new));
        assert_eq!(unsettled(&metrics(9, vec![old.clone()], &[9, 9, 9])), None);
        assert_eq!(unsettled(&metrics(0, vec![old.clone()], &[9, 9, 0])), None, "one has not come yet");
        assert_eq!(unsettled(&metrics(0, vec![old.clone()], &[9, 9, 9])), Some(old));
        assert_eq!(unsettled(&metrics(0, vec![[1].into()], &[9])), None, "alone there is nobody to mistake");
    }

    #[test]
    fn an_even_number_of_voters_is_warned_about() {
        assert_eq!(changed(3).warning, None);
        let warning = changed(4).warning.unwrap();
        assert!(warning.contains("go on to 5 or back to 3"), "{warning}");
    }

    fn subsets(of: u64) -> impl Iterator<Item = BTreeSet<u64>> {
        (0..1_u64 << of).map(move |bits| (1..=of).filter(|id| bits >> (id - 1) & 1 == 1).collect())
    }

    /// Every set of voters, every change of one of them by adding, removing or replacing, whoever can be reached.
    #[test]
    fn a_change_is_let_through_exactly_where_both_majorities_can_be_reached() {
        const MEMBERS: u64 = 7;
        let (mut taken, mut refused) = (0, 0);
        for now in subsets(MEMBERS).filter(|now| !now.is_empty() && now.len() <= MOST_VOTERS) {
            for reached in subsets(MEMBERS) {
                let majority = |of: &BTreeSet<u64>| of.intersection(&reached).count() * 2 > of.len();
                for (out, new) in (0..=MEMBERS).flat_map(|out| (0..=MEMBERS).map(move |new| (out, new))) {
                    let mut then = now.clone();
                    then.remove(&out);
                    then.extend((new > 0).then_some(new));
                    let told = guard(&now, &then, |id| reached.contains(&id));
                    let fine = majority(&now) && majority(&then) && then.len() <= MOST_VOTERS;
                    assert_eq!(told.is_ok(), fine, "{now:?} to {then:?}, reached {reached:?}: {told:?}");
                    if fine { taken += 1 } else { refused += 1 }
                }
            }
        }
        assert!(taken > 100_000 && refused > 100_000, "{taken} {refused}");
    }

    #[test]
    fn a_refusal_counts_those_who_would_vote_and_names_the_silent() {
        let voters = |ids: &[u64]| ids.iter().copied().collect::<BTreeSet<u64>>();
        let told = guard(&voters(&[1, 2, 3]), &voters(&[1, 3]), |id| id < 3).unwrap_err();
        assert_eq!(told, "of the 2 voters there would be, 1 can be reached now (silent: [3])");
        let told = guard(&voters(&[1, 2, 3, 4]), &voters(&[1, 2, 3]), |id| id < 3).unwrap_err();
        assert_eq!(told, "of the 4 voters there are, 2 can be reached now (silent: [3, 4])");
        assert_eq!(guard(&voters(&[1, 2, 3]), &voters(&[1, 2]), |id| id < 3), Ok(()), "the dead one may go");
    }
}
