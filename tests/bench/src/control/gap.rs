//! How long nothing is written when the leader dies, and when it hands over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use prost::Message as _;

use super::arena::{Arena, median};
use super::frames::block;
use super::side::Side;
use super::wire::{Event, Target, Wire, ask};
use crate::measure::{Bench, Curve, Measurement};
use crate::store::{VALUE_BYTES, key};
use crate::wire::kv::{MoveLeaderRequest, MoveLeaderResponse, PutRequest};

const PUT: &str = "/etcdserverpb.KV/Put";
const MOVE: &str = "/etcdserverpb.Maintenance/MoveLeader";
/// How often the leader goes; the median counts.
const TIMES: usize = 20;
/// How long writing goes on before the leader goes.
const QUIET: Duration = Duration::from_millis(300);
/// How long a member may leave one attempt unanswered before another is asked.
const ATTEMPT: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(1);
/// How long there may be no leader.
const PATIENCE: Duration = Duration::from_secs(20);
/// The leader leads; it is told to go; it has gone.
const BEFORE: u8 = 0;
const GOING: u8 = 1;
const GONE: u8 = 2;

/// The gap after the process of the leader is killed with SIGKILL.
pub(crate) async fn killed(_: &Bench, arena: &mut Arena) -> Result<Measurement> {
    both(arena, async |side, leader| {
        side.kill(leader)?;
        Ok(true)
    })
    .await
}

/// The gap when the leader is asked to hand over to another member.
pub(crate) async fn handed_over(_: &Bench, arena: &mut Arena) -> Result<Measurement> {
    both(arena, async |side, leader| {
        let heir = (leader + 1) % side.addresses.len().max(1);
        let target_id = side.id_of(heir).await?;
        let answer: Result<MoveLeaderResponse> =
            ask(&side.target(leader), MOVE, &MoveLeaderRequest { target_id }, PATIENCE).await;
        answer.context("hand over")?;
        Ok(false)
    })
    .await
}

/// Lets the leaders of both sides go in turns. `go` says whether the member has to be started again.
async fn both<F>(arena: &mut Arena, go: F) -> Result<Measurement>
where
    F: AsyncFn(&mut Side, usize) -> Result<bool>,
{
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        own.push(gap(&mut arena.ours, &go).await.context("our members")?);
        if let Ok(side) = &mut arena.theirs {
            other.push(gap(side, &go).await.context("etcd")?);
        }
    }
    let middle = |gaps: &[Duration]| median(gaps.iter().map(Duration::as_secs_f64).collect());
    let peer = arena.theirs.as_ref().map(|_| middle(&other)).map_err(Clone::clone);
    let mut measured = Measurement::new(middle(&own), "s", peer);
    let longest = |gaps: &[Duration]| gaps.iter().max().copied().unwrap_or_default().as_secs_f64();
    measured.details =
        vec![format!("longest of {TIMES}: ours {:.3} s, etcd {:.3} s", longest(&own), longest(&other))];
    measured.curves = vec![Curve { name: "Holdfast", samples: own }, Curve { name: "etcd", samples: other }];
    Ok(measured)
}

/// The longest time without an answered write from when the leader goes until writes are answered again.
async fn gap<F>(side: &mut Side, go: &F) -> Result<Duration>
where
    F: AsyncFn(&mut Side, usize) -> Result<bool>,
{
    let leader = side.leader().await?;
    let mut targets = vec![side.target(leader)];
    targets.extend(side.others(leader));
    let stage = Arc::new(AtomicU8::new(BEFORE));
    let writer = tokio::spawn(write(targets, Arc::clone(&stage)));
    tokio::time::sleep(QUIET).await;
    stage.store(GOING, Ordering::Relaxed);
    let restart = go(side, leader).await?;
    stage.store(GONE, Ordering::Relaxed);
    let gap = tokio::time::timeout(PATIENCE, writer).await.context("no write after the leader went")?;
    if restart {
        side.restart(leader)?;
        // The next round begins with all three.
        wait_for(&side.target(leader)).await?;
    }
    gap.context("the writer")?
}

/// Waits until a member answers again.
async fn wait_for(target: &Target) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if Wire::connect(target).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("a member did not come back")
}

/// One client that writes without pause, to another member whenever one does not answer, until a write that began after
/// the leader was gone is answered. Answers the longest time between two answers since the leader was told to go.
async fn write(targets: Vec<Target>, stage: Arc<AtomicU8>) -> Result<Duration> {
    let message = PutRequest { key: key(0).to_vec(), value: vec![b'v'; VALUE_BYTES] }.encode_to_vec();
    let mut wires = Vec::new();
    for target in &targets {
        wires.push((Wire::connect(target).await?, target));
    }
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    let deadline = last + PATIENCE;
    while Instant::now() < deadline {
        for (wire, target) in &mut wires {
            loop {
                let begun = stage.load(Ordering::Relaxed);
                if !put(wire, target, &message).await {
                    break;
                }
                if begun != BEFORE {
                    longest = longest.max(last.elapsed());
                }
                if begun == GONE {
                    return Ok(longest);
                }
                last = Instant::now();
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("no write was answered after the leader went")
}

/// One write; whether it was answered in time.
async fn put(wire: &mut Wire, target: &Target, message: &[u8]) -> bool {
    let stream = wire.call(&block(PUT, &target.address), message, true);
    let answered = async {
        let mut answered = false;
        loop {
            let Ok(events) = wire.events().await else { return false };
            for event in events {
                match event {
                    Event::Message(of, _) if of == stream => answered = true,
                    Event::End(of) if of == stream => return answered,
                    Event::Message(..) | Event::End(_) => {}
                }
            }
        }
    };
    tokio::time::timeout(ATTEMPT, answered).await.unwrap_or(false)
}
