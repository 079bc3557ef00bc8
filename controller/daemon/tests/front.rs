//! What stands before every call of a real controller: ids, limits, forms, and the end on SIGTERM. And what several
//! calls are as one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_api::v1::cluster_client::ClusterClient as ClusterGrpc;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::transaction_step::Step;
use holdfast_api::v1::transactions_client::TransactionsClient;
use holdfast_api::v1::{
    ApplyQueueStep, DeleteQueueStep, EndJobStep, GetRequest, ListRequest, Queue, TransactionRequest,
    TransactionResult, TransactionStep, WatchRequest, WriteOptions,
};
use holdfast_api::{problem_from_status, retry_after_of};
use holdfast_client::lazy_channel;
use holdfast_identity::{Alpn, Expect, IdentityHandle, client_config, tls_connect};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tonic::transport::Channel;

use world::World;

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that speaks HTTP/1.1, which a test can stop in the middle of a request.
async fn connect(world: &World) -> impl AsyncRead + AsyncWrite + Unpin {
    let context = world.context();
    let identity = IdentityHandle::new(context.identity().unwrap());
    let trust = context.trust().unwrap();
    let config = client_config(Some(&identity), &trust, Expect::Controller, Alpn::Http1).unwrap();
    tls_connect(&world.address, &config, PATIENCE).await.unwrap().0
}

fn channel(world: &World) -> Channel {
    let context = world.context();
    let identity = IdentityHandle::new(context.identity().unwrap());
    let config =
        client_config(Some(&identity), &context.trust().unwrap(), Expect::Controller, Alpn::H2).unwrap();
    lazy_channel(&world.address, &config).unwrap()
}

/// What a controller answered: status, headers in lower case, body.
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: serde_json::Value,
}

/// Reads to the end of the connection.
async fn answer(mut connection: impl AsyncRead + Unpin) -> Answer {
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, connection.read_to_end(&mut bytes)).await.unwrap().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: serde_json::from_str(body).unwrap_or_default() }
}

async fn ask(world: &World, head: &str, body: &str) -> Answer {
    let mut connection = connect(world).await;
    let length = body.len();
    let request = format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    connection.write_all(request.as_bytes()).await.unwrap();
    answer(connection).await
}

/// Waits until the controller answers.
async fn up(world: &World) {
    let list = |channel| async move { QueuesClient::new(channel).list(ListRequest::default()).await };
    world.client().call(list).await.unwrap();
}

#[tokio::test]
async fn every_answer_has_an_id_and_every_refusal_its_form() {
    let world = World::new();
    up(&world).await;
    let named = ask(&world, "GET /v1/queues HTTP/1.1\r\nx-request-id: my-id-1", "").await;
    assert_eq!((named.status, named.headers["x-request-id"].as_str()), (200, "my-id-1"));
    let unclean = ask(&world, "GET /v1/nowhere HTTP/1.1\r\nx-request-id: a b", "").await;
    let id = &unclean.headers["x-request-id"];
    assert_eq!((unclean.status, id.len(), &unclean.body["requestId"]), (404, 32, &id.as_str().into()));

    for (head, body, status, code) in [
        ("PATCH /v1/queues HTTP/1.1", "", 405, "E1233"),
        ("POST /v1/jobs HTTP/1.1\r\ncontent-type: text/plain", "{}", 415, "E1235"),
        ("GET /v1/queues?pageSize=x HTTP/1.1", "", 400, "E1002"),
        ("GET /v1/queues?labelSelector=a%20b HTTP/1.1", "", 422, "E1208"),
        ("GET /v1/queues?fields=metadata.nmae HTTP/1.1", "", 422, "E1236"),
        ("GET /v1/queues?pageToken=x HTTP/1.1", "", 422, "E1237"),
        ("GET /v1/watch?fromRevision=99999 HTTP/1.1", "", 409, "E1238"),
        ("GET /v1/queues/%ff HTTP/1.1", "", 400, "E1002"),
    ] {
        let refused = ask(&world, head, body).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (status, &code.into()),
            "{head}: {}",
            refused.body
        );
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        assert_eq!(refused.body["requestId"], refused.headers["x-request-id"].as_str());
        if status == 405 {
            assert_eq!(refused.headers["allow"], "GET,HEAD");
        }
    }
    let large = format!("POST /v1/jobs HTTP/1.1\r\ncontent-type: application/json");
    let large = ask(&world, &large, &format!("\"{}\"", "x".repeat(2 << 20))).await;
    assert_eq!((large.status, &large.body["code"]), (413, &"E1234".into()));

    let fields = ask(&world, "GET /v1/queues/default?fields=metadata.name HTTP/1.1", "").await;
    assert_eq!(fields.body, serde_json::json!({"metadata": {"name": "default"}}));

    let mut queues = QueuesClient::new(channel(&world));
    let get = GetRequest { name: "nobody".to_owned(), ..GetRequest::default() };
    let missing = queues.get(get).await.unwrap_err();
    assert_eq!(missing.metadata().get("x-request-id").unwrap().len(), 32);
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let limits =
        "[limits]\nwrites_per_second = 1\nwrites_burst = 2\nreads_per_second = 1000\nreads_burst = 1000";
    let world = World::with(limits);
    up(&world).await;
    let delete = "DELETE /v1/queues/nobody HTTP/1.1";
    for _ in 0..2 {
        assert_eq!(ask(&world, delete, "").await.status, 404);
    }
    let refused = ask(&world, delete, "").await;
    assert_eq!((refused.status, &refused.body["code"]), (429, &"E1230".into()));
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(
        refused.body["detail"].as_str().unwrap().contains("limits.writes_per_second"),
        "{}",
        refused.body
    );
    assert_eq!(ask(&world, "GET /v1/queues HTTP/1.1", "").await.status, 200, "reads are apart");

    let status =
        TransactionsClient::new(channel(&world)).commit(TransactionRequest::default()).await.unwrap_err();
    assert_eq!(problem_from_status(&status).code.0, 1230);
    assert!(retry_after_of(&status).unwrap() <= Duration::from_secs(1));
    // The client comes back by itself.
    let commit =
        |channel| async move { TransactionsClient::new(channel).commit(TransactionRequest::default()).await };
    assert_eq!(world.client().call(commit).await.unwrap_err().code.0, 1132);
}

#[tokio::test]
async fn what_has_begun_ends_well_when_the_controller_is_told_to_stop() {
    let mut world = World::new();
    up(&world).await;
    let body = r#"{"spec": {"priority": 3}}"#;
    let mut connection = connect(&world).await;
    let length = body.len();
    let head = format!("PUT /v1/queues/late HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{{");
    connection.write_all(head.as_bytes()).await.unwrap();
    let request = WatchRequest { from_revision: 0, ..WatchRequest::default() };
    let mut watch = ClusterGrpc::new(channel(&world)).watch(request).await.unwrap().into_inner();
    assert!(watch.message().await.unwrap().is_some(), "the watch has begun");

    world.terminate();
    let status = loop {
        match watch.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the watch ended without a word"),
            Err(status) => break status,
        }
    };
    let problem = problem_from_status(&status);
    assert_eq!((status.code(), problem.code.0), (tonic::Code::Unavailable, 1232), "{problem}");
    // The watch has been ended, so the controller is draining; the write had begun before.
    connection.write_all(&body.as_bytes()[1..]).await.unwrap();
    let written = answer(connection).await;
    assert_eq!((written.status, &written.body["spec"]["priority"]), (200, &3.into()), "{}", written.body);
    assert!(world.ended(), "it ends without an error");
}

fn apply(name: &str, expected_revision: u64) -> TransactionStep {
    let step = ApplyQueueStep { name: name.to_owned(), ..ApplyQueueStep::default() };
    TransactionStep { expected_revision, step: Some(Step::ApplyQueue(step)) }
}

fn remove(name: &str) -> TransactionStep {
    let step = DeleteQueueStep { name: name.to_owned() };
    TransactionStep { step: Some(Step::DeleteQueue(step)), ..TransactionStep::default() }
}

async fn commit(world: &World, steps: &[TransactionStep], key: &str) -> Result<TransactionResult, u16> {
    let options = WriteOptions { idempotency_key: key.to_owned(), ..WriteOptions::default() };
    let request = TransactionRequest { steps: steps.to_vec(), options: Some(options) };
    let call = |channel| {
        let request = request.clone();
        async move { TransactionsClient::new(channel).commit(request).await }
    };
    world.client().call(call).await.map_err(|problem| problem.code.0)
}

async fn queue(world: &World, name: &str) -> Option<Queue> {
    let get = |channel| async move {
        QueuesClient::new(channel).get(GetRequest { name: name.to_owned(), ..GetRequest::default() }).await
    };
    world.client().call(get).await.ok()
}

#[tokio::test]
async fn all_steps_are_done_or_none_and_a_retry_is_answered_as_before() {
    let world = World::new();
    let made = commit(&world, &[apply("a", 0), apply("b", 0)], "k1").await.unwrap();
    assert_eq!(made.steps.len(), 2);
    let first = queue(&world, "a").await.unwrap().metadata.unwrap();
    assert_eq!(
        (first.revision, first.revision),
        (made.revision, queue(&world, "b").await.unwrap().metadata.unwrap().revision)
    );

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
    assert_eq!(commit(&world, &[apply("d", 0)], "k4").await, Err(1104));
    assert!(queue(&world, "a").await.is_none() && queue(&world, "c").await.is_some());
}
