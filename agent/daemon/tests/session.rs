//! The real agent against a controller and peers that do as they are told: joining, keeping copies, asking the law at its
//! own door, and holding its lease while much happens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use holdfast_api::internal::{MountedArtifact, PutBlobChunk, ReplicaAssignment, SyncRequest, TaskAssignment};
use holdfast_api::v1;
use holdfast_types::Time;
use support::peer::{Manner, Peer};
use support::{Rotation, World, exists, keys, law, now};

/// A task of one rank that wants a dataset.
fn task(image: ReplicaAssignment, dataset: ReplicaAssignment) -> TaskAssignment {
    TaskAssignment {
        job: "train".to_owned(),
        job_uid: "job-1".to_owned(),
        fence: 1,
        world: 1,
        local_world: 1,
        owner: "alice".to_owned(),
        image: Some(image),
        datasets: vec![MountedArtifact { mount: "corpus".to_owned(), artifact: Some(dataset) }],
        spec: Some(v1::JobSpec {
            kind: "train".to_owned(),
            tenant: "lab".to_owned(),
            purpose: "research".to_owned(),
            image: "trainer@1".to_owned(),
            groups: vec![v1::TaskGroup {
                min: 0,
                name: "w".to_owned(),
                count: 1,
                resources: None,
                topology: None,
                variants: Vec::new(),
            }],
            ..v1::JobSpec::default()
        }),
        ..TaskAssignment::default()
    }
}

fn phase(heard: &SyncRequest) -> &str {
    heard.tasks.first().map_or("", |t| t.phase.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_once_and_its_directory_has_one_agent() {
    let mut world = World::new(Rotation::Signs).await;
    world.start();
    world.until("it has taken over the law", |w| !w.last().bundle.is_empty()).await;
    let heard = world.last();
    assert_eq!((heard.inventory.unwrap().cpu_millis, world.enrolled()), (1_000, 1));
    assert!(!exists(&world.directory.join("token")), "a spent token must not lie about");
    let key = world.directory.join("node/identity/key.pem").metadata().unwrap();
    assert_eq!(key.mode() & 0o077, 0, "the key is the owner's alone");

    let second = world.command().output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && said.contains("E6204") && said.contains("another agent"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_come_before_the_law_wait_for_it() {
    let mut world = World::new(Rotation::Signs).await;
    world.want(|d| d.bundle = None);
    world.start();
    world.until("it listens and knows no law", |w| w.answered() >= 1).await;
    let data = b"words".to_vec();
    let blob = world.store.put(&data).unwrap().to_string();
    let label = world.dataset("corpus", "DE", "words", &[]).spec.unwrap().label;
    let chunk = PutBlobChunk { blob, kind: "dataset".to_owned(), label, data };
    let mut port = world.data_port();
    let put = tokio::spawn(async move { port.put_blob(tonic::codegen::tokio_stream::iter([chunk])).await });
    let asked = world.answered();
    world.until("it was asked and has answered without a law", |w| w.answered() >= asked + 2).await;
    assert!(!put.is_finished(), "{:?}", put.await);
    world.want(|d| d.bundle = Some(law()));
    assert_eq!(put.await.unwrap().unwrap().into_inner().bytes, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_come_from_whoever_has_good_bytes_and_only_where_the_law_lets_them_lie() {
    let mut world = World::new(Rotation::Signs).await;
    let liar = Peer::new(&world, "de-2", Manner::Liar).await;
    let honest = Peer::new(&world, "de-3", Manner::Honest).await;
    let here = world.dataset("corpus", "DE", "words", &[&liar, &honest]);
    let abroad = world.dataset("mots", "FR", "des mots", &[&honest]);
    let nowhere = world.dataset("lies", "DE", "never true", &[&liar]);
    let last = world.dataset("last", "DE", "comes last", &[&honest]);
    world.want(|d| d.replicas = vec![abroad.clone(), nowhere.clone(), here.clone(), last.clone()]);
    world.start();
    world.until("two copies are whole", |w| w.last().replicas.len() == 2).await;
    let wanted = keys(&[here.clone(), last]);
    assert!(world.last().replicas.iter().all(|key| wanted.contains(key)), "{:?}", world.last().replicas);
    assert!(liar.times(&here.key) > 0, "the first source is asked first");
    assert_eq!(honest.times(&abroad.key), 0, "what may not lie here is not even asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_heard_is_not_said_again_unless_it_was_forgotten() {
    let mut world = World::new(Rotation::Signs).await;
    world.start();
    world.until("it says twice that nothing is new", |w| w.told().1 >= 2).await;
    let (told, renewed) = world.told();
    world.until("it goes on like that", |w| w.told().1 >= renewed + 2).await;
    assert_eq!(world.told().0, told, "nothing was said again");
    world.forget();
    world.until("all is said again", |w| w.told().0 > told).await;
    let (_, renewed) = world.told();
    world.until("and then no more", |w| w.told().1 > renewed).await;
    let silence = world.longest_silence();
    assert!(silence < Duration::from_secs(4), "no answer for {silence:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn much_news_does_not_keep_the_lease_from_being_renewed() {
    let mut world = World::new(Rotation::Signs).await;
    let slow = Peer::new(&world, "de-2", Manner::Slow(Duration::from_millis(100))).await;
    let names: Vec<String> = (0..40).map(|n| format!("part-{n:02}")).collect();
    let replicas: Vec<_> = names.iter().map(|n| world.dataset(n, "DE", n, &[&slow])).collect();
    world.want(|d| d.replicas = replicas);
    world.start();
    world.until("every copy is whole", |w| w.last().replicas.len() == 40).await;
    // Every copy is news, and news cut a held answer short; the lease of 6 s is renewed by answers alone.
    let silence = world.longest_silence();
    assert!(silence < Duration::from_secs(4), "no answer for {silence:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_and_a_renewal_that_is_not_answered_stops_nothing() {
    let old = Time(now().0 - 50 * 60_000);
    for rotation in [Rotation::Signs, Rotation::NeverAnswers] {
        let mut world = World::new(rotation).await;
        world.joined_at(old);
        let chain = world.directory.join("node/identity/chain.pem");
        let first = std::fs::read_to_string(&chain).unwrap();
        world.start();
        world.until("a new certificate is asked for", |w| w.rotations() > 0).await;
        let before = world.answered();
        world.until("the session goes on", |w| w.answered() >= before + 3).await;
        let silence = world.longest_silence();
        assert!(silence < Duration::from_secs(4), "no answer for {silence:?}");
        let renewed = std::fs::read_to_string(&chain).unwrap() != first;
        assert_eq!((renewed, world.enrolled()), (rotation == Rotation::Signs, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_at_the_door_is_recorded_once_however_often_the_start_is_tried() {
    let mut world = World::new(Rotation::Signs).await;
    let empty = Peer::new(&world, "de-2", Manner::Empty).await;
    let (image, corpus) =
        (world.dataset("image", "DE", "image", &[&empty]), world.dataset("corpus", "DE", "words", &[&empty]));
    world.want(|d| d.tasks = vec![task(image.clone(), corpus)]);
    world.start();
    world
        .until("the image was asked for three times", |w| {
            // Every sync is a moment to look.
            empty.times(&image.key) >= 3 && !w.last().decisions.is_empty()
        })
        .await;
    let syncs = world.answered();
    world.until("another sync has come", |w| w.answered() > syncs).await;
    let heard = world.last();
    let told: Vec<_> = heard.decisions.iter().map(|d| (d.object.as_str(), d.verdict.as_str())).collect();
    assert_eq!(told, [("dataset/image@1", "allow"), ("dataset/corpus@1", "allow")]);
    assert_eq!(phase(&heard), "Fetching");

    world.want(|d| d.tasks.clear());
    world.until("it says that it will not start it", |w| phase(&w.last()) == "Stopped").await;
    world.until("what the controller has heard is not told again", |w| w.last().tasks.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_law_refuses_is_not_fetched_and_fails_with_its_rule() {
    let mut world = World::new(Rotation::Signs).await;
    let honest = Peer::new(&world, "de-2", Manner::Honest).await;
    let (image, abroad) = (
        world.dataset("image", "DE", "image", &[&honest]),
        world.dataset("mots", "FR", "des mots", &[&honest]),
    );
    world.want(|d| d.tasks = vec![task(image.clone(), abroad.clone())]);
    world.start();
    world.until("it refuses", |w| phase(&w.last()) == "Failed").await;
    let heard = world.last();
    let reason = &heard.tasks.first().unwrap().reason;
    assert!(reason.contains("dataset/mots@1") && reason.contains("c1-residency-use"), "{reason}");
    assert!(heard.decisions.iter().any(|d| d.object == abroad.key && d.verdict == "deny"));
    assert_eq!((honest.times(&image.key), honest.times(&abroad.key)), (0, 0), "nothing is fetched before");
}
