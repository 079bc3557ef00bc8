//! Three members over links that can be cut.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::harness::{Running, member, options_in, start, until};
use crate::{ChangeError, LoopbackNetwork, ProposeError, ReadError, Role, Status};

/// How long a proposal of these tests waits.
pub(super) const PROPOSE_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) struct Cluster {
    pub(super) _temp: TempDir,
    pub(super) network: LoopbackNetwork,
    pub(super) nodes: Vec<Running>,
}

pub(super) async fn three(snapshot_every: u64) -> Cluster {
    let temp = TempDir::new().unwrap();
    let network = LoopbackNetwork::default();
    let mut nodes = Vec::new();
    for id in 1..=3 {
        let mut options = options_in(&temp, id);
        options.snapshot_every = snapshot_every;
        options.propose_timeout = PROPOSE_TIMEOUT;
        options.catch_up = Duration::from_millis(400);
        options.compare = Duration::from_millis(50);
        nodes.push(start(&options, &network).await);
    }
    nodes[0].bootstrap((1..=3).map(member).collect()).await.unwrap();
    let cluster = Cluster { _temp: temp, network, nodes };
    cluster.leader_but(0).await;
    cluster
}

impl Cluster {
    pub(super) fn node(&self, id: u64) -> &Running {
        &self.nodes[usize::try_from(id).unwrap() - 1]
    }

    /// A leader other than `not`, proven by a read.
    pub(super) async fn leader_but(&self, not: u64) -> u64 {
        let mut found = None;
        while found.is_none() {
            until("a leader", || {
                found = (1..=3).find(|id| *id != not && self.node(*id).is_leader());
                found.is_some()
            })
            .await;
            if self.node(found.unwrap()).read_barrier().await.is_err() {
                found = None;
            }
        }
        found.unwrap()
    }

    pub(super) async fn same_state_everywhere(&self) {
        until("one state everywhere", || {
            let status: BTreeSet<_> = self
                .nodes
                .iter()
                .map(|node| (node.status().applied, node.status().state_hash.to_bytes()))
                .collect();
            status.len() == 1
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_leader_is_replaced_and_no_command_is_lost_or_doubled() {
    let cluster = Arc::new(three(1_000).await);
    let old = cluster.leader_but(0).await;
    // Writers that go on through the change of leader. An unknown outcome is never repeated.
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_u8 {
        let cluster = Arc::clone(&cluster);
        writers.spawn(async move {
            let key = char::from(b'a' + writer);
            let (mut acknowledged, mut unknown) = (Vec::new(), BTreeSet::new());
            let mut at = old;
            let mut number = 0;
            while acknowledged.len() < 60 {
                let word = format!("w{number}");
                match cluster.node(at).propose(format!("{key}{word}").into_bytes()).await {
                    Ok(_) => acknowledged.push(word),
                    Err(ProposeError::NotLeader { leader }) => {
                        at = leader.map_or(at % 3 + 1, |leader| leader.id);
                        tokio::task::yield_now().await;
                        continue;
                    }
                    Err(ProposeError::Unknown) => {
                        unknown.insert(word);
                        at = at % 3 + 1;
                    }
                    Err(error) => panic!("{error}"),
                }
                number += 1;
            }
            (key.to_string(), acknowledged, unknown)
        });
    }
    until("some commands", || cluster.node(old).status().applied > Some(20)).await;
    cluster.network.isolate(old);
    let new = cluster.leader_but(old).await;
    assert_ne!(new, old);
    // The old leader no longer proves anything, and soon takes no commands.
    let read = cluster.node(old).read_barrier().await;
    assert!(matches!(read, Err(ReadError::NoQuorum | ReadError::NotLeader { .. })), "{read:?}");
    assert!(!cluster.node(old).quorum_fresh(Duration::from_millis(300)));
    let mut results = Vec::new();
    while let Some(result) = writers.join_next().await {
        results.push(result.unwrap());
    }
    cluster.network.heal();
    cluster.leader_but(0).await;
    cluster.same_state_everywhere().await;
    for (key, acknowledged, unknown) in results {
        let words = cluster.node(old).with(|machine| machine.words(&key));
        let once: BTreeSet<_> = words.iter().cloned().collect();
        assert_eq!(once.len(), words.len(), "a command was applied twice: {words:?}");
        assert!(acknowledged.iter().all(|word| once.contains(word)), "lost: {acknowledged:?} in {words:?}");
        let known: Vec<_> = words.into_iter().filter(|word| !unknown.contains(word)).collect();
        assert_eq!(known, acknowledged, "the order of one writer is kept");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_lags_behind_the_log_gets_a_snapshot() {
    let cluster = three(20).await;
    let leader = cluster.leader_but(0).await;
    let away = leader % 3 + 1;
    cluster.network.isolate(away);
    // More than one piece of a snapshot, and more entries than the log keeps.
    for number in 0..4_u8 {
        cluster.node(leader).propose([vec![b'0' + number], vec![b'x'; 1 << 20]].concat()).await.unwrap();
    }
    let mut leader = leader;
    let mut last = 0;
    while cluster.node(leader).status().purged <= Some(60) {
        last += 1;
        let word = format!("k{last}").into_bytes();
        while cluster.node(leader).propose(word.clone()).await.is_err() {
            leader = cluster.leader_but(away).await;
        }
    }
    assert!(cluster.node(away).status().last_log < Some(60));
    cluster.network.heal();
    cluster.same_state_everywhere().await;
    // The state is the snapshot's a moment before the status tells of the snapshot.
    until("the snapshot is told", || cluster.node(away).status().snapshot_index > Some(60)).await;
    assert_eq!(cluster.node(away).with(|machine| machine.words("k").last().cloned()), Some(last.to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_one_at_a_time_and_never_without_a_quorum() {
    let cluster = three(1_000).await;
    let leader = cluster.leader_but(0).await;
    let node = cluster.node(leader);
    let temp = TempDir::new().unwrap();
    let fourth = start(&options_in(&temp, 4), &cluster.network).await;
    node.propose(b"khello".to_vec()).await.unwrap();

    let early = node.change_membership((1..=4).collect()).await;
    assert!(matches!(early, Err(ChangeError::Refused(_))), "{early:?}");
    until("a settled founding", || node.status().configured > Some(0)).await;
    node.add_learner(member(4)).await.unwrap();
    let mut moved = member(4);
    moved.address = "elsewhere:1".to_owned();
    assert!(matches!(node.add_learner(moved).await, Err(ChangeError::Refused(_))));
    until("the learner", || fourth.with(|machine| machine.words("k")) == ["hello"]).await;
    let known =
        |status: &Status| status.members.iter().any(|m| m.member.id == 4 && m.matched == status.last_log);
    until("the leader to know of it", || known(&node.status())).await;
    assert!(matches!(node.change_membership([1].into()).await, Err(ChangeError::Refused(_))));
    node.change_membership((1..=4).collect()).await.unwrap();
    let voters = |node: &Running| node.status().members.iter().filter(|m| m.role == Role::Voter).count();
    until("four voters", || voters(&fourth) == 4).await;

    let followers: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    let elsewhere = cluster.node(followers[0]).add_learner(member(9)).await;
    assert!(matches!(elsewhere, Err(ChangeError::NotLeader { .. })), "{elsewhere:?}");

    // Three of four answer. Without the fourth there are two of three: allowed. Without one more there would be one of two.
    let (silent, stays) = (followers[0], followers[1]);
    cluster.network.isolate(silent);
    // Silence is a matter of the clock: a member counts as reachable for twice the longest election time.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    node.change_membership([leader, stays, silent].into()).await.unwrap();
    until("three voters", || voters(node) == 3).await;
    let last_two = node.change_membership([leader, silent].into()).await;
    assert!(
        matches!(&last_two, Err(ChangeError::Refused(why)) if why.contains("can be reached")),
        "{last_two:?}"
    );
}

/// Without the guard the member that was away comes back with a higher term and the leader has to step down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_away_does_not_depose_the_leader() {
    let cluster = three(1_000).await;
    let leader = cluster.leader_but(0).await;
    let term = cluster.node(leader).status().term;
    let away = leader % 3 + 1;
    cluster.network.isolate(away);
    // Long enough for several elections: the time is what is tested.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(cluster.node(away).status().term, term, "a member without a quorum raised its term");
    cluster.network.heal();
    cluster.node(leader).propose(b"kback".to_vec()).await.unwrap();
    until("the member", || cluster.node(away).with(|machine| machine.words("k")) == ["back"]).await;
    assert_eq!(cluster.node(leader).status().term, term);
    assert!(cluster.node(leader).is_leader());
}

/// One entry takes five heartbeats to cross the link; it is sent once and arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_entries_cross_slow_links() {
    let cluster = three(1_000).await;
    let leader = cluster.leader_but(0).await;
    cluster.network.throttle(1 << 20);
    cluster.node(leader).propose(vec![b'k'; 512 << 10]).await.unwrap();
    cluster.node(leader).propose(b"ksmall".to_vec()).await.unwrap();
    cluster.same_state_everywhere().await;
    assert!(cluster.node(leader).is_leader(), "heartbeats went beside the large entry");
}
