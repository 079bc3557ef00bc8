//! Clients in closed loops against one member: how many calls they complete and how long each takes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use prost::Message as _;
use tokio::task::JoinSet;

use super::frames::block;
use super::wire::{Event, Target, Wire};
use crate::store::{KEYS, VALUE_BYTES, key};
use crate::wire::kv::{PutRequest, RangeRequest};

/// Clients share this many connections at most, on both sides.
const CONNECTIONS: usize = 16;
/// Reading clients go round over this many keys.
pub(crate) const READ_KEYS: u64 = 500;
/// How long the last calls of a round may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Writes of this many bytes.
    Put(usize),
    /// Reads of the newest, or of what the member has.
    Read { serializable: bool },
}

/// The usual write.
pub(crate) const PUT: Act = Act::Put(VALUE_BYTES);

impl Act {
    fn path(self) -> &'static str {
        match self {
            Self::Put(_) => "/etcdserverpb.KV/Put",
            Self::Read { .. } => "/etcdserverpb.KV/Range",
        }
    }

    fn message(self, number: u64) -> Vec<u8> {
        match self {
            Self::Put(bytes) => {
                PutRequest { key: key(number % KEYS).to_vec(), value: vec![b'v'; bytes] }.encode_to_vec()
            }
            Self::Read { serializable } => {
                RangeRequest { key: key(number % READ_KEYS).to_vec(), serializable }.encode_to_vec()
            }
        }
    }

    /// Whether a message is a whole answer: a read that found nothing has measured nothing.
    fn answered(self, message: &[u8]) -> bool {
        match self {
            Self::Put(_) => !message.is_empty(),
            Self::Read { .. } => message.len() > VALUE_BYTES,
        }
    }
}

/// Many clients for a while.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// How many clients.
    pub(crate) clients: usize,
    /// What each does.
    pub(crate) act: Act,
    /// For how long.
    pub(crate) time: Duration,
}

/// What became of a plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// From the first call to the last answer.
    pub(crate) took: Duration,
    /// How long each call took, in no order.
    pub(crate) latencies: Vec<Duration>,
}

impl Outcome {
    /// Calls a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Lets the clients work. All of them share one thread, so that they take little from the members.
pub(crate) async fn work(target: &Target, plan: Plan) -> Result<Outcome> {
    let count = CONNECTIONS.min(plan.clients).max(1);
    let mut clients = Vec::new();
    for number in 0..count {
        let slots = plan.clients / count + usize::from(number < plan.clients % count);
        let wire = Wire::connect(target).await?;
        let first = u64::try_from(number).unwrap_or(0);
        clients.push(Client::new(wire, target, plan.act, (first, slots)));
    }
    let (begun, step) = (Instant::now(), u64::try_from(count).unwrap_or(1));
    let mut tasks = JoinSet::new();
    for client in clients {
        tasks.spawn(client.run(begun + plan.time, step));
    }
    let mut outcome = Outcome::default();
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            outcome.latencies.extend(ended.context("a client")??);
        }
        Ok::<(), anyhow::Error>(())
    };
    tokio::time::timeout(plan.time + PATIENCE, all).await.context("calls were left without an answer")??;
    outcome.took = begun.elapsed();
    Ok(outcome)
}

/// The clients of one connection.
struct Client {
    wire: Wire,
    block: Vec<u8>,
    act: Act,
    next: u64,
    slots: usize,
    /// Calls under way, when each began, and whether it is answered.
    open: Vec<(u32, Instant, bool)>,
    done: Vec<Duration>,
}

impl Client {
    fn new(wire: Wire, target: &Target, act: Act, (next, slots): (u64, usize)) -> Self {
        let block = block(act.path(), &target.address);
        Self { wire, block, act, next, slots, open: Vec::new(), done: Vec::new() }
    }

    fn begin(&mut self, step: u64) {
        let message = self.act.message(self.next);
        self.next += step;
        let stream = self.wire.call(&self.block, &message, true);
        self.open.push((stream, Instant::now(), false));
    }

    async fn run(mut self, deadline: Instant, step: u64) -> Result<Vec<Duration>> {
        for _ in 0..self.slots {
            self.begin(step);
        }
        while !self.open.is_empty() {
            for event in self.wire.events().await? {
                match event {
                    Event::Message(stream, message) => {
                        let answered = self.act.answered(&message);
                        for open in self.open.iter_mut().filter(|open| open.0 == stream) {
                            open.2 = answered;
                        }
                    }
                    Event::End(stream) => self.end(stream)?,
                }
            }
            while self.open.len() < self.slots && Instant::now() < deadline {
                self.begin(step);
            }
        }
        Ok(self.done)
    }

    fn end(&mut self, stream: u32) -> Result<()> {
        let Some(at) = self.open.iter().position(|open| open.0 == stream) else { return Ok(()) };
        let (_, begun, answered) = self.open.swap_remove(at);
        if !answered {
            bail!("a call was refused");
        }
        self.done.push(begun.elapsed());
        Ok(())
    }
}
