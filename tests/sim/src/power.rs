//! Power cuts: a run of one member is recorded act by act, and every state in which the power could have left its disk is
//! a start of its own. What was acknowledged before the cut must be there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast_raft::{LoopbackNetwork, Options, RaftNode, Work};
use tokio::runtime::Runtime;

use crate::chance::Chance;
use crate::commands::{found, submit};
use crate::disk::{Cut, Drive, Image, Op};
use crate::host::{DIR, member};
use crate::machine::{Setting, SimMachine};
use crate::plant::Plant;
use crate::trace::Trace;
use crate::witness::Witness;

/// How long a member may take, on its own clock, until it leads.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two batches of writes.
const PAUSE: Duration = Duration::from_millis(100);
/// So small that a short run goes through several segments.
const SEGMENT_BYTES: u64 = 8 << 10;

type Node = RaftNode<SimMachine>;

/// A run to record.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// How many writes.
    pub writes: usize,
    /// Entries between two snapshots.
    pub snapshot_every: u64,
    /// How many writes are under way at once.
    pub together: usize,
    /// Bytes of log beyond which a snapshot is taken early.
    pub log_bytes: u64,
}

/// What was done to the disk, and what had been acknowledged by then.
#[derive(Debug)]
pub struct Recording {
    acts: Vec<Op>,
    /// The jobs, and how many acts had been done when each was acknowledged.
    acknowledged: BTreeMap<String, usize>,
    run: Run,
}

/// What became of the images.
#[derive(Debug, Clone, Copy, Default)]
pub struct Images {
    /// How many were started from.
    pub opened: u64,
    /// Of them, how many lay inside the making of a snapshot.
    pub in_snapshots: u64,
    /// How many had a bit turned over, and said so instead of starting.
    pub refused: u64,
}

fn runtime() -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.context("make a runtime")
}

async fn open(drive: &Drive, run: Run) -> Result<Node> {
    let mut options = Options::new(1, "power", DIR, Arc::new(|| 1));
    options.disk = Arc::new(drive.attach());
    options.work = Work::Inline(Arc::new(|| Duration::ZERO));
    options.applied_copy = false;
    options.snapshot_every = run.snapshot_every;
    options.segment_bytes = SEGMENT_BYTES;
    options.log_bytes = run.log_bytes;
    let trace = Trace::new(false);
    let witness = Witness::new(trace.clone());
    let setting = Setting { member: 1, plant: Plant::None, witness, trace, spoil: Arc::default() };
    let machine = SimMachine::new(setting);
    let node = RaftNode::open(options, machine, LoopbackNetwork::default().link(1)).await?;
    node.bootstrap(vec![member(1)]).await?;
    let mut leadership = node.leadership();
    tokio::time::timeout(PATIENCE, leadership.wait_for(Option::is_some)).await.context("no leader")??;
    Ok(node)
}

fn name(nth: usize) -> String {
    format!("job-{nth:04}")
}

/// Runs a member and writes down what it does to its disk.
///
/// # Errors
///
/// It does not run.
pub fn record(run: Run) -> Result<Recording> {
    let drive = Drive::new("disk", Image::default(), Chance::new(1), Trace::new(false));
    drive.record();
    let runtime = runtime()?;
    let acknowledged = runtime.block_on(async {
        let node = open(&drive, run).await?;
        node.propose(found().bytes).await?;
        let mut acknowledged = BTreeMap::new();
        for first in (0..run.writes).step_by(run.together) {
            let writes = (first..run.writes.min(first + run.together)).map(|nth| {
                let (node, drive) = (node.clone(), drive.clone());
                async move {
                    let written = node.propose(submit("power", &nth.to_string(), &name(nth)).bytes).await;
                    written.map(|_| (name(nth), drive.acts()))
                }
            });
            // Snapshots are taken by the clock, which stands still while there is anything else to do.
            tokio::time::sleep(PAUSE).await;
            for written in futures::future::join_all(writes).await {
                let (name, acts) = written?;
                acknowledged.insert(name, acts);
            }
        }
        Ok::<_, anyhow::Error>(acknowledged)
    })?;
    drop(runtime);
    Ok(Recording { acts: drive.recorded(), acknowledged, run })
}

impl Recording {
    /// How many acts were recorded.
    #[must_use]
    pub fn acts(&self) -> usize {
        self.acts.len()
    }

    /// Starts from so many images: at every place where the power could fail about as often, with what had not been
    /// synced lost, kept and torn in ways that the seed decides.
    ///
    /// # Errors
    ///
    /// An image that does not start, or lacks what was acknowledged; the text says which.
    pub fn images(&self, images: usize, seed: u64) -> Result<Images> {
        let mut chance = Chance::new(seed);
        let mut found = Images::default();
        let mut disk = Image::default();
        let places = self.acts.len() + 1;
        for place in 0..places {
            if let Some(act) = place.checked_sub(1).and_then(|before| self.acts.get(before)) {
                disk.apply(act).context("replay the recording")?;
            }
            let here = images * (place + 1) / places - images * place / places;
            for nth in 0..here {
                let cut = if nth == 0 && chance.percent(20) { Cut::Unsynced } else { Cut::Torn };
                let mut image = disk.clone();
                let way = chance.draw();
                image.crash(cut, &mut Chance::new(way));
                let start = self.start(image, place);
                start.with_context(|| format!("cut after act {place}, {cut:?}, seed {seed}, way {way}"))?;
                found.opened += 1;
                found.in_snapshots += u64::from(self.in_snapshot(place));
            }
        }
        Ok(found)
    }

    /// Whether the act before a place is part of making a snapshot.
    fn in_snapshot(&self, place: usize) -> bool {
        let paths = self.acts.iter().take(place).rev().take(6).filter_map(|act| match act {
            Op::Create(path, ..) | Op::Rename(path, _) | Op::Remove(path) => Some(path),
            _ => None,
        });
        paths.into_iter().any(|path| path.as_str().contains("/snapshots/"))
    }

    fn start(&self, image: Image, place: usize) -> Result<()> {
        let missing = self.missing(image, place)?;
        ensure!(missing.is_empty(), "acknowledged and gone: {missing:?}");
        Ok(())
    }

    /// What an image lacks of what was acknowledged before a place.
    fn missing(&self, image: Image, place: usize) -> Result<Vec<String>> {
        let drive = Drive::new("disk", image, Chance::new(place as u64), Trace::new(false));
        let due: Vec<&String> =
            self.acknowledged.iter().filter(|(_, acts)| **acts <= place).map(|(name, _)| name).collect();
        let runtime = runtime()?;
        runtime.block_on(async {
            let node = open(&drive, self.run).await?;
            node.read_barrier().await?;
            node.with(|machine| {
                for name in &due {
                    if let Some(job) = machine.state.job(name) {
                        let uid = job.metadata.as_ref().map_or("", |metadata| metadata.uid.as_str());
                        ensure!(uid == format!("{name}-uid"), "{name} is another job: {uid}");
                    }
                }
                let missing = due.into_iter().filter(|name| machine.state.job(name).is_none());
                Ok(missing.cloned().collect())
            })
        })
    }

    /// Turns over so many bits, one in each image of the whole run, and starts from each. A member that starts has
    /// everything, but for the last write: a tail that was spoiled cannot be told from one that was torn.
    ///
    /// # Errors
    ///
    /// A member that starts with wrong data, or refuses without naming a file.
    pub fn flips(&self, flips: u64, seed: u64) -> Result<Images> {
        let mut chance = Chance::new(seed);
        let mut disk = Image::default();
        for act in &self.acts {
            disk.apply(act).context("replay the recording")?;
        }
        disk.crash(Cut::Unsynced, &mut chance);
        let files = disk.all();
        let mut found = Images::default();
        for _ in 0..flips {
            let Some((path, inode, length)) = files.get(usize::try_from(chance.below(files.len() as u64))?)
            else {
                bail!("there is no file")
            };
            let (byte, bit) = (chance.below(*length), chance.below(8));
            let mut image = disk.clone();
            image.flip(*inode, byte, u8::try_from(bit)?);
            let what = || format!("bit {bit} of byte {byte} of {path}");
            match self.missing(image, self.acts.len()) {
                Ok(missing) if missing.len() <= self.run.together => found.opened += 1,
                Ok(missing) => bail!("{}: the member starts without {missing:?}", what()),
                Err(error) if format!("{error:#}").contains(DIR) => found.refused += 1,
                Err(error) => return Err(error).with_context(what),
            }
        }
        Ok(found)
    }
}
