//! What the log makes of the disk: a lone member whose writers never let its log rest, beside a plain file that gets as many
//! bytes at once and is synced as often as it can be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use camino::Utf8Path;
use holdfast_raft::{Disk as _, LoopbackNetwork, Member, Options, RaftNode, RealDisk};
use tokio::task::JoinSet;

use super::arena::median;
use super::host::spinners;
use super::member::{CLUSTER, clock};
use crate::measure::{Bench, Measurement};
use crate::store::{KEY_BYTES, KEYS, Store, VALUE_BYTES, key};

/// Turns of each side.
const ROUNDS: u32 = 7;
/// Writers that wait for nothing but their own write.
const WRITERS: u64 = 64;
/// The plain file is reserved as the segments of the log are, and so large.
const FILE_BYTES: u64 = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

/// Syncs a second of a log that is always wanted, and those of the plain file.
pub(crate) async fn beside_a_file(bench: &Bench) -> Result<Measurement> {
    let _spinners = spinners()?;
    let directory = tempfile::tempdir_in(&bench.scratch).context("a directory for the log")?;
    let place = Utf8Path::from_path(directory.path()).context("a plain name")?;
    let node = lone_member(&place.join("member")).await?;
    let time = bench.budget / (2 * ROUNDS);
    let (mut ours, mut theirs, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (rate, bytes) = log_for(&node, time).await?;
        let file = place.join("file");
        let plain = tokio::task::spawn_blocking(move || file_for(&file, bytes, time));
        ours.push(rate);
        sizes.push(bytes as f64);
        theirs.push(plain.await.context("the plain file")??);
    }
    node.shutdown().await;
    let ratios = ours.iter().zip(&theirs).map(|(own, their)| own / their).collect();
    let mut measured = Measurement::new(median(ours), "syncs/s", Ok(median(theirs)));
    measured.ratio = Some(median(ratios));
    measured.details = vec![format!("bytes of the writes in one sync: {:.0}", median(sizes))];
    Ok(measured)
}

async fn lone_member(directory: &Utf8Path) -> Result<RaftNode<Store>> {
    std::fs::create_dir_all(directory).with_context(|| format!("create {directory}"))?;
    let options = Options::new(1, CLUSTER, directory.as_str(), Arc::new(clock));
    let node = RaftNode::open(options, Store::default(), LoopbackNetwork::default().link(1)).await;
    let node = node.map_err(|error| anyhow!("open the member: {error}"))?;
    let member = Member { id: 1, address: "lone".to_owned(), name: "lone".to_owned() };
    node.bootstrap(vec![member]).await.map_err(|error| anyhow!("found: {error}"))?;
    let deadline = Instant::now() + PATIENCE;
    while node.propose(command(0)).await.is_err() {
        anyhow::ensure!(Instant::now() < deadline, "a lone member did not lead");
        tokio::task::yield_now().await;
    }
    Ok(node)
}

fn command(number: u64) -> Vec<u8> {
    let mut command = key(number % KEYS).to_vec();
    command.extend([b'v'; VALUE_BYTES]);
    command
}

/// Writes for a while, and answers the syncs a second and the bytes that one sync made durable.
async fn log_for(node: &RaftNode<Store>, time: Duration) -> Result<(f64, usize)> {
    let (before, begun) = (node.status().fsyncs, Instant::now());
    let mut writers = JoinSet::new();
    for first in 0..WRITERS {
        let node = node.clone();
        writers.spawn(async move {
            let mut written = 0;
            while begun.elapsed() < time {
                node.propose(command(first + written * WRITERS)).await?;
                written += 1;
            }
            Ok::<u64, holdfast_raft::ProposeError>(written)
        });
    }
    let mut written = 0;
    while let Some(done) = writers.join_next().await {
        written += done.context("a writer")?.map_err(|error| anyhow!("write: {error}"))?;
    }
    let took = begun.elapsed();
    let syncs = node.status().fsyncs.saturating_sub(before).max(1);
    let bytes = usize::try_from(written / syncs)?.max(1) * (KEY_BYTES + VALUE_BYTES);
    Ok((syncs as f64 / took.as_secs_f64(), bytes))
}

/// Appends to a file and syncs it for a while, and answers the syncs a second.
fn file_for(path: &Utf8Path, bytes: usize, time: Duration) -> Result<f64> {
    let block = vec![b'v'; bytes];
    let step = u64::try_from(bytes)?;
    let (begun, mut syncs, mut offset) = (Instant::now(), 0.0, 0);
    let mut file = RealDisk.create(path, FILE_BYTES).with_context(|| format!("create {path}"))?;
    while begun.elapsed() < time {
        if offset + step > FILE_BYTES {
            (file, offset) = (RealDisk.create(path, FILE_BYTES)?, 0);
        }
        file.write_at(&block, offset).context("write")?;
        file.sync_data().context("sync")?;
        offset += step;
        syncs += 1.0;
    }
    Ok(syncs / begun.elapsed().as_secs_f64())
}
