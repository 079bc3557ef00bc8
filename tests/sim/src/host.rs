//! One member's machine: a runtime of its own, whose clock moves only when the world lets it, a drive, and a clock on the
//! wall that may be wrong. A crash drops the runtime with everything in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast_raft::{Exclusion, Member, NetworkError, Options, ProposeError, RaftNode, ReadError, Work};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::disk::{Cut, Drive};
use crate::machine::{Setting, SimMachine};
use crate::net::{Ask, Load, Net, Packet, Told};
use crate::plant::Plant;
use crate::tally::Kind;
use crate::trace::{Trace, note};
use crate::witness::Witness;

/// Where a member keeps its files on its drive.
pub(crate) const DIR: &str = "/member";
/// The wall clock at the beginning of every schedule, in milliseconds since the epoch.
const DAWN_MS: u64 = 1_750_000_000_000;
/// How long a write waits for its commit.
const PROPOSE_TIMEOUT: Duration = Duration::from_millis(1_000);
/// How often the leader holds the states of the members against each other.
const COMPARE_EVERY: Duration = Duration::from_millis(500);
/// So small that a schedule goes through several segments and snapshots.
const SEGMENT_BYTES: u64 = 16 << 10;
const LOG_BYTES: u64 = 96 << 10;

/// The node of a member.
pub(crate) type Node = RaftNode<SimMachine>;

#[derive(Debug, Default)]
enum Door {
    #[default]
    Opening,
    Open(Node),
    Failed(String),
}

/// What every host of a schedule shares.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    /// The network.
    pub(crate) net: Net,
    /// The observers.
    pub(crate) witness: Witness,
    /// The lines.
    pub(crate) trace: Trace,
    /// The bug, if any.
    pub(crate) plant: Plant,
    /// Entries between two snapshots.
    pub(crate) snapshot_every: u64,
    /// The time of the world.
    pub(crate) now_ms: Arc<AtomicU64>,
}

/// A member's machine.
#[derive(Debug)]
pub(crate) struct Host {
    /// The member.
    pub(crate) id: u64,
    /// Its drive.
    pub(crate) drive: Drive,
    /// How far its wall clock is off, in milliseconds.
    pub(crate) skew_ms: Arc<AtomicI64>,
    /// How long a sync takes, in milliseconds.
    pub(crate) sync_ms: Arc<AtomicU64>,
    /// How much faster its clock runs, in millionths.
    pub(crate) drift_ppm: i64,
    /// Whether it stands still.
    pub(crate) asleep: bool,
    /// Whether its disk is lost for good; it stays with its old name and must take no part.
    pub(crate) wiped: bool,
    /// Set once: its state is to go wrong by itself.
    pub(crate) spoil: Arc<AtomicBool>,
    /// Whether that was asked for.
    pub(crate) spoiled: bool,
    shared: Shared,
    runtime: Option<Runtime>,
    door: Arc<Mutex<Door>>,
    born: Option<Instant>,
    lived_us: u64,
    slept_ms: u64,
}

/// A member as the others know it.
#[must_use]
pub(crate) fn member(id: u64) -> Member {
    Member { id, address: format!("node-{id}:7001"), name: format!("node-{id}") }
}

impl Host {
    /// A machine that is off.
    #[must_use]
    pub(crate) fn new(id: u64, drive: Drive, shared: Shared) -> Self {
        Self {
            id,
            drive,
            skew_ms: Arc::default(),
            sync_ms: Arc::default(),
            drift_ppm: 0,
            asleep: false,
            wiped: false,
            spoil: Arc::default(),
            spoiled: false,
            shared,
            runtime: None,
            door: Arc::default(),
            born: None,
            lived_us: 0,
            slept_ms: 0,
        }
    }

    fn options(&self) -> Options {
        let (now, skew, sync) =
            (Arc::clone(&self.shared.now_ms), Arc::clone(&self.skew_ms), Arc::clone(&self.sync_ms));
        let clock = move || {
            (DAWN_MS + now.load(Ordering::Relaxed)).saturating_add_signed(skew.load(Ordering::Relaxed))
        };
        let mut options = Options::new(self.id, "sim", DIR, Arc::new(clock));
        options.disk = Arc::new(self.drive.attach());
        options.work = Work::Inline(Arc::new(move || Duration::from_millis(sync.load(Ordering::Relaxed))));
        options.applied_copy = false;
        options.snapshot_every = self.shared.snapshot_every;
        options.segment_bytes = SEGMENT_BYTES;
        options.log_bytes = LOG_BYTES;
        options.propose_timeout = PROPOSE_TIMEOUT;
        options.compare = COMPARE_EVERY;
        options
    }

    /// Starts the member.
    ///
    /// # Errors
    ///
    /// No runtime can be had.
    pub(crate) fn boot(&mut self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.context("make the runtime of a member")?;
        let (options, link) = (self.options(), self.shared.net.link(self.id));
        let machine = SimMachine::new(Setting {
            member: self.id,
            plant: self.shared.plant,
            witness: self.shared.witness.clone(),
            trace: self.shared.trace.clone(),
            spoil: Arc::clone(&self.spoil),
        });
        self.door = Arc::default();
        let (door, trace, id) = (Arc::clone(&self.door), self.shared.trace.clone(), self.id);
        note!(trace, "member {id} starts");
        runtime.spawn(async move {
            let opened = match RaftNode::open(options, machine, link).await {
                Ok(node) => Door::Open(node),
                Err(error) => {
                    let reason = anyhow::Error::from(error);
                    note!(trace, "member {id} does not open: {reason:#}");
                    Door::Failed(format!("{reason:#}"))
                }
            };
            *door.lock() = opened;
        });
        self.born = Some(runtime.block_on(async { Instant::now() }));
        self.lived_us = 0;
        self.runtime = Some(runtime);
        Ok(())
    }

    /// Ends the member at once and leaves of its disk what a crash leaves.
    pub(crate) fn crash(&mut self, cut: Cut) {
        note!(self.shared.trace, "member {} ends, its disk keeps all but {cut:?}", self.id);
        self.shared.trace.count(Kind::Crashed);
        self.drive.crash(cut);
        *self.door.lock() = Door::Opening;
        self.runtime = None;
        self.asleep = false;
        if self.shared.plant == Plant::Forgetful {
            self.drive.tamper(|image| image.wipe(DIR.into()));
        }
    }

    /// Takes everything from its disk.
    pub(crate) fn wipe(&mut self) {
        self.shared.trace.count(Kind::Wiped);
        self.wiped = true;
        self.drive.tamper(|image| image.wipe(DIR.into()));
    }

    /// Whether it is switched on.
    #[must_use]
    pub(crate) fn is_on(&self) -> bool {
        self.runtime.is_some()
    }

    /// The member, once it is open.
    #[must_use]
    pub(crate) fn node(&self) -> Option<Node> {
        match &*self.door.lock() {
            Door::Open(node) => Some(node.clone()),
            Door::Opening | Door::Failed(_) => None,
        }
    }

    /// Why it did not open, or stopped.
    #[must_use]
    pub(crate) fn failure(&self) -> Option<String> {
        match &*self.door.lock() {
            Door::Failed(reason) => Some(reason.clone()),
            Door::Open(node) => node.status().failure,
            Door::Opening => None,
        }
    }

    /// Whether it found its state to differ from that of the others.
    #[must_use]
    pub(crate) fn is_quarantined(&self) -> bool {
        let excluded = self.node().and_then(|node| node.status().excluded);
        matches!(excluded, Some(Exclusion::Diverged { .. }))
    }

    /// Lets it run for a while, or lets the while pass without it.
    pub(crate) fn run(&mut self, step_ms: u64) {
        let (Some(runtime), Some(born)) = (&self.runtime, self.born) else { return };
        if self.asleep {
            self.slept_ms += step_ms;
            return;
        }
        if self.slept_ms > 0 {
            // The clock went on while it stood still: everything that was due is due at once.
            runtime.block_on(async { tokio::time::advance(Duration::from_millis(self.slept_ms)).await });
            self.shared.trace.count(Kind::Slept);
            self.lived_us += self.slept_ms * 1_000;
            self.slept_ms = 0;
        }
        self.lived_us += (step_ms * 1_000)
            .saturating_add_signed(i64::try_from(step_ms).unwrap_or(0) * self.drift_ppm / 1_000);
        let until = born + Duration::from_millis(self.lived_us / 1_000);
        runtime.block_on(async { tokio::time::sleep_until(until).await });
    }

    /// Founds the cluster.
    pub(crate) fn found(&self, members: Vec<Member>) {
        let (Some(node), Some(runtime)) = (self.node(), &self.runtime) else { return };
        let trace = self.shared.trace.clone();
        runtime.spawn(async move {
            if let Err(error) = node.bootstrap(members).await {
                note!(trace, "the cluster is not founded: {error}");
            }
        });
    }

    /// Runs something on this machine.
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(&self, work: impl FnOnce(Node, Trace) -> F) {
        if let (Some(node), Some(runtime)) = (self.node(), &self.runtime) {
            runtime.spawn(work(node, self.shared.trace.clone()));
        }
    }

    /// Takes a packet in.
    pub(crate) fn take(&self, packet: Packet) {
        let Packet { from, to, call, load } = packet;
        let net = self.shared.net.clone();
        let (Some(node), Some(runtime)) = (self.node(), &self.runtime) else {
            let nobody = match load {
                Load::Ask(_) => Load::Told(Told::Elsewhere(None)),
                _ => Load::Reply(Err(NetworkError::Unreachable("nobody is there".to_owned()))),
            };
            return net.answer(to, from, call, nobody);
        };
        let stale = self.shared.plant == Plant::StaleRead;
        runtime.spawn(async move {
            let answer = match load {
                Load::Call(kind, body) => {
                    let served = node.serve(kind, body).await;
                    Load::Reply(served.map_err(|error| NetworkError::Refused(error.to_string())))
                }
                Load::Ask(Ask::Write(command)) => Load::Told(write(&node, command).await),
                Load::Ask(Ask::Read(queue)) => Load::Told(read(&node, &queue, stale).await),
                Load::Reply(_) | Load::Told(_) => return,
            };
            net.answer(to, from, call, answer);
        });
    }
}

async fn write(node: &Node, command: Vec<u8>) -> Told {
    match node.propose(command).await {
        Ok(outcome) => Told::Outcome(outcome),
        Err(ProposeError::NotLeader { leader }) => Told::Elsewhere(leader.map(|leader| leader.id)),
        Err(ProposeError::Unknown) => Told::Unknown,
        Err(_) => Told::Elsewhere(None),
    }
}

async fn read(node: &Node, queue: &str, stale: bool) -> Told {
    match node.read_barrier().await {
        Err(ReadError::NotLeader { leader }) if !stale => {
            return Told::Elsewhere(leader.map(|leader| leader.id));
        }
        Err(_) if !stale => return Told::Elsewhere(None),
        Ok(_) | Err(_) => {}
    }
    node.with(|machine| {
        let metadata = machine.state.queue(queue).and_then(|queue| queue.metadata.as_ref());
        Told::Queue(machine.state.revision(), metadata.map_or(0, |metadata| metadata.revision))
    })
}
