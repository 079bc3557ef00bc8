//! The commands against a real controller: what people type, and what comes of it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod world;

use serde_json::Value;
use world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_comes_in_hashed_under_its_label_and_is_verified_where_it_is() {
    let world = World::new();
    let node = world.join("node-1").await;
    let source = world.path("texts");
    std::fs::create_dir_all(source.join("deep")).unwrap();
    std::fs::write(source.join("deep/a.txt"), "a".repeat(3 << 20)).unwrap();
    std::fs::write(source.join("b.txt"), "b").unwrap();
    std::fs::write(source.join("empty"), "").unwrap();
    let import = |residency: &'static str, rest: &'static [&'static str]| {
        let head = ["dataset", "import", "corpus", source.as_str(), "--residency", residency];
        let tail = ["--purpose", "research", "--tenant", "lab"];
        [&head[..], &tail, rest].concat()
    };

    let (_, refused) = world.ends(4, &import("US", &[])).await;
    assert!(refused.contains("residency-import") && refused.contains("holdfast policy show"), "{refused}");
    let (dry, _) = world.ends(0, &import("DE", &["--dry-run"])).await;
    assert_eq!(dry, "dataset/corpus@1: 3 files, 3 MiB would go to node `node-1` in DE\n");
    let (done, _) = world.ends(0, &import("DE", &[])).await;
    assert_eq!(done, "dataset/corpus@1 imported\n");
    assert!(world.ends(6, &import("DE", &[])).await.1.contains("error[E7026]"));
    let (done, _) = world.ends(0, &import("DE", &["--new-version", "-o", "name"])).await;
    assert_eq!(done, "dataset/corpus@2\n");
    let (list, _) = world.ends(0, &["dataset", "list", "corpus", "-o", "json"]).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["items"][1]["spec"]["label"]["residency"][0], "DE");

    // The constitution wants two approvals and a hardware key for every export, and this person has neither.
    let away = world.path("away");
    let (_, refused) = world.ends(4, &["dataset", "export", "corpus@1", away.as_str(), "--to", "DE"]).await;
    assert!(refused.contains("four-eyes"), "{refused}");
    world.ends(3, &["dataset", "export", "nothing", away.as_str(), "--to", "DE"]).await;

    let (good, _) = world.ends(0, &["dataset", "verify", "corpus@1"]).await;
    assert_eq!(good, "dataset/corpus@1 on node-1: good: 3 MiB in 3 files, read and hashed there\n");
    node.lie();
    let (bad, why) = world.ends(1, &["dataset", "verify", "corpus@1"]).await;
    assert!(bad.contains("NOT VERIFIED") && why.contains("error[E7064]"), "{bad}{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_submitted_explained_cancelled_and_forgotten() {
    let world = World::new();
    let _node = world.join("node-1").await;
    let archive = world.path("true.tar");
    world.ends(0, &["image", "pack", "--binary", "/bin/true", "--out", archive.as_str()]).await;
    let label = ["--residency", "DE", "--purpose", "research", "--tenant", "lab"];
    world.ends(0, &[&["image", "import", "nop", archive.as_str()][..], &label].concat()).await;
    let (image, _) = world.ends(0, &["image", "show", "nop"]).await;
    assert!(image.contains("sha256:"), "{image}");

    let file = world.path("job.yaml");
    let manifest = "\
apiVersion: holdfast/v1
kind: Job
metadata: {name: big}
spec:
  kind: batch
  tenant: lab
  purpose: research
  image: nop
  groups: [{name: main, count: 1, resources: {devices: {class: nvidia, count: 8}}}]
";
    std::fs::write(&file, manifest).unwrap();
    let file = file.as_str();
    world.ends(0, &["job", "submit", "-f", file, "--dry-run"]).await;
    world.ends(3, &["job", "show", "big"]).await;
    world.ends(1, &["diff", "-f", file]).await;
    world.ends(0, &["job", "submit", "-f", file]).await;
    world.ends(6, &["job", "submit", "-f", file]).await;
    world.ends(0, &["diff", "-f", file]).await;
    let (same, _) = world.ends(0, &["apply", "-f", file]).await;
    assert_eq!(same, "job/big unchanged\n");

    let (_, late) = world.ends(5, &["job", "wait", "big", "--timeout", "2s"]).await;
    assert!(late.contains("error[E7040]"), "{late}");
    let (why, _) = world.ends(0, &["job", "explain", "big"]).await;
    assert!(why.contains("8 nvidia devices"), "{why}");
    let (cancelled, _) = world.ends(0, &["job", "cancel", "big", "--wait", "--timeout", "20s"]).await;
    assert!(cancelled.starts_with("job `big`: Cancelled"), "{cancelled}");
    world.ends(1, &["job", "wait", "big"]).await;
    world.ends(0, &["job", "delete", "big", "--yes"]).await;
    let (list, _) = world.ends(0, &["job", "list", "-o", "name"]).await;
    assert_eq!(list, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_is_seen_changed_and_audited() {
    let world = World::new();
    let (status, _) = world.ends(0, &["cluster", "status"]).await;
    assert!(status.contains("controller-1") && status.contains("leader"), "{status}");
    let queue = world.path("queue.toml");
    std::fs::write(
        &queue,
        "apiVersion = 'holdfast/v1'\nkind = 'Queue'\nmetadata.name = 'gold'\nspec.priority = 7\n",
    )
    .unwrap();
    let queue = queue.as_str();
    let (diff, _) = world.ends(1, &["diff", "-f", queue]).await;
    assert!(diff.contains("+priority: 7"), "{diff}");
    assert_eq!(world.ends(0, &["apply", "-f", queue]).await.0, "queue/gold applied\n");
    assert_eq!(world.ends(0, &["apply", "-f", queue]).await.0, "queue/gold unchanged\n");
    let (shown, _) = world.ends(0, &["queue", "show", "gold", "-o", "yaml"]).await;
    assert!(shown.contains("priority: 7"), "{shown}");

    let (bundle, _) = world.ends(0, &["policy", "show"]).await;
    assert!(bundle.contains("# constitution"), "{bundle}");
    let (list, _) = world.ends(0, &["audit", "list"]).await;
    assert!(list.starts_with("INDEX  AT"), "{list}");
    let evidence = world.path("audit");
    world.ends(0, &["audit", "export", evidence.as_str()]).await;
    world.ends(0, &["audit", "verify", evidence.as_str()]).await;
    let (head, _) = world.ends(0, &["audit", "head"]).await;
    assert!(head.lines().count() > 3, "{head}");
    let entries = evidence.join("tile/entries/000.p");
    let entry = entries.read_dir_utf8().unwrap().next().unwrap().unwrap().into_path();
    let mut bytes = std::fs::read(&entry).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&entry, bytes).unwrap();
    world.ends(1, &["audit", "verify", evidence.as_str()]).await;

    assert_eq!(world.ends(0, &["delete", "-f", queue, "--yes"]).await.0, "queue/gold deleted\n");
    let (_, gone) = world.ends(0, &["delete", "-f", queue, "--yes"]).await;
    assert!(gone.contains("is not there"), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_how_far_it_came_and_what_to_do() {
    let world = World::new();
    let _node = world.join("node-1").await;
    let (well, _) = world.ends(0, &["doctor"]).await;
    for line in
        ["ok    context", "ok    endpoint", "ok    rest", "warn  quorum", "ok    leader", "ok    audit"]
    {
        assert!(well.contains(line), "{line}\n{well}");
    }
    let (json, _) = world.ends(0, &["doctor", "-o", "json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["healthy"], true);
    let (status, _) = world.ends(0, &["cluster", "status", "-o", "json"]).await;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["answeredBy"]["name"], "controller-1");
    assert_eq!(status["members"][0]["role"], "voter");

    // A context of a cluster whose controllers are not where it says.
    let text = std::fs::read_to_string(world.path("context.toml")).unwrap();
    let elsewhere = world.path("elsewhere.toml");
    write_private(&elsewhere, &text.replace(&world.address(), "127.0.0.1:1"));
    let elsewhere = elsewhere.as_str();
    let (ill, _) = world.ends(1, &["--context", elsewhere, "doctor"]).await;
    assert!(ill.contains("fail  endpoint  127.0.0.1:1: no TCP connection"), "{ill}");
    assert!(ill.contains("fail  cluster   no controller answers"), "{ill}");
    let (_, why) = world.ends(5, &["--context", elsewhere, "cluster", "status", "--timeout", "1s"]).await;
    assert!(why.contains("error[E7110]") && why.contains("127.0.0.1:1: "), "{why}");

    // A key that others can read.
    let open = world.path("open.toml");
    std::fs::write(&open, &text).unwrap();
    let (ill, _) = world.ends(1, &["--context", open.as_str(), "doctor"]).await;
    assert!(ill.starts_with("fail  context") && ill.contains("open.toml"), "{ill}");
}

fn write_private(path: &camino::Utf8Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
