//! Leadership that is handed over under writes, and what is refused.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use prost::Message;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::cluster::{Cluster, PROPOSE_TIMEOUT, three};
use super::harness::{PATIENCE, Register, connect, member, options_in, start, until};
use crate::wire::{Envelope, HandoverStep, VoteRequestMessage};
use crate::{
    ChangeError, LoopbackLink, LoopbackNetwork, Member, Network, NetworkError, ProposeError, RaftNode,
    RpcKind,
};

/// What one writer saw.
struct Seen {
    key: String,
    acknowledged: Vec<String>,
    unknown: BTreeSet<String>,
    /// How many of these were not for want of time.
    cut_off: usize,
}

/// Writes until told to stop. An unknown outcome is never repeated.
async fn write(cluster: Arc<Cluster>, writer: u8, stop: Arc<AtomicBool>) -> Seen {
    let key = char::from(b'a' + writer);
    let mut seen =
        Seen { key: key.to_string(), acknowledged: Vec::new(), unknown: BTreeSet::new(), cut_off: 0 };
    let (mut leader, mut number) = (1, 0);
    while !stop.load(Ordering::Relaxed) {
        let (word, begun) = (format!("w{number}"), Instant::now());
        match cluster.node(leader).propose(format!("{key}{word}").into_bytes()).await {
            Ok(_) => seen.acknowledged.push(word),
            Err(ProposeError::NotLeader { leader: other }) => {
                leader = other.map_or(leader % 3 + 1, |other| other.id);
                tokio::task::yield_now().await;
                continue;
            }
            Err(ProposeError::Busy { after }) => {
                tokio::time::sleep(after).await;
                continue;
            }
            Err(ProposeError::Unknown) => {
                seen.cut_off += usize::from(begun.elapsed() < PROPOSE_TIMEOUT);
                seen.unknown.insert(word);
            }
            Err(error) => panic!("{error}"),
        }
        number += 1;
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_goes_round_under_writers_and_nothing_is_lost_or_doubled() {
    let cluster = Arc::new(three(1_000).await);
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        writers.spawn(write(Arc::clone(&cluster), writer, Arc::clone(&stop)));
    }
    let first = cluster.node(cluster.leader_but(0).await).status().term;
    let (mut done, mut disturbed) = (0, 0);
    while done < 6 {
        let leader = cluster.leader_but(0).await;
        let before = cluster.node(leader).status().applied;
        until("some writes, or another leader", || {
            let status = cluster.node(leader).status();
            status.applied > before.map(|index| index + 20)
                || status.leader.is_none_or(|led| led.id != leader)
        })
        .await;
        let to = leader % 3 + 1;
        let term = cluster.node(leader).status().term;
        // Named and left to choose, in turn.
        let named = done % 2 == 0;
        match cluster.node(leader).transfer_leader(named.then_some(to)).await {
            Ok(led) if cluster.node(led.id).status().term == term + 1 => {
                assert!(!named || led == member(to), "{led:?}");
                assert_ne!(led.id, leader);
                done += 1;
            }
            // A machine that stands still for as long as a step may take, or for an election, is no handover's fault.
            other => {
                disturbed += 1;
                assert!(disturbed < 30, "{other:?}");
            }
        }
    }
    let before = cluster.node(cluster.leader_but(0).await).status().applied;
    until("some writes", || {
        (1..=3).any(|id| cluster.node(id).status().applied > before.map(|index| index + 20))
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    let mut seen = Vec::new();
    while let Some(writer) = writers.join_next().await {
        seen.push(writer.unwrap());
    }
    cluster.same_state_everywhere().await;
    let quiet = cluster.node(1).status().term == first + 6;
    println!("{disturbed} handovers were disturbed, quiet: {quiet}");
    for Seen { key, acknowledged, unknown, cut_off } in seen {
        assert!(cut_off == 0 || !quiet, "a handover leaves no outcome unknown: {unknown:?}");
        let words = cluster.node(1).with(|machine| machine.words(&key));
        let once: BTreeSet<&String> = words.iter().collect();
        assert_eq!(once.len(), words.len(), "every command once");
        let known: Vec<&String> = words.iter().filter(|word| !unknown.contains(*word)).collect();
        assert_eq!(known, acknowledged.iter().collect::<Vec<_>>(), "and in order");
    }
}

/// What it proposed when it was cut off is neither in the log nor cut off it: a snapshot came in its place, and nobody hears
/// what became of it. Its proposals must not wait behind those for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_cut_off_and_took_a_snapshot_leads_again() {
    let cluster = Arc::new(three(20).await);
    let old = cluster.leader_but(0).await;
    cluster.node(old).propose(b"kbefore".to_vec()).await.unwrap();
    cluster.network.isolate(old);
    let mut lost = JoinSet::new();
    // As many batches as may be on their way, and more.
    for number in 0..4 {
        let before = cluster.node(old).status().batches;
        let asked = Arc::clone(&cluster);
        lost.spawn(async move { asked.node(old).propose(format!("l{number}").into_bytes()).await });
        until("a batch", || cluster.node(old).status().batches > before || number > 1).await;
    }
    let mut leader = cluster.leader_but(old).await;
    while cluster.node(leader).status().purged <= cluster.node(old).status().last_log {
        if cluster.node(leader).propose(b"kaway".to_vec()).await.is_err() {
            leader = cluster.leader_but(old).await;
        }
    }
    while let Some(ended) = lost.join_next().await {
        assert!(ended.unwrap().is_err());
    }
    cluster.network.heal();
    cluster.same_state_everywhere().await;
    until("the old leader to lead", || cluster.node(old).status().snapshot_index.is_some()).await;
    while !cluster.node(old).is_leader() {
        let leader = cluster.leader_but(0).await;
        // Refused as long as it is not known to be back.
        drop(cluster.node(leader).transfer_leader(Some(old)).await);
    }
    let begun = Instant::now();
    while cluster.node(old).propose(b"kafter".to_vec()).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "its proposals wait for ever");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handover_that_cannot_work_is_refused_and_changes_nothing() {
    let cluster = three(1_000).await;
    let leader = cluster.leader_but(0).await;
    let (silent, follower) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    let node = cluster.node(leader);
    let temp = TempDir::new().unwrap();
    let learner = start(&options_in(&temp, 4), &cluster.network).await;
    until("a settled founding", || node.status().configured > Some(0)).await;
    node.add_learner(member(4)).await.unwrap();
    node.propose(b"khello".to_vec()).await.unwrap();
    until("the learner", || learner.with(|machine| machine.words("k")) == ["hello"]).await;
    let term = node.status().term;

    let refusal = |refused: Result<Member, ChangeError>| match refused {
        Err(ChangeError::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(node.transfer_leader(Some(leader)).await.unwrap(), member(leader), "to itself: nothing to do");
    let elsewhere = cluster.node(follower).transfer_leader(None).await;
    assert!(matches!(elsewhere, Err(ChangeError::NotLeader { .. })), "{elsewhere:?}");
    assert!(refusal(node.transfer_leader(Some(4)).await).contains("is a learner"));
    assert!(refusal(node.transfer_leader(Some(9)).await).contains("there is no member 9"));
    cluster.network.isolate(silent);
    // Not known to be silent yet, it is asked and does not answer.
    let unanswered = refusal(node.transfer_leader(Some(silent)).await);
    assert!(unanswered.contains("answer"), "{unanswered}");
    node.propose(b"kagain".to_vec()).await.unwrap();
    assert_eq!(node.status().term, term, "nobody was elected");
    assert!(node.is_leader());

    // With one member silent the other two hand over all the same.
    assert_eq!(node.transfer_leader(None).await.unwrap(), member(follower));
    cluster.node(follower).propose(b"kthird".to_vec()).await.unwrap();
    cluster.network.heal();
    cluster.same_state_everywhere().await;
}

/// Loses every call that tells a member to stand.
struct Lossy(LoopbackLink);

impl Network for Lossy {
    fn call(
        &self,
        target: &Member,
        rpc: RpcKind,
        body: Vec<u8>,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, NetworkError>> {
        let envelope = Envelope::decode(body.as_slice()).unwrap();
        let stand = rpc == RpcKind::Vote
            && VoteRequestMessage::decode(envelope.body)
                .unwrap()
                .handover
                .is_some_and(|handover| handover.step() == HandoverStep::Stand);
        if stand {
            Box::pin(async { Err(NetworkError::Timeout) })
        } else {
            self.0.call(target, rpc, body, timeout)
        }
    }
}

/// Everyone has let go of the old leader and the next one is never told: an ordinary election follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handover_that_is_lost_half_way_ends_in_an_election() {
    let (temp, network) = (TempDir::new().unwrap(), LoopbackNetwork::default());
    let mut nodes = Vec::new();
    for id in 1..=3 {
        let lossy = Lossy(network.link(id));
        let node = RaftNode::open(options_in(&temp, id), Register::default(), lossy).await.unwrap();
        nodes.push(connect(node, id, &network));
    }
    nodes[0].bootstrap((1..=3).map(member).collect()).await.unwrap();
    let cluster = Cluster { _temp: temp, network, nodes };
    let leader = cluster.leader_but(0).await;
    let node = cluster.node(leader);
    node.propose(b"kbefore".to_vec()).await.unwrap();
    let term = node.status().term;
    let begun = Instant::now();
    let failed = node.transfer_leader(None).await;
    let now = cluster.leader_but(0).await;
    println!("without the call to stand: {failed:?}, a leader again after {:?}", begun.elapsed());
    assert!(cluster.node(now).status().term > term);
    cluster.node(now).propose(b"kafter".to_vec()).await.unwrap();
    cluster.same_state_everywhere().await;
    assert_eq!(cluster.node(leader).with(|machine| machine.words("k")), ["before", "after"]);
}
