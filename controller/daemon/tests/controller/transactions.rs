//! What several calls are as one.

use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::step_result::Resource as StepOf;
use holdfast_api::v1::transaction_step::Step;
use holdfast_api::v1::transactions_client::TransactionsClient;
use holdfast_api::v1::{
    ApplyQueueStep, DeleteQueueStep, EndJobStep, GetRequest, Queue, TransactionRequest, TransactionResult,
    TransactionStep, WriteOptions,
};
use holdfast_client::ClusterClient;

use crate::world::World;

pub(crate) fn apply(name: &str, expected_revision: u64) -> TransactionStep {
    let step = ApplyQueueStep { name: name.to_owned(), ..ApplyQueueStep::default() };
    TransactionStep { expected_revision, step: Some(Step::ApplyQueue(step)) }
}

pub(crate) fn remove(name: &str) -> TransactionStep {
    let step = DeleteQueueStep { name: name.to_owned() };
    TransactionStep { step: Some(Step::DeleteQueue(step)), ..TransactionStep::default() }
}

pub(crate) async fn commit(
    world: &World,
    steps: &[TransactionStep],
    key: &str,
) -> Result<TransactionResult, u16> {
    commit_by(&world.client(), steps, key).await
}

pub(crate) async fn commit_by(
    client: &ClusterClient,
    steps: &[TransactionStep],
    key: &str,
) -> Result<TransactionResult, u16> {
    let options = WriteOptions { idempotency_key: key.to_owned(), ..WriteOptions::default() };
    send(client, steps, options).await
}

async fn trial(world: &World, steps: &[TransactionStep], key: &str) -> Result<TransactionResult, u16> {
    let options = WriteOptions { idempotency_key: key.to_owned(), dry_run: true, ..WriteOptions::default() };
    send(&world.client(), steps, options).await
}

async fn send(
    client: &ClusterClient,
    steps: &[TransactionStep],
    options: WriteOptions,
) -> Result<TransactionResult, u16> {
    let request = TransactionRequest { steps: steps.to_vec(), options: Some(options) };
    let call = |channel| {
        let request = request.clone();
        async move { TransactionsClient::new(channel).commit(request).await }
    };
    client.call(call).await.map_err(|problem| problem.code.0)
}

async fn queue(world: &World, name: &str) -> Option<Queue> {
    let get = |channel| async move {
        QueuesClient::new(channel).get(GetRequest { name: name.to_owned(), ..GetRequest::default() }).await
    };
    world.client().call(get).await.ok()
}

/// The moments at which something was made differ; all else may not.
fn without_times(mut result: TransactionResult) -> TransactionResult {
    for step in &mut result.steps {
        if let Some(StepOf::Queue(queue)) = &mut step.resource
            && let Some(metadata) = &mut queue.metadata
        {
            metadata.created_at = None;
        }
    }
    result
}

#[tokio::test]
async fn a_trial_is_answered_as_the_write_behind_it_and_changes_nothing() {
    let world = World::new();
    let steps = [
        vec![apply("a", 0), apply("b", 0)],
        vec![apply("a", 0)],
        // A conflict, what is not there, and one bad step of two.
        vec![apply("a", 99)],
        vec![remove("nobody")],
        vec![apply("c", 0), remove("nobody")],
        vec![remove("a"), apply("a", 0)],
    ];
    for (number, steps) in steps.iter().enumerate() {
        let key = format!("k{number}");
        let [first, second] = [trial(&world, steps, &key).await, trial(&world, steps, &key).await]
            .map(|r| r.map(without_times));
        assert_eq!(first, second, "a trial leaves nothing that another could see, not even its key");
        let done = commit(&world, steps, &key).await.map(without_times);
        assert_eq!(first, done, "{steps:?}");
        assert_eq!(done.is_err(), (2..=4).contains(&number), "{done:?}");
    }
}

#[tokio::test]
async fn all_steps_are_done_or_none_and_a_retry_is_answered_as_before() {
    let mut world = World::new();
    let made = commit(&world, &[apply("a", 0), apply("b", 0)], "k1").await.unwrap();
    assert_eq!(made.steps.len(), 2);
    let first = queue(&world, "a").await.unwrap().metadata.unwrap();
    assert_eq!(
        (first.revision, first.revision),
        (made.revision, queue(&world, "b").await.unwrap().metadata.unwrap().revision)
    );

    // A trial is answered as the transaction would be, and nothing is kept, not even its key.
    let tried = trial(&world, &[apply("tried", 0), remove("a")], "k0").await.unwrap();
    assert_eq!((tried.steps.len(), tried.revision), (2, made.revision + 1));
    assert!(queue(&world, "tried").await.is_none() && queue(&world, "a").await.is_some());
    assert_eq!(trial(&world, &[remove("a"), remove("tried")], "k0").await, Err(1101));

    // A step that is refused takes those before it along.
    let end = EndJobStep { name: "nobody".to_owned() };
    let bad = TransactionStep { step: Some(Step::CancelJob(end)), ..TransactionStep::default() };
    assert_eq!(commit(&world, &[remove("a"), apply("c", 0), bad], "k2").await, Err(1101));
    assert!(queue(&world, "a").await.is_some() && queue(&world, "c").await.is_none());
    assert_eq!(commit(&world, &[apply("c", 0), apply("a", first.revision - 1)], "k3").await, Err(1103));
    assert!(queue(&world, "c").await.is_none());

    // Its own repetition would find nothing to delete.
    let moved = commit(&world, &[apply("c", 0), remove("a")], "k4").await.unwrap();
    assert_eq!(commit(&world, &[apply("c", 0), remove("a")], "k4").await.unwrap(), moved);
    world.restart();
    assert_eq!(commit(&world, &[apply("c", 0), remove("a")], "k4").await.unwrap(), moved);
    assert_eq!(commit(&world, &[apply("d", 0)], "k4").await, Err(1104));
    assert!(queue(&world, "a").await.is_none() && queue(&world, "c").await.is_some());
}
