//! One member: what it keeps over restarts and damage, what it refuses, what it costs.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::sync::Arc;

use tempfile::TempDir;

use super::harness::{
    Register, Running, alone, copy_dir, member, options_at, options_in, start, until, utf8,
};
use crate::{
    Copied, LoopbackNetwork, MAX_COMMAND_BYTES, Options, ProposeError, RaftError, RaftNode, ReadError,
    ReplayStep, RpcKind, ServeError, Source, Status,
};

async fn propose_many(node: &Running, count: usize) {
    for number in 0..count {
        node.propose(format!("k{number}").into_bytes()).await.unwrap();
    }
}

/// What became of the copy, once that is known.
async fn copied(node: &Running) -> Copied {
    let settled =
        |node: &Running| !matches!(node.status().start.copied, Copied::Unknown | Copied::Unfinished);
    until("the copy", || settled(node)).await;
    node.status().start.copied
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

async fn reopened(options: &Options) -> Running {
    let node = start(options, &LoopbackNetwork::default()).await;
    until("the leader of one", || node.is_leader()).await;
    node.read_barrier().await.unwrap();
    node
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_commands_survive_a_stop_without_shutdown() {
    let temp = TempDir::new().unwrap();
    let options = options_in(&temp, 1);
    let node = alone(&options).await;
    assert_eq!(node.propose(b"kfirst".to_vec()).await.unwrap(), b"6");
    node.bootstrap(vec![member(1)]).await.unwrap();
    propose_many(&node, 20).await;
    let hash = node.status().state_hash;
    // What a crash leaves: the files as they are while everything is open.
    let crash = TempDir::new().unwrap();
    copy_dir(&options.dir, &utf8(&crash).join("member-1"));
    drop(node);

    for options in [options, options_at(utf8(&crash), 1)] {
        let node = reopened(&options).await;
        let mut wanted = vec!["first".to_owned()];
        wanted.extend(numbers(20));
        assert_eq!(node.with(|machine| machine.words("k")), wanted);
        assert_eq!(node.status().state_hash, hash);
        assert_eq!(node.status().members.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_or_damaged_applied_store_is_rebuilt_with_the_same_hash() {
    let temp = TempDir::new().unwrap();
    let mut options = options_in(&temp, 1);
    options.snapshot_every = 10;
    let node = alone(&options).await;
    node.propose([b"L".to_vec(), vec![b'x'; 20_000]].concat()).await.unwrap();
    propose_many(&node, 60).await;
    until("a snapshot", || node.status().snapshot_index.is_some_and(|index| index > 20)).await;
    let hash = node.status().state_hash;
    node.shutdown().await;
    drop(node);
    let applied = options.dir.join("applied");

    type Damage = fn(&camino::Utf8Path);
    let damages: [(&str, Damage); 4] = [
        ("nothing", |_| {}),
        ("deleted", |applied| fs::remove_dir_all(applied).unwrap()),
        ("a flipped bit in every page", |applied| {
            let mut bytes = fs::read(applied.join("db")).unwrap();
            bytes.iter_mut().step_by(97).for_each(|byte| *byte ^= 4);
            fs::write(applied.join("db"), bytes).unwrap();
        }),
        ("not a database", |applied| fs::write(applied.join("conf"), "what is this").unwrap()),
    ];
    for (name, damage) in damages {
        until("the lock", || crate::files::DirLock::take(&crate::RealDisk, &options.dir).unwrap().is_some())
            .await;
        damage(&applied);
        let node = reopened(&options).await;
        assert_eq!(node.status().state_hash, hash, "{name}");
        assert_eq!(node.with(|machine| machine.words("k")), numbers(60), "{name}");
        assert_eq!(
            copied(&node).await,
            if name == "nothing" { Copied::Whole } else { Copied::Anew },
            "{name}"
        );
        assert_eq!(fs::read_dir(applied.join("blobs")).unwrap().count(), 0, "{name}");
        node.shutdown().await;
    }
    assert!(options.dir.join("applied.broken").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_flipped_byte_in_any_file_of_the_applied_store_is_found_and_said() {
    let temp = TempDir::new().unwrap();
    let mut options = options_in(&temp, 1);
    options.snapshot_every = 10;
    let node = alone(&options).await;
    propose_many(&node, 60).await;
    until("a snapshot", || node.status().snapshot_index.is_some_and(|index| index > 20)).await;
    let hash = node.status().state_hash;
    node.shutdown().await;
    drop(node);
    until("the lock", || crate::files::DirLock::take(&crate::RealDisk, &options.dir).unwrap().is_some())
        .await;
    let mut found = BTreeMap::new();
    let files: Vec<_> = options.dir.join("applied").read_dir_utf8().unwrap().map(|e| e.unwrap()).collect();
    for file in files.iter().filter(|file| file.file_type().unwrap().is_file()) {
        let bytes = fs::read(file.path()).unwrap();
        // What was never written is all zeros, and nothing reads it.
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for place in 0..8 {
            let bent = TempDir::new().unwrap();
            let options = Options { dir: utf8(&bent).join("member-1"), ..options.clone() };
            copy_dir(file.path().parent().unwrap().parent().unwrap(), &options.dir);
            let mut bytes = bytes.clone();
            bytes[(written - 1) * place / 7] ^= 0x10;
            fs::write(options.dir.join("applied").join(file.file_name()), bytes).unwrap();

            let node = reopened(&options).await;
            let name = format!("{} at {place} of 7", file.file_name());
            let copied = copied(&node).await;
            let status = node.status();
            assert_eq!(status.state_hash, hash, "{name}");
            assert_eq!(node.with(|machine| machine.words("k")), numbers(60), "{name}");
            // A page that a newer one replaced is read by nobody.
            let damaged = !status.start.damage.is_empty();
            assert_eq!(damaged, copied == Copied::Anew, "{name}: {:?}", status.start);
            assert_eq!(status.start.source, Source::Snapshot, "the copy is not what a start begins from");
            *found.entry(file.file_name().to_owned()).or_insert(0) += usize::from(damaged);
            node.shutdown().await;
        }
    }
    assert!(found.len() >= 2 && found.values().any(|times| *times > 0), "{found:?}");
    println!("damage found, of 8 bytes: {found:?}");
}

/// The snapshots are gone and the log no longer begins at the beginning: the copy stands in for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_applied_store_stands_in_where_no_snapshot_can_be_read() {
    let temp = TempDir::new().unwrap();
    let mut options = options_in(&temp, 1);
    options.snapshot_every = 10;
    let node = alone(&options).await;
    while node.status().purged.is_none() {
        propose_many(&node, 20).await;
    }
    let (hash, words) = (node.status().state_hash, node.with(|machine| machine.words("k")));
    node.shutdown().await;
    drop(node);
    until("the lock", || crate::files::DirLock::take(&crate::RealDisk, &options.dir).unwrap().is_some())
        .await;
    for snapshot in options.dir.join("snapshots").read_dir_utf8().unwrap() {
        let path = snapshot.unwrap().into_path();
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let node = reopened(&options).await;
    let start = node.status().start;
    assert_eq!((start.source, start.copied), (Source::Copy, Copied::Whole), "{start:?}");
    assert_eq!(start.damage.len(), 2, "both snapshots are named: {start:?}");
    assert_eq!((node.status().state_hash, node.with(|machine| machine.words("k"))), (hash, words));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_snapshot_falls_back_to_the_one_before() {
    let temp = TempDir::new().unwrap();
    let mut options = options_in(&temp, 1);
    options.snapshot_every = 10;
    let node = alone(&options).await;
    let kept = || options.dir.join("snapshots").read_dir_utf8().unwrap().count();
    while node.status().purged.is_none() || kept() < 2 {
        propose_many(&node, 60).await;
    }
    let hash = node.status().state_hash;
    node.shutdown().await;
    drop(node);
    until("the lock", || crate::files::DirLock::take(&crate::RealDisk, &options.dir).unwrap().is_some())
        .await;
    fs::remove_dir_all(options.dir.join("applied")).unwrap();
    let mut snapshots: Vec<_> =
        options.dir.join("snapshots").read_dir_utf8().unwrap().map(|e| e.unwrap().into_path()).collect();
    snapshots.sort();
    assert_eq!(snapshots.len(), 2, "two are kept");
    let mut bytes = fs::read(&snapshots[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&snapshots[1], bytes).unwrap();

    let node = reopened(&options).await;
    assert_eq!(node.status().state_hash, hash);
    node.shutdown().await;
    drop(node);
    // With both gone and the log purged there is nothing to rebuild from, and the member says so.
    until("the lock", || crate::files::DirLock::take(&crate::RealDisk, &options.dir).unwrap().is_some())
        .await;
    fs::remove_dir_all(options.dir.join("applied")).unwrap();
    fs::remove_dir_all(options.dir.join("snapshots")).unwrap();
    let network = LoopbackNetwork::default();
    let refused = RaftNode::open(options.clone(), Register::default(), network.link(1)).await;
    assert!(matches!(refused, Err(RaftError::NoState(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_commands_share_a_sync() {
    let temp = TempDir::new().unwrap();
    let node = alone(&options_in(&temp, 1)).await;
    let before = node.status().fsyncs;
    let mut clients = tokio::task::JoinSet::new();
    let node = Arc::new(node);
    for client in 0..64 {
        let node = Arc::clone(&node);
        clients.spawn(async move {
            for number in 0..16 {
                node.propose(format!("{}{number}", char::from(b'0' + client)).into_bytes()).await.unwrap();
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    let status = node.status();
    let per_thousand = (status.fsyncs - before) * 1000 / 1024;
    println!("{per_thousand} syncs per 1,000 proposals at 64 clients, {} batches", status.batches);
    assert!(per_thousand <= 250, "{per_thousand} syncs per 1,000 proposals");
    assert_eq!(status.proposals, 1024);
    for client in 0..64_u8 {
        let key = char::from(b'0' + client).to_string();
        assert_eq!(node.with(|machine| machine.words(&key)), numbers(16));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_has_one_owner_and_one_user() {
    let temp = TempDir::new().unwrap();
    let options = options_in(&temp, 1);
    let node = alone(&options).await;
    let network = LoopbackNetwork::default();
    let second = RaftNode::open(options.clone(), Register::default(), network.link(1)).await;
    assert!(matches!(second, Err(RaftError::Locked { .. })), "{second:?}");
    node.shutdown().await;
    drop(node);
    until("the lock", || crate::files::DirLock::take(&crate::RealDisk, &options.dir).unwrap().is_some())
        .await;
    let mut other = options.clone();
    other.id = 2;
    let foreign = RaftNode::open(other, Register::default(), network.link(2)).await;
    assert!(matches!(foreign, Err(RaftError::Foreign { .. })), "{foreign:?}");
    let mut other = options.clone();
    other.cluster_id = "another".to_owned();
    let foreign = RaftNode::open(other, Register::default(), network.link(1)).await;
    assert!(matches!(foreign, Err(RaftError::Foreign { .. })), "{foreign:?}");
    let mut wrong = options;
    wrong.election.1 = wrong.election.0;
    let refused = RaftNode::open(wrong, Register::default(), network.link(1)).await;
    assert!(matches!(refused, Err(RaftError::Options(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_refused_by_name() {
    let temp = TempDir::new().unwrap();
    let options = options_in(&temp, 1);
    let node = start(&options, &LoopbackNetwork::default()).await;
    // Nobody leads a member that was never bootstrapped.
    assert_eq!(node.propose(b"kx".to_vec()).await, Err(ProposeError::NotLeader { leader: None }));
    assert_eq!(node.read_barrier().await, Err(ReadError::NotLeader { leader: None }));
    assert!(matches!(node.bootstrap(vec![member(2)]).await, Err(RaftError::Options(_))));
    node.bootstrap(vec![member(1)]).await.unwrap();
    until("a leader", || node.is_leader()).await;
    let too_large = node.propose(vec![b'k'; MAX_COMMAND_BYTES + 1]).await;
    assert!(matches!(too_large, Err(ProposeError::TooLarge { .. })));
    node.propose(vec![b'k'; MAX_COMMAND_BYTES]).await.unwrap();
    for bytes in [vec![], vec![0xff; 100], vec![0; crate::MAX_RPC_BYTES + 1]] {
        let served = node.serve(RpcKind::Append, bytes).await;
        assert!(matches!(served, Err(ServeError::Invalid(_) | ServeError::Misdirected { .. })), "{served:?}");
    }
    // A disk that fails is named, to the proposer and in the status.
    fs::rename(options.dir.join("log"), options.dir.join("elsewhere")).unwrap();
    let refused = loop {
        match node.propose(vec![b'k'; 100_000]).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    let after = node.propose(b"kx".to_vec()).await.unwrap_err();
    assert!(matches!(refused, ProposeError::Unknown | ProposeError::Storage { .. }), "{refused:?}");
    assert!(matches!(&after, ProposeError::Storage { reason } if reason.contains("segment `")), "{after:?}");
    // Either the segment itself could not be made, or the space for it, which is found out before it is needed.
    let named = |status: Status| status.failure.or(status.space.refusing);
    until("the status to say so", || named(node.status()).is_some_and(|why| why.contains("segment `"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_for_a_newer_release_is_not_applied() {
    let temp = TempDir::new().unwrap();
    let options = options_in(&temp, 1);
    let node = alone(&options).await;
    node.propose(b"kone".to_vec()).await.unwrap();
    node.propose(b"~".to_vec()).await.unwrap();
    let (words, hash) = (node.with(|machine| machine.words("k")), node.status().state_hash);
    assert!(node.propose(b"ktwo".to_vec()).await.is_err());
    until("a member that says why", || {
        node.status().failure.is_some_and(|failure| failure.contains("of a newer release"))
    })
    .await;
    assert_eq!(node.with(|machine| machine.words("k")), words);
    assert_eq!(node.status().state_hash, hash);
    node.shutdown().await;
    drop(node);
    let reopened = loop {
        let link = LoopbackNetwork::default().link(1);
        match RaftNode::open(options.clone(), Register::default(), link).await {
            // The handle before is just letting go of it.
            Err(RaftError::Locked { .. }) => tokio::task::yield_now().await,
            opened => break opened,
        }
    };
    // As far as its copy of the state had come, or as it comes to the same entry again.
    match reopened {
        Ok(node) => until("it says so again", || node.status().failure.is_some()).await,
        // Whichever of the two is seen first.
        Err(error) => {
            assert!(
                matches!(error, RaftError::Newer(_)) || error.to_string().contains("of a newer release"),
                "{error}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_log_has_is_shown_once_more_from_the_oldest_state_that_goes_with_it() {
    let temp = TempDir::new().unwrap();
    let mut options = options_in(&temp, 1);
    options.snapshot_every = 10;
    let node = alone(&options).await;
    let shown = |node: &Running| {
        let mut commands = Vec::new();
        let visit = |step: ReplayStep<'_, Register>| {
            commands.push((step.machine.words("k").len(), String::from_utf8(step.command.to_vec()).unwrap()));
            ControlFlow::Continue(())
        };
        node.replay(visit).unwrap();
        commands
    };
    propose_many(&node, 4).await;
    let expected: Vec<(usize, String)> = (0..4).map(|number| (number, format!("k{number}"))).collect();
    assert_eq!(shown(&node), expected);
    propose_many(&node, 60).await;
    until("a snapshot", || node.status().snapshot_index.is_some_and(|index| index > 20)).await;
    node.shutdown().await;
    drop(node);
    let node = reopened(&options).await;
    propose_many(&node, 3).await;
    let commands = shown(&node);
    assert!(commands.len() < 67, "the log begins with a snapshot");
    let last = commands.last().unwrap().clone();
    assert_eq!(last, (66, "k2".to_owned()));
    // Each sees the machine that those before it left.
    assert!(commands.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0), "{commands:?}");
    let mut seen = 0;
    let first = |_: ReplayStep<'_, Register>| {
        seen += 1;
        ControlFlow::Break(())
    };
    node.replay(first).unwrap();
    assert_eq!(seen, 1);
}
