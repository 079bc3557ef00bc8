//! Clients that write and read registers all the while, and remember what they asked and were told.
//!
//! A register is a queue: its value is the limit of devices in its spec, its revision that of the resource.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use holdfast_api::problem_from_status;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::{ApplyQueueRequest, GetRequest, Queue, QueueSpec, WriteOptions};
use holdfast_client::{ClusterClient, idempotency_key};
use holdfast_types::{Problem, ProblemKind};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::chance::Chance;
use crate::controllers::Controllers;
use crate::history::{Answer, Call, Held, NEVER, Operation};

/// How long a client goes on asking about one operation: longer than anything that is done to the cluster lasts.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the first client does, which so never learns what came of some of its writes.
const IMPATIENCE: Duration = Duration::from_millis(400);
/// How long a read that is bound to one controller may take: longer than a controller is paused.
const BOUND: Duration = Duration::from_secs(8);
/// The longest pause between two operations of a client, in milliseconds.
const PAUSE: u64 = 20;
/// How the names of registers begin.
const PREFIX: &str = "register-";
/// How many registers there are at a time.
const REGISTERS: u64 = 3;

/// Whether the queue of this name is a register.
#[must_use]
pub fn is_register(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// What all clients remember together.
#[derive(Debug)]
pub struct Record {
    began: Instant,
    operations: Mutex<Vec<Operation>>,
    /// The registers are new ones from time to time, so that no history becomes long.
    generation: AtomicU32,
    next_value: AtomicU32,
    /// Writes that were acknowledged.
    acknowledged: AtomicU64,
}

impl Record {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(NEVER - 1)
    }

    fn key(&self, chance: &mut Chance) -> String {
        format!("{PREFIX}{}-{}", self.generation.load(Ordering::Relaxed), chance.below(REGISTERS))
    }

    fn keep(&self, operation: Operation) {
        if matches!(operation.answer, Answer::Done(_)) {
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        self.operations.lock().push(operation);
    }

    /// How many writes were acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Goes on with new registers.
    pub fn turn_page(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }
}

/// The clients at work.
#[derive(Debug)]
pub struct Load {
    record: Arc<Record>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Load {
    /// Starts so many clients that follow the leader, and one that reads at each controller alone.
    ///
    /// # Errors
    ///
    /// Where a client cannot be made.
    pub fn start(controllers: &Controllers, clients: u32, chance: &mut Chance) -> Result<Self> {
        let record = Arc::new(Record {
            began: Instant::now(),
            operations: Mutex::default(),
            generation: AtomicU32::new(0),
            next_value: AtomicU32::new(1),
            acknowledged: AtomicU64::new(0),
        });
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        for number in 0..clients {
            let patience = if number == 0 { IMPATIENCE } else { PATIENCE };
            let client = controllers.client(usize::try_from(number)?, patience);
            tasks.spawn(Worker::new(number, &record, chance).follow(client, stop.clone()));
        }
        for index in 0..controllers.count() {
            let number = clients + u32::try_from(index)?;
            let channel = controllers.channel(index)?;
            tasks.spawn(Worker::new(number, &record, chance).stay(channel, stop.clone()));
        }
        Ok(Self { record, stop, tasks })
    }

    /// What they remember so far.
    #[must_use]
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// Ends them all and returns the history.
    pub async fn finish(mut self) -> Vec<Operation> {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        std::mem::take(&mut self.record.operations.lock())
    }
}

struct Worker {
    number: u32,
    record: Arc<Record>,
    chance: Chance,
    /// What it saw last of each register, as the ground of an exchange.
    seen: BTreeMap<String, u64>,
}

impl Worker {
    fn new(number: u32, record: &Arc<Record>, chance: &mut Chance) -> Self {
        Self { number, record: Arc::clone(record), chance: chance.fork(), seen: BTreeMap::new() }
    }

    /// Reads and writes wherever the leader is. An operation is always waited for: one that was asked for counts.
    async fn follow(mut self, client: ClusterClient, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let key = self.record.key(&mut self.chance);
            let expected = self.seen.get(&key).copied();
            let call = match (self.chance.below(4), expected) {
                (0, _) => Call::Write(self.record.next_value.fetch_add(1, Ordering::Relaxed)),
                (1, Some(expected)) => {
                    Call::Exchange { expected, value: self.record.next_value.fetch_add(1, Ordering::Relaxed) }
                }
                _ => Call::Read,
            };
            let begun = self.record.now();
            let answer = match call {
                Call::Read => read_leader(&client, &key).await,
                Call::Write(value) => Some(write(&client, &key, value, 0).await),
                Call::Exchange { expected, value } => Some(write(&client, &key, value, expected).await),
            };
            self.keep(key, call, answer, begun);
            self.pause().await;
        }
    }

    /// Reads at one controller alone, whether it leads or not. What it refuses is nobody's business.
    async fn stay(mut self, channel: Channel, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let key = self.record.key(&mut self.chance);
            let begun = self.record.now();
            let request = GetRequest { name: key.clone(), ..GetRequest::default() };
            let mut client = QueuesClient::new(channel.clone());
            let answer = match timeout(BOUND, client.get(request)).await {
                Ok(Ok(response)) => held(&response.into_inner()),
                Ok(Err(status)) => absent(&problem_from_status(&status)),
                Err(_) => None,
            };
            self.keep(key, Call::Read, answer, begun);
            self.pause().await;
        }
    }

    fn keep(&mut self, key: String, call: Call, answer: Option<Answer>, begun: u64) {
        // A read without an answer says nothing and changes nothing.
        let Some(answer) = answer else { return };
        let ended = if answer == Answer::Unknown { NEVER } else { self.record.now() };
        let operation = Operation { client: self.number, key: key.clone(), call, answer, begun, ended };
        if let Some(revision) = operation.revision() {
            self.seen.insert(key, revision);
        }
        self.record.keep(operation);
    }

    async fn pause(&mut self) {
        sleep(Duration::from_millis(self.chance.below(PAUSE))).await;
    }
}

fn held(queue: &Queue) -> Option<Answer> {
    let revision = queue.metadata.as_ref()?.revision;
    Some(Answer::Is(Some(Held { value: queue.spec.as_ref()?.max_devices, revision })))
}

fn absent(problem: &Problem) -> Option<Answer> {
    (problem.kind == ProblemKind::NotFound).then_some(Answer::Is(None))
}

async fn read_leader(client: &ClusterClient, key: &str) -> Option<Answer> {
    let request = GetRequest { name: key.to_owned(), ..GetRequest::default() };
    let call = client.call(|channel| {
        let request = request.clone();
        async move { QueuesClient::new(channel).get(request).await }
    });
    match call.await {
        Ok(queue) => held(&queue),
        Err(problem) => absent(&problem),
    }
}

async fn write(client: &ClusterClient, key: &str, value: u32, expected_revision: u64) -> Answer {
    match apply(client, key, value, expected_revision).await {
        Ok(queue) => queue.metadata.map_or(Answer::Unknown, |metadata| Answer::Done(metadata.revision)),
        Err(problem) if problem.kind == ProblemKind::Conflict => Answer::Conflict,
        Err(_) => Answer::Unknown,
    }
}

/// Writes a value into a queue, wherever the leader is; 0 expects no revision.
///
/// # Errors
///
/// Why it was refused, or its outcome is not known.
pub async fn apply(
    client: &ClusterClient,
    key: &str,
    value: u32,
    expected_revision: u64,
) -> Result<Queue, Problem> {
    let idempotency_key = idempotency_key()?;
    let request = ApplyQueueRequest {
        name: key.to_owned(),
        spec: Some(QueueSpec { max_devices: value, ..QueueSpec::default() }),
        options: Some(WriteOptions { idempotency_key, expected_revision, ..WriteOptions::default() }),
        ..ApplyQueueRequest::default()
    };
    let call = client.call(|channel| {
        let request = request.clone();
        async move { QueuesClient::new(channel).apply(request).await }
    });
    call.await
}
