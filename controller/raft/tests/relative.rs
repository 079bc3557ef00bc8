//! A member whose directory is named from where the process stands. Alone in its program: it moves all of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use holdfast_raft::offline::{RestorePlan, recover};
use holdfast_raft::{
    Applied, Frozen, LoopbackNetwork, Machine, Member, Options, RaftError, RaftNode, Record,
};

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

/// Counts the commands.
#[derive(Debug, Default)]
struct Count(u64);

impl Count {
    fn record(&self) -> Record {
        (b"count".to_vec(), self.0.to_be_bytes().to_vec())
    }
}

impl Machine for Count {
    fn apply(&mut self, _: u64, _: u64, _: &[u8]) -> Applied {
        self.0 += 1;
        let (key, value) = self.record();
        Applied { response: value.clone(), changes: vec![(key, Some(value))] }
    }

    fn freeze(&self) -> Box<dyn Frozen> {
        Box::new(if self.0 == 0 { Vec::new() } else { vec![self.record()] })
    }

    fn restore(&self, records: &mut dyn Iterator<Item = Record>) -> Result<Self, String> {
        let mut counts = records.map(|(_, value)| u64::from_be_bytes(value.try_into().unwrap()));
        Ok(Self(counts.next().unwrap_or(0)))
    }
}

/// Tries until the lock of the directory is free: a task of the handle before may hold it for a moment.
async fn unlocked<T>(mut act: impl AsyncFnMut() -> Result<T, RaftError>) -> T {
    let done = async {
        loop {
            match act().await {
                Err(RaftError::Locked { .. }) => tokio::time::sleep(PAUSE).await,
                done => return done.unwrap(),
            }
        }
    };
    tokio::time::timeout(PATIENCE, done).await.unwrap()
}

async fn leader(options: &Options) -> RaftNode<Count> {
    let network = LoopbackNetwork::default();
    let open = async || RaftNode::open(options.clone(), Count::default(), network.link(1)).await;
    let node = unlocked(open).await;
    node.bootstrap(vec![member()]).await.unwrap();
    let leads = async {
        while !node.is_leader() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, leads).await.unwrap();
    node
}

fn member() -> Member {
    Member { id: 1, address: "127.0.0.1:1".to_owned(), name: "one".to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_may_be_named_from_where_the_process_stands() {
    let temporary = tempfile::tempdir().unwrap();
    std::env::set_current_dir(temporary.path()).unwrap();
    let options = Options::new(1, "cluster", "raft", Arc::new(|| 1));
    for round in 1..=2_u64 {
        let node = leader(&options).await;
        assert_eq!(node.propose(b"one more".to_vec()).await.unwrap(), round.to_be_bytes());
        node.trigger_snapshot().await.unwrap();
        node.shutdown().await;
        drop(node);
    }
    let plan = RestorePlan { cluster_id: "next".to_owned(), id: 1, members: vec![member()] };
    let saved = unlocked(async || recover("raft".into(), "cluster", &plan, Count::default())).await;
    assert_eq!(saved.records, 1);
    assert!(temporary.path().join("raft.before-recovery-1").is_dir());
}
