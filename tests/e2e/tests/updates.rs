//! Releases and rollouts, with nodes whose slots are files: what is wrong is refused before a slot is touched, a release comes
//! to one node after another, and the first that does not get healthy stops it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_e2e::cli::Cli;
use holdfast_e2e::controllers::program;
use holdfast_image::{Release, RootRule, init_release_keys};
use holdfast_release::{Digest, ExtensionSum, FileSum, Manifest, Profile, Verity};
use holdfast_types::Time;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(400);
const NODES: [&str; 3] = ["node-01", "node-02", "node-03"];

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Time(u64::try_from(since.as_millis()).unwrap())
}

/// A cluster of one controller and three nodes that ends with the test.
struct World {
    dir: tempfile::TempDir,
    cli: Cli,
    up: Option<Child>,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut up) = self.up.take() {
            let _ = kill_process(Pid::from_child(&up), Signal::TERM);
            let _ = up.wait();
        }
    }
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let context = Utf8Path::from_path(dir.path()).unwrap().join("up/context.toml");
        let mut world = Self { dir, cli: Cli::new(context), up: None };
        let log = File::create(world.path("up.log")).unwrap();
        let place = world.path("up");
        let args =
            ["up", "--listen", "127.0.0.1:0", "--lease", "4s", "--controllers", "1", "--nodes", "3", "--dir"];
        let child = Command::new(program("holdfast").unwrap())
            .args(args)
            .arg(&place)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        world.up = Some(child.unwrap());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = fs::read_to_string(world.path("up.log")).unwrap();
            assert!(!told.contains("error[") && Instant::now() < deadline, "{told}");
            if told.contains("the cluster runs") {
                return world;
            }
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join(name)
    }

    /// What each node runs, whether it takes work, and what is in its other slot.
    fn nodes(&self) -> Vec<(String, bool, String)> {
        let node = |name: &&str| {
            let node = self.cli.json(&["node", "show", name]);
            let system = &node["status"]["system"];
            let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
            (text(&system["version"]), node["spec"]["cordoned"] == false, text(&system["other"]))
        };
        NODES.iter().map(node).collect()
    }

    fn versions(&self) -> Vec<String> {
        self.nodes().into_iter().map(|(version, ..)| version).collect()
    }

    /// Waits until every node says what it runs from.
    fn settled(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.versions().iter().any(String::is_empty) {
            assert!(Instant::now() < deadline, "no node tells of its slots");
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// What init says of a node that left the slot with `lost` and runs `now` from the other one.
    fn rots(&self, node: &str, lost: &str, now: &str) {
        let place = self.path(&format!("up/{node}/slots/boot.json"));
        let mut said: Value = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
        assert_eq!(said["version"], lost);
        let slot = if said["slot"] == "A" { "B" } else { "A" };
        said["version"] = now.into();
        said["slot"] = slot.into();
        said["boot"] = "1000".into();
        said["fallback"] = format!("release {lost}, attempt 3 of 3: it did not come to say why").into();
        fs::write(&place, said.to_string()).unwrap();
    }

    /// Releases that a node does not get healthy with.
    fn sick(&self, node: &str, versions: &str) {
        fs::write(self.path(&format!("up/{node}/slots/sick")), versions).unwrap();
    }
}

/// Whoever makes releases.
struct Maker {
    dir: Utf8PathBuf,
    /// The oldest release that what it makes takes over from.
    from: Option<String>,
}

impl Maker {
    fn new(dir: Utf8PathBuf) -> Self {
        init_release_keys(&dir.join("keys"), RootRule { keys: 2, threshold: 2 }, now()).unwrap();
        Self { dir, from: None }
    }

    fn root(&self) -> String {
        self.dir.join("keys/1.root.json").into_string()
    }

    /// A bundle of a version; `kernel` is what its extension is for.
    fn bundle(&self, version: &str, number: u64, valid_ms: i64, kernel: &str) -> String {
        let payload = self.dir.join(format!("payload-{number}"));
        fs::create_dir_all(&payload).unwrap();
        let content = |name: &str, length: usize| {
            let seed = Digest::of(format!("{name} {version}").as_bytes()).0;
            (0..length).map(|at| seed[at % 32]).collect::<Vec<u8>>()
        };
        let mut files = BTreeMap::new();
        for (name, length) in [
            ("root.erofs", 64 * 4096),
            ("root.verity", 4096),
            ("holdfast.efi", 70_000),
            ("loader.efi", 900),
            ("gpu.ext", 2 * 4096),
        ] {
            let bytes = content(name, length);
            fs::write(payload.join(name), &bytes).unwrap();
            files.insert(name.to_owned(), FileSum::of(&bytes));
        }
        let extension = ExtensionSum {
            name: "gpu".to_owned(),
            version: "535".to_owned(),
            kernel: kernel.to_owned(),
            file: "gpu.ext".to_owned(),
        };
        let manifest = Manifest {
            version: version.to_owned(),
            profile: Profile::Small,
            epoch: 0,
            kernel: "6.1.0-56".to_owned(),
            files,
            verity: Verity { root_hash: Digest([1; 32]), salt: Digest([2; 32]), data_blocks: 64 },
            pcr11: Digest([3; 32]),
            from: self.from.clone(),
            extensions: vec![extension],
        };
        fs::write(payload.join("manifest.json"), manifest.encode().unwrap()).unwrap();
        let out = self.dir.join(format!("{version}-{number}.bundle"));
        let release = Release {
            payload: &payload,
            keys: &self.dir.join("keys"),
            signer: None,
            number,
            expires: Time(now().0.saturating_add_signed(valid_ms)),
        };
        release.write(&out).unwrap();
        out.into_string()
    }

    fn good(&self, version: &str, number: u64) -> String {
        self.bundle(version, number, 3_600_000, "6.1.0-56")
    }

    /// One that reads nothing older than what `from` wrote.
    fn taking_over(mut self, version: &str, number: u64, from: &str) -> String {
        self.from = Some(from.to_owned());
        self.good(version, number)
    }
}

#[test]
fn releases_are_proved_before_anything_is_touched_and_come_to_one_node_after_another() {
    let world = World::new();
    let (ours, theirs) = (Maker::new(world.path("ours")), Maker::new(world.path("theirs")));
    world.settled();
    let before = world.nodes();
    let first = ours.good("0.2.0", 5);
    world.cli.refused(&["release", "import", &first], "E1290");
    world.cli.done(&["release", "trust", &ours.root()]);
    world.cli.refused(&["release", "trust", &theirs.root()], "E1291");

    // Whatever is wrong with a bundle, no slot is touched.
    let bytes = fs::read(&first).unwrap();
    let cut = world.path("cut.bundle");
    fs::write(&cut, &bytes[..bytes.len() - 3_000]).unwrap();
    world.cli.refused(&["release", "import", cut.as_str()], "E8101");
    let damaged = world.path("damaged.bundle");
    let mut wrong = bytes.clone();
    let at = wrong.len() - 40_000;
    wrong[at] ^= 1;
    fs::write(&damaged, wrong).unwrap();
    world.cli.refused(&["release", "import", damaged.as_str()], "E8107");
    world.cli.refused(&["release", "import", &theirs.good("0.2.0", 9)], "E8103");
    world.cli.refused(&["release", "import", &ours.bundle("0.2.0", 6, 3_600_000, "6.1.0-57")], "E8108");
    let expired = ours.bundle("0.2.9", 7, -3_600_000, "6.1.0-56");
    world.cli.refused(&["release", "import", &expired], "E8104");
    assert_eq!(world.cli.done(&["release", "list", "-o", "name"]), "");

    assert!(world.cli.done(&["release", "import", &first]).contains("release 0.2.0 imported"));
    world.cli.done(&["release", "import", &first]);
    world.cli.refused(&["release", "import", &ours.good("0.1.9", 4)], "E8105");
    assert_eq!(
        (world.nodes(), world.cli.done(&["release", "list", "-o", "name"])),
        (before, "0.2.0\n".to_owned())
    );
    world.cli.refused(&["release", "rollout", "start", "0.7.0"], "E1101");

    let done = world.cli.done(&["release", "rollout", "start", "0.2.0", "--wait", "--timeout", "6m"]);
    assert!(done.contains("rollout-1 of release 0.2.0: Done"), "{done}");
    let all = |version: &str, other: &str| vec![(version.to_owned(), true, other.to_owned()); 3];
    assert_eq!(world.nodes(), all("0.2.0", "0.1.0"));

    // One node does not get healthy with the next one: it falls back by itself, and the rollout stops there.
    world.cli.done(&["release", "import", &ours.good("0.3.0", 8)]);
    world.sick("node-02", "0.3.0\n");
    let said =
        world.cli.refused(&["release", "rollout", "start", "0.3.0", "--wait", "--timeout", "6m"], "E7132");
    assert!(said.contains("node `node-02` failed") && said.contains("attempt 3 of 3"), "{said}");
    assert_eq!(world.versions(), ["0.3.0", "0.2.0", "0.2.0"]);
    world.cli.refused(&["release", "rollout", "start", "0.3.0"], "E1161");
    let status = world.cli.json(&["release", "rollout", "status"]);
    let steps: Vec<&str> = status["status"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["phase"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["Done", "Failed", "Pending"]);
    // Mended, it goes on where it was.
    world.sick("node-02", "");
    world.cli.done(&["release", "rollout", "resume", "--wait", "--timeout", "6m"]);
    assert_eq!(world.nodes(), all("0.3.0", "0.2.0"));

    // And one that is given up goes back, and takes work again.
    world.cli.done(&["release", "import", &ours.good("0.4.0", 9)]);
    world.sick("node-01", "0.4.0\n");
    world.cli.refused(&["release", "rollout", "start", "0.4.0", "--wait", "--timeout", "6m"], "E7132");
    let aborted = world.cli.done(&["release", "rollout", "abort", "--yes", "--wait", "--timeout", "6m"]);
    assert!(aborted.contains("Aborted"), "{aborted}");
    assert_eq!(world.versions(), ["0.3.0"; 3]);
    assert!(world.nodes().iter().all(|(_, works, _)| *works), "{:?}", world.nodes());

    // A rollout that is over is left again, by those alone whose other slot still has what they had before it.
    let status = world.cli.json(&["release", "rollout", "status", "rollout-2"]);
    assert_eq!(status["status"]["phase"], "Done");
    let told = world.cli.refused(&["release", "rollout", "abort", "rollout-2", "--all", "--yes"], "E1161");
    assert!(told.contains("node-01") && told.contains("it had 0.2.0 before"), "{told}");
    world.sick("node-01", "");
    world.cli.done(&["release", "rollout", "start", "0.4.0", "--wait", "--timeout", "6m"]);
    assert_eq!(world.nodes(), all("0.4.0", "0.3.0"));
    let last = world.cli.done(&["release", "rollout", "status", "-o", "name"]);
    let abort = ["release", "rollout", "abort", last.trim(), "--all", "--yes", "--wait", "--timeout", "6m"];
    assert!(world.cli.done(&abort).contains("Aborted"));
    assert_eq!(world.versions(), ["0.3.0"; 3]);
    assert!(world.nodes().iter().all(|(_, works, _)| *works), "{:?}", world.nodes());
    // And one that reads nothing as old as what they run is not begun.
    world.cli.done(&["release", "import", &ours.taking_over("0.9.0", 10, "0.7.0")]);
    let told = world.cli.refused(&["release", "rollout", "start", "0.9.0"], "E1161");
    assert!(told.contains("takes over from 0.7.0 and later; what runs is 0.3.0"), "{told}");

    // A slot that rots is written again by the leader: the node says that it gave up what it was healthy with.
    world.cli.done(&["release", "rollout", "start", "0.4.0", "--wait", "--timeout", "6m"]);
    world.rots("node-02", "0.4.0", "0.3.0");
    // What its node says of itself comes with its next word: until then it looks as if nothing had happened.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let newest = world.cli.json(&["release", "rollout", "status"]);
        if newest["spec"]["nodes"] == serde_json::json!(["node-02"]) && newest["status"]["phase"] == "Done" {
            break;
        }
        assert!(Instant::now() < deadline, "{newest}, {:?}", world.nodes());
        std::thread::park_timeout(Duration::from_millis(200));
    }
    assert_eq!(world.versions(), ["0.4.0"; 3]);

    let audit = world.cli.done(&["audit", "list", "-o", "json"]);
    for act in [
        "trust-releases",
        "import-release",
        "start-rollout",
        "rollout-failed",
        "abort-rollout",
        "rollout-returned",
    ] {
        assert!(audit.contains(act), "the audit log lacks {act}");
    }
}
