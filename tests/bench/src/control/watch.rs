//! How long it takes until everybody who watches has heard of one write. The raft room has no watchers, so our side here is
//! three controllers of the product, found and run as `holdfast` does it, with all that their API does for a write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use camino::Utf8Path;
use holdfast_api::v1::{self, WatchEvent};
use holdfast_client::ClusterClient;
use holdfast_e2e::load::apply;
use prost::Message as _;
use tempfile::TempDir;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

use super::arena::{Race, Round};
use super::certs::Certs;
use super::etcd;
use super::frames::block;
use super::host::{Children, spinners};
use super::product::{LEASE, controllers};
use super::side::{MEMBERS, Side};
use super::wire::{Event, Wire, answer_of};
use crate::measure::{Bench, quantile};
use crate::store::{VALUE_BYTES, key};
use crate::wire::kv::{PutRequest, PutResponse, WatchCreateRequest, WatchRequest, WatchResponse};

const PUT: &str = "/etcdserverpb.KV/Put";
const THEIR_WATCH: &str = "/etcdserverpb.Watch/Watch";
const OUR_WATCH: &str = "/holdfast.v1.Cluster/Watch";
/// What is written and watched.
const QUEUE: &str = "watched";
/// Turns of each side, and writes in each.
const ROUNDS: usize = 7;
const WRITES: usize = 20;
/// So many watchers share a connection.
const EACH: usize = 100;
/// How long a cluster may take to begin, and a write to be known to everybody.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a write is waited for while watchers are still coming.
const LOOK: Duration = Duration::from_secs(2);

/// Who was told of a change: at which revision, and when.
type Told = (u64, Instant);

/// One side with its watchers.
struct Watched {
    side: Side,
    writer: Writer,
    told: UnboundedReceiver<Told>,
    watchers: usize,
    /// The newest revision that is known to everybody.
    known: u64,
    /// Those that listen; none ends while anybody counts.
    listeners: JoinSet<Result<()>>,
}

/// One client that writes.
enum Writer {
    Ours(ClusterClient),
    Theirs(Box<Wire>, Vec<u8>),
}

impl Writer {
    /// Writes, and answers the revision of that.
    async fn write(&mut self, number: u32) -> Result<u64> {
        match self {
            Self::Ours(client) => {
                let queue = apply(client, QUEUE, number, 0).await.map_err(|problem| anyhow!("{problem}"))?;
                Ok(queue.metadata.context("metadata")?.revision)
            }
            Self::Theirs(wire, block) => {
                let mut value = number.to_be_bytes().to_vec();
                value.resize(VALUE_BYTES, b'v');
                let request = PutRequest { key: key(0).to_vec(), value };
                let answer: PutResponse = answer_of(wire, block, &request).await?;
                Ok(u64::try_from(answer.header.context("a header")?.revision)?)
            }
        }
    }
}

/// The revision of a change of ours.
fn our_change(message: &[u8]) -> Result<Option<u64>> {
    let event = WatchEvent::decode(message).context("read an event")?;
    let changed = matches!(event.resource, Some(v1::watch_event::Resource::Queue(_)));
    Ok(changed.then_some(event.revision))
}

/// The revision of a change of etcd's.
fn their_change(message: &[u8]) -> Result<Option<u64>> {
    let response = WatchResponse::decode(message).context("read an event")?;
    ensure!(!response.canceled, "etcd cancelled a watch");
    let revision = u64::try_from(response.header.context("a header")?.revision)?;
    Ok((!response.events.is_empty()).then_some(revision))
}

/// How a side is watched.
#[derive(Clone, Copy)]
struct Watch<'a> {
    path: &'static str,
    message: &'a [u8],
    /// Whether the client has nothing more to say on the stream.
    last: bool,
    change: fn(&[u8]) -> Result<Option<u64>>,
}

impl Watched {
    async fn ours(side: Side, watchers: usize) -> Result<Self> {
        let request = v1::WatchRequest {
            kinds: vec!["Queue".to_owned()],
            name: QUEUE.to_owned(),
            stale: true,
            ..v1::WatchRequest::default()
        };
        let writer =
            Writer::Ours(ClusterClient::new(side.addresses.clone(), Arc::clone(&side.config), PATIENCE));
        let message = request.encode_to_vec();
        let watch = Watch { path: OUR_WATCH, message: &message, last: true, change: our_change };
        Self::gather(side, writer, watch, watchers).await
    }

    async fn theirs(side: Side, watchers: usize) -> Result<Self> {
        let leader = side.target(side.leader().await?);
        let writer = Writer::Theirs(Box::new(Wire::connect(&leader).await?), block(PUT, &leader.address));
        let create = WatchCreateRequest { key: key(0).to_vec() };
        let message = WatchRequest { create_request: Some(create) }.encode_to_vec();
        let watch = Watch { path: THEIR_WATCH, message: &message, last: false, change: their_change };
        Self::gather(side, writer, watch, watchers).await
    }

    /// Opens the watches, as many at each member, and waits until all of them hear of writes.
    async fn gather(side: Side, mut writer: Writer, watch: Watch<'_>, watchers: usize) -> Result<Self> {
        let begun = Instant::now();
        while let Err(error) = writer.write(0).await {
            ensure!(begun.elapsed() < PATIENCE, "nothing can be written: {error:#}");
            tokio::time::sleep(LOOK / 20).await;
        }
        let (sender, told) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for (number, first) in (0..watchers).step_by(EACH).enumerate() {
            let target = side.target(number % MEMBERS);
            let mut wire = Wire::connect(&target).await?;
            let block = block(watch.path, &target.address);
            for _ in first..watchers.min(first + EACH) {
                wire.call(&block, watch.message, watch.last);
            }
            tasks.spawn(listen(wire, watch.change, sender.clone()));
        }
        let mut watched = Self { side, writer, told, watchers, known: 0, listeners: tasks };
        let begun = Instant::now();
        while let Err(error) = watched.write(1, LOOK).await {
            if let Some(ended) = watched.listeners.try_join_next() {
                ended.context("a listener")?.context("a connection with watchers")?;
            }
            ensure!(begun.elapsed() < PATIENCE, "not all watchers hear of a write: {error:#}");
        }
        Ok(watched)
    }

    /// Writes once, and answers how long it took until each watcher had heard of it.
    async fn write(&mut self, number: u32, limit: Duration) -> Result<Vec<Duration>> {
        let begun = Instant::now();
        let (told, known) = (&mut self.told, self.known);
        let mut heard: Vec<Told> = Vec::with_capacity(self.watchers);
        let hear = async {
            while heard.len() < self.watchers {
                let (revision, at) = told.recv().await.context("all watches have ended")?;
                if revision > known {
                    heard.push((revision, at));
                }
            }
            Ok::<_, anyhow::Error>(())
        };
        let both = async { tokio::join!(self.writer.write(number), tokio::time::timeout(limit, hear)) };
        let (written, all) = both.await;
        self.known = written?;
        let Ok(all) = all else { bail!("{} of {} watchers heard of it", heard.len(), self.watchers) };
        all?;
        ensure!(
            heard.iter().all(|(revision, _)| *revision == self.known),
            "watchers heard of another change"
        );
        Ok(heard.into_iter().map(|(_, at)| at.saturating_duration_since(begun)).collect())
    }

    async fn round(&mut self) -> Result<(Round, Vec<Duration>)> {
        let (before, begun, mut samples) = (self.side.cpu()?, Instant::now(), Vec::new());
        for number in (2..).take(WRITES) {
            samples.extend(self.write(number, PATIENCE).await?);
        }
        let cpu = self.side.cpu()?.saturating_sub(before).as_secs_f64();
        let count = samples.len().max(1) as f64;
        let mut share = |q| quantile(&mut samples, q).unwrap_or_default().as_secs_f64();
        let (p50, p99) = (share(0.5), share(0.99));
        let rate = count / begun.elapsed().as_secs_f64();
        Ok((Round { rate, p50, p99, cpu: cpu * 1000.0 / count }, samples))
    }
}

/// Passes on what comes for the watches of a connection.
async fn listen(
    mut wire: Wire,
    change: fn(&[u8]) -> Result<Option<u64>>,
    sender: UnboundedSender<Told>,
) -> Result<()> {
    loop {
        for event in wire.events().await? {
            let Event::Message(_, message) = event else { bail!("a watch ended") };
            let at = Instant::now();
            if let Some(revision) = change(&message)? {
                sender.send((revision, at)).context("nobody counts any more")?;
            }
        }
    }
}

/// Both sides write in turns, and what each watcher waited is one sample.
pub(crate) async fn race(bench: &Bench, watchers: usize) -> Result<Race> {
    let directory = TempDir::new_in(&bench.scratch).context("a directory for the race")?;
    let place = Utf8Path::from_path(directory.path()).context("a plain name")?;
    let certs = Certs::create(&place.join("certs"), MEMBERS)?;
    let _spinners: Children = spinners()?;
    let mut ours =
        Watched::ours(controllers(&place.join("ours"), LEASE)?, watchers).await.context("our side")?;
    let mut theirs = match etcd::start(&place.join("etcd"), &certs) {
        Ok(side) => Ok(Watched::theirs(side, watchers).await.context("etcd")?),
        Err(error) => Err(format!("{error:#}")),
    };
    let none = theirs.as_ref().map(|_| Vec::new()).map_err(Clone::clone);
    let mut race = Race { ours: Vec::new(), theirs: none, latencies: Default::default() };
    for number in 0..ROUNDS {
        for own in [number % 2 == 0, number % 2 != 0] {
            if own {
                let (round, samples) = ours.round().await.context("our side")?;
                race.ours.push(round);
                race.latencies.0.extend(samples);
            } else if let (Ok(side), Ok(rounds)) = (&mut theirs, &mut race.theirs) {
                let (round, samples) = side.round().await.context("etcd")?;
                rounds.push(round);
                race.latencies.1.extend(samples);
            }
        }
    }
    Ok(race)
}
