//! Controllers come and go, and the cluster begins again from a backup or from what one disk still has.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_e2e::cli::Cli;
use holdfast_e2e::controllers::program;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn wait<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

/// A process that ends with the test.
struct Process(Child);

impl Process {
    fn start(world: &World, name: &str, args: &[&str]) -> Self {
        let log = File::options().create(true).append(true).open(world.path(name)).unwrap();
        let child = Command::new(program("holdfast").unwrap())
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    fn end(&mut self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.0), signal);
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(Signal::KILL);
    }
}

/// A directory with a cluster that `holdfast up` made.
struct World {
    dir: tempfile::TempDir,
    cli: Cli,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let context = Utf8Path::from_path(dir.path()).unwrap().join("up/context.toml");
        Self { dir, cli: Cli::new(context) }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join(name)
    }

    fn up(&self, controllers: u32) -> Process {
        let up = Process::start(
            self,
            "up.log",
            &[
                "up",
                "--listen",
                "127.0.0.1:0",
                "--lease",
                "4s",
                "--dir",
                self.path("up").as_str(),
                "--controllers",
                &controllers.to_string(),
                "--nodes",
                "1",
            ],
        );
        wait("the cluster comes up", || {
            let told = std::fs::read_to_string(self.path("up.log")).unwrap();
            assert!(!told.contains("error["), "{told}");
            told.contains("the cluster runs").then_some(())
        });
        up
    }

    fn node_is(&self, phase: &str) {
        wait(&format!("the node is {phase}"), || {
            let output = self.cli.run(&["-o", "json", "node", "show", "node-01"]);
            let node: Value = serde_json::from_slice(&output.stdout).ok()?;
            (node["status"]["phase"] == phase).then_some(())
        });
    }

    fn names(&self) -> Vec<String> {
        let list = self.cli.json(&["controller", "list"]);
        list["items"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect()
    }

    fn leader(&self) -> String {
        let list = self.cli.json(&["controller", "list"]);
        let leader = list["items"].as_array().unwrap().iter().find(|c| c["leader"] == true).cloned();
        leader.unwrap()["name"].as_str().unwrap().to_owned()
    }

    /// Ends a process of `up` with SIGKILL, and keeps it from being started again.
    fn kill(&self, name: &str) {
        std::fs::create_dir_all(self.path("up/hold")).unwrap();
        File::create(self.path("up/hold").join(name)).unwrap();
        let text = std::fs::read_to_string(self.path("up/run").join(format!("{name}.pid"))).unwrap();
        let pid = text.split_whitespace().next().unwrap().parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }
}

/// An address where nobody listens.
fn address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_dead_controller_is_replaced_and_one_comes_and_goes() {
    let world = World::new();
    let _up = world.up(3);
    let first = world.leader();
    let other = ["controller-1", "controller-2", "controller-3"].into_iter().find(|name| *name != first);
    let other = other.unwrap();
    assert_eq!(world.cli.done(&["controller", "transfer", other]), format!("{other} leads\n"));
    assert_eq!(world.leader(), other);
    world
        .cli
        .refused(&["controller", "add", "c", "--address", "127.0.0.1:1", "--out", "x", "--witness"], "E7114");
    world.cli.refused(&["controller", "remove", "nobody", "--yes"], "E1270");
    let taken = world.cli.json(&["controller", "list"])["items"][0]["address"].as_str().unwrap().to_owned();
    world.cli.refused(&["controller", "add", "c", "--address", &taken, "--out", "x"], "E1272");

    // The leader dies for good: one command here, one on the new machine.
    world.kill(other);
    let (four, directory) = (address(), world.path("controller-4"));
    let file = world.path("controller-4.admission");
    let args = ["controller", "replace", other, "--with", "controller-4", "--address", &four];
    let said = world.cli.done(&[&args[..], &["--out", file.as_str()]].concat());
    assert!(said.contains("as number 4"), "{said}");
    world.cli.done(&["controller", "join", file.as_str(), "--directory", directory.as_str()]);
    assert!(!file.exists(), "a spent admission does not lie about");
    world
        .cli
        .refused(&["controller", "add", "c", "--address", &four, "--directory", directory.as_str()], "E1276");
    let mut fourth =
        Process::start(&world, "controller-4.log", &["controller", "run", "--directory", directory.as_str()]);
    world.cli.done(&["controller", "list", "--wait", "--timeout", "90s"]);
    let names = world.names();
    assert!(
        names.len() == 3 && names.contains(&"controller-4".to_owned()) && !names.contains(&other.to_owned())
    );

    // It comes back and disturbs nobody.
    let revision = |world: &World| world.cli.json(&["cluster", "status"])["term"].clone();
    let term = revision(&world);
    std::fs::remove_file(world.path("up/hold").join(other)).unwrap();
    wait("the old one runs", || {
        let log = std::fs::read_to_string(world.path("up/logs").join(format!("{other}.log"))).unwrap();
        (log.matches("controller runs").count() > 1).then_some(())
    });
    world.cli.done(&["queue", "list"]);
    std::thread::park_timeout(Duration::from_secs(3));
    assert_eq!(revision(&world), term, "no election came of it");

    // The agent follows the controllers where its configuration does not name them.
    world.cli.done(&["controller", "list", "--save-context"]);
    let told = world.path("up/node-01/controllers.toml");
    wait("the agent is told", || std::fs::read_to_string(&told).ok().filter(|text| text.contains(&four)));
    world.node_is("Ready");

    // An even number is advised against; what would lose the quorum is refused with the reason.
    let output = world.cli.run(&["controller", "remove", "controller-4", "--reason", "a test", "--yes"]);
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stderr).contains("advice: 2 controllers")
    );
    fourth.end(Signal::TERM);
    let last = world.names();
    assert_eq!(last.len(), 2);
    let follower = last.iter().find(|name| **name != world.leader()).unwrap().clone();
    world.kill(&follower);
    let refused = world.cli.run(&["controller", "remove", &world.leader_of(&last, &follower), "--yes"]);
    assert!(!refused.status.success());
}

impl World {
    fn leader_of(&self, names: &[String], other: &str) -> String {
        names.iter().find(|name| *name != other).unwrap().clone()
    }
}

/// The incarnation that a command says it begins.
fn begun(said: &str) -> String {
    let number = said.split("begins incarnation ").nth(1).and_then(|rest| rest.split_whitespace().next());
    number.unwrap_or_else(|| panic!("{said}")).to_owned()
}

/// Makes a key and a backup.
fn backup_of(world: &World) -> (Utf8PathBuf, Utf8PathBuf) {
    let (key, file) = (world.path("backup.key"), world.path("cluster.backup"));
    world.cli.refused(&["cluster", "backup", file.as_str()], "E1277");
    let print = world.cli.done(&["cluster", "backup-key", "--out", key.as_str()]);
    assert_eq!(world.cli.done(&["cluster", "backup-key", "--list"]), print);
    world.cli.done(&["cluster", "backup", file.as_str()]);
    world.cli.refused(&["cluster", "backup", file.as_str()], "E7116");
    (key, file)
}

#[test]
fn a_cluster_that_is_gone_begins_again_from_its_backup_and_the_old_one_disturbs_nobody() {
    let world = World::new();
    let mut up = world.up(1);
    world.node_is("Ready");
    let (key, file) = backup_of(&world);
    let outside = world.cli.done(&["cluster", "backup", "verify", file.as_str()]);
    assert!(outside.contains("whole and unchanged"), "{outside}");
    let proved = world.cli.json(&["cluster", "backup", "verify", file.as_str(), "--key", key.as_str()]);
    assert_eq!(proved["content"]["nodes"], 1, "{proved}");
    let revision: u64 = proved["content"]["revision"].as_str().unwrap().parse().unwrap();
    let stranger = world.path("stranger.key");
    world.cli.done(&["cluster", "backup-key", "--out", stranger.as_str(), "--offline"]);
    world.cli.refused(&["cluster", "backup", "verify", file.as_str(), "--key", stranger.as_str()], "E1286");
    let bent = world.path("bent");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&bent, bytes).unwrap();
    world.cli.refused(&["cluster", "backup", "verify", bent.as_str()], "E1279");

    // Everything ends; one controller comes of the backup, elsewhere.
    up.end(Signal::INT);
    let old = world.cli.json(&["cluster", "backup", "verify", file.as_str(), "--key", key.as_str()]);
    let cluster = old["content"]["clusterId"].as_str().unwrap().to_owned();
    let (place, directory) = (address(), world.path("restored"));
    let mut args = vec!["cluster", "restore", file.as_str(), "--key", key.as_str(), "--name", "controller-9"];
    args.extend(["--address", &place, "--directory", directory.as_str()]);
    world.cli.refused(&[&args[..], &["--cluster", "other"]].concat(), "E1278");
    world.cli.refused(&[&args[..], &["--incarnation", "1"]].concat(), "E1282");
    assert!(!directory.exists(), "a refusal leaves nothing behind");
    let said = world.cli.done(&args);
    let number = begun(&said);
    assert!(said.contains(&format!("cluster {cluster} begins")) && number != "1", "{said}");
    // Once more, elsewhere: another incarnation, which is a stranger to this one.
    let twin = world.path("twin");
    let again = [&args[..args.len() - 1], &[twin.as_str()]].concat();
    assert_ne!(begun(&world.cli.done(&again)), number);
    world.cli.refused(&args, "E1276");
    let _controller =
        Process::start(&world, "restored.log", &["controller", "run", "--directory", directory.as_str()]);
    let status = wait("the restored cluster answers", || {
        let output = world.cli.run(&["-o", "json", "cluster", "status"]);
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        (status["incarnation"] == number.as_str()).then_some(status)
    });
    let now: u64 = status["revision"].as_str().unwrap().parse().unwrap();
    assert!(now >= revision + (1 << 32), "no revision is given out twice: {now}");

    // The agent goes on under the new incarnation, under its old certificate.
    let config = world.path("up/node-01/agent.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let line = text.lines().find(|line| line.starts_with("controllers")).unwrap().to_owned();
    let both = line.replace(']', &format!(", \"{place}\"]"));
    std::fs::write(&config, text.replace(&line, &both)).unwrap();
    let _agent = Process::start(&world, "agent.log", &["__agent", "--config", config.as_str()]);
    world.node_is("Ready");
    let kept = wait("the agent keeps the incarnation", || {
        std::fs::read_to_string(world.path("up/node-01/controllers.toml"))
            .ok()
            .filter(|t| t.contains(&format!("incarnation = {number}")))
    });
    assert!(kept.contains(&place));

    // The controller of the time before comes back: nobody follows it.
    let before = Process::start(
        &world,
        "before.log",
        &["__controller", "--config", world.path("up/controller-1/controller.toml").as_str()],
    );
    wait("the old one runs", || {
        let log = std::fs::read_to_string(world.path("before.log")).unwrap();
        log.contains("controller runs").then_some(())
    });
    std::thread::park_timeout(Duration::from_secs(6));
    world.node_is("Ready");
    assert_eq!(world.names(), ["controller-9"]);
    drop(before);

    // And the restored cluster grows like any other.
    let (second, next) = (address(), world.path("second"));
    world.cli.done(&[
        "controller",
        "add",
        "controller-10",
        "--address",
        &second,
        "--directory",
        next.as_str(),
    ]);
    let _second = Process::start(&world, "second.log", &["controller", "run", "--directory", next.as_str()]);
    world.cli.done(&["controller", "list", "--wait", "--timeout", "90s"]);
    assert_eq!(world.names().len(), 2);
}

#[test]
fn one_controller_goes_on_when_the_majority_is_lost() {
    let world = World::new();
    let mut up = world.up(3);
    world.node_is("Ready");
    let survivor = world.leader();
    let list = world.cli.json(&["controller", "list"]);
    let all = list["items"].as_array().unwrap();
    let place = all.iter().find(|one| one["name"] == survivor.as_str()).unwrap()["address"].as_str().unwrap();
    let place = place.to_owned();
    let directory = world.path("up").join(&survivor);
    let args = ["cluster", "recover", "--force-single", "--directory", directory.as_str()];
    world.cli.refused(&args, "E1283");
    up.end(Signal::INT);
    let said = world.cli.done(&args);
    let number = begun(&said);
    assert_ne!(number, "1");
    let _one = Process::start(&world, "one.log", &["controller", "run", "--directory", directory.as_str()]);
    wait("it leads alone", || {
        let output = world.cli.run(&["-o", "json", "controller", "list"]);
        let list: Value = serde_json::from_slice(&output.stdout).ok()?;
        let items = list["items"].as_array()?;
        (items.len() == 1 && items.first()?["leader"] == true).then_some(())
    });
    let config = world.path("up/node-01/agent.toml");
    let _agent = Process::start(&world, "agent.log", &["__agent", "--config", config.as_str()]);
    world.node_is("Ready");

    // The others come back as a majority of the time before: the agent stays.
    let mut others = Vec::new();
    for name in ["controller-1", "controller-2", "controller-3"].into_iter().filter(|name| **name != survivor)
    {
        let config = world.path("up").join(name).join("controller.toml");
        others.push(Process::start(
            &world,
            &format!("{name}.log"),
            &["__controller", "--config", config.as_str()],
        ));
    }
    std::thread::park_timeout(Duration::from_secs(8));
    world.node_is("Ready");
    let text = std::fs::read_to_string(world.path("up/node-01/controllers.toml")).unwrap();
    assert!(text.contains(&format!("incarnation = {number}")) && text.contains(&place), "{text}");
    let status = world.cli.json(&["cluster", "status"]);
    assert_eq!(status["incarnation"], number.as_str());
}

/// What people put into a cluster, which no recovery may change: revisions and phases are of an incarnation.
fn kept(world: &World) -> Vec<Value> {
    let fact = |item: &Value| {
        let metadata = &item["metadata"];
        serde_json::json!({"name": metadata["name"], "uid": metadata["uid"], "spec": item["spec"]})
    };
    let list = |noun: &str| {
        let found = world.cli.json(&[noun, "list"]);
        found["items"].as_array().unwrap().iter().map(fact).collect::<Value>()
    };
    let law = world.status()["bundle"].clone();
    vec![law, list("queue"), list("node"), list("dataset")]
}

impl World {
    /// How the cluster is, also where something needs attention.
    fn status(&self) -> Value {
        serde_json::from_slice(&self.cli.run(&["-o", "json", "cluster", "status"]).stdout).unwrap()
    }

    fn place_of(&self, name: &str) -> String {
        let list = self.cli.json(&["controller", "list"]);
        let one = list["items"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
        one["address"].as_str().unwrap().to_owned()
    }

    /// Waits until every controller has applied the same, and returns the hash of that.
    fn settled(&self) -> String {
        wait("the controllers have the same state", || {
            let status = self.status();
            let hashes: Vec<Value> =
                status["members"].as_array()?.iter().map(|one| one["health"]["stateHash"].clone()).collect();
            let hash = status["stateHash"].as_str()?.to_owned();
            (hashes.len() == 3 && hashes.iter().all(|one| *one == hash.as_str())).then_some(hash)
        })
    }

    /// Lets a controller of `up` that was killed be started again.
    fn let_go(&self, name: &str) {
        std::fs::remove_file(self.path("up/hold").join(name)).unwrap();
        wait("it runs again", || {
            let log = std::fs::read_to_string(self.path("up/logs").join(format!("{name}.log"))).unwrap();
            (log.matches("controller runs").count() > 1).then_some(())
        });
    }

    fn import(&self, name: &str, text: &str) {
        let place = self.path(&format!("{name}.d"));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("text"), text).unwrap();
        let label = ["--residency", "DE", "--purpose", "research", "--tenant", "lab"];
        self.cli.done(&[&["dataset", "import", name, place.as_str()][..], &label].concat());
    }
}

/// Check 38: two of three controllers are lost, and one command over the network has the third go on with all that there was.
#[test]
fn a_controller_that_runs_is_ordered_over_the_network_to_go_on_alone() {
    let world = World::new();
    let _up = world.up(3);
    world.node_is("Ready");
    world.import("corpus", &"What is kept here is proved here. ".repeat(2_000));
    let survivor = world.leader();
    let server = world.place_of(&survivor);
    let lost: Vec<&str> = ["controller-1", "controller-2", "controller-3"]
        .into_iter()
        .filter(|name| *name != survivor)
        .collect();
    let args =
        ["cluster", "recover", "--force-single", "--server", &server, "--lost", lost[0], "--lost", lost[1]];
    let yes = [&args[..], &["--yes"]].concat();

    // Nobody recovers a cluster that works, and nobody but an administrator asks for it.
    world.cli.refused(&yes, "E1300");
    let auditor = Cli::new(world.path("up/auditor.toml"));
    auditor.refused(&yes, "E1202");
    let (before, hash) = (kept(&world), world.settled());
    lost.iter().for_each(|name| world.kill(name));
    auditor.refused(&yes, "E1202");
    wait("it hears nobody", || {
        let output = world.cli.run(&[&args[..], &["--dry-run"]].concat());
        output.status.success().then_some(())
    });
    // What is confirmed is what is done, or nothing is done.
    world.cli.refused(&[&args[..7], &["--yes"]].concat(), "E1301");
    let refused = world.cli.refused(&args[..5], "E1301");
    assert!(refused.contains(&format!("--lost {}", lost[0])), "{refused}");
    world.cli.refused(&args, "E7004");

    let began = Instant::now();
    let said = world.cli.done(&yes);
    println!("one command took {:?}: {said}", began.elapsed());
    let number = begun(&said);
    assert_ne!(number, "1");
    assert_eq!(world.names(), [survivor.as_str()]);
    assert_eq!(kept(&world), before, "all that there was is there");
    let told = world.cli.done(&["event", "list"]);
    assert!(
        told.contains("as operator/admin ordered in request")
            && told.contains(&format!("given up: {}", lost.join(", "))),
        "{told}"
    );
    let log = std::fs::read_to_string(world.path("up/logs").join(format!("{survivor}.log"))).unwrap();
    assert!(log.contains(&hash), "it went on with another state than all three had: {hash}");

    // The lost ones come back, a majority of the time before: they are strangers.
    lost.iter().for_each(|name| world.let_go(name));
    world.node_is("Ready");
    world.import("more", "Written by one controller alone.");
    let (manifest, trainer) = (world.path("job.yaml"), program("holdfast-trainer").unwrap());
    let image = world.path("trainer.tar");
    world.cli.done(&["image", "pack", "--binary", trainer.as_str(), "--out", image.as_str()]);
    let label = ["--residency", "EU", "--purpose", "research", "--tenant", "lab"];
    world.cli.done(&[&["image", "import", "trainer", image.as_str()][..], &label].concat());
    let job = "apiVersion: holdfast/v1\nkind: Job\nmetadata: {name: after}\nspec:\n  kind: batch\n  tenant: lab\n  \
               purpose: research\n  jurisdictions: [DE]\n  image: trainer@1\n  \
               command: [/app/holdfast-trainer, --steps, \"5\", --checkpoint-every, \"0\"]\n  \
               groups: [{name: w, count: 1, resources: {cores: 500m, memory: 256MiB}}]\n  datasets: [{dataset: corpus@1}]\n";
    std::fs::write(&manifest, job).unwrap();
    world.cli.done(&["job", "submit", "-f", manifest.as_str(), "--wait", "--timeout", "2m"]);
    let status = world.status();
    assert_eq!(
        (&status["incarnation"], &status["leader"]),
        (&number.as_str().into(), &survivor.as_str().into())
    );
    assert_eq!(world.names(), [survivor.as_str()]);
    let text = std::fs::read_to_string(world.path("up/node-01/controllers.toml")).unwrap();
    assert!(text.contains(&format!("incarnation = {number}")) && text.contains(&server), "{text}");
    // Once more is refused: it has a quorum, which is itself.
    world.cli.refused(&["cluster", "recover", "--force-single", "--server", &server, "--yes"], "E1300");
}

/// Check 38 with a backup: the controller that is left goes on with what was saved.
#[test]
fn a_controller_that_runs_takes_the_state_of_a_backup_over_the_network() {
    let world = World::new();
    let _up = world.up(3);
    world.node_is("Ready");
    world.import("corpus", &"What is kept here is proved here. ".repeat(2_000));
    let (key, file) = backup_of(&world);
    let saved = world.cli.json(&["cluster", "backup", "verify", file.as_str(), "--key", key.as_str()]);
    let before = kept(&world);
    world.import("later", "Written after the backup.");
    let survivor = world.leader();
    let server = world.place_of(&survivor);
    let lost: Vec<&str> = ["controller-1", "controller-2", "controller-3"]
        .into_iter()
        .filter(|name| *name != survivor)
        .collect();
    let args =
        ["cluster", "recover", "--from-snapshot", file.as_str(), "--key", key.as_str(), "--server", &server];
    let args = [&args[..], &["--lost", lost[0], "--lost", lost[1]]].concat();
    let yes = [&args[..], &["--yes"]].concat();
    world.cli.refused(&yes, "E1300");
    lost.iter().for_each(|name| world.kill(name));
    wait("it hears nobody", || {
        let output = world.cli.run(&[&args[..], &["--dry-run"]].concat());
        output.status.success().then_some(())
    });
    // A backup that is damaged, or that the key does not open, does not come to the controller.
    let bent = world.path("bent");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&bent, bytes).unwrap();
    let swap = |from: &str, to: &str| {
        yes.iter().map(|arg| if *arg == from { to.to_owned() } else { (*arg).to_owned() }).collect::<Vec<_>>()
    };
    let refused = |args: &[String], code| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        world.cli.refused(&args, code)
    };
    refused(&swap(file.as_str(), bent.as_str()), "E1279");
    let stranger = world.path("stranger.key");
    world.cli.done(&["cluster", "backup-key", "--out", stranger.as_str(), "--offline"]);
    refused(&swap(key.as_str(), stranger.as_str()), "E1286");

    let began = Instant::now();
    let said = world.cli.done(&yes);
    println!("one command took {:?}: {said}", began.elapsed());
    let number = begun(&said);
    assert_eq!(world.names(), [survivor.as_str()]);
    assert_eq!(kept(&world), before, "what was saved, and nothing else");
    let log = std::fs::read_to_string(world.path("up/logs").join(format!("{survivor}.log"))).unwrap();
    let hash = saved["content"]["stateHash"].as_str().unwrap();
    assert!(log.contains(hash), "another state than that of the backup: {hash}");
    let told = world.cli.done(&["event", "list"]);
    assert!(
        told.contains("restored from a backup of revision") && told.contains("as operator/admin ordered"),
        "{told}"
    );
    lost.iter().for_each(|name| world.let_go(name));
    world.node_is("Ready");
    world.import("more", "Written by one controller alone.");
    let status = world.status();
    assert_eq!(status["incarnation"], number.as_str());
}
