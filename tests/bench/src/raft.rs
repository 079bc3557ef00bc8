//! What three members of one process show that a wire does not change: fsyncs for each write, and the gap after the loss
//! of a leader. Real segment files and real fsync; calls between the members are handed over in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};
use camino::Utf8Path;
use holdfast_raft::{Inbound, LoopbackNetwork, Member, Options, RaftNode};
use tokio::task::JoinSet;

use crate::measure::{Bench, Measurement};
use crate::store::{Store, VALUE_BYTES, key};

const MEMBERS: u64 = 3;
const CLIENTS: u64 = 64;
/// How long a leader may be waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the leader is cut off; the longest gap counts.
const CUTS: u32 = 3;
/// How long writing goes on before and after a cut.
const QUIET: Duration = Duration::from_secs(1);

type Node = RaftNode<Store>;

/// How often the leader syncs its log for 1,000 writes of 64 clients.
pub(crate) fn fsyncs_64(bench: &Bench) -> Result<Measurement> {
    in_runtime(async {
        let cluster = Cluster::start(&bench.scratch.join("fsyncs")).await?;
        let leader = cluster.leader(None).await?;
        let before = leader.status().fsyncs;
        let written = write(&leader, bench.budget).await?;
        let fsyncs = leader.status().fsyncs - before;
        cluster.stop().await;
        let peer = Err("etcd's 129 was measured elsewhere".to_owned());
        Ok(Measurement { figure: fsyncs as f64 * 1000.0 / written.max(1) as f64, unit: "", peer })
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

fn command(number: u64) -> Vec<u8> {
    let mut command = key(number);
    command.resize(command.len() + VALUE_BYTES, b'v');
    command
}

fn in_runtime<T>(run: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start a runtime")?;
    runtime.block_on(run)
}

/// Lets clients write in closed loops for a while, each once at least. Answers how many writes were committed.
async fn write(leader: &Node, budget: Duration) -> Result<u64> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for client in 0..CLIENTS {
        let (stop, leader) = (Arc::clone(&stop), leader.clone());
        tasks.spawn(async move {
            let mut done = 0;
            loop {
                let written = leader.propose(command(client + CLIENTS * done)).await;
                written.map_err(|error| anyhow!("write: {error}"))?;
                done += 1;
                if stop.load(Ordering::Relaxed) {
                    return Ok::<u64, anyhow::Error>(done);
                }
            }
        });
    }
    tokio::time::sleep(budget).await;
    stop.store(true, Ordering::Relaxed);
    let mut sum = 0;
    while let Some(ended) = tasks.join_next().await {
        sum += ended.context("a client")??;
    }
    Ok(sum)
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
    fn the_syncs_of_three_members_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let scratch = Utf8Path::from_path(directory.path()).unwrap().to_owned();
        let bench = Bench { scratch, budget: Duration::from_millis(20) };
        let figure = fsyncs_64(&bench).unwrap().figure;
        assert!(figure > 0.0 && figure < 1_000.0, "many commands share a sync: {figure}");
    }
}
