//! What was asked for under a key is done once and answered alike, whichever controller leads when it is asked again.

use std::time::Duration;

use holdfast_api::v1::cluster_client::ClusterClient as ClusterGrpc;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::{ClusterStatusRequest, ListRequest};
use tokio::task::JoinSet;

use crate::http::{Answer, ask_of};
use crate::transactions::{apply, commit, commit_by, remove};
use crate::world::World;

/// Longer than any election takes.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// The controller that leads and can say so: a linearizable read is answered by nobody else.
pub(crate) async fn leader(world: &World) -> usize {
    let list = |channel| async move { QueuesClient::new(channel).list(ListRequest::default()).await };
    let status = |channel| async move { ClusterGrpc::new(channel).status(ClusterStatusRequest {}).await };
    let found = async {
        loop {
            for number in 0..world.addresses.len() {
                let channel = world.channel(number);
                let leads = list(channel.clone()).await.is_ok();
                if leads && !status(channel).await.unwrap().into_inner().leader.is_empty() {
                    return number;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap()
}

/// A write over REST that a second execution would refuse.
async fn move_queue(world: &World, number: usize) -> Answer {
    let body = r#"{"steps": [{"applyQueue": {"name": "rest-b", "spec": {"priority": 2}}},
        {"deleteQueue": {"name": "rest-a"}}], "options": {"idempotencyKey": "rest-1"}}"#;
    ask_of(world, number, "POST /v1/transactions HTTP/1.1\r\ncontent-type: application/json", body).await
}

#[tokio::test]
async fn a_key_gives_the_same_answer_after_the_leader_was_killed() {
    let mut world = World::of(3, "");
    let first = leader(&world).await;
    commit(&world, &[apply("rest-a", 0), apply("grpc-a", 0)], "setup").await.unwrap();
    let steps = [apply("grpc-b", 0), remove("grpc-a")];
    let by_grpc = commit(&world, &steps, "grpc-1").await.unwrap();
    let by_rest = move_queue(&world, first).await;
    assert_eq!(by_rest.status, 200, "{}", by_rest.body);

    world.kill(first);
    let second = leader(&world).await;
    assert_ne!(first, second);
    assert_eq!(commit(&world, &steps, "grpc-1").await.unwrap(), by_grpc);
    let again = move_queue(&world, second).await;
    assert_eq!((again.status, &again.body), (200, &by_rest.body));
    // The key of one request is no other's, whoever leads.
    assert_eq!(commit(&world, &[apply("x", 0)], "grpc-1").await, Err(1104));
}

#[tokio::test]
async fn writes_that_a_dying_leader_left_in_the_dark_are_done_once() {
    const WRITERS: usize = 16;
    let mut world = World::of(3, "");
    let names: Vec<_> = (0..WRITERS).map(|n| apply(&format!("from-{n}"), 0)).collect();
    commit(&world, &names, "setup").await.unwrap();
    let (first, client) = (leader(&world).await, world.client());
    let mut writers = JoinSet::new();
    for n in 0..WRITERS {
        let client = client.clone();
        let steps = vec![apply(&format!("to-{n}"), 0), remove(&format!("from-{n}"))];
        writers.spawn(async move { commit_by(&client, &steps, &format!("k-{n}")).await });
    }
    world.kill(first);
    while let Some(written) = writers.join_next().await {
        assert!(written.unwrap().is_ok());
    }
    let list = |channel| async move { QueuesClient::new(channel).list(ListRequest::default()).await };
    let queues = world.client().call(list).await.unwrap().items;
    let names: Vec<_> = queues.into_iter().map(|queue| queue.metadata.unwrap().name).collect();
    for n in 0..WRITERS {
        assert!(
            names.contains(&format!("to-{n}")) && !names.contains(&format!("from-{n}")),
            "{n}: {names:?}"
        );
    }
}
