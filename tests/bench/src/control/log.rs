//! What the log makes of the disk: writers that each wait for their own record, beside a plain file that is written and synced
//! in groups in the same way and knows nothing of formats, checksums, indices or segments.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use camino::Utf8Path;
use holdfast_raft::measuring::LogAlone;
use holdfast_raft::{Disk as _, DiskFile, RealDisk};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::arena::median;
use super::host::spinners;
use crate::measure::{Bench, Measurement};
use crate::store::VALUE_BYTES;

/// Turns of each side.
const ROUNDS: u32 = 7;
/// Writers that wait for nothing but their own record.
const WRITERS: usize = 128;
/// The plain file is reserved as the segments of the log are, and so large.
const FILE_BYTES: u64 = 16 << 20;

/// Records a second of the log, and those of the plain file.
pub(crate) fn beside_a_file(bench: &Bench) -> Result<Measurement> {
    let _spinners = spinners()?;
    // The writers of both sides are tasks of the same threads.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let directory = tempfile::tempdir_in(&bench.scratch).context("a directory for the log")?;
    let place = Utf8Path::from_path(directory.path()).context("a plain name")?;
    let log = LogAlone::open(&place.join("log")).map_err(|error| anyhow!("{error}"))?;
    let plain = Plain::create(&place.join("file"))?;
    let time = bench.budget / (2 * ROUNDS);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        for own in [number % 2 == 0, number % 2 != 0] {
            if own {
                let log = log.clone();
                let append = move |command| {
                    let log = log.clone();
                    async move { log.append(command).await.map_err(|error| anyhow!("{error}")) }
                };
                ours.push(runtime.block_on(written(time, append))?);
            } else {
                let plain = Arc::clone(&plain);
                let append = move |command| Arc::clone(&plain).append(command);
                theirs.push(runtime.block_on(written(time, append))?);
            }
        }
    }
    plain.close();
    let ratios = ours.iter().zip(&theirs).map(|(own, their)| own / their).collect();
    let records: f64 = ours.iter().sum::<f64>() * time.as_secs_f64();
    let mut measured = Measurement::new(median(ours), "records/s", Ok(median(theirs)));
    measured.ratio = Some(median(ratios));
    measured.details = vec![format!("records in one sync of the log: {:.0}", records / log.fsyncs() as f64)];
    Ok(measured)
}

/// Lets all writers append for a while, and answers the records a second.
async fn written<W>(
    time: Duration,
    append: impl Fn(Bytes) -> W + Clone + Send + Sync + 'static,
) -> Result<f64>
where
    W: Future<Output = Result<()>> + Send,
{
    let (begun, mut writers) = (Instant::now(), JoinSet::new());
    for _ in 0..WRITERS {
        let append = append.clone();
        writers.spawn(async move {
            let command = Bytes::from(vec![b'v'; VALUE_BYTES]);
            let mut written = 0.0;
            while begun.elapsed() < time {
                append(command.clone()).await?;
                written += 1.0;
            }
            Ok::<f64, anyhow::Error>(written)
        });
    }
    let mut written = 0.0;
    while let Some(done) = writers.join_next().await {
        written += done.context("a writer")??;
    }
    Ok(written / begun.elapsed().as_secs_f64())
}

/// A file that one thread writes in groups, with one sync for each.
struct Plain {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(Bytes, oneshot::Sender<()>)>,
    closed: bool,
}

impl Plain {
    fn create(path: &Utf8Path) -> Result<Arc<Self>> {
        let file = RealDisk.create(path, FILE_BYTES).with_context(|| format!("create {path}"))?;
        let plain = Arc::new(Self { queue: Mutex::default(), wake: Condvar::new() });
        let (own, path) = (Arc::clone(&plain), path.to_owned());
        // Writers see the end of a thread that failed by their answers not coming.
        std::thread::Builder::new().name("plain".to_owned()).spawn(move || own.run(&path, file))?;
        Ok(plain)
    }

    fn run(&self, path: &Utf8Path, mut file: Arc<dyn DiskFile>) -> std::io::Result<()> {
        let (mut offset, mut group) = (0, Vec::new());
        loop {
            let waiting = {
                let mut queue = self.queue.lock();
                while queue.waiting.is_empty() && !queue.closed {
                    self.wake.wait(&mut queue);
                }
                std::mem::take(&mut queue.waiting)
            };
            if waiting.is_empty() {
                return Ok(());
            }
            group.clear();
            waiting.iter().for_each(|(record, _)| group.extend_from_slice(record));
            let bytes = group.len() as u64;
            if offset + bytes > FILE_BYTES {
                (file, offset) = (RealDisk.create(path, FILE_BYTES)?, 0);
            }
            file.write_at(&group, offset)?;
            file.sync_data()?;
            offset += bytes;
            // A writer that is gone needs no answer.
            for (_, done) in waiting {
                done.send(()).ok();
            }
        }
    }

    async fn append(self: Arc<Self>, record: Bytes) -> Result<()> {
        let (sender, receiver) = oneshot::channel();
        self.queue.lock().waiting.push((record, sender));
        self.wake.notify_one();
        if receiver.await.is_err() {
            bail!("the plain file could not be written");
        }
        Ok(())
    }

    fn close(&self) {
        self.queue.lock().closed = true;
        self.wake.notify_one();
    }
}
