//! What is done to the files of members that do not run.

use std::fs;

use camino::Utf8Path;
use tempfile::TempDir;

use super::harness::{Node, Register, Running, alone, member, options_in, start, until, utf8};
use crate::offline::{RestorePlan, inspect, recover, restore};
use crate::{LoopbackNetwork, Options, RaftError, SnapshotInfo};

fn plan(cluster: &str, id: u64) -> RestorePlan {
    RestorePlan { cluster_id: cluster.to_owned(), id, members: vec![member(id)] }
}

async fn released(dir: &Utf8Path) {
    until("the lock", || crate::files::DirLock::take(&crate::RealDisk, dir).unwrap().is_some()).await;
}

async fn stop(nodes: Vec<Running>, dirs: &[&Utf8Path]) {
    for node in &nodes {
        node.shutdown().await;
    }
    drop(nodes);
    for dir in dirs {
        released(dir).await;
    }
}

/// Proposes to whoever leads until all of the words are acknowledged.
async fn write(nodes: &[Running], from: usize, to: usize) {
    for number in from..to {
        let mut done = false;
        while !done {
            for node in nodes.iter().filter(|node| node.is_leader()) {
                done |= node.propose(format!("k{number}").into_bytes()).await.is_ok();
            }
            tokio::task::yield_now().await;
        }
    }
}

fn numbers(many: usize) -> Vec<String> {
    (0..many).map(|number| number.to_string()).collect()
}

fn exported(node: &Node) -> (Vec<u8>, SnapshotInfo) {
    let mut bytes = Vec::new();
    let info = node.export(&mut bytes).unwrap();
    assert_eq!(info.bytes, u64::try_from(bytes.len()).unwrap());
    (bytes, info)
}

async fn three(
    temp: &TempDir,
    network: &LoopbackNetwork,
    snapshot_every: u64,
) -> (Vec<Options>, Vec<Running>) {
    let mut all = Vec::new();
    let mut nodes = Vec::new();
    for id in 1..=3 {
        let mut options = options_in(temp, id);
        options.snapshot_every = snapshot_every;
        nodes.push(start(&options, network).await);
        all.push(options);
    }
    nodes[0].bootstrap((1..=3).map(member).collect()).await.unwrap();
    (all, nodes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_surviving_member_is_saved_with_every_acknowledged_command() {
    // With snapshots the log reaches back only so far; without, all of it is replayed.
    for snapshot_every in [20, 10_000] {
        let temp = TempDir::new().unwrap();
        let (options, nodes) = three(&temp, &LoopbackNetwork::default(), snapshot_every).await;
        write(&nodes, 0, 100).await;
        until("all commands on member 2", || nodes[1].with(|m| m.words("k").len()) == 100).await;
        let applied = nodes[1].status().applied.unwrap();
        let dir = options[1].dir.clone();
        let running = recover(&dir, "test", &plan("test#2", 2), Register::default());
        assert!(matches!(running, Err(RaftError::Locked { .. })), "{running:?}");
        stop(nodes, &[&dir]).await;

        let other = recover(&dir, "other", &plan("other#2", 2), Register::default());
        assert!(matches!(other, Err(RaftError::Foreign { .. })), "{other:?}");
        let same = recover(&dir, "test", &plan("test", 2), Register::default());
        assert!(matches!(same, Err(RaftError::Options(_))), "{same:?}");
        let info = recover(&dir, "test", &plan("test#2", 7), Register::default()).unwrap();
        // The members stop one after the other, so that there may have been an election more.
        assert!(info.index >= applied && info.term > 0, "{info:?}");
        assert_eq!((info.cluster_id.as_str(), info.members), ("test#2", vec![member(7)]));

        let mut recovered = options[1].clone();
        (recovered.id, recovered.cluster_id) = (7, "test#2".to_owned());
        let node = start(&recovered, &LoopbackNetwork::default()).await;
        until("a leader", || node.is_leader()).await;
        node.read_barrier().await.unwrap();
        assert_eq!(node.with(|machine| machine.words("k")), numbers(100));
        assert!(node.status().term > info.term, "no term is lived twice");
        write(&[node], 100, 101).await;
        // The old directory is kept whole, and is a member of the old cluster still.
        let kept = Utf8Path::new(&format!("{dir}.before-recovery-1")).to_owned();
        released(&kept).await;
        let old = Options { dir: kept, ..options[1].clone() };
        let node = start(&old, &LoopbackNetwork::default()).await;
        until("its state", || node.with(|m| m.words("k").len()) >= 80).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_nobody_knows_to_be_committed_are_saved_as_well() {
    let temp = TempDir::new().unwrap();
    let network = LoopbackNetwork::default();
    let (options, nodes) = three(&temp, &network, 1_000).await;
    write(&nodes, 0, 10).await;
    let leader = nodes.iter().position(|node| node.is_leader()).unwrap();
    let dir = options[leader].dir.clone();
    // It is cut off before the others answer: it has the entry and nothing more.
    network.isolate(options[leader].id);
    let before = nodes[leader].status().last_log;
    let node = (*nodes[leader]).clone();
    let asked = tokio::spawn(async move { node.propose(b"kmore".to_vec()).await });
    until("the entry in the log", || nodes[leader].status().last_log > before).await;
    stop(nodes, &[]).await;
    assert!(asked.await.unwrap().is_err());
    released(&dir).await;
    let id = options[leader].id;
    recover(&dir, "test", &plan("test#2", id), Register::default()).unwrap();
    let recovered = Options { cluster_id: "test#2".to_owned(), ..options[leader].clone() };
    let node = start(&recovered, &LoopbackNetwork::default()).await;
    until("the state", || node.is_leader()).await;
    let words = node.with(|machine| machine.words("k"));
    assert_eq!(words, [numbers(10), vec!["more".to_owned()]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_that_was_cut_off_between_its_two_renames_goes_on() {
    let temp = TempDir::new().unwrap();
    let options = options_in(&temp, 1);
    let node = alone(&options).await;
    write(&[node], 0, 5).await;
    released(&options.dir).await;
    let first = recover(&options.dir, "test", &plan("test#2", 1), Register::default()).unwrap();
    let recovered = Utf8Path::new(&format!("{}.recovered", options.dir)).to_owned();
    fs::rename(&options.dir, &recovered).unwrap();
    let stranger = recover(&options.dir, "test", &plan("test#3", 1), Register::default());
    assert!(matches!(stranger, Err(RaftError::Foreign { .. })), "{stranger:?}");
    let again = recover(&options.dir, "test", &plan("test#2", 1), Register::default()).unwrap();
    assert_eq!(again, first);
    let none = recover(&utf8(&temp).join("nothing"), "test", &plan("test#2", 1), Register::default());
    assert!(matches!(none, Err(RaftError::NoState(_))), "{none:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_restored_under_another_cluster_and_other_members() {
    let temp = TempDir::new().unwrap();
    let options = options_in(&temp, 1);
    let node = alone(&options).await;
    write(std::slice::from_ref(&node), 0, 50).await;
    let (bytes, info) = exported(&node);
    assert_eq!(inspect(bytes.as_slice()).unwrap(), info);
    assert_eq!((info.cluster_id.as_str(), info.records, info.members.clone()), ("test", 1, vec![member(1)]));
    assert_eq!(info.state_hash, node.status().state_hash);
    // Written while it was read: a later command is not in it.
    write(&[node], 50, 51).await;

    let two = RestorePlan { cluster_id: "new".to_owned(), id: 8, members: vec![member(8), member(9)] };
    let network = LoopbackNetwork::default();
    let mut nodes = Vec::new();
    for id in [8, 9] {
        let mut options = options_in(&temp, id);
        options.cluster_id = "new".to_owned();
        let restored = restore(&options.dir, bytes.as_slice(), &RestorePlan { id, ..two.clone() }).unwrap();
        assert_eq!((restored.index, restored.state_hash), (info.index, info.state_hash));
        let again = restore(&options.dir, bytes.as_slice(), &two);
        assert!(matches!(again, Err(RaftError::NotEmpty { .. })), "{again:?}");
        nodes.push(start(&options, &network).await);
    }
    write(&nodes, 50, 60).await;
    for node in &nodes {
        until("one state", || node.with(|machine| machine.words("k")) == numbers(60)).await;
        assert_eq!(node.status().members.len(), 2);
    }
    let alone = RestorePlan { id: 3, ..two };
    let stranger = restore(&utf8(&temp).join("x"), bytes.as_slice(), &alone);
    assert!(matches!(stranger, Err(RaftError::Options(_))), "{stranger:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_anywhere_in_an_export_is_refused() {
    let temp = TempDir::new().unwrap();
    let node = alone(&options_in(&temp, 1)).await;
    write(std::slice::from_ref(&node), 0, 20).await;
    let (bytes, _) = exported(&node);
    let dir = utf8(&temp).join("restored");
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 0x10;
        assert!(inspect(bent.as_slice()).is_err(), "byte {at}");
        if at % 16 == 0 {
            let refused = restore(&dir, bent.as_slice(), &plan("new", 1));
            assert!(matches!(refused, Err(RaftError::Snapshot(_))), "byte {at}: {refused:?}");
        }
        assert!(inspect(&bytes[..at]).is_err(), "cut at byte {at}");
    }
    assert!(!dir.exists() && !Utf8Path::new(&format!("{dir}.restoring")).exists(), "nothing is left behind");

    /// A place that is full.
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    assert!(matches!(node.export(Full), Err(RaftError::Export(_))));
}
