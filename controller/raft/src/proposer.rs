//! Gathers commands into batches. openraft 0.9 waits for the disk once per proposal, so one proposal carries many
//! commands: everything that queued while the batches before were on their way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use openraft::error::{ClientWriteError, Fatal};
use openraft::raft::ClientWriteResult;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::ProposeError;
use crate::latency::Recorder;
use crate::options::Clock;
use crate::pressure::{Ahead, Pressure};
use crate::types::{Batch, Member, Raft, TypeConfig};

/// The longest command.
pub const MAX_COMMAND_BYTES: usize = 4 << 20;
const BATCH_COMMANDS: usize = 512;
const BATCH_BYTES: usize = 1 << 20;
/// One batch is on its way while the next one is written.
const IN_FLIGHT: usize = 2;
const QUEUE_COMMANDS: usize = 8_192;
/// Commands that wait hold at most this much memory.
const QUEUE_BYTES: usize = 64 << 20;

type Answer = Result<Vec<u8>, ProposeError>;

struct Waiting {
    command: Bytes,
    answer: oneshot::Sender<Answer>,
    /// Its share of the queue's bytes; given back when the command is handed to raft.
    _share: OwnedSemaphorePermit,
}

/// Counters of the proposer since the start.
#[derive(Debug, Default)]
pub(crate) struct ProposerCounters {
    pub(crate) commands: AtomicU64,
    pub(crate) batches: AtomicU64,
    /// From the proposal of a batch to its results.
    pub(crate) commit_time: Recorder,
}

/// The queue of commands.
pub(crate) struct Proposer {
    queue: mpsc::Sender<Waiting>,
    share: Arc<Semaphore>,
    timeout: Duration,
    pressure: Arc<Pressure>,
    pub(crate) counters: Arc<ProposerCounters>,
}

impl Proposer {
    /// Starts the batcher as a task of `tasks`.
    pub(crate) fn start(raft: Raft, clock: Clock, timeout: Duration, tasks: &mut JoinSet<()>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_COMMANDS);
        let counters = Arc::new(ProposerCounters::default());
        let pressure = Arc::new(Pressure::default());
        let batcher = Batcher {
            raft,
            clock,
            timeout,
            waiting,
            held: None,
            pressure: Arc::clone(&pressure),
            counters: Arc::clone(&counters),
        };
        tasks.spawn(batcher.run());
        Self { queue, share: Arc::new(Semaphore::new(QUEUE_BYTES)), timeout, pressure, counters }
    }

    /// What a command that is taken now has before it.
    fn ahead(&self) -> Ahead {
        let commands = QUEUE_COMMANDS.saturating_sub(self.queue.capacity()) / BATCH_COMMANDS;
        let bytes = QUEUE_BYTES.saturating_sub(self.share.available_permits()) / BATCH_BYTES;
        Ahead { rounds: u32::try_from(commands.max(bytes) / IN_FLIGHT).unwrap_or(u32::MAX) }
    }

    fn busy(&self) -> ProposeError {
        ProposeError::Busy { after: self.pressure.room(self.ahead(), Instant::now()) }
    }

    pub(crate) async fn propose(&self, command: Vec<u8>) -> Answer {
        let bytes = command.len();
        let too_large = ProposeError::TooLarge { bytes, limit: MAX_COMMAND_BYTES };
        if bytes > MAX_COMMAND_BYTES {
            return Err(too_large);
        }
        let share = u32::try_from(bytes).map_err(|_| too_large)?;
        // Whoever waits is told what came of it before the time is out: half of it is for the command itself.
        let admitted = self.pressure.admit(self.ahead(), self.timeout / 2, Instant::now());
        admitted.map_err(|after| ProposeError::Busy { after })?;
        let share = Arc::clone(&self.share).try_acquire_many_owned(share).map_err(|_| self.busy())?;
        let (answer, receiver) = oneshot::channel();
        let waiting = Waiting { command: command.into(), answer, _share: share };
        self.queue.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => self.busy(),
            mpsc::error::TrySendError::Closed(_) => ProposeError::Stopped,
        })?;
        match tokio::time::timeout(self.timeout, receiver).await {
            Ok(Ok(answer)) => answer,
            // Nobody is left to say what became of it.
            Ok(Err(_)) | Err(_) => Err(ProposeError::Unknown),
        }
    }
}

struct Batcher {
    raft: Raft,
    clock: Clock,
    timeout: Duration,
    waiting: mpsc::Receiver<Waiting>,
    /// The command that no longer fitted into the batch before.
    held: Option<Waiting>,
    pressure: Arc<Pressure>,
    counters: Arc<ProposerCounters>,
}

impl Batcher {
    async fn run(mut self) {
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
        let mut sent = JoinSet::new();
        loop {
            // First the place, then the commands: what queues while there is no place travels together.
            let Ok(place) = Arc::clone(&in_flight).acquire_owned().await else { return };
            let Some(batch) = self.gather().await else { return };
            let (commands, answers): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|waiting| (waiting.command, waiting.answer)).unzip();
            self.counters.commands.fetch_add(u64::try_from(commands.len()).unwrap_or(0), Ordering::Relaxed);
            self.counters.batches.fetch_add(1, Ordering::Relaxed);
            let began = Instant::now();
            self.pressure.begin(began);
            let batch = Batch { time_ms: (self.clock)(), commands: joined(commands).into() };
            match self.raft.client_write_ff(batch).await {
                Ok(result) => {
                    let (counters, pressure) = (Arc::clone(&self.counters), Arc::clone(&self.pressure));
                    let answered = tokio::time::timeout(self.timeout, result);
                    sent.spawn(async move {
                        // Those who asked have been told by then. openraft answers a batch when it is applied or cut off the
                        // log, so never one in whose place a member that led before takes a snapshot: without an end it would
                        // keep its place, and this member could not propose any more.
                        let result = answered.await.ok().and_then(Result::ok);
                        counters.commit_time.note(began.elapsed());
                        pressure.end(began, Instant::now());
                        fan_out(answers, result);
                        drop(place);
                    });
                }
                Err(fatal) => {
                    // Raft stopped before it could take the batch.
                    self.pressure.end(began, Instant::now());
                    refuse(answers, &stopped(&fatal));
                }
            }
            while sent.try_join_next().is_some() {}
        }
    }

    /// The next batch: at least one command, then whatever waits and fits.
    async fn gather(&mut self) -> Option<Vec<Waiting>> {
        let first = match self.held.take() {
            Some(held) => held,
            None => self.waiting.recv().await?,
        };
        let mut bytes = first.command.len();
        let mut batch = vec![first];
        while batch.len() < BATCH_COMMANDS {
            let Ok(next) = self.waiting.try_recv() else { break };
            bytes += next.command.len();
            if bytes > BATCH_BYTES {
                self.held = Some(next);
                break;
            }
            batch.push(next);
        }
        Some(batch)
    }
}

/// The same commands in one piece of memory: they are kept, sent and let go together.
fn joined(commands: Vec<Bytes>) -> Vec<Bytes> {
    if commands.len() == 1 {
        return commands;
    }
    let all = Bytes::from(commands.concat());
    let mut from = 0;
    let piece = |command: &Bytes| {
        let piece = all.slice(from..from + command.len());
        from += command.len();
        piece
    };
    commands.iter().map(piece).collect()
}

fn stopped(fatal: &Fatal<u64>) -> ProposeError {
    match fatal {
        Fatal::StorageError(error) => ProposeError::Storage { reason: error.to_string() },
        Fatal::Panicked | Fatal::Stopped => ProposeError::Stopped,
    }
}

fn refuse(answers: Vec<oneshot::Sender<Answer>>, error: &ProposeError) {
    for answer in answers {
        // Whoever stopped waiting needs no answer.
        drop(answer.send(Err(error.clone())));
    }
}

fn fan_out(answers: Vec<oneshot::Sender<Answer>>, result: Option<ClientWriteResult<TypeConfig>>) {
    match result {
        Some(Ok(response)) => {
            let mut responses = response.data.0.into_iter();
            for answer in answers {
                drop(answer.send(responses.next().ok_or(ProposeError::Unknown)));
            }
        }
        Some(Err(ClientWriteError::ForwardToLeader(forward))) => {
            let leader: Option<Member> =
                forward.leader_id.zip(forward.leader_node).map(|(id, peer)| peer.member(id));
            refuse(answers, &ProposeError::NotLeader { leader });
        }
        Some(Err(ClientWriteError::ChangeMembershipError(_))) | None => {
            refuse(answers, &ProposeError::Unknown)
        }
    }
}
