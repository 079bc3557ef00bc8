//! A cluster that begins again, twice from one state: the two must never take each other for one.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use camino::Utf8Path;
use holdfast_api::problem_from_status;
use holdfast_api::v1::backups_client::BackupsClient;
use holdfast_api::v1::cluster_client::ClusterClient;
use holdfast_api::v1::recovery_client::RecoveryClient;
use holdfast_api::v1::{
    ClusterStatusRequest, CreateBackupRequest, RecoverRequest, RestorePiece, SetRecipientsRequest,
};
use holdfast_controller::{Config, Controller, Platform, RestoreOptions, Restored, Told, recover, restore};
use holdfast_identity::{BackupKey, SealedReader};
use tonic::transport::Channel;

use crate::world::World;

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Counts what is told.
fn counter() -> (Told, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let kept = Arc::clone(&count);
    let told: Told = Arc::new(move |more| {
        kept.fetch_add(more, Ordering::Relaxed);
    });
    (told, count)
}

/// A backup of a world that runs.
async fn backup(world: &World, key: &BackupKey, file: &Utf8Path) {
    let request = SetRecipientsRequest { recipients: vec![key.recipient().to_string()], options: None };
    let set = |channel| {
        let request = request.clone();
        async move { BackupsClient::new(channel).set_recipients(request).await }
    };
    world.client().call(set).await.unwrap();
    let mut out = std::fs::File::create(file).unwrap();
    let create = |channel| async move {
        let mut client = BackupsClient::new(channel).max_decoding_message_size(16 << 20);
        client.create(CreateBackupRequest::default()).await
    };
    let mut pieces = world.client().call(create).await.unwrap();
    while let Some(piece) = pieces.message().await.unwrap() {
        out.write_all(&piece.data).unwrap();
    }
}

fn config(directory: &Utf8Path) -> Config {
    Config::load(&directory.join("controller.toml")).unwrap()
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_backup_that_is_restored_twice_makes_two_incarnations_that_are_strangers() {
    let world = World::new();
    world.up().await;
    let home = world.home(0);
    let place = home.parent().unwrap();
    let (key, file) = (BackupKey::generate().unwrap(), place.join("cluster.backup"));
    backup(&world, &key, &file).await;
    let (told, read) = counter();
    let restored = |name: &str| -> Restored {
        let options = RestoreOptions {
            file: file.clone(),
            key: BackupKey::parse(&key.to_text()).unwrap(),
            cluster: config(&home).cluster,
            incarnation: None,
            directory: place.join(name),
            name: "controller-9".parse().unwrap(),
            address: "127.0.0.1:1".to_owned(),
            listen: "127.0.0.1:0".to_owned(),
        };
        restore(&options, &told).unwrap()
    };
    let one = restored("one");
    let bytes = std::fs::metadata(&file).unwrap().len();
    assert_eq!(read.load(Ordering::Relaxed), 3 * bytes, "who waits is told of every byte");
    let two = restored("two");
    assert!(one.incarnation > 1 && two.incarnation > 1 && one.incarnation != two.incarnation);
    let (first, second) = (config(&place.join("one")), config(&place.join("two")));
    assert_eq!((first.incarnation, second.incarnation), (one.incarnation, two.incarnation));
    assert_eq!((first.id, &first.cluster), (second.id, &second.cluster), "all the rest is the same");

    // What the log of the one holds is not for a member of the other.
    std::fs::remove_dir_all(place.join("one/raft")).unwrap();
    std::fs::rename(place.join("two/raft"), place.join("one/raft")).unwrap();
    let taken = Controller::start(first, Platform::default()).await.map(drop).unwrap_err();
    assert_eq!(taken.code.0, 5102, "{taken}");
}

#[tokio::test]
async fn a_recovery_that_is_cut_off_goes_on_with_its_number_and_no_other_has_it() {
    let mut world = World::new();
    world.up().await;
    let home = world.home(0);
    let refused = recover(&home, None, &counter().0).unwrap_err();
    assert_eq!((refused.code.0, refused.because), (1283, vec!["it runs".to_owned()]));
    assert!(!home.join("recovering.toml").exists(), "a copy of this disk begins its own");
    world.terminate();
    assert!(world.ended());
    let (before, other) = (home.with_file_name("before"), home.with_file_name("other"));
    copy(&home, &before);
    copy(&home, &other);

    let (told, taken) = counter();
    let done = recover(&home, None, &told).unwrap();
    assert!(taken.load(Ordering::Relaxed) > 0, "who waits is told of every command");
    assert_eq!(config(&home).incarnation, done.incarnation);
    assert_ne!(
        recover(&other, None, &told).unwrap().incarnation,
        done.incarnation,
        "two disks recovered apart"
    );

    // The power failed before the configuration was written.
    let mut intended = config(&before);
    intended.incarnation = done.incarnation;
    intended.save(&home.join("recovering.toml")).unwrap();
    std::fs::copy(before.join("controller.toml"), home.join("controller.toml")).unwrap();
    assert_eq!(recover(&home, None, &told).unwrap().incarnation, done.incarnation);
    assert_eq!(config(&home).incarnation, done.incarnation);
    assert!(!home.join("recovering.toml").exists());
}

/// What stands on the disk of a controller that was ordered to go on alone.
fn order(of: &Config, at: SystemTime) -> String {
    let at = at.duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!(
        "cluster = \"{}\"\nid = {}\nincarnation = {}\nordered = \", as operator/admin ordered\"\nat_ms = {at}\n",
        of.cluster, of.id, of.incarnation
    )
}

/// Waits for a controller that leads, and returns its incarnation.
async fn led(world: &World) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut client = ClusterClient::new(world.channel(0));
        let told = client.status(ClusterStatusRequest {}).await.map(tonic::Response::into_inner);
        if let Ok(status) = told
            && !status.leader.is_empty()
            && status.incarnation == config(&world.home(0)).incarnation
        {
            return status.incarnation;
        }
        assert!(Instant::now() < deadline, "nobody leads");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The order is on the disk and the power fails again and again while it is carried out; and the log lies on another volume, as on a
/// machine of the appliance.
#[tokio::test]
async fn an_order_that_is_cut_off_is_carried_out_and_an_old_one_is_not() {
    let mut world = World::new();
    world.up().await;
    world.kill(0);
    let home = world.home(0);
    let (volume, before) = (home.with_file_name("volume"), home.with_file_name("before"));
    std::fs::create_dir(&volume).unwrap();
    std::fs::rename(home.join("raft"), volume.join("controller")).unwrap();
    copy(&volume, &before);
    std::os::unix::fs::symlink(volume.join("controller"), home.join("raft")).unwrap();
    let old = config(&home);

    // By then the others may be back.
    std::fs::write(home.join("recovery.order"), order(&old, SystemTime::now() - Duration::from_secs(3_600)))
        .unwrap();
    world.start(0);
    assert_eq!(led(&world).await, 1);
    let kept = std::fs::read_to_string(home.join("recovery.order")).unwrap();
    assert!(kept.contains("failed = ") && kept.contains("the others may be back"), "{kept}");
    world.kill(0);

    let mut begun = std::collections::BTreeSet::new();
    for cut in [0, 30, 60, 100, 150, 250, 400] {
        std::fs::remove_dir_all(&volume).unwrap();
        copy(&before, &volume);
        old.save(&home.join("controller.toml")).unwrap();
        std::fs::write(home.join("recovery.order"), order(&old, SystemTime::now())).unwrap();
        for _ in 0..3 {
            world.start(0);
            tokio::time::sleep(Duration::from_millis(cut)).await;
            world.kill(0);
        }
        world.start(0);
        assert!(begun.insert(led(&world).await), "a number was begun twice");
        world.kill(0);
        assert!(!home.join("recovery.order").exists() && !home.join("recovering.toml").exists(), "{cut}");
        assert!(home.join("raft").is_symlink(), "the log stays on its volume");
        assert!(
            volume.join("controller/log").is_dir() && volume.join("controller.before-recovery-1").is_dir()
        );
    }
    assert!(begun.iter().all(|number| *number > 1), "{begun:?}");
}

/// A recovery that was cut off when it had made everything and moved nothing left it behind; it is no obstacle.
#[tokio::test]
async fn what_a_recovery_left_that_moved_nothing_is_made_again() {
    let mut world = World::new();
    world.up().await;
    world.kill(0);
    let home = world.home(0);
    copy(&home.join("raft"), &home.join("raft.recovered"));
    assert!(recover(&home, None, &counter().0).unwrap().incarnation > 1);
    assert!(!home.join("raft.recovered").exists());
}

/// What a controller is sent it proves itself, whatever the command line has proved before: a part of it changes nothing.
#[tokio::test]
async fn a_backup_is_taken_whole_or_not_at_all_by_a_controller_that_is_left() {
    let mut world = World::of(3, "");
    world.up().await;
    let home = world.home(0);
    let (key, file) = (BackupKey::generate().unwrap(), home.with_file_name("cluster.backup"));
    backup(&world, &key, &file).await;
    let mut content = Vec::new();
    SealedReader::new(std::fs::File::open(&file).unwrap(), &key).unwrap().read_to_end(&mut content).unwrap();
    let cluster_id = config(&home).cluster;
    let lost = vec!["controller-2".to_owned(), "controller-3".to_owned()];
    let send = |channel: Channel, cluster_id: &str, content: &[u8]| {
        let ask = RecoverRequest { cluster_id: cluster_id.to_owned(), lost: lost.clone() };
        let first = RestorePiece { ask: Some(ask), data: Vec::new() };
        let rest: Vec<RestorePiece> =
            content.chunks(4_096).map(|data| RestorePiece { ask: None, data: data.to_vec() }).collect();
        let pieces = futures::stream::iter(std::iter::once(first).chain(rest));
        let mut client = RecoveryClient::new(channel);
        async move {
            let answer = client.from_backup(pieces).await;
            answer.map(drop).map_err(|status| problem_from_status(&status).code.0)
        }
    };
    let mut bent = content.clone();
    let middle = bent.len() * 2 / 3;
    bent[middle] ^= 1;
    assert_eq!(send(world.channel(0), "other", &content).await, Err(1301));
    assert_eq!(send(world.channel(0), &cluster_id, &content).await, Err(1300), "the cluster works");
    world.kill(1);
    world.kill(2);
    let deadline = Instant::now() + PATIENCE;
    let alone = RecoverRequest { cluster_id: cluster_id.clone(), lost: lost.clone() };
    while RecoveryClient::new(world.channel(0)).plan(alone.clone()).await.is_err() {
        assert!(Instant::now() < deadline, "it hears nobody");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for (what, part) in [("cut", &content[..content.len() - 9]), ("bent", &bent), ("empty", &[])] {
        assert!(send(world.channel(0), &cluster_id, part).await.is_err(), "{what}");
        assert!(!home.join("recovery.order").exists() && !home.join("raft.backup").exists(), "{what}");
        assert_eq!(config(&home).incarnation, 1, "{what}");
    }
    send(world.channel(0), &cluster_id, &content).await.unwrap();
    while config(&home).incarnation == 1 {
        assert!(Instant::now() < deadline, "it was ordered and does nothing");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(led(&world).await > 1);
}
