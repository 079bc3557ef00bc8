//! A cluster that begins again, twice from one state: the two must never take each other for one.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::Utf8Path;
use holdfast_api::v1::backups_client::BackupsClient;
use holdfast_api::v1::{CreateBackupRequest, SetRecipientsRequest};
use holdfast_controller::{Config, Controller, Platform, RestoreOptions, Restored, Told, recover, restore};
use holdfast_identity::BackupKey;

use crate::world::World;

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
    let mut client = BackupsClient::new(world.channel(0)).max_decoding_message_size(16 << 20);
    let mut pieces = client.create(CreateBackupRequest::default()).await.unwrap().into_inner();
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
