//! How fast three members of one process commit: real segment files, real fsync on the scratch directory, calls between
//! the members handed over in memory.
//!
//! etcd answers over gRPC and its members speak over sockets, so a figure of etcd beside these would flatter ours: the
//! rows that promise a ratio stay pending until both are asked by the same client over the same kind of wire.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};
use camino::Utf8Path;
use holdfast_raft::{Applied, Inbound, LoopbackNetwork, Machine, Member, Options, RaftNode, Record, Status};
use tokio::task::JoinSet;

use crate::measure::{Bench, Measurement};

const MEMBERS: u64 = 3;
const VALUE_BYTES: usize = 256;
const KEYS: u64 = 10_000;
/// How long a leader may be waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the leader is cut off; the longest gap counts.
const CUTS: u32 = 3;
/// How long writing goes on before and after a cut.
const QUIET: Duration = Duration::from_secs(1);
const NO_PEER: &str = "without sockets, so not comparable with etcd";

/// Keys and values in memory; the log is what is measured.
#[derive(Default)]
struct Store {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Machine for Store {
    fn apply(&mut self, _index: u64, _time_ms: u64, command: &[u8]) -> Applied {
        let (key, value) = command.split_at(command.len().min(8));
        self.values.insert(key.to_vec(), value.to_vec());
        Applied { response: Vec::new(), changes: vec![(key.to_vec(), Some(value.to_vec()))] }
    }

    fn records(&self) -> Vec<Record> {
        self.values.clone().into_iter().collect()
    }

    fn restore(&mut self, records: Vec<Record>) -> Result<(), String> {
        self.values = records.into_iter().collect();
        Ok(())
    }
}

type Node = RaftNode<Store>;

/// One client.
pub(crate) fn writes_1(bench: &Bench) -> Result<Measurement> {
    writes(bench, 1).map(|run| run.rate)
}

/// 64 clients.
pub(crate) fn writes_64(bench: &Bench) -> Result<Measurement> {
    writes(bench, 64).map(|run| run.rate)
}

/// 256 clients.
pub(crate) fn writes_256(bench: &Bench) -> Result<Measurement> {
    writes(bench, 256).map(|run| run.rate)
}

/// How often the leader syncs its log for 1,000 writes of 64 clients.
pub(crate) fn fsyncs_64(bench: &Bench) -> Result<Measurement> {
    let run = writes(bench, 64)?;
    let peer = Err("etcd's 129 was measured elsewhere".to_owned());
    Ok(Measurement { figure: run.fsyncs_per_1000, unit: "", peer })
}

/// 64 clients that each wait for a confirmation of leadership before they read.
pub(crate) fn reads_linearizable(bench: &Bench) -> Result<Measurement> {
    in_runtime(async {
        let cluster = Cluster::start(&bench.scratch.join("reads")).await?;
        let leader = cluster.leader(None).await?;
        let (count, took) = clients(64, bench.budget, &leader, |node, number| async move {
            node.read_barrier().await.map_err(|error| anyhow!("read: {error}"))?;
            std::hint::black_box(
                node.with(|store| store.values.get(number.to_be_bytes().as_slice()).cloned()),
            );
            Ok(())
        })
        .await?;
        cluster.stop().await;
        Ok(Measurement {
            figure: count as f64 / took.as_secs_f64(),
            unit: "reads/s",
            peer: Err(NO_PEER.to_owned()),
        })
    })
}

/// One client writes without pause while the leader is cut off from the others, as when its machine dies. The longest time
/// without a committed write.
pub(crate) fn leader_killed(bench: &Bench) -> Result<Measurement> {
    in_runtime(async {
        let cluster = Cluster::start(&bench.scratch.join("gap")).await?;
        let mut longest = Duration::ZERO;
        for _ in 0..CUTS {
            longest = longest.max(gap(&cluster).await?);
        }
        cluster.stop().await;
        let peer = Err("etcd's 0.99 s was measured elsewhere".to_owned());
        Ok(Measurement { figure: longest.as_secs_f64(), unit: "s", peer })
    })
}

struct Run {
    rate: Measurement,
    fsyncs_per_1000: f64,
}

fn writes(bench: &Bench, number: u64) -> Result<Run> {
    in_runtime(async {
        let directory = bench.scratch.join(format!("writes-{number}"));
        let cluster = Cluster::start(&directory).await?;
        let leader = cluster.leader(None).await?;
        let before: Status = leader.status();
        let (count, took) = clients(number, bench.budget, &leader, |node, number| async move {
            node.propose(command(number)).await.map_err(|error| anyhow!("write: {error}"))?;
            Ok(())
        })
        .await?;
        let fsyncs = leader.status().fsyncs - before.fsyncs;
        cluster.stop().await;
        // A disk that is not freed fills up over the runs.
        std::fs::remove_dir_all(&directory).with_context(|| format!("remove {directory}"))?;
        let figure = count as f64 / took.as_secs_f64();
        let rate = Measurement { figure, unit: "writes/s", peer: Err(NO_PEER.to_owned()) };
        Ok(Run { rate, fsyncs_per_1000: fsyncs as f64 * 1000.0 / count.max(1) as f64 })
    })
}

fn command(number: u64) -> Vec<u8> {
    let mut command = (number % KEYS).to_be_bytes().to_vec();
    command.resize(8 + VALUE_BYTES, b'v');
    command
}

fn in_runtime<T>(run: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start a runtime")?;
    runtime.block_on(run)
}

/// Lets clients call in closed loops for a while; at least one call each. Answers how many calls succeeded and how long
/// it took.
async fn clients<F, Call>(number: u64, budget: Duration, node: &Node, call: F) -> Result<(u64, Duration)>
where
    F: Fn(Node, u64) -> Call + Clone + Send + 'static,
    Call: Future<Output = Result<()>> + Send,
{
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for client in 0..number {
        let (stop, done, node, call) = (Arc::clone(&stop), Arc::clone(&done), node.clone(), call.clone());
        tasks.spawn(async move {
            let mut sent = client;
            loop {
                call(node.clone(), sent).await?;
                done.fetch_add(1, Ordering::Relaxed);
                sent += number;
                if stop.load(Ordering::Relaxed) {
                    return Ok::<(), anyhow::Error>(());
                }
            }
        });
    }
    tokio::time::sleep(budget).await;
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.context("a client")??;
    }
    Ok((done.load(Ordering::Relaxed), begun.elapsed()))
}

/// Three members and their places in the network.
struct Cluster {
    network: LoopbackNetwork,
    nodes: Vec<Node>,
    _inbound: Vec<Arc<dyn Inbound>>,
}

impl Cluster {
    async fn start(directory: &Utf8Path) -> Result<Self> {
        let network = LoopbackNetwork::default();
        let (mut nodes, mut connected) = (Vec::new(), Vec::new());
        for id in 1..=MEMBERS {
            let clock = Arc::new(|| {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            });
            let options = Options::new(id, "bench", directory.join(format!("member-{id}")), clock);
            let node = RaftNode::open(options, Store::default(), network.link(id)).await;
            let node = node.map_err(|error| anyhow!("open member {id}: {error}"))?;
            let inbound: Arc<dyn Inbound> = Arc::new(node.clone());
            network.connect(id, &inbound);
            nodes.push(node);
            connected.push(inbound);
        }
        let members = (1..=MEMBERS).map(|id| Member {
            id,
            address: format!("member-{id}"),
            name: format!("member-{id}"),
        });
        let first = nodes.first().context("a member")?;
        first.bootstrap(members.collect()).await.map_err(|error| anyhow!("found: {error}"))?;
        let cluster = Self { network, nodes, _inbound: connected };
        cluster.leader(None).await?;
        Ok(cluster)
    }

    /// A leader that is not `but` and proves it.
    async fn leader(&self, but: Option<u64>) -> Result<Node> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            for node in self.nodes.iter().filter(|node| Some(node.status().id) != but) {
                if node.is_leader() && node.read_barrier().await.is_ok() {
                    return Ok(node.clone());
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("no leader after {PATIENCE:?}")
    }

    async fn stop(&self) {
        for node in &self.nodes {
            node.shutdown().await;
        }
    }
}

/// The time without a committed write around the loss of the present leader.
async fn gap(cluster: &Cluster) -> Result<Duration> {
    let old = cluster.leader(None).await?;
    let old_id = old.status().id;
    let calm = Instant::now();
    let mut number = 0;
    let mut last = Instant::now();
    while calm.elapsed() < QUIET {
        old.propose(command(number)).await.map_err(|error| anyhow!("write: {error}"))?;
        last = Instant::now();
        number += 1;
    }
    cluster.network.isolate(old_id);
    let deadline = Instant::now() + PATIENCE;
    let others: Vec<&Node> = cluster.nodes.iter().filter(|node| node.status().id != old_id).collect();
    for node in others.iter().cycle() {
        if Instant::now() > deadline {
            bail!("no write was committed after the leader was lost");
        }
        if node.is_leader() && node.propose(command(number)).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let gap = last.elapsed();
    cluster.network.heal();
    tokio::time::sleep(QUIET).await;
    Ok(gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_members_commit_and_survive_a_leader() {
        let directory = tempfile::tempdir().unwrap();
        let scratch = Utf8Path::from_path(directory.path()).unwrap().to_owned();
        let bench = Bench { scratch, budget: Duration::from_millis(20) };
        let run = writes(&bench, 4).unwrap();
        assert!(run.rate.figure > 0.0 && run.fsyncs_per_1000 > 0.0);
        assert!(reads_linearizable(&bench).unwrap().figure > 0.0);
    }
}
