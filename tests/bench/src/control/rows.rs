//! The promises of the area `control` that hold our members against etcd in a race.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use parking_lot::Mutex;

use super::arena::{Arena, Race, Round, race};
use super::fleet::Idle;
use super::load::{Act, Outcome, PUT, Plan, work};
use super::side::Side;
use super::wire::ask;
use super::{etcd, fleet, gap, large, log, watch};
use crate::measure::{Bench, Curve, Measurement, Promise};
use crate::wire::kv::{FiguresAnswer, FiguresRequest};

const AREA: &str = "control";
const ARENA: &str = "arena";
const READ: Act = Act::Read { serializable: false };
const READ_STALE: Act = Act::Read { serializable: true };
const FIGURES: &str = "/etcdserverpb.Member/Figures";
const FSYNCS: &str = "etcd_disk_wal_fsync_duration_seconds_count";
/// How long a member may take to say what it counts.
const ANSWER: Duration = Duration::from_secs(1);

/// The promises and how they are measured.
pub(crate) fn rows() -> Vec<Promise> {
    type Run = fn(&Bench) -> Result<Measurement>;
    let rows: [(&'static str, Run); 20] = [
        // Before there are six processes with disks of their own.
        ("control-log", log::beside_a_file),
        ("control-put-1", |bench| rate(bench, 1, PUT)),
        ("control-put-1-p99", |bench| slowest(bench, 1, PUT)),
        ("control-put-64", |bench| rate(bench, 64, PUT)),
        ("control-put-64-p99", |bench| slowest(bench, 64, PUT)),
        ("control-put-256", |bench| rate(bench, 256, PUT)),
        ("control-put-256-p99", |bench| slowest(bench, 256, PUT)),
        ("control-read-linearizable", |bench| rate(bench, 64, READ)),
        ("control-read-stale", |bench| rate(bench, 64, READ_STALE)),
        ("control-fsyncs-64", fsyncs),
        ("control-leader-killed", |bench| in_arena(bench, gap::killed)),
        ("control-leader-handover", |bench| {
            let measured = in_arena(bench, gap::handed_over);
            // Nothing after this is measured beside six processes that have nothing to do.
            bench.forget(ARENA);
            measured
        }),
        ("control-restart", large::restarted),
        ("control-snapshot", large::snapshot),
        ("control-rebuild", large::rebuilt),
        ("control-footprint", large::footprint),
        ("control-watch", |bench| watched(bench, 1_000)),
        ("control-watch-10k", |bench| watched(bench, 10_000)),
        ("controller-rss", |bench| Ok(fleet(bench)?.memory())),
        ("controller-idle", |bench| Ok(fleet(bench)?.cpu())),
    ];
    rows.into_iter().map(|(id, run)| Promise { id, area: AREA, run: Some(run) }).collect()
}

/// Runs `work` to its end; everything the client does shares this one thread.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("start a runtime")?.block_on(work)
}

fn fleet(bench: &Bench) -> Result<Arc<Idle>> {
    bench.once("fleet", || block_on(fleet::watch(bench)))
}

fn arena(bench: &Bench) -> Result<Arc<Mutex<Arena>>> {
    bench.once(ARENA, || block_on(Arena::start(&bench.scratch)).map(Mutex::new))
}

fn in_arena<F>(bench: &Bench, measure: F) -> Result<Measurement>
where
    F: AsyncFnOnce(&Bench, &mut Arena) -> Result<Measurement>,
{
    let arena = arena(bench)?;
    let mut arena = arena.lock();
    block_on(measure(bench, &mut arena))
}

fn raced(bench: &Bench, clients: usize, act: Act) -> Result<Arc<Race>> {
    bench.once(&format!("{act:?} by {clients}"), || {
        let arena = arena(bench)?;
        let arena = arena.lock();
        block_on(race(bench, &arena, clients, act))
    })
}

/// Calls a second.
fn rate(bench: &Bench, clients: usize, act: Act) -> Result<Measurement> {
    let race = raced(bench, clients, act)?;
    let unit = if act == PUT { "writes/s" } else { "reads/s" };
    let (figure, held) = race.hold(|round| round.rate);
    let mut measured = compared(figure, unit, held);
    measured.details = in_words(&race);
    let (ours, theirs) = &race.latencies;
    measured.curves = vec![
        Curve { name: "Holdfast", samples: ours.clone() },
        Curve { name: "etcd", samples: theirs.clone() },
    ];
    Ok(measured)
}

/// The slowest of a hundred calls.
fn slowest(bench: &Bench, clients: usize, act: Act) -> Result<Measurement> {
    let (figure, held) = raced(bench, clients, act)?.hold(|round| round.p99 * 1e3);
    Ok(compared(figure, "ms", held))
}

/// How long the slowest of a hundred watchers waits until it hears of a write.
fn watched(bench: &Bench, watchers: usize) -> Result<Measurement> {
    let race = block_on(watch::race(bench, watchers))?;
    let (figure, held) = race.hold(|round| round.p99 * 1e3);
    let mut measured = compared(figure, "ms", held);
    measured.details = in_words(&race);
    let (ours, theirs) = race.latencies;
    measured.curves =
        vec![Curve { name: "Holdfast", samples: ours }, Curve { name: "etcd", samples: theirs }];
    Ok(measured)
}

fn compared(figure: f64, unit: &'static str, held: Result<(f64, f64), String>) -> Measurement {
    let ratio = held.as_ref().ok().map(|(_, ratio)| *ratio);
    Measurement { ratio, ..Measurement::new(figure, unit, held.map(|(peer, _)| peer)) }
}

fn in_words(race: &Race) -> Vec<String> {
    let line = |name: &str, of: fn(&Round) -> f64, unit: &str| {
        let (own, held) = race.hold(of);
        let theirs = held.map_or("-".to_owned(), |(peer, ratio)| format!("{peer:.3} ({ratio:.2}x)"));
        format!("{name}: ours {own:.3} {unit}, etcd {theirs}")
    };
    let ratios = race.theirs.iter().flat_map(|theirs| race.ours.iter().zip(theirs));
    let ratios: Vec<String> = ratios.map(|(own, their)| format!("{:.2}", own.rate / their.rate)).collect();
    vec![
        line("p50", |round| round.p50 * 1e3, "ms"),
        line("p99", |round| round.p99 * 1e3, "ms"),
        line("CPU-s of the members for 1,000 calls", |round| round.cpu, "s"),
        format!("ratios of the rounds: {}", ratios.join(" ")),
    ]
}

/// How often the leader syncs its log for 1,000 writes of 64 clients.
fn fsyncs(bench: &Bench) -> Result<Measurement> {
    let plan = Plan { clients: 64, act: PUT, time: bench.budget / 4 };
    let arena = arena(bench)?;
    let arena = arena.lock();
    block_on(async {
        let (before, outcome, after) = counted(&arena.ours, plan, our_fsyncs).await?;
        let share = |(before, outcome, after): (f64, Outcome, f64)| {
            (after - before) * 1000.0 / outcome.latencies.len().max(1) as f64
        };
        let figure = share((before, outcome, after));
        let peer = match &arena.theirs {
            Ok(side) => Ok(share(counted(side, plan, their_fsyncs).await?)),
            Err(why) => Err(why.clone()),
        };
        Ok(Measurement::new(figure, "", peer))
    })
}

async fn counted<F>(side: &Side, plan: Plan, count: F) -> Result<(f64, Outcome, f64)>
where
    F: AsyncFn(&Side, usize) -> Result<f64>,
{
    let leader = side.leader().await?;
    let before = count(side, leader).await?;
    let outcome = work(&side.target(leader), plan).await?;
    Ok((before, outcome, count(side, leader).await?))
}

async fn our_fsyncs(side: &Side, leader: usize) -> Result<f64> {
    let figures: FiguresAnswer = ask(&side.target(leader), FIGURES, &FiguresRequest {}, ANSWER).await?;
    Ok(figures.fsyncs as f64)
}

async fn their_fsyncs(side: &Side, leader: usize) -> Result<f64> {
    let address = side.metrics.get(leader).ok_or_else(|| anyhow!("etcd tells no metrics"))?;
    etcd::metric(address, FSYNCS)
}
