//! The clients: tasks that write and read until they are told to stop, and ask again under the same key where they do not
//! know what became of a write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep};

use crate::chance::Chance;
use crate::commands::{Write, answered, found, put_queue, submit};
use crate::event::{Looked, Seen};
use crate::net::{Ask, Net, Told};
use crate::tally::Kind;
use crate::trace::{Trace, note};
use crate::witness::Witness;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Queues that clients contend for.
const QUEUES: u64 = 3;
/// A key that everybody fights for lives so long.
const RACE_MS: u64 = 400;

/// What the clients of a schedule share.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    /// The network.
    pub(crate) net: Net,
    /// The observers.
    pub(crate) witness: Witness,
    /// The lines.
    pub(crate) trace: Trace,
    /// The time of the world.
    pub(crate) now_ms: Arc<AtomicU64>,
    /// How many members there are.
    pub(crate) members: u64,
}

/// The machine the clients run on.
#[derive(Debug)]
pub(crate) struct Clients {
    runtime: Runtime,
    born: Instant,
    lived_ms: u64,
    stop: Arc<AtomicBool>,
    busy: Arc<AtomicU64>,
    probed: Arc<AtomicBool>,
    desk: Desk,
}

impl Clients {
    /// Starts so many clients.
    ///
    /// # Errors
    ///
    /// No runtime can be had.
    pub(crate) fn start(desk: Desk, clients: u64, chance: &mut Chance) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.context("make the runtime of the clients")?;
        let born = runtime.block_on(async { Instant::now() });
        let (stop, busy) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(clients)));
        for id in 1..=clients {
            let client = Client {
                id,
                at: 1 + id % desk.members,
                serial: 0,
                chance: chance.split(),
                desk: desk.clone(),
                stop: Arc::clone(&stop),
            };
            let busy = Arc::clone(&busy);
            runtime.spawn(async move {
                client.work().await;
                busy.fetch_sub(1, Ordering::Relaxed);
            });
        }
        Ok(Self { runtime, born, lived_ms: 0, stop, busy, probed: Arc::default(), desk })
    }

    /// Lets them run for a while.
    pub(crate) fn run(&mut self, step_ms: u64) {
        self.lived_ms += step_ms;
        let until = self.born + Duration::from_millis(self.lived_ms);
        self.runtime.block_on(async { tokio::time::sleep_until(until).await });
    }

    /// Tells them to begin nothing new, and asks for one more write to show that writes are taken.
    pub(crate) fn stop(&self, chance: &mut Chance) {
        self.stop.store(true, Ordering::Relaxed);
        let mut client = Client {
            id: 99,
            at: 1,
            serial: 0,
            chance: chance.split(),
            desk: self.desk.clone(),
            stop: Arc::clone(&self.stop),
        };
        let probed = Arc::clone(&self.probed);
        self.runtime.spawn(async move {
            client.write(&submit("probe", "last", "last"), false).await;
            probed.store(true, Ordering::Relaxed);
        });
    }

    /// How many still wait for an answer; the last write counts.
    #[must_use]
    pub(crate) fn busy(&self) -> u64 {
        self.busy.load(Ordering::Relaxed) + u64::from(!self.probed.load(Ordering::Relaxed))
    }
}

struct Client {
    id: u64,
    at: u64,
    serial: u64,
    chance: Chance,
    desk: Desk,
    stop: Arc<AtomicBool>,
}

impl Client {
    async fn work(mut self) {
        if self.id == 1 {
            self.write(&found(), false).await;
        }
        while !self.stop.load(Ordering::Relaxed) {
            self.serial += 1;
            self.act().await;
            self.pause(5, 60).await;
        }
    }

    async fn act(&mut self) {
        let actor = format!("client-{}", self.id);
        let key = self.serial.to_string();
        let race = self.desk.now_ms.load(Ordering::Relaxed) / RACE_MS;
        match self.chance.below(10) {
            0..=3 => self.write(&submit(&actor, &key, &format!("{actor}-{key}")), true).await,
            4 => self.write(&submit("race", &format!("race-{race}"), &format!("race-{race}")), false).await,
            5 => {
                // The same key for something else: at most one of the two happens.
                let write = submit("race", &format!("race-{race}"), &format!("thief-{race}-{actor}"));
                self.write(&write, false).await;
            }
            6 | 7 => {
                let queue = format!("queue-{}", self.chance.below(QUEUES));
                let Some(expected) = self.read(&queue).await else { return };
                self.write(&put_queue(&actor, &key, &queue, expected), true).await;
            }
            _ => {
                let queue = format!("queue-{}", self.chance.below(QUEUES));
                self.read(&queue).await;
            }
        }
    }

    async fn pause(&mut self, least_ms: u64, most_ms: u64) {
        sleep(Duration::from_millis(self.chance.between(least_ms, most_ms))).await;
    }

    /// Asks until an answer comes. A client that may give up does so now and then where it was told by all it asked that
    /// the write was not taken.
    async fn write(&mut self, write: &Write, may_give_up: bool) {
        let mut denied = may_give_up;
        loop {
            match self.desk.net.ask(self.at, Ask::Write(write.bytes.clone()), PATIENCE).await {
                Some(Told::Outcome(outcome)) => {
                    if let Some(answered) = answered(self.id, &write.key, &outcome) {
                        let made = answered.made.as_ref().map_or("refused", |made| made.name.as_str());
                        note!(
                            self.desk.trace,
                            "client {} {}: {made} at {}",
                            self.id,
                            write.key,
                            answered.revision
                        );
                        self.desk.trace.count(Kind::Answered);
                        self.desk.witness.tell(&Seen::Answered(answered));
                        return;
                    }
                }
                Some(Told::Elsewhere(leader)) => {
                    self.turn(leader);
                    if denied && self.chance.percent(15) {
                        note!(self.desk.trace, "client {} gives {} up", self.id, write.key);
                        self.desk.witness.tell(&Seen::Denied { key: write.key.clone() });
                        return;
                    }
                }
                Some(Told::Unknown | Told::Queue(..)) | None => {
                    denied = false;
                    self.desk.trace.count(Kind::Unknown);
                    self.turn(None);
                }
            }
            self.pause(5, 50).await;
        }
    }

    /// The revision of a queue, 0 where it is not there; `None` where nobody would say.
    async fn read(&mut self, queue: &str) -> Option<u64> {
        let (client, read) = (self.id, self.serial);
        for _ in 0..4 {
            self.desk.witness.tell(&Seen::Looks { client, read });
            match self.desk.net.ask(self.at, Ask::Read(queue.to_owned()), PATIENCE).await {
                Some(Told::Queue(revision, of_queue)) => {
                    note!(self.desk.trace, "client {client} reads {queue} at {revision}: {of_queue}");
                    self.desk.trace.count(Kind::Read);
                    self.desk.witness.tell(&Seen::Looked(Looked { client, read, revision }));
                    return Some(of_queue);
                }
                Some(Told::Elsewhere(leader)) => self.turn(leader),
                Some(Told::Unknown | Told::Outcome(_)) | None => self.turn(None),
            }
            self.pause(5, 50).await;
        }
        None
    }

    fn turn(&mut self, leader: Option<u64>) {
        self.at = leader.unwrap_or(1 + self.at % self.desk.members);
    }
}
