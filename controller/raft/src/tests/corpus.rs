//! Files that a release wrote are read for ever: `corpus/v1` is the directory of a member, without what is rebuilt. With
//! `HOLDFAST_CORPUS=write` it is written again, which is for a version that was not released yet.

use std::fmt::Write as _;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use openraft::EntryPayload;
use tempfile::TempDir;

use super::harness::{Register, alone, copy_dir, member, options_in, until};
use crate::Options;
use crate::offline::inspect;
use crate::open::open;

fn corpus() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/v1")
}

fn options(temp: &TempDir) -> Options {
    let mut options = options_in(temp, 1);
    (options.segment_bytes, options.snapshot_every) = (4 << 10, 10_000);
    options
}

/// A member that has led, taken a snapshot, known a learner and gone on.
async fn write() {
    let temp = TempDir::new().unwrap();
    let options = options(&temp);
    let node = alone(&options).await;
    for number in 0..60 {
        let key = char::from(b'a' + number % 7);
        node.propose(format!("{key}{}", "word".repeat(usize::from(number))).into_bytes()).await.unwrap();
        if number == 40 {
            node.trigger_snapshot().await.unwrap();
            until("a snapshot", || node.status().snapshot_index.is_some()).await;
            node.add_learner(member(2)).await.unwrap();
        }
    }
    node.shutdown().await;
    drop(node);
    until("the lock", || crate::files::DirLock::take(&crate::RealDisk, &options.dir).unwrap().is_some())
        .await;
    drop(fs::remove_dir_all(corpus()));
    for name in ["log", "snapshots"] {
        copy_dir(&options.dir.join(name), &corpus().join(name));
    }
    drop(fs::remove_file(corpus().join("log/spare.tmp")));
    fs::copy(options.dir.join("identity"), corpus().join("identity")).unwrap();
    fs::write(corpus().join("told.txt"), told()).unwrap();
}

/// What the files hold.
fn told() -> String {
    let temp = TempDir::new().unwrap();
    let options = options(&temp);
    copy_dir(&corpus(), &options.dir);
    let mut told = String::new();
    for path in options.dir.join("snapshots").read_dir_utf8().unwrap() {
        let path = path.unwrap().into_path();
        let info = inspect(fs::File::open(&path).unwrap()).unwrap();
        let members: Vec<_> = info.members.iter().map(|m| format!("{}={}", m.id, m.address)).collect();
        writeln!(
            told,
            "snapshot {} cluster {} entry {} term {} time {} records {} hash {} members {members:?}",
            path.file_name().unwrap(),
            info.cluster_id,
            info.index,
            info.term,
            info.time_ms,
            info.records,
            info.state_hash
        )
        .unwrap();
    }
    let (log, state) = open(&options, Register::default()).unwrap();
    writeln!(told, "vote {:?} purged {:?} last {:?}", log.vote(), log.purged(), log.last()).unwrap();
    let next = state.shared.applied().unwrap().index + 1;
    for entry in log.read_now(0, usize::MAX).unwrap() {
        let payload = match &entry.payload {
            EntryPayload::Blank => "blank".to_owned(),
            EntryPayload::Normal(batch) => {
                let commands = batch.commands.concat();
                format!(
                    "{} commands at {} crc {:08x}",
                    batch.commands.len(),
                    batch.time_ms,
                    crc32c::crc32c(&commands)
                )
            }
            EntryPayload::Membership(membership) => {
                let members: Vec<_> = membership.nodes().map(|(id, peer)| peer.member(*id).address).collect();
                format!("voters {:?} members {members:?}", membership.voter_ids().collect::<Vec<_>>())
            }
        };
        writeln!(told, "entry {} {payload}", entry.log_id).unwrap();
    }
    state.shared.replay(log.read_now(next, usize::MAX).unwrap());
    writeln!(told, "state {}", state.shared.freeze().position.hash).unwrap();
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_release_wrote_is_read_for_ever() {
    if std::env::var("HOLDFAST_CORPUS").as_deref() == Ok("write") {
        write().await;
    }
    let told = tokio::task::spawn_blocking(told).await.unwrap();
    assert_eq!(told, fs::read_to_string(corpus().join("told.txt")).unwrap());
}
