//! Our members against etcd: three processes each on this machine, real fsync on the same disk, one client that speaks
//! the same calls to both leaders over the loopback without TLS.
//!
//! The two run in turns, round by round, because a shared machine is never equally busy for long; the medians count. etcd keeps
//! its versions in a B-tree on disk besides, which our members do not: see `docs/promises.md`.

mod etcd;
mod member;
mod ours;
mod side;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use camino::Utf8Path;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::measure::{Bench, Measurement};
use crate::store::{KEYS, VALUE_BYTES, key};
use crate::wire::kv::kv_client::KvClient;
use crate::wire::kv::{PutRequest, RangeRequest};
use side::{Side, channel};

pub use member::run as run_member;

/// Turns of each side.
const ROUNDS: u32 = 5;
/// Clients share this many connections at most, on both sides.
const CONNECTIONS: usize = 16;

#[derive(Debug, Clone, Copy)]
enum Act {
    Put,
    Read { serializable: bool },
}

/// One client that writes.
pub(crate) fn writes_1(bench: &Bench) -> Result<Measurement> {
    race(bench, 1, Act::Put)
}

/// 64 clients that write.
pub(crate) fn writes_64(bench: &Bench) -> Result<Measurement> {
    race(bench, 64, Act::Put)
}

/// 256 clients that write.
pub(crate) fn writes_256(bench: &Bench) -> Result<Measurement> {
    race(bench, 256, Act::Put)
}

/// 64 clients that read what is newest.
pub(crate) fn reads_linearizable(bench: &Bench) -> Result<Measurement> {
    race(bench, 64, Act::Read { serializable: false })
}

/// 64 clients that read what the leader has.
pub(crate) fn reads_stale(bench: &Bench) -> Result<Measurement> {
    race(bench, 64, Act::Read { serializable: true })
}

fn race(bench: &Bench, clients: u64, act: Act) -> Result<Measurement> {
    let unit = if matches!(act, Act::Put) { "writes/s" } else { "reads/s" };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start a runtime")?;
    runtime.block_on(async {
        // A directory of its own for each row: members that found an earlier one's would look for its addresses.
        let directory = tempfile::tempdir_in(&bench.scratch).context("a directory for the race")?;
        let directory = Utf8Path::from_path(directory.path()).context("a plain name")?;
        let ours = ours::start(&directory.join("ours")).await?;
        let theirs = etcd::start(&directory.join("etcd")).await;
        let turn = bench.budget / (2 * ROUNDS);
        let (mut own, mut other) = (Vec::new(), Vec::new());
        fill(&ours, act).await?;
        if let Ok(theirs) = &theirs {
            fill(theirs, act).await?;
        }
        for _ in 0..ROUNDS {
            own.push(rate(&ours, clients, act, turn).await?);
            if let Ok(theirs) = &theirs {
                other.push(rate(theirs, clients, act, turn).await?);
            }
        }
        let peer = match theirs {
            Ok(_) => Ok(median(&mut other)),
            Err(error) => Err(format!("{error:#}")),
        };
        Ok(Measurement { figure: median(&mut own), unit, peer })
    })
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

/// Readers find something to read.
async fn fill(side: &Side, act: Act) -> Result<()> {
    if matches!(act, Act::Put) {
        return Ok(());
    }
    let mut client = KvClient::new(channel(&side.leader).await?);
    for number in 0..KEYS.min(500) {
        call(&mut client, number, Act::Put).await?;
    }
    Ok(())
}

async fn call(client: &mut KvClient<Channel>, number: u64, act: Act) -> Result<()> {
    match act {
        Act::Put => {
            let put = PutRequest { key: key(number), value: vec![b'v'; VALUE_BYTES] };
            client.put(put).await.map_err(|status| anyhow!("write: {}", status.message()))?;
        }
        Act::Read { serializable } => {
            let range = RangeRequest { key: key(number % 500), serializable };
            let answer = client.range(range).await.map_err(|status| anyhow!("read: {}", status.message()))?;
            answer.into_inner().kvs.first().context("the key is there")?;
        }
    }
    Ok(())
}

/// Calls a second of clients in closed loops.
async fn rate(side: &Side, clients: u64, act: Act, turn: Duration) -> Result<f64> {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS.min(usize::try_from(clients).unwrap_or(usize::MAX)) {
        channels.push(channel(&side.leader).await?);
    }
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for (number, channel) in (0..clients).zip(channels.iter().cycle()) {
        let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
        let mut client = KvClient::new(channel.clone());
        tasks.spawn(async move {
            let mut sent = number;
            while !stop.load(Ordering::Relaxed) {
                call(&mut client, sent, act).await?;
                done.fetch_add(1, Ordering::Relaxed);
                sent += clients;
            }
            Ok::<(), anyhow::Error>(())
        });
    }
    tokio::time::sleep(turn).await;
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.context("a client")??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_rounds_counts() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0, 9.0, 0.5]), 2.0);
        assert_eq!(median(&mut []), 0.0);
    }
}
