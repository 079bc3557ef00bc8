//! Watchers against a state that changes: everybody gets everything once, in order, from wherever they begin.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_api::store::{Command, DeleteQueue, InitCluster, PutQueue, command};
use holdfast_api::v1::{self, WatchEvent};
use holdfast_state::State;
use holdfast_types::Time;
use parking_lot::RwLock;
use prost::Message as _;
use tokio::task::JoinSet;

use super::*;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(120);

struct Store {
    state: RwLock<State>,
    led: bool,
}

impl Source for Store {
    fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(&self.state.read())
    }

    fn is_led(&self) -> bool {
        self.led
    }
}

/// A founded cluster and its hub.
struct World {
    store: Arc<Store>,
    hub: Arc<Hub>,
}

impl World {
    fn new() -> Self {
        let world =
            Self { store: Arc::new(Store { state: RwLock::default(), led: true }), hub: Arc::default() };
        let bundle = Some(v1::PolicyBundle { hash: "h".to_owned(), ..Default::default() });
        let (cluster_id, name) = ("c".to_owned(), "c".to_owned());
        world.apply(command::Body::InitCluster(InitCluster {
            cluster_id,
            name,
            bundle,
            ..Default::default()
        }));
        world
    }

    fn apply(&self, body: command::Body) {
        let command = Command { actor: "test".to_owned(), body: Some(body), ..Command::default() };
        let mut state = self.store.state.write();
        let before = state.revision();
        let applied = state.apply(Time(1), &command.encode_to_vec());
        assert!(state.revision() > before, "{:?}", applied.outcome);
    }

    /// One change of one queue, handed on.
    fn put(&self, name: &str, priority: i32) -> u64 {
        let spec = Some(v1::QueueSpec { priority, ..Default::default() });
        self.apply(command::Body::PutQueue(PutQueue { name: name.to_owned(), spec, ..Default::default() }));
        self.hub.pump(&*self.store);
        self.revision()
    }

    fn delete(&self, name: &str) {
        self.apply(command::Body::DeleteQueue(DeleteQueue { name: name.to_owned() }));
        self.hub.pump(&*self.store);
    }

    fn revision(&self) -> u64 {
        self.store.read(State::revision)
    }

    fn watch_by(&self, principal: &str, from: u64, kinds: &[&str]) -> Result<Watcher<Store>, WatchError> {
        let kinds: Vec<String> = kinds.iter().map(|k| (*k).to_owned()).collect();
        let filter = Filter { kinds: Kinds::of(&kinds).unwrap(), name: None };
        let seat = self.hub.join(principal, filter, &*self.store)?;
        Watcher::new(Arc::clone(&self.store), seat, from)
    }

    fn watch(&self, from: u64) -> Result<Watcher<Store>, WatchError> {
        self.watch_by("operator/a", from, &["Queue"])
    }
}

async fn next(watcher: &mut Watcher<Store>) -> Result<WatchEvent, WatchError> {
    let next = tokio::time::timeout(PATIENCE, watcher.next()).await;
    next.expect("something comes in time").expect("the watch goes on").map(|frame| frame.message())
}

/// The next change; bookmarks are passed over.
async fn change(watcher: &mut Watcher<Store>) -> Result<WatchEvent, WatchError> {
    loop {
        let event = next(watcher).await?;
        if event.r#type != "bookmark" {
            return Ok(event);
        }
    }
}

#[tokio::test]
async fn ten_thousand_watchers_get_everything_once_and_the_slow_one_is_cut_off() {
    let world = World::new();
    let begin = world.revision();
    let mut slow = world.watch_by("operator/slow", begin, &[]).unwrap();
    assert_eq!(next(&mut slow).await.unwrap().r#type, "bookmark");
    let mut readers = JoinSet::new();
    for number in 0..10_000_u32 {
        let kinds: &[&str] = if number % 2 == 0 { &["Queue"] } else { &["Queue", "Node"] };
        let mut watcher = world.watch_by(&format!("operator/{}", number % 4), begin, kinds).unwrap();
        readers.spawn(async move {
            let mut seen = Vec::with_capacity(200);
            while seen.len() < 200 {
                if let Some(Ok(Frame::Change { event, .. })) = watcher.next().await {
                    seen.push(event.revision);
                }
            }
            (seen, watcher)
        });
    }
    assert_eq!(world.hub.watchers(), 10_001);
    let mut sent = Vec::new();
    for number in 0..200 {
        sent.push(world.put(&format!("q{}", number % 7), number));
        tokio::task::yield_now().await;
    }
    let mut kept = Vec::new();
    while let Some(ended) = readers.join_next().await {
        let (seen, watcher) = ended.unwrap();
        assert_eq!(seen, sent);
        kept.push(watcher);
    }
    assert_eq!(world.hub.counts.sent.load(std::sync::atomic::Ordering::Relaxed), 2_000_000);

    // The quick ones have everything; for the slow one alone nothing is kept without end.
    for number in 0..2_048 {
        world.put("q", number);
    }
    let error = loop {
        if let Err(error) = next(&mut slow).await {
            break error;
        }
    };
    assert_eq!(error, WatchError::Slow { revision: begin });
    assert!(slow.next().await.is_none());
    assert!(world.watch(begin).is_ok(), "the history still has it");
    drop((kept, slow));
    assert_eq!(world.hub.watchers(), 0);
}

#[tokio::test]
async fn a_watch_resumes_from_every_revision_that_is_kept() {
    let world = World::new();
    let mut all = vec![world.revision()];
    for number in 0..300 {
        all.push(world.put(&format!("q{}", number % 5), number));
    }
    for (at, from) in all.iter().enumerate() {
        let mut watcher = world.watch(*from).unwrap();
        let mut seen = Vec::new();
        let bookmark = loop {
            let event = next(&mut watcher).await.unwrap();
            if event.r#type == "bookmark" {
                break event.revision;
            }
            seen.push(event.revision);
        };
        assert_eq!(seen, all[at + 1..], "from {from}");
        assert_eq!(bookmark, world.revision());
    }
}

#[tokio::test]
async fn changes_that_are_gone_are_said_to_be_and_a_new_list_works() {
    let world = World::new();
    let begin = world.revision();
    for number in 0..9_000 {
        world.put("q", number);
    }
    let Err(error) = world.watch(begin) else { panic!("they are gone") };
    assert!(matches!(error, WatchError::Compacted { after, oldest } if after == begin && oldest > begin));
    let problem = holdfast_types::AsProblem::problem(&error);
    assert!(problem.to_string().contains("list again, then watch from"), "{problem}");
    let mut again = world.watch(0).unwrap();
    assert_eq!(change(&mut again).await.unwrap().name, "default");
    assert_eq!(change(&mut again).await.unwrap().name, "q");
    let bookmark = next(&mut again).await.unwrap();
    assert_eq!((bookmark.r#type.as_str(), bookmark.revision), ("bookmark", world.revision()));
}

/// A state that was replaced, as a snapshot replaces it, ends no watch that can go on and no other silently.
#[tokio::test]
async fn a_replaced_state_is_noticed() {
    let world = World::new();
    world.put("q", 1);
    let replace = |changes: i32| {
        for priority in 0..changes {
            let spec = Some(v1::QueueSpec { priority, ..Default::default() });
            let body = PutQueue { name: "q".to_owned(), spec, ..Default::default() };
            world.apply(command::Body::PutQueue(body));
        }
        let state = State::restore(world.store.read(State::records)).unwrap();
        *world.store.state.write() = state;
        world.hub.pump(&*world.store);
    };
    let mut watcher = world.watch(world.revision()).unwrap();
    let from = world.revision();
    replace(3);
    for number in 1..=3 {
        assert_eq!(change(&mut watcher).await.unwrap().revision, from + number);
    }
    replace(9_000);
    let error = loop {
        if let Err(error) = next(&mut watcher).await {
            break error;
        }
    };
    assert!(matches!(error, WatchError::Compacted { .. }), "{error}");
    let mut after = world.watch(world.revision()).unwrap();
    world.put("q", -1);
    assert_eq!(change(&mut after).await.unwrap().revision, world.revision());
}

#[tokio::test(start_paused = true)]
async fn who_hears_nothing_hears_where_the_cluster_is_or_that_nobody_knows() {
    let world = World::new();
    let mut nodes = world.watch_by("operator/a", world.revision(), &["Node"]).unwrap();
    assert_eq!(next(&mut nodes).await.unwrap().revision, world.revision());
    let revision = world.put("q", 1);
    let bookmark = next(&mut nodes).await.unwrap();
    assert_eq!((bookmark.r#type.as_str(), bookmark.revision), ("bookmark", revision));

    let state = RwLock::new(world.store.state.read().clone());
    let lonely = World { store: Arc::new(Store { state, led: false }), hub: Arc::default() };
    let mut watcher = lonely.watch(lonely.revision()).unwrap();
    let error = loop {
        if let Err(error) = next(&mut watcher).await {
            break error;
        }
    };
    assert_eq!(error, WatchError::Gone { stops: false, revision });
    let mut last = lonely.watch(lonely.revision()).unwrap();
    next(&mut last).await.unwrap();
    lonely.hub.close();
    assert_eq!(next(&mut last).await, Err(WatchError::Gone { stops: true, revision }));
    assert!(matches!(lonely.watch(1), Err(WatchError::Gone { stops: true, .. })));
}

#[tokio::test]
async fn one_principal_does_not_take_every_place() {
    let world = World::new();
    let from = world.revision();
    let mut seats: Vec<_> = (0..10_000).map(|_| world.watch(from).unwrap()).collect();
    assert!(matches!(world.watch(from), Err(WatchError::Full { all: false })));
    assert!(world.watch_by("operator/b", from, &[]).is_ok());
    seats.pop();
    assert!(world.watch(from).is_ok());
}

/// What a watcher believes, and where it may resume.
#[derive(Default)]
struct Believer {
    model: BTreeMap<String, i32>,
    fresh: BTreeMap<String, i32>,
    resume: u64,
    lists: bool,
}

impl Believer {
    fn take(&mut self, event: &WatchEvent) {
        let priority = match &event.resource {
            Some(v1::watch_event::Resource::Queue(queue)) => Some(queue.spec.as_ref().unwrap().priority),
            _ => None,
        };
        if event.r#type == "bookmark" {
            assert!(event.revision >= self.resume);
            if std::mem::take(&mut self.lists) {
                self.model = std::mem::take(&mut self.fresh);
            }
        } else if self.lists {
            self.fresh.insert(event.name.clone(), priority.unwrap());
        } else {
            assert!(
                event.revision > self.resume,
                "{event:?} was sent before or is older than {}",
                self.resume
            );
            match priority {
                Some(priority) => drop(self.model.insert(event.name.clone(), priority)),
                None => assert!(self.model.remove(&event.name).is_some(), "{event:?}"),
            }
        }
        if !self.lists && !event.partial {
            self.resume = event.revision;
        }
    }
}

/// Random writes, random reconnects: whoever follows the rules ends with what is there.
#[tokio::test]
async fn every_watcher_ends_with_the_state_that_is() {
    for seed in 1..=40_u64 {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut roll = move |sides: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % sides
        };
        let world = World::new();
        let mut model: BTreeMap<String, i32> = BTreeMap::new();
        let mut believers: Vec<(Believer, Option<Watcher<Store>>)> = Vec::new();
        believers.resize_with(5, Default::default);
        for step in 0..300 {
            let name = format!("q{}", roll(6));
            if roll(4) == 0 && model.remove(&name).is_some() {
                world.delete(&name);
            } else {
                world.put(&name, step);
                model.insert(name, step);
            }
            for (believer, watcher) in &mut believers {
                if watcher.is_none() && roll(4) == 0 {
                    believer.lists = believer.resume == 0;
                    believer.fresh.clear();
                    *watcher = Some(world.watch(believer.resume).unwrap());
                }
                for _ in 0..roll(4) {
                    let Some(watching) = watcher.as_mut() else { break };
                    match futures::FutureExt::now_or_never(next(watching)) {
                        Some(event) => believer.take(&event.unwrap()),
                        None => break,
                    }
                }
                if roll(9) == 0 {
                    *watcher = None;
                }
            }
        }
        for (believer, watcher) in &mut believers {
            if watcher.is_none() {
                believer.lists = believer.resume == 0;
                *watcher = Some(world.watch(believer.resume).unwrap());
            }
            while believer.resume < world.revision() {
                believer.take(&next(watcher.as_mut().unwrap()).await.unwrap());
            }
            let queues: BTreeMap<String, i32> =
                believer.model.iter().map(|(n, p)| (n.clone(), *p)).filter(|(n, _)| n != "default").collect();
            assert_eq!(queues, model, "seed {seed}");
        }
    }
}
