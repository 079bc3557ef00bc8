//! A member whose state differs is found and serves nothing.

use std::sync::atomic::Ordering;

use super::cluster::{Cluster, three};
use super::harness::{Running, until};
use crate::{Exclusion, ProposeError, ReadError};

/// Enough commands that every member has been at an entry where states are compared.
async fn write(node: &Running, count: usize) {
    for number in 0..count {
        node.propose(format!("k{number}").into_bytes()).await.unwrap();
    }
}

async fn bend(cluster: &Cluster, id: u64) {
    cluster.node(id).with(|machine| machine.bent.store(true, Ordering::Relaxed));
    let leader = cluster.leader_but(0).await;
    write(cluster.node(leader), 1).await;
    until("the damage", || !cluster.node(id).with(|machine| machine.bent.load(Ordering::Relaxed))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_whose_state_differs_takes_itself_out() {
    let cluster = three(10_000).await;
    let leader = cluster.leader_but(0).await;
    let wrong = leader % 3 + 1;
    bend(&cluster, wrong).await;
    write(cluster.node(leader), 300).await;
    until("the member to find out", || cluster.node(wrong).excluded().is_some()).await;
    let Some(Exclusion::Diverged { index, ours, theirs }) = cluster.node(wrong).status().excluded else {
        panic!("{:?}", cluster.node(wrong).status())
    };
    assert_eq!((index % 256, ours == theirs), (0, false));
    for id in (1..=3).filter(|id| *id != wrong) {
        assert_eq!(cluster.node(id).excluded(), None);
    }
    let handed = cluster.node(leader).transfer_leader(Some(wrong)).await;
    assert!(format!("{handed:?}").contains("the state differs"), "{handed:?}");
    write(cluster.node(leader), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_state_differs_hands_over_and_serves_nothing() {
    let cluster = three(10_000).await;
    let wrong = cluster.leader_but(0).await;
    bend(&cluster, wrong).await;
    let node = cluster.node(wrong);
    let mut refused = None;
    for number in 0..10_000 {
        match node.propose(format!("k{number}").into_bytes()).await {
            Ok(_) => {}
            // A slow machine: it has lost the lead, or the quorum for a moment, before anybody compared.
            Err(ProposeError::NotLeader { .. } | ProposeError::Unknown) if node.excluded().is_none() => {
                let leader = cluster.leader_but(0).await;
                drop(cluster.node(leader).transfer_leader(Some(wrong)).await);
            }
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    assert!(
        matches!(refused, Some(ProposeError::Excluded(_) | ProposeError::NotLeader { .. })),
        "{refused:?}"
    );
    let next = cluster.leader_but(wrong).await;
    let read = node.read_barrier().await;
    assert!(matches!(read, Err(ReadError::Excluded(_) | ReadError::NotLeader { .. })), "{read:?}");
    assert!(matches!(node.excluded(), Some(Exclusion::Diverged { .. })));
    write(cluster.node(next), 1).await;
    assert_eq!(cluster.node(next).excluded(), None);
}
