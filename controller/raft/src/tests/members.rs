//! Members that are replaced, removed, wiped and late.

use std::collections::BTreeSet;

use prost::Message;
use tempfile::TempDir;

use super::cluster::{Cluster, three};
use super::harness::{Running, member, options_in, start, until};
use crate::codec::vote_request_out;
use crate::types::{Vote, log_id};
use crate::wire::Envelope;
use crate::{ChangeError, Changed, Exclusion, Role, RpcKind, ServeError};

fn why<T: std::fmt::Debug>(refused: Result<T, ChangeError>) -> String {
    match refused {
        Err(ChangeError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn voters(node: &Running) -> BTreeSet<u64> {
    let members = node.status().members;
    members.iter().filter(|m| m.role == Role::Voter).map(|m| m.member.id).collect()
}

/// Every founding member took part, so that an empty log is a lost one from here on.
async fn settled(cluster: &Cluster, leader: u64) {
    until("a settled founding", || cluster.node(leader).status().configured > Some(0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_voter_is_replaced_in_one_command_and_learns_that_it_is_out() {
    let cluster = three(1_000).await;
    let leader = cluster.leader_but(0).await;
    let (dead, other) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    let node = cluster.node(leader);
    node.propose(b"kbefore".to_vec()).await.unwrap();
    cluster.same_state_everywhere().await;
    cluster.network.isolate(dead);
    let temp = TempDir::new().unwrap();
    let fourth = start(&options_in(&temp, 4), &cluster.network).await;

    assert!(why(node.replace(9, member(10)).await).contains("there is no member 9"));
    assert!(why(node.replace(dead, member(other)).await).contains("votes already"));
    let done = node.replace(dead, member(4)).await.unwrap();
    assert_eq!(done, Changed { voters: 3, warning: None });
    assert_eq!(voters(node), [leader, other, 4].into());
    assert_eq!(node.replace(dead, member(4)).await.unwrap(), done, "said twice, done once");
    until("the new member", || fourth.with(|machine| machine.words("k")) == ["before"]).await;
    assert!(why(node.add_learner(member(dead)).await).contains("may have been used"), "an id is used once");

    // The dead one was only cut off. It cannot win, raises no term, and is told.
    let gone = cluster.node(dead);
    let terms = (node.status().term, gone.status().term);
    assert_eq!(gone.status().excluded, None);
    cluster.network.heal();
    until("the removed member to learn it", || gone.status().excluded == Some(Exclusion::Removed)).await;
    node.propose(b"kafter".to_vec()).await.unwrap();
    assert_eq!((node.status().term, gone.status().term), terms);
    assert_eq!(gone.with(|machine| machine.words("k")), ["before"], "it gets nothing any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_votes_only_once_it_has_caught_up() {
    let cluster = three(1_000).await;
    let leader = cluster.leader_but(0).await;
    let node = cluster.node(leader);
    let temp = TempDir::new().unwrap();
    let fourth = start(&options_in(&temp, 4), &cluster.network).await;
    for number in 0..150 {
        node.propose(format!("k{number}").into_bytes()).await.unwrap();
    }
    settled(&cluster, leader).await;
    cluster.network.isolate(4);
    node.add_learner(member(4)).await.unwrap();
    let late = why(node.promote(4).await);
    assert!(late.contains("made no progress") && late.contains("the link is cut"), "{late}");
    assert_eq!(voters(node).len(), 3);
    cluster.network.heal();
    until("the learner to go on", || fourth.with(|machine| machine.words("k")).len() == 150).await;
    let done = node.promote(4).await.unwrap();
    assert!(done.warning.is_some_and(|warning| warning.contains("back to 3")));
    assert_eq!(voters(node).len(), 4);
    assert_eq!(node.promote(4).await.unwrap().voters, 4, "said twice");

    // A leader that is to go hands over first, and says to whom.
    let Err(ChangeError::NotLeader { leader: Some(next) }) = node.remove(leader).await else { panic!() };
    let next: &Running = if next.id == 4 { &fourth } else { cluster.node(next.id) };
    assert_eq!(next.remove(leader).await.unwrap(), Changed { voters: 3, warning: None });
    assert!(why(next.remove(leader).await).contains("there is no member"));
    until("the removed leader to learn it", || node.status().excluded == Some(Exclusion::Removed)).await;
}

/// Asks a member for its vote as the most up-to-date candidate there could be.
async fn ask_for_vote(node: &Running, from: u64, to: u64) -> Result<Vec<u8>, ServeError> {
    call_of("test", RpcKind::Vote, node, from, to).await
}

/// A call of a member of `cluster` that is ahead of everybody.
async fn call_of(
    cluster: &str,
    kind: RpcKind,
    node: &Running,
    from: u64,
    to: u64,
) -> Result<Vec<u8>, ServeError> {
    let request =
        openraft::raft::VoteRequest::new(Vote::new(1_000, from), Some(log_id(999, from, 1_000_000)));
    let envelope = Envelope {
        version: 1,
        cluster_id: cluster.to_owned(),
        from,
        to,
        body: vote_request_out(&request).encode_to_vec().into(),
        voter: true,
        configured: 5,
    };
    node.serve(kind, envelope.encode_to_vec()).await
}

/// After a restore the cluster has another name, so that whoever went on from the state before is no member of it: not
/// its votes, not its entries, not its snapshots.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_of_another_incarnation_is_heard_by_nobody() {
    let cluster = three(1_000).await;
    let leader = cluster.leader_but(0).await;
    cluster.node(leader).propose(b"kone".to_vec()).await.unwrap();
    let term = cluster.node(leader).status().term;
    for to in 1..=3 {
        for kind in [RpcKind::Vote, RpcKind::Append, RpcKind::InstallSnapshot] {
            let refused = call_of("test#2", kind, cluster.node(to), to % 3 + 1, to).await;
            assert!(
                matches!(&refused, Err(ServeError::Misdirected { cluster, .. }) if cluster == "test#2"),
                "{refused:?}"
            );
        }
    }
    cluster.node(leader).propose(b"ktwo".to_vec()).await.unwrap();
    assert_eq!(cluster.node(leader).status().term, term, "nobody was deposed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_comes_back_without_its_log_neither_votes_nor_counts() {
    let mut cluster = three(1_000).await;
    let leader = cluster.leader_but(0).await;
    let wiped = leader % 3 + 1;
    cluster.node(leader).propose(b"kkept".to_vec()).await.unwrap();
    settled(&cluster, leader).await;
    cluster.same_state_everywhere().await;

    let options = options_in(&cluster._temp, wiped);
    cluster.node(wiped).shutdown().await;
    let slot = usize::try_from(wiped).unwrap() - 1;
    let stand_in = TempDir::new().unwrap();
    // Its handle goes, and its directory with it.
    cluster.nodes[slot] = start(&options_in(&stand_in, 99), &cluster.network).await;
    std::fs::remove_dir_all(&options.dir).unwrap();
    let empty = start(&options, &cluster.network).await;

    until("the member to see it", || empty.status().excluded == Some(Exclusion::LostLog)).await;
    let node = cluster.node(leader);
    let refused = ask_for_vote(&empty, leader, wiped).await;
    assert!(matches!(refused, Err(ServeError::Excluded(Exclusion::LostLog))), "{refused:?}");
    let trouble = || {
        let members = node.status().members;
        members.iter().find(|m| m.member.id == wiped).and_then(|m| m.trouble.clone()).unwrap_or_default()
    };
    until("the leader to say so", || trouble().contains("lost its log")).await;
    assert_eq!(empty.status().last_log, None, "it is sent nothing it could vote with");
    node.propose(b"kmore".to_vec()).await.unwrap();

    // The way back: the same machine under a new id.
    let temp = TempDir::new().unwrap();
    let fourth = start(&options_in(&temp, 100), &cluster.network).await;
    assert_eq!(node.replace(wiped, member(100)).await.unwrap().voters, 3);
    until("the replacement", || fourth.with(|machine| machine.words("k")) == ["kept", "more"]).await;
}

/// openraft takes for granted that a follower keeps what it acknowledged; one that does not must not stop the leader.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_learner_does_not_stop_the_leader() {
    let cluster = three(1_000).await;
    let leader = cluster.leader_but(0).await;
    let node = cluster.node(leader);
    let temp = TempDir::new().unwrap();
    let options = options_in(&temp, 4);
    let fourth = start(&options, &cluster.network).await;
    settled(&cluster, leader).await;
    node.add_learner(member(4)).await.unwrap();
    node.propose(b"kone".to_vec()).await.unwrap();
    until("the learner", || fourth.with(|machine| machine.words("k")) == ["one"]).await;
    fourth.shutdown().await;
    drop(fourth);
    std::fs::remove_dir_all(&options.dir).unwrap();
    let fourth = start(&options, &cluster.network).await;
    let trouble = || node.status().members.iter().find_map(|m| m.trouble.clone()).unwrap_or_default();
    until("the leader to say so", || trouble().contains("lost entries")).await;
    node.propose(b"ktwo".to_vec()).await.unwrap();
    assert!(node.is_leader());
    assert_eq!(fourth.status().applied, None);
    node.remove(4).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seventh_voter_and_an_early_change_are_refused() {
    let (temp, network) = (TempDir::new().unwrap(), crate::LoopbackNetwork::default());
    let mut nodes = Vec::new();
    for id in 1..=5 {
        nodes.push(start(&options_in(&temp, id), &network).await);
    }
    nodes[0].bootstrap((1..=6).map(member).collect()).await.unwrap();
    until("a leader", || nodes.iter().any(|node| node.is_leader())).await;
    let node = nodes.iter().find(|node| node.is_leader()).unwrap();
    node.propose(b"kx".to_vec()).await.unwrap();
    let heard = || node.status().members.iter().filter(|m| m.matched > Some(0)).count();
    until("all but the sixth", || heard() == 5).await;
    // The sixth founding member was never there: a change now could no longer tell it from one that lost its log.
    assert!(why(node.add_learner(member(7)).await).contains("founding member 6 has not come yet"));
    let sixth = start(&options_in(&temp, 6), &network).await;
    until("the sixth", || sixth.with(|machine| machine.words("k")) == ["x"]).await;
    until("a settled founding", || node.status().configured > Some(0)).await;
    node.add_learner(member(7)).await.unwrap();
    let seventh = why(node.promote(7).await);
    assert!(seventh.contains("7 voters are too many"), "{seventh}");
}
