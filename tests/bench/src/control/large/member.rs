//! A member of one as a process: it is filled, or started over what it was filled with, and says what that cost.

use std::io::{BufRead as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use holdfast_api::store::{self, outcome};
use holdfast_raft::{Copied, LoopbackNetwork, Member, Options, RaftNode};
use prost::Message as _;
use tokio::task::JoinSet;

use super::objects;
use super::state::Replicated;
use crate::control::member::{CLUSTER, clock};
use crate::measure::quantile;

type Node = RaftNode<Replicated>;

/// How many objects of each kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) nodes: u64,
    pub(super) jobs: u64,
    pub(super) artifacts: u64,
}

/// Writers that fill: enough for full batches.
const FILLERS: usize = 512;
/// Writers while a snapshot is taken, each of which waits for nothing but its own write.
const WRITERS: u64 = 16;
/// How long a start may go on with the copy of the state in the background.
const SETTLED: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(1);
/// How long a member rests before its memory is looked at.
pub(super) const REST: Duration = Duration::from_secs(10);
const BYTES_OF_KB: u64 = 1024;

/// Runs until what was asked is done, and for as long as the standard input is open. The arguments are the directory and
/// what to do. Answers are lines of a name and a number.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let began = Instant::now();
    let (directory, act) = arguments.split_first().context("a directory")?;
    let act: Vec<&str> = act.iter().map(String::as_str).collect();
    // As a controller does.
    tikv_jemalloc_ctl::background_thread::write(true)
        .map_err(|error| anyhow!("give memory back: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let node = open(directory).await?;
        match *act.as_slice() {
            ["fill", nodes, jobs, artifacts] => {
                let size = Size { nodes: nodes.parse()?, jobs: jobs.parse()?, artifacts: artifacts.parse()? };
                fill(&node, size).await?;
            }
            ["open"] => {
                say("opened", began.elapsed().as_secs_f64());
                wait_to_lead(&node).await?;
                say("leads", began.elapsed().as_secs_f64());
                propose(&node, objects::artifact(0)).await?;
                say("serves", began.elapsed().as_secs_f64());
                say("objects", count(&node) as f64);
            }
            ["snapshot", seconds] => snapshot(&node, Duration::from_secs_f64(seconds.parse()?)).await?,
            _ => bail!("not the arguments of a large member"),
        }
        memory()?;
        println!("done");
        for line in std::io::stdin().lock().lines() {
            if line? == "rest" {
                tokio::time::sleep(REST).await;
                memory()?;
                println!("done");
            }
        }
        node.shutdown().await;
        Ok(())
    })
}

fn say(name: &str, figure: f64) {
    println!("{name} {figure}");
    // A pipe that nobody reads any more ends this process soon anyway.
    drop(std::io::stdout().flush());
}

async fn open(directory: &str) -> Result<Node> {
    let options = Options::new(1, CLUSTER, directory, Arc::new(clock));
    let node = RaftNode::open(options, Replicated::default(), LoopbackNetwork::default().link(1)).await;
    node.map_err(|error| anyhow!("open the member: {error}"))
}

async fn wait_to_lead(node: &Node) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !node.is_leader() {
        anyhow::ensure!(Instant::now() < deadline, "a lone member did not lead");
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn propose(node: &Node, command: Vec<u8>) -> Result<()> {
    let answer = node.propose(command).await.map_err(|error| anyhow!("write: {error}"))?;
    match store::Outcome::decode(answer.as_slice())?.result {
        Some(outcome::Result::Refusal(refusal)) => bail!("refused: {refusal:?}"),
        Some(_) => Ok(()),
        None => bail!("no outcome"),
    }
}

/// How many objects the state has.
fn count(node: &Node) -> usize {
    node.with(|machine| {
        let state = &machine.0;
        state.nodes().count() + state.jobs().count() + state.artifact_count()
    })
}

async fn fill(node: &Node, size: Size) -> Result<()> {
    let member = Member { id: 1, address: "lone".to_owned(), name: "lone".to_owned() };
    node.bootstrap(vec![member]).await.map_err(|error| anyhow!("found: {error}"))?;
    wait_to_lead(node).await?;
    propose(node, objects::founding()).await?;
    for step in 0..objects::STEPS {
        all(node, size.nodes, move |number| objects::node(number).into_iter().nth(step).unwrap_or_default())
            .await?;
    }
    all(node, size.jobs, objects::job).await?;
    all(node, size.artifacts, objects::artifact).await?;
    say("objects", count(node) as f64);
    Ok(())
}

/// Proposes what `make` makes of every number.
async fn all(node: &Node, many: u64, make: impl Fn(u64) -> Vec<u8> + Copy + Send + 'static) -> Result<()> {
    let next = Arc::new(AtomicU64::new(0));
    let mut fillers = JoinSet::new();
    for _ in 0..FILLERS {
        let (node, next) = (node.clone(), Arc::clone(&next));
        fillers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= many {
                    return Ok::<(), anyhow::Error>(());
                }
                propose(&node, make(number)).await?;
            }
        });
    }
    while let Some(ended) = fillers.join_next().await {
        ended.context("a filler")??;
    }
    Ok(())
}

/// Writes for a while without a snapshot, and then for as long as one takes.
async fn snapshot(node: &Node, time: Duration) -> Result<()> {
    wait_to_lead(node).await?;
    // What a start leaves to be done in the background is not what is measured.
    let deadline = Instant::now() + SETTLED;
    while !matches!(node.status().start.copied, Copied::Whole | Copied::Anew) {
        anyhow::ensure!(Instant::now() < deadline, "the copy of the state is not there after {SETTLED:?}");
        tokio::time::sleep(PAUSE).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let quiet = tokio::spawn(writes(node.clone(), Arc::clone(&stop)));
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    tell("quiet", quiet.await.context("the writers")??);
    let (known, began) = (node.status().snapshot_index, Instant::now());
    let stop = Arc::new(AtomicBool::new(false));
    let during = tokio::spawn(writes(node.clone(), Arc::clone(&stop)));
    node.trigger_snapshot().await.map_err(|error| anyhow!("snapshot: {error}"))?;
    while node.status().snapshot_index == known {
        tokio::time::sleep(PAUSE).await;
    }
    stop.store(true, Ordering::Relaxed);
    say("snapshot", began.elapsed().as_secs_f64());
    tell("during", during.await.context("the writers")??);
    Ok(())
}

fn tell(name: &str, mut samples: Vec<Duration>) {
    say(&format!("{name}-writes"), samples.len() as f64);
    for (word, q) in [("p50", 0.5), ("p99", 0.99), ("most", 1.0)] {
        say(&format!("{name}-{word}"), quantile(&mut samples, q).unwrap_or_default().as_secs_f64());
    }
}

/// Writers that change artifacts until they are told to stop, and how long each write took.
async fn writes(node: Node, stop: Arc<AtomicBool>) -> Result<Vec<Duration>> {
    let mut writers = JoinSet::new();
    for first in 0..WRITERS {
        let (node, stop) = (node.clone(), Arc::clone(&stop));
        writers.spawn(async move {
            let (mut samples, mut number) = (Vec::new(), first);
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                propose(&node, objects::artifact(number)).await?;
                samples.push(began.elapsed());
                number += WRITERS;
            }
            Ok::<Vec<Duration>, anyhow::Error>(samples)
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = writers.join_next().await {
        all.extend(ended.context("a writer")??);
    }
    Ok(all)
}

/// What this process has in memory, and what of that is not of files.
fn memory() -> Result<()> {
    let text = std::fs::read_to_string("/proc/self/status").context("read the status of this process")?;
    for (name, field) in [("rss", "VmRSS:"), ("anonymous", "RssAnon:"), ("peak", "VmHWM:")] {
        let line = text.lines().find_map(|line| line.strip_prefix(field)).context("a figure of memory")?;
        let kb: u64 = line.split_whitespace().next().context("a number")?.parse()?;
        say(name, (kb * BYTES_OF_KB) as f64);
    }
    Ok(())
}
