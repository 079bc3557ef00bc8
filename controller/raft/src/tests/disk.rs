//! A disk that is full, slow or broken: what a member says and what it never says.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use parking_lot::{Condvar, Mutex};
use tempfile::TempDir;

use super::harness::{Running, alone, member, options_in, start, until};
use crate::{Disk, DiskFile, LoopbackNetwork, Options, ProposeError, RealDisk};

/// What the disk does; shared by all its files.
#[derive(Debug, Default)]
struct Fault {
    full: Mutex<bool>,
    broken: Mutex<bool>,
    held: Mutex<bool>,
    freed: Condvar,
}

impl Fault {
    fn sync(&self) -> io::Result<()> {
        let mut held = self.held.lock();
        while *held {
            self.freed.wait(&mut held);
        }
        if *self.broken.lock() { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }

    fn hold(&self, hold: bool) {
        *self.held.lock() = hold;
        self.freed.notify_all();
    }
}

/// Lets syncs go when a test ends, however it ends: members wait for their last sync.
struct Held<'a>(&'a Fault);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.hold(false);
    }
}

/// The real disk with faults.
struct Faulty(Arc<Fault>);

struct FaultyFile(Arc<dyn DiskFile>, Arc<Fault>);

impl DiskFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.1.sync().and_then(|()| self.0.sync())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.sync().and_then(|()| self.0.sync_data())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}

impl Disk for Faulty {
    fn create_dir(&self, dir: &Utf8Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Utf8Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn open(&self, path: &Utf8Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(FaultyFile(RealDisk.open(path)?, Arc::clone(&self.0))))
    }

    fn create(&self, path: &Utf8Path, reserve: u64) -> io::Result<Arc<dyn DiskFile>> {
        if *self.0.full.lock() {
            return Err(io::Error::from_raw_os_error(28));
        }
        Ok(Arc::new(FaultyFile(RealDisk.create(path, reserve)?, Arc::clone(&self.0))))
    }

    fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Utf8Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Utf8Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn free_bytes(&self, dir: &Utf8Path) -> io::Result<u64> {
        if *self.0.full.lock() { Ok(0) } else { RealDisk.free_bytes(dir) }
    }

    fn lock(&self, dir: &Utf8Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        RealDisk.lock(dir)
    }
}

fn faulty(temp: &TempDir, id: u64) -> (Options, Arc<Fault>) {
    let fault = Arc::new(Fault::default());
    let mut options = options_in(temp, id);
    options.disk = Arc::new(Faulty(Arc::clone(&fault)));
    // Long enough for a slow machine: here nothing but a broken disk may leave an outcome unknown.
    options.propose_timeout = Duration::from_secs(20);
    (options, fault)
}

async fn three(temp: &TempDir) -> (Vec<Running>, Vec<Arc<Fault>>, usize) {
    let network = LoopbackNetwork::default();
    let (mut nodes, mut faults) = (Vec::new(), Vec::new());
    for id in 1..=3 {
        let (options, fault) = faulty(temp, id);
        nodes.push(start(&options, &network).await);
        faults.push(fault);
    }
    nodes[0].bootstrap((1..=3).map(member).collect()).await.unwrap();
    let leader = leader_of(&nodes, None).await;
    (nodes, faults, leader)
}

/// A leader that proves it, other than the one given.
async fn leader_of(nodes: &[Running], but: Option<usize>) -> usize {
    loop {
        for (at, node) in nodes.iter().enumerate() {
            if Some(at) != but && node.is_leader() && node.read_barrier().await.is_ok() {
                return at;
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_refused_by_name_and_taken_again_when_there_is_space() {
    let temp = TempDir::new().unwrap();
    let (options, fault) = faulty(&temp, 1);
    let node = alone(&options).await;
    node.propose(b"kbefore".to_vec()).await.unwrap();
    *fault.full.lock() = true;
    let mut taken = 1;
    let refused = loop {
        match node.propose(vec![b'x'; 60_000]).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&refused, ProposeError::Storage { reason } if reason.starts_with("the disk is full: reserve space")),
        "{refused:?}"
    );
    // One segment was reserved ahead of the one in use: both were filled before anything was refused.
    assert!(taken * 60_000 > 256 << 10, "{taken}");
    until("an alarm", || node.status().space.refusing.is_some()).await;
    assert!(node.is_leader() && node.read_barrier().await.is_ok(), "reads go on");
    assert_eq!(node.status().failure, None, "it is not for good");
    *fault.full.lock() = false;
    until("space", || node.status().space.refusing.is_none()).await;
    node.propose(b"kafter".to_vec()).await.unwrap();
    assert_eq!(node.with(|machine| machine.words("k")), ["before", "after"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_without_space_keeps_up_again_when_there_is_some() {
    let temp = TempDir::new().unwrap();
    let (nodes, faults, leader) = three(&temp).await;
    let poor = (leader + 1) % 3;
    *faults[poor].full.lock() = true;
    let mut last = 0;
    // More than its reserve; the others are a quorum.
    while nodes[poor].status().space.refusing.is_none() || last < 20 {
        last += 1;
        nodes[leader].propose([format!("k{last} ").into_bytes(), vec![b'x'; 50_000]].concat()).await.unwrap();
    }
    assert!(nodes[poor].status().applied < nodes[leader].status().applied);
    assert_eq!(nodes[poor].status().failure, None, "it refuses, and goes on living");
    *faults[poor].full.lock() = false;
    until("the follower", || nodes[poor].status().applied == nodes[leader].status().applied).await;
    assert_eq!(nodes[poor].status().state_hash, nodes[leader].status().state_hash);
}

/// The leader replicates beside its own disk: what two others have is committed for raft, and still neither answered nor
/// told to anybody before the leader could not lose it either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_answered_or_told_before_the_leader_has_it_on_disk() {
    let temp = TempDir::new().unwrap();
    let (nodes, faults, leader) = three(&temp).await;
    let before: BTreeMap<usize, _> = (0..3).map(|at| (at, nodes[at].status().applied)).collect();
    faults[leader].hold(true);
    let held = Held(&faults[leader]);
    let proposing = nodes[leader].clone();
    let answer = tokio::spawn(async move { proposing.propose(b"kheld".to_vec()).await });
    let follower = (leader + 1) % 3;
    until("both followers to have it", || {
        (0..3).filter(|at| *at != leader).all(|at| nodes[at].status().last_log > before[&at])
    })
    .await;
    // Several heartbeats, each of which would tell of the commit: the time is what is tested.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!answer.is_finished());
    for (at, node) in nodes.iter().enumerate() {
        assert!(node.with(|machine| machine.words("k")).is_empty(), "member {at} applied it");
    }
    drop(held);
    answer.await.unwrap().unwrap();
    until("the follower to apply", || nodes[follower].with(|machine| machine.words("k")) == ["held"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_is_full_lets_another_lead() {
    let temp = TempDir::new().unwrap();
    let (nodes, faults, leader) = three(&temp).await;
    *faults[leader].full.lock() = true;
    let large = || [b"klarge ".as_slice(), &[b'x'; 40_000]].concat();
    while nodes[leader].propose(large()).await.is_ok() {}
    let next = leader_of(&nodes, Some(leader)).await;
    nodes[next].propose(large()).await.unwrap();
    *faults[leader].full.lock() = false;
    let wanted = nodes[next].status().applied;
    until("the one that was full to have all", || nodes[leader].status().applied >= wanted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_breaks_is_replaced() {
    let temp = TempDir::new().unwrap();
    let (nodes, faults, leader) = three(&temp).await;
    nodes[leader].propose(b"kone".to_vec()).await.unwrap();
    *faults[leader].broken.lock() = true;
    let broken = nodes[leader].propose(b"ktwo".to_vec()).await;
    assert!(matches!(broken, Err(ProposeError::Storage { .. } | ProposeError::Unknown)), "{broken:?}");
    let next = leader_of(&nodes, Some(leader)).await;
    nodes[next].propose(b"kthree".to_vec()).await.unwrap();
    let words = nodes[next].with(|machine| machine.words("k"));
    assert_eq!(words.iter().filter(|word| *word != "two").collect::<Vec<_>>(), ["one", "three"]);
    let failure = nodes[leader].status().failure.unwrap();
    assert!(failure.contains("sync segment"), "{failure}");
    let after = nodes[leader].propose(b"kfour".to_vec()).await;
    assert!(matches!(after, Err(ProposeError::Storage { .. })), "{after:?}");
}
