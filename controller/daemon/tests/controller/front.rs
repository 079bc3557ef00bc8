//! What stands before every call: ids, limits, forms, and the end on SIGTERM.

use std::time::Duration;

use holdfast_api::v1::cluster_client::ClusterClient as ClusterGrpc;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::transactions_client::TransactionsClient;
use holdfast_api::v1::{GetRequest, TransactionRequest, WatchRequest};
use holdfast_api::{problem_from_status, retry_after_of};
use tokio::io::AsyncWriteExt as _;

use crate::http::{answer, ask, connect};
use crate::world::World;

#[tokio::test]
async fn every_answer_has_an_id_and_every_refusal_its_form() {
    let world = World::new();
    world.up().await;
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
    let large = "POST /v1/jobs HTTP/1.1\r\ncontent-type: application/json";
    let large = ask(&world, large, &format!("\"{}\"", "x".repeat(2 << 20))).await;
    assert_eq!((large.status, &large.body["code"]), (413, &"E1234".into()));

    let fields = ask(&world, "GET /v1/queues/default?fields=metadata.name HTTP/1.1", "").await;
    assert_eq!(fields.body, serde_json::json!({"metadata": {"name": "default"}}));

    let mut queues = QueuesClient::new(world.channel(0));
    let get = GetRequest { name: "nobody".to_owned(), ..GetRequest::default() };
    let missing = queues.get(get).await.unwrap_err();
    assert_eq!(missing.metadata().get("x-request-id").unwrap().len(), 32);
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let limits =
        "[limits]\nwrites_per_second = 1\nwrites_burst = 2\nreads_per_second = 1000\nreads_burst = 1000";
    let world = World::with(limits);
    world.up().await;
    let delete = "DELETE /v1/queues/nobody HTTP/1.1";
    // On a busy machine an allowance of one a second may be back before the next request arrives.
    let refused = loop {
        let answer = ask(&world, delete, "").await;
        if answer.status != 404 {
            break answer;
        }
    };
    assert_eq!((refused.status, &refused.body["code"]), (429, &"E1230".into()));
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(
        refused.body["detail"].as_str().unwrap().contains("limits.writes_per_second"),
        "{}",
        refused.body
    );
    assert_eq!(ask(&world, "GET /v1/queues HTTP/1.1", "").await.status, 200, "reads are apart");

    let mut transactions = TransactionsClient::new(world.channel(0));
    let status = loop {
        let status = transactions.commit(TransactionRequest::default()).await.unwrap_err();
        if problem_from_status(&status).code.0 != 1132 {
            break status;
        }
    };
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
    world.up().await;
    let body = r#"{"spec": {"priority": 3}}"#;
    let mut connection = connect(&world, 0).await;
    let length = body.len();
    let head = format!("PUT /v1/queues/late HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{{");
    connection.write_all(head.as_bytes()).await.unwrap();
    let request = WatchRequest { from_revision: 0, ..WatchRequest::default() };
    let mut watch = ClusterGrpc::new(world.channel(0)).watch(request).await.unwrap().into_inner();
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
    // Whichever hears of the end first says it: the watch itself, or whoever carries it.
    assert!(matches!(problem.code.0, 1232 | 1263), "{problem}");
    assert_eq!(status.code(), tonic::Code::Unavailable);
    // The watch has been ended, so the controller is draining; the write had begun before.
    connection.write_all(&body.as_bytes()[1..]).await.unwrap();
    let written = answer(connection).await;
    assert_eq!((written.status, &written.body["spec"]["priority"]), (200, &3.into()), "{}", written.body);
    assert!(world.ended(), "it ends without an error");
}
