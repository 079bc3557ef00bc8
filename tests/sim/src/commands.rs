//! The commands that clients send, and what the answers to them say.

use std::collections::BTreeMap;

use holdfast_api::store::{Command, InitCluster, Outcome, PutQueue, SubmitJob, command, outcome};
use holdfast_api::v1;
use prost::Message as _;

use crate::event::{Answered, Made};

/// The label that carries the mark of a write to a queue.
pub(crate) const MARK: &str = "mark";
/// The refusal of everything that comes before the founding entry.
const NOT_FOUNDED: u32 = 1111;

/// A command and the key it goes under.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    /// The idempotency key, with its actor.
    pub(crate) key: String,
    /// The command.
    pub(crate) bytes: Vec<u8>,
}

fn command(actor: &str, key: &str, expected: u64, body: command::Body) -> Write {
    let command = Command {
        idempotency_key: key.to_owned(),
        actor: actor.to_owned(),
        expected_revision: expected,
        body: Some(body),
        ..Command::default()
    };
    Write { key: format!("{actor}|{key}"), bytes: command.encode_to_vec() }
}

/// The founding entry.
#[must_use]
pub(crate) fn found() -> Write {
    let bundle = v1::PolicyBundle { hash: "law".to_owned(), ..v1::PolicyBundle::default() };
    let init = InitCluster {
        cluster_id: "sim".to_owned(),
        name: "sim".to_owned(),
        bundle: Some(bundle),
        ..InitCluster::default()
    };
    command("founder", "found", 0, command::Body::InitCluster(init))
}

/// A job, with its name as its uid.
#[must_use]
pub(crate) fn submit(actor: &str, key: &str, name: &str) -> Write {
    let spec =
        v1::JobSpec { kind: "train".to_owned(), queue: "default".to_owned(), ..v1::JobSpec::default() };
    let submit = SubmitJob {
        name: name.to_owned(),
        uid: format!("{name}-uid"),
        spec: Some(spec),
        submitted_by: actor.to_owned(),
        ..SubmitJob::default()
    };
    command(actor, key, 0, command::Body::SubmitJob(submit))
}

/// A queue with a mark, where it is still at the expected revision.
#[must_use]
pub(crate) fn put_queue(actor: &str, key: &str, name: &str, expected: u64) -> Write {
    let labels = BTreeMap::from([(MARK.to_owned(), format!("{actor}|{key}"))]);
    let spec = v1::QueueSpec::default();
    let put = PutQueue { name: name.to_owned(), uid: format!("{name}-uid"), labels, spec: Some(spec) };
    command(actor, key, expected, command::Body::PutQueue(put))
}

/// The name and mark of a job.
#[must_use]
pub(crate) fn job_made(job: &v1::Job) -> (Made, u64) {
    let metadata = job.metadata.clone().unwrap_or_default();
    (Made { name: format!("job/{}", metadata.name), mark: metadata.uid }, metadata.revision)
}

/// The name and mark of a queue.
#[must_use]
pub(crate) fn queue_made(queue: &v1::Queue) -> (Made, u64) {
    let metadata = queue.metadata.clone().unwrap_or_default();
    let mark = metadata.labels.get(MARK).cloned().unwrap_or_default();
    (Made { name: format!("queue/{}", metadata.name), mark }, metadata.revision)
}

/// Reads an answer; `None` where it only says that the cluster is not founded yet.
#[must_use]
pub(crate) fn answered(client: u64, key: &str, answer: &[u8]) -> Option<Answered> {
    let outcome = Outcome::decode(answer).ok()?;
    let made = match &outcome.result {
        Some(outcome::Result::Refusal(refusal)) if refusal.code == NOT_FOUNDED => return None,
        Some(outcome::Result::Job(job)) => Some(job_made(job).0),
        Some(outcome::Result::Queue(queue)) => Some(queue_made(queue).0),
        _ => None,
    };
    let (key, answer) = (key.to_owned(), crc32c::crc32c(answer));
    Some(Answered { client, key, answer, revision: outcome.revision, made })
}
