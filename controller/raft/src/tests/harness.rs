//! A machine to replicate, and members of it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::{
    Applied, Frozen, Inbound, LoopbackNetwork, Machine, Member, Options, RaftError, RaftNode, Record,
};

/// How long a test waits for what must happen; far more than it takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Appends each command to the value under its first byte, so that a doubled command shows.
#[derive(Debug, Default)]
pub(super) struct Register {
    pub(super) values: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) last_time: u64,
    /// While set, the next command is misapplied, as damaged memory would.
    pub(super) bent: Arc<AtomicBool>,
}

impl Machine for Register {
    fn apply(&mut self, _index: u64, time_ms: u64, command: &[u8]) -> Applied {
        assert!(time_ms >= self.last_time, "time ran backwards");
        self.last_time = time_ms;
        let (key, text) = command.split_at(1.min(command.len()));
        let value = self.values.entry(key.to_vec()).or_default();
        value.extend_from_slice(text);
        value.push(b' ');
        if self.bent.swap(false, Ordering::Relaxed) {
            value.extend_from_slice(b"bent ");
        }
        let response = value.len().to_string().into_bytes();
        Applied { response, changes: vec![(key.to_vec(), Some(value.clone()))] }
    }

    fn freeze(&self) -> Box<dyn Frozen> {
        Box::new(self.values.clone().into_iter().collect::<Vec<Record>>())
    }

    fn restore(&self, records: &mut dyn Iterator<Item = Record>) -> Result<Self, String> {
        let restored = Self { values: records.collect(), last_time: 0, bent: Arc::clone(&self.bent) };
        restored.outgrown().map_or(Ok(restored), Err)
    }

    /// The key that stands for what only a newer release reads.
    fn outgrown(&self) -> Option<String> {
        self.values.contains_key(b"~".as_slice()).then(|| "the register is of a newer release".to_owned())
    }
}

impl Register {
    /// The words under a key, in the order they were applied.
    pub(super) fn words(&self, key: &str) -> Vec<String> {
        let value = self.values.get(key.as_bytes()).cloned().unwrap_or_default();
        String::from_utf8(value).unwrap().split_whitespace().map(str::to_owned).collect()
    }
}

pub(super) type Node = RaftNode<Register>;

pub(super) fn utf8(temp: &TempDir) -> &Utf8Path {
    Utf8Path::from_path(temp.path()).unwrap()
}

pub(super) fn member(id: u64) -> Member {
    Member { id, address: format!("node-{id}:7001"), name: format!("node-{id}") }
}

/// A clock that only counts, and differs between members so that clamping is seen.
pub(super) fn options_at(dir: &Utf8Path, id: u64) -> Options {
    let ticks = AtomicU64::new(1_000_000 / id);
    let clock = Arc::new(move || ticks.fetch_add(1, Ordering::Relaxed));
    let mut options = Options::new(id, "test", dir.join(format!("member-{id}")), clock);
    options.segment_bytes = 256 << 10;
    options
}

pub(super) fn options_in(temp: &TempDir, id: u64) -> Options {
    options_at(utf8(temp), id)
}

/// Opens a member and connects it; a directory that the previous handle is just letting go is waited for.
pub(super) async fn start(options: &Options, network: &LoopbackNetwork) -> Running {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match RaftNode::open(options.clone(), Register::default(), network.link(options.id)).await {
            Ok(node) => return connect(node, options.id, network),
            Err(RaftError::Locked { .. }) if Instant::now() < deadline => tokio::task::yield_now().await,
            Err(error) => panic!("{error}: {error:?}"),
        }
    }
}

pub(super) fn connect(node: Node, id: u64, network: &LoopbackNetwork) -> Running {
    let inbound: Arc<dyn Inbound> = Arc::new(node.clone());
    network.connect(id, &inbound);
    Running { node, _inbound: inbound }
}

/// A member and its place in the network; dropping it is a stop without a shutdown.
pub(super) struct Running {
    node: Node,
    _inbound: Arc<dyn Inbound>,
}

impl std::ops::Deref for Running {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

pub(super) async fn alone(options: &Options) -> Running {
    let node = start(options, &LoopbackNetwork::default()).await;
    node.bootstrap(vec![member(options.id)]).await.unwrap();
    until("a leader", || node.is_leader()).await;
    node
}

/// Waits for a condition without caring when it comes true.
pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn copy_dir(from: &Utf8Path, to: &Utf8Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let path: Utf8PathBuf = entry.unwrap().into_path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_dir(&path, &target);
        } else if fs::copy(&path, &target).is_err() {
            // sled renames its own files under our hands; a crash would see either state.
            assert!(!path.exists(), "copy {path}");
        }
    }
}
