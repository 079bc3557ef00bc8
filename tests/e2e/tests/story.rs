//! The real binaries, real sockets and real disks: what a person relies on, on good days and on bad ones.
//!
//! One cluster a story, driven through the command line as a person would. The programs come from `HOLDFAST_BIN_DIR`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::File;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn bin(name: &str) -> Utf8PathBuf {
    let place = std::env::var("HOLDFAST_BIN_DIR").unwrap_or_else(|_| {
        panic!("HOLDFAST_BIN_DIR is not set: run `cargo xtask test --only e2e`");
    });
    Utf8PathBuf::from(place).join(name)
}

/// Asks until there is an answer.
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

/// A cluster of `holdfast up`, with its directory.
struct Cluster {
    temporary: tempfile::TempDir,
    child: Child,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Cluster {
    fn new(controllers: u32, nodes: u32) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let child = Self::start(Utf8Path::from_path(temporary.path()).unwrap(), controllers, nodes);
        let cluster = Self { temporary, child };
        cluster.until_up();
        cluster
    }

    fn start(home: &Utf8Path, controllers: u32, nodes: u32) -> Child {
        let told = File::create(home.join("told")).unwrap();
        Command::new(bin("holdfast"))
            .args(["up", "--listen", "127.0.0.1:0", "--lease", "10s", "--dir"])
            .arg(home.join("up"))
            .args(["--controllers", &controllers.to_string(), "--nodes", &nodes.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(told)
            .spawn()
            .unwrap()
    }

    fn home(&self) -> &Utf8Path {
        Utf8Path::from_path(self.temporary.path()).unwrap()
    }

    fn until_up(&self) {
        wait("the cluster comes up", || {
            let told = std::fs::read_to_string(self.home().join("told")).unwrap();
            assert!(!told.contains("error["), "{told}");
            told.contains("the cluster runs").then_some(())
        });
    }

    /// Stops as ctrl-C does.
    fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.child.wait();
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(bin("holdfast"))
            .args(args)
            .env("HOLDFAST_CONTEXT", self.home().join("up/context.toml"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn done(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "holdfast {}: {said}", args.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[&["-o", "json"], args].concat())).unwrap()
    }

    /// The exit code and what was said.
    fn refused(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "holdfast {} was done", args.join(" "));
        (output.status.code().unwrap_or(-1), said)
    }

    fn import(&self) {
        let corpus = self.home().join("corpus");
        std::fs::create_dir_all(&corpus).unwrap();
        let text = "the quick brown fox jumps over the lazy dog. ".repeat(400);
        std::fs::write(corpus.join("a.txt"), text).unwrap();
        let args =
            ["dataset", "import", "demo-corpus", corpus.as_str(), "--label", "personal", "--residency", "DE"];
        self.done(&[&args[..], &["--purpose", "research", "--tenant", "lab"]].concat());
        let image = self.home().join("trainer.tar");
        self.done(&["image", "pack", "--binary", bin("holdfast-trainer").as_str(), "--out", image.as_str()]);
        let args = ["image", "import", "trainer", image.as_str(), "--residency", "EU"];
        self.done(&[&args[..], &["--purpose", "research", "--tenant", "lab"]].concat());
    }

    /// Writes the manifest of a training gang.
    fn manifest(&self, name: &str, jurisdiction: &str, tasks: u32, steps: u32, delay: u32) -> Utf8PathBuf {
        let path = self.home().join(format!("{name}.yaml"));
        let text = format!(
            "apiVersion: holdfast/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n  kind: train\n  tenant: lab\n  \
            purpose: research\n  jurisdictions: [{jurisdiction}]\n  image: trainer@1\n  command: [/app/holdfast-trainer, \
            --steps, \"{steps}\", --checkpoint-every, \"20\", --batch, \"128\", --step-delay-ms, \"{delay}\"]\n  groups:\n    \
            - {{name: w, count: {tasks}, resources: {{cores: 500m, memory: 256MiB, devices: {{class: nvidia, count: 2}}}}}}\n  \
            datasets: [{{dataset: demo-corpus@1}}]\n  output: {name}-model\n  checkpoint: {{keep: 2, copies: 2}}\n  retries: 3\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn status(&self, job: &str) -> Value {
        self.json(&["job", "show", job])["status"].clone()
    }

    fn until(&self, job: &str, what: &str, reached: impl Fn(&Value) -> bool) -> Value {
        wait(&format!("job {job} {what}"), || {
            let output = self.run(&["-o", "json", "job", "show", job]);
            let shown: Value = serde_json::from_slice(&output.stdout).ok()?;
            let status = shown["status"].clone();
            assert!(status["phase"] != "Failed", "{status}");
            reached(&status).then_some(status)
        })
    }

    /// Ends a process of the cluster with SIGKILL, by its name.
    fn kill(&self, name: &str) {
        let path = self.home().join("up/run").join(format!("{name}.pid"));
        let pid: i32 =
            std::fs::read_to_string(path).unwrap().split_whitespace().next().unwrap().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

#[test]
fn smoke_a_job_trains_is_kept_and_is_recorded() {
    let mut cluster = Cluster::new(1, 3);
    cluster.import();
    let manifest = cluster.manifest("train", "DE", 2, 40, 0);
    cluster.done(&["job", "submit", "-f", manifest.as_str()]);
    let status = cluster.until("train", "succeeds", |s| s["phase"] == "Succeeded");
    assert_eq!(number(&status["fence"]), 1);
    let log = cluster.done(&["job", "logs", "train"]);
    let done = log.lines().find(|l| l.starts_with("done ")).unwrap();
    let loss = |name: &str| -> f64 {
        done.split_whitespace().find_map(|w| w.strip_prefix(name)).unwrap().parse().unwrap()
    };
    assert!(loss("last_loss=") < loss("first_loss="), "{done}");
    let model = cluster.json(&["model", "show", "train-model"])["spec"].clone();
    assert_eq!(model["label"]["labels"], serde_json::json!(["personal"]));
    assert_eq!(model["label"]["residency"], serde_json::json!(["DE"]));
    assert_eq!(model["lineage"]["datasets"], serde_json::json!(["demo-corpus@1"]));
    assert_eq!(
        (&model["lineage"]["image"], &model["lineage"]["job"]),
        (&"trainer@1".into(), &"train".into())
    );

    // The same where the data may not be: refused by the rule, and recorded.
    let elsewhere = cluster.manifest("abroad", "FR", 1, 40, 0);
    let (code, said) = cluster.refused(&["job", "submit", "-f", elsewhere.as_str()]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("c1-residency-use"), "{said}");

    // The log is whole; with one byte changed it is not, and the entry is named.
    let audit = cluster.home().join("audit");
    cluster.done(&["audit", "export", audit.as_str()]);
    let verify = || Command::new(bin("holdfast-verify")).args(["log", audit.as_str()]).output().unwrap();
    assert!(verify().status.success());
    let entries = audit.join("tile/entries");
    let bundle = entries.read_dir_utf8().unwrap().next().unwrap().unwrap().into_path();
    let bundle = if bundle.is_dir() {
        bundle.read_dir_utf8().unwrap().next().unwrap().unwrap().into_path()
    } else {
        bundle
    };
    let mut bytes = std::fs::read(&bundle).unwrap();
    let position = bytes.windows(6).position(|w| w == b"\"deny\"").unwrap() + 1;
    bytes[position] = b'D';
    std::fs::write(&bundle, bytes).unwrap();
    let found = verify();
    assert_eq!(found.status.code(), Some(1), "{}", String::from_utf8_lossy(&found.stdout));

    // Stopped as a person stops it, and started again: nothing is lost.
    cluster.stop();
    let home = cluster.home().to_owned();
    cluster.child = Cluster::start(&home, 1, 3);
    cluster.until_up();
    assert_eq!(cluster.status("train")["phase"], "Succeeded");
    assert_eq!(cluster.json(&["model", "show", "train-model"])["spec"], model);
}

#[test]
fn an_agent_killed_during_training_finds_its_tasks_alive() {
    let cluster = Cluster::new(1, 3);
    cluster.import();
    let manifest = cluster.manifest("train", "DE", 2, 200, 50);
    cluster.done(&["job", "submit", "-f", manifest.as_str()]);
    let status = cluster.until("train", "trains", |s| number(&s["checkpointStep"]) > 0);
    let node = status["tasks"][0]["node"].as_str().unwrap().to_owned();
    cluster.kill(&node);
    let status = cluster.until("train", "succeeds", |s| s["phase"] == "Succeeded");
    assert_eq!((number(&status["fence"]), number(&status["restarts"])), (1, 0), "{status}");
    let log = cluster.done(&["job", "logs", "train"]);
    assert!(log.contains("done step=200") && !log.contains("resumed from"), "{log}");
}

#[test]
fn a_leader_killed_during_submissions_loses_none_and_doubles_none() {
    let cluster = Cluster::new(3, 1);
    cluster.import();
    // More than fits: most wait, which is all this story needs of them.
    let submit = |number: u32| {
        let name = format!("job-{number:02}");
        let manifest = cluster.manifest(&name, "DE", 2, 10, 0);
        cluster.done(&["job", "submit", "-f", manifest.as_str()]);
        name
    };
    let mut names: Vec<String> = (0..10).map(submit).collect();
    let leader = cluster.json(&["cluster", "status"])["leader"].as_str().unwrap().to_owned();
    cluster.kill(&leader);
    names.extend((10..20).map(submit));
    let list = cluster.json(&["job", "list"]);
    let listed: Vec<String> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|j| j["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, names);
    let explained = cluster.done(&["job", "explain", "job-05"]);
    assert!(explained.contains("nvidia"), "{explained}");
}

#[test]
fn bad_input_is_refused_with_a_code_and_an_exit_code() {
    let cluster = Cluster::new(1, 1);
    cluster.import();
    let good = std::fs::read_to_string(cluster.manifest("good", "DE", 1, 10, 0)).unwrap();
    let check = |name: &str, text: String, code: i32, expected: &str| {
        let path = cluster.home().join(format!("{name}.yaml"));
        std::fs::write(&path, text).unwrap();
        let (exit, said) = cluster.refused(&["job", "submit", "-f", path.as_str()]);
        assert!(said.contains(expected) && said.contains("error[E"), "{name}: {said}");
        assert_eq!(exit, code, "{name}: {said}");
    };
    check("unknown-field", good.replace("retries:", "retires:"), 2, "retires");
    check("wrong-type", good.replace("count: 1", "count: many"), 2, "yaml:12");
    check("no-dataset", good.replace("demo-corpus@1", "absent@1"), 3, "absent@1");
    check("no-tenant", good.replace("tenant: lab", "tenant: nobody"), 4, "nobody");
    check("wrong-kind", good.replace("kind: Job", "kind: Pod"), 2, "Pod");
    check("too-long", format!("{good}# {}\n", "x".repeat(2 << 20)), 2, "MiB");
    let (code, said) = cluster.refused(&["job", "show", "nobody"]);
    assert_eq!(code, 3, "{said}");
    let (code, _) = cluster.refused(&["job", "submit", "--no-such-flag"]);
    assert_eq!(code, 2);
    let again =
        ["dataset", "import", "demo-corpus", cluster.home().join("corpus").as_str(), "--label", "personal"]
            .map(str::to_owned);
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    let rest = ["--residency", "DE", "--purpose", "research", "--tenant", "lab"];
    let (code, said) = cluster.refused(&[&again[..], &rest].concat());
    assert_eq!(code, 6, "{said}");
    let rest = ["--residency", "DE", "--purpose", "research", "--tenant", "lab", "--new-version"];
    let unknown: Vec<&str> = again.iter().map(|a| if *a == "personal" { "secret" } else { a }).collect();
    let (_, said) = cluster.refused(&[&unknown[..], &rest].concat());
    assert!(said.contains("secret"), "{said}");
}

#[test]
fn several_manifests_are_one_change_or_none() {
    let cluster = Cluster::new(1, 1);
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap();
    let path = root.join("examples/queue-and-job.yaml");
    let args = ["apply", "--atomic", "-f", path.as_str()];
    // The image is not there yet, so neither is the queue.
    let (code, said) = cluster.refused(&args);
    assert!(code == 3 && said.contains("trainer@1") && said.contains("step 2 of 2"), "{said}");
    let (code, _) = cluster.refused(&["queue", "show", "night"]);
    assert_eq!(code, 3);
    cluster.import();
    let tried = cluster.done(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(tried, "queue/night applied (dry run)\njob/night-count submitted (dry run)\n");
    cluster.refused(&["queue", "show", "night"]);
    assert_eq!(cluster.done(&args), "queue/night applied\njob/night-count submitted\n");
    let queue = cluster.json(&["queue", "show", "night"]);
    assert_eq!(queue["spec"]["priority"], 1);
    // The job is there by now: only the queue is sent again.
    assert_eq!(cluster.done(&args), "job/night-count unchanged\nqueue/night applied\n");
}

#[test]
fn jobs_wait_for_each_other_and_for_their_deadlines() {
    let cluster = Cluster::new(1, 1);
    cluster.import();
    let submit = |name: &str, tasks: u32, more: &str| {
        let path = cluster.manifest(name, "DE", tasks, 20, 0);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{more}")).unwrap();
        cluster.done(&["job", "submit", "-f", path.as_str()]);
    };
    submit("first", 1, "");
    submit("second", 1, "  dependsOn: [{job: first}]\n");
    submit("instead", 1, "  dependsOn: [{job: first, condition: afternotok}]\n");
    // More tasks than there is room for, so that it does not start.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let soon = holdfast_types::Time(u64::try_from(now.as_millis()).unwrap() + 10_000);
    submit("late", 64, &format!("  deadline: {soon}\n"));
    // On a quick machine the first is over by now.
    let status = cluster.status("second");
    let told = status["reason"].to_string();
    let waits = told.contains("waits for job `first` to succeed") || told.contains("place");
    assert!(waits || status["phase"] != "Pending", "{told}");
    cluster.until("second", "succeeds", |s| s["phase"] == "Succeeded");
    let at = |job: &str, what: &str| -> holdfast_types::Time {
        cluster.status(job)[what].as_str().unwrap().parse().unwrap()
    };
    assert!(at("first", "endedAt") <= at("second", "releasedAt"));
    for (job, reason) in [("instead", "and that succeeded"), ("late", "did not start by its deadline")] {
        wait(&format!("job {job} fails"), || (cluster.status(job)["phase"] == "Failed").then_some(()));
        let status = cluster.status(job);
        assert!(status["reason"].as_str().unwrap().contains(reason), "{status}");
    }
    let (code, said) = cluster.refused(&["job", "wait", "instead"]);
    assert!(code == 1 && !said.contains("job logs"), "{said}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let temporary = tempfile::tempdir().unwrap();
    let output = Command::new(bin("holdfast"))
        .args(["up", "--listen", &address, "--dir"])
        .arg(temporary.path().join("up"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(&address) && said.contains("error[E"), "{said}");
}

#[test]
fn a_build_that_replaces_the_program_while_it_runs_does_no_harm() {
    let temporary = tempfile::tempdir().unwrap();
    let home = Utf8Path::from_path(temporary.path()).unwrap();
    let (program, newer) = (home.join("holdfast"), home.join("newer"));
    for copy in [&program, &newer] {
        std::fs::copy(bin("holdfast"), copy).unwrap();
    }
    let told = home.join("told");
    let child = Command::new(&program)
        .args(["up", "--listen", "127.0.0.1:0", "--controllers", "1", "--nodes", "1", "--dir"])
        .arg(home.join("up"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&told).unwrap())
        .spawn()
        .unwrap();
    let heard = || std::fs::read_to_string(&told).unwrap();
    wait("it begins", || heard().contains("controllers start").then_some(()));
    std::fs::rename(&newer, &program).unwrap();
    let cluster = Cluster { temporary, child };
    cluster.until_up();
}

#[test]
fn smoke_the_demo_does_every_step_it_promises() {
    let temporary = tempfile::tempdir().unwrap();
    let output = Command::new(bin("holdfast"))
        .args(["up", "--demo", "--listen", "127.0.0.1:0", "--lease", "8s", "--dir"])
        .arg(temporary.path().join("demo"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for step in ["loses power", "resumed from step", "refused by c1-residency-use", "audit log verified"] {
        assert!(said.contains(step), "no `{step}` in {said}");
    }
}

#[test]
fn a_loss_of_power_loses_nothing_that_was_acknowledged() {
    let mut cluster = Cluster::new(3, 3);
    cluster.import();
    let manifest = cluster.manifest("train", "DE", 2, 200, 50);
    cluster.done(&["job", "submit", "-f", manifest.as_str()]);
    cluster.until("train", "trains", |s| number(&s["checkpointStep"]) > 0);
    let waiting = cluster.manifest("waiting", "DE", 2, 10, 0);
    cluster.done(&["job", "submit", "-f", waiting.as_str()]);
    let before = cluster.json(&["dataset", "show", "demo-corpus"])["spec"].clone();

    // `up` and every process of the cluster at once, with no chance to say good-bye.
    let run = cluster.home().join("up/run");
    let names: Vec<String> = run
        .read_dir_utf8()
        .unwrap()
        .map(|e| e.unwrap().file_name().trim_end_matches(".pid").to_owned())
        .collect();
    cluster.child.kill().unwrap();
    cluster.child.wait().unwrap();
    for name in names {
        // Some end by themselves when `up` is gone.
        let path = run.join(format!("{name}.pid"));
        let pid = std::fs::read_to_string(path).unwrap();
        let pid = pid
            .split_whitespace()
            .next()
            .and_then(|p| p.parse().ok())
            .and_then(rustix::process::Pid::from_raw);
        let _ = rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::KILL);
    }
    let home = cluster.home().to_owned();
    cluster.child = Cluster::start(&home, 3, 3);
    cluster.until_up();
    assert_eq!(cluster.json(&["dataset", "show", "demo-corpus"])["spec"], before);
    for job in ["train", "waiting"] {
        cluster.until(job, "succeeds", |s| s["phase"] == "Succeeded");
    }
}

#[test]
fn a_drained_node_gives_its_gang_away() {
    let cluster = Cluster::new(1, 3);
    cluster.import();
    let manifest = cluster.manifest("train", "DE", 1, 200, 50);
    cluster.done(&["job", "submit", "-f", manifest.as_str()]);
    let status = cluster.until("train", "trains", |s| number(&s["checkpointStep"]) > 0);
    let node = status["tasks"][0]["node"].as_str().unwrap().to_owned();
    cluster.done(&["node", "drain", &node, "--yes"]);
    let status =
        cluster.until("train", "runs elsewhere", |s| number(&s["fence"]) == 2 && s["phase"] == "Running");
    assert_ne!(status["tasks"][0]["node"], node.as_str());
    assert_ne!(status["resume"], "");
    assert_eq!(cluster.json(&["node", "show", &node])["status"]["phase"], "Draining");
    cluster.done(&["node", "uncordon", &node]);
    assert_eq!(cluster.json(&["node", "show", &node])["status"]["phase"], "Ready");
    cluster.done(&["job", "cancel", "train", "--yes"]);
    wait("the job ends", || (cluster.status("train")["phase"] == "Cancelled").then_some(()));
}

#[test]
fn nodes_are_kept_for_those_who_may_be_there() {
    let cluster = Cluster::new(1, 3);
    cluster.import();
    // A task takes all accelerators of a node.
    let train = cluster.manifest("train", "DE", 1, 400, 50);
    cluster.done(&["job", "submit", "-f", train.as_str()]);
    let status = cluster.until("train", "trains", |status| number(&status["checkpointStep"]) > 0);
    let node = status["tasks"][0]["node"].as_str().unwrap().to_owned();
    let keep = |name: &str, rest: &str| {
        let path = cluster.home().join(format!("{name}.yaml"));
        let head = "apiVersion: holdfast/v1\nkind: Reservation\nmetadata: {name: bench}\nspec:\n";
        std::fs::write(&path, format!("{head}  {rest}\n")).unwrap();
        path
    };
    let typo = keep("typo", "nodes: [nowhere]");
    let (code, said) = cluster.refused(&["apply", "-f", typo.as_str()]);
    assert!(code == 2 && said.contains("E2220") && said.contains("`nowhere`"), "{code}: {said}");

    let repairs = keep("repairs", &format!("nodes: [{node}]"));
    let ahead = cluster.done(&["scheduler", "what-if", "-f", repairs.as_str()]);
    assert!(ahead.contains("train") && ahead.contains("reservation `bench`"), "{ahead}");
    cluster.done(&["apply", "-f", repairs.as_str()]);
    let moved = |status: &Value| number(&status["fence"]) == 2 && status["phase"] == "Running";
    let status = cluster.until("train", "runs elsewhere", moved);
    assert_ne!(status["tasks"][0]["node"], node.as_str());
    assert_ne!(status["resume"], "", "it goes on from its checkpoint");
    let shown = cluster.done(&["reservation", "show", "bench"]);
    assert!(shown.contains("Begun") && shown.contains("maintenance") && shown.contains(&node), "{shown}");
    let wide = cluster.manifest("wide", "DE", 2, 20, 0);
    cluster.done(&["job", "submit", "-f", wide.as_str()]);
    let told = wait("it is told that a node is kept", || {
        let told = cluster.done(&["job", "explain", "wide"]);
        told.contains("reserved for others: -1 reservation `bench`").then_some(told)
    });
    assert!(!told.contains("never"), "{told}");

    // The same nodes are for the jobs of a queue now.
    let queue = cluster.home().join("course.yaml");
    let text = "apiVersion: holdfast/v1\nkind: Queue\nmetadata: {name: course}\nspec: {}\n";
    std::fs::write(&queue, text).unwrap();
    let course = keep("bench", &format!("nodes: [{node}]\n  queues: [course]"));
    cluster.done(&["apply", "--atomic", "-f", queue.as_str(), "-f", course.as_str()]);
    let exercise = cluster.manifest("exercise", "DE", 1, 20, 0);
    let text = std::fs::read_to_string(&exercise).unwrap();
    let text =
        text.replace("  kind: train", "  queue: course\n  kind: train").replace("count: 3,", "count: 1,");
    std::fs::write(&exercise, text).unwrap();
    cluster.done(&["job", "submit", "-f", exercise.as_str(), "--wait", "--timeout", "3m"]);
    cluster.done(&["job", "cancel", "train", "--yes"]);
    cluster.until("train", "ends", |status| status["phase"] == "Cancelled");
    assert_eq!(cluster.status("wide")["phase"], "Pending");
    cluster.done(&["reservation", "delete", "bench", "--yes"]);
    cluster.until("wide", "ends", |status| status["phase"] == "Succeeded");
    assert_eq!(cluster.json(&["reservation", "list"])["items"], Value::Array(Vec::new()));
}

#[test]
fn no_more_is_drawn_than_a_cap_allows() {
    let cluster = Cluster::new(1, 3);
    cluster.import();
    let cap = |watts: &str| {
        let path = cluster.home().join(format!("{watts}.yaml"));
        let head = "apiVersion: holdfast/v1\nkind: Reservation\nmetadata: {name: feed}\nspec: {maxPower: ";
        std::fs::write(&path, format!("{head}{watts}}}\n")).unwrap();
        cluster.done(&["apply", "-f", path.as_str()]);
    };
    // Two accelerators of a model that nobody knows draw 1,400 W, and half a core 2 W.
    cap("2kW");
    for name in ["first", "second"] {
        let path = cluster.manifest(name, "DE", 1, 4_000, 50);
        cluster.done(&["job", "submit", "-f", path.as_str()]);
    }
    cluster.until("first", "trains", |status| number(&status["checkpointStep"]) > 0);
    let told = wait("the other one is told why it waits", || {
        let told = cluster.done(&["job", "explain", "second"]);
        told.contains("power: -1 too little left below `feed`").then_some(told)
    });
    assert!(told.contains("it would draw too much"), "{told}");
    let shown = cluster.done(&["reservation", "show", "feed"]);
    assert!(shown.contains("at most 2kW") && shown.contains("up to 1402W"), "{shown}");
    assert!(cluster.done(&["job", "show", "first"]).contains("up to 1402W"));
    cap("2804W");
    cluster.until("second", "runs", |status| status["phase"] == "Running");
    // It comes into force below what is drawn: one of them makes way, and goes on later.
    cap("1500W");
    let stopped = |job: &str| number(&cluster.status(job)["preemptions"]) == 1;
    wait("one of them makes way", || (stopped("first") || stopped("second")).then_some(()));
    let job = if stopped("first") { "first" } else { "second" };
    cluster.until(job, "waits", |status| status["phase"] == "Pending");
    cluster.done(&["reservation", "delete", "feed", "--yes"]);
    cluster.until(job, "goes on", |status| number(&status["fence"]) == 2 && status["phase"] == "Running");
    assert!(number(&cluster.status(job)["energyJoules"]) > 0);
    cluster.done(&["job", "cancel", "first", "--yes"]);
    cluster.done(&["job", "cancel", "second", "--yes"]);
}

#[test]
fn no_more_jobs_of_a_queue_are_stopped_for_others_than_its_budget_allows() {
    let cluster = Cluster::new(1, 3);
    cluster.import();
    let queue = |name: &str, spec: &str| {
        let path = cluster.home().join(format!("{name}-queue.yaml"));
        let head = "apiVersion: holdfast/v1\nkind: Queue\nmetadata: {name: ";
        std::fs::write(&path, format!("{head}{name}}}\nspec: {spec}\n")).unwrap();
        cluster.done(&["apply", "-f", path.as_str()]);
    };
    queue("default", "{minRunTime: 0s, disruptions: {max: 1, per: 1h}}");
    queue("urgent", "{priority: 5}");
    // Both nodes in Germany are taken.
    for name in ["calm", "quiet"] {
        let path = cluster.manifest(name, "DE", 1, 4_000, 50);
        cluster.done(&["job", "submit", "-f", path.as_str()]);
        cluster.until(name, "trains", |status| number(&status["checkpointStep"]) > 0);
    }
    for name in ["first", "second"] {
        let path = cluster.manifest(name, "DE", 1, 4_000, 50);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("  kind: train", "  queue: urgent\n  kind: train")).unwrap();
        cluster.done(&["job", "submit", "-f", path.as_str()]);
    }
    cluster.until("first", "runs", |status| status["phase"] == "Running");
    wait("the second is told why it waits", || {
        let told = cluster.done(&["job", "explain", "second"]);
        told.contains("if queue `default` let one more of its jobs be stopped for others").then_some(())
    });
    let explained = cluster.json(&["queue", "explain", "default"]);
    let budget = &explained["disruptions"][0];
    assert_eq!((&budget["queue"], number(&budget["counted"])), (&Value::from("default"), 1), "{explained}");
    let stops =
        || ["calm", "quiet"].map(|job| number(&cluster.status(job)["preemptions"])).iter().sum::<u64>();
    assert_eq!(stops(), 1);
    let shown = cluster.done(&["queue", "explain", "default"]);
    assert!(shown.contains("STOPS FOR OTHERS OF"), "{shown}");

    queue("default", "{minRunTime: 0s, disruptions: {max: 2, per: 1h}}");
    cluster.until("second", "runs", |status| status["phase"] == "Running");
    assert_eq!(stops(), 2);
    for job in ["first", "second", "calm", "quiet"] {
        cluster.done(&["job", "cancel", job, "--yes"]);
    }
}

#[test]
fn a_gang_runs_in_one_rack() {
    let cluster = Cluster::new(1, 3);
    cluster.import();
    let nodes: Vec<String> = cluster.json(&["node", "list"])["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    let [one, two, three] = &nodes[..] else { panic!("{nodes:?}") };
    cluster.done(&["node", "place", one, three, "--row", "a", "--rack", "r1"]);
    cluster.done(&["node", "place", two, "--row", "a", "--rack", "r2"]);
    let (code, said) = cluster.refused(&["node", "place", two, "--rack", "R 2"]);
    assert!(code == 2 && said.contains("`R 2` is not a name"), "{code}: {said}");
    let submit = |name: &str, tasks: u32| {
        let path = cluster.manifest(name, "DE", tasks, 20, 0);
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("count: 2}}}", "count: 2}}, topology: {required: rack}}");
        std::fs::write(&path, text).unwrap();
        cluster.done(&["job", "submit", "-f", path.as_str()]);
    };
    // A task takes all accelerators of a node.
    submit("pair", 2);
    submit("three", 3);
    let status = cluster.until("pair", "has places", |s| s["phase"] != "Pending");
    let on: Vec<&str> =
        status["tasks"].as_array().unwrap().iter().map(|task| task["node"].as_str().unwrap()).collect();
    assert_eq!(on, [one.as_str(), three.as_str()]);
    let told = wait("the other one is told why it waits", || {
        let told = cluster.done(&["job", "explain", "three"]);
        told.contains("one rack").then_some(told)
    });
    assert!(told.contains("its 3 tasks start together in one rack"), "{told}");
    cluster.until("pair", "succeeds", |s| s["phase"] == "Succeeded");
    // In two racks there is room for one task each.
    cluster.done(&["node", "place", three, "--row", "a", "--rack", "r2"]);
    submit("split", 2);
    wait("it is told what would help", || {
        let told = cluster.done(&["job", "explain", "split"]);
        told.contains("it would start now if its tasks only had to be in one row").then_some(())
    });
}

#[test]
fn a_gang_takes_the_variant_that_there_is_room_for() {
    let cluster = Cluster::new(1, 1);
    cluster.import();
    let written = |name: &str, tasks: u32, variants: &str| {
        let path = cluster.manifest(name, "DE", tasks, 20_000, 50);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("count: 2}}}", &format!("count: 2}}}}, variants: {variants}}}")))
            .unwrap();
        path
    };
    let submit = |path: Utf8PathBuf| cluster.done(&["job", "submit", "-f", path.as_str()]);
    let slower = "[{cores: 250m, memory: 128MiB, devices: {class: amd}}, {cores: 250m, memory: 128MiB}]";
    // A task takes all accelerators of the node.
    submit(written("first", 1, slower));
    let status = cluster.until("first", "has places", |s| s["phase"] != "Pending");
    assert_eq!(number(&status["variant"]), 0);
    submit(written("second", 2, slower));
    let status = cluster.until("second", "runs", |s| s["phase"] == "Running");
    assert_eq!(number(&status["variant"]), 2);
    assert_eq!(status["tasks"][0]["devices"].as_array().map(Vec::len), Some(0));
    let shown = cluster.done(&["job", "show", "second"]);
    assert!(shown.contains("variant        2: 250m cores, 128 MiB"), "{shown}");
    submit(written("third", 1, "[{cores: 900}]"));
    let told = wait("the third is told why it waits", || {
        let told = cluster.done(&["job", "explain", "third"]);
        told.contains("variant 1").then_some(told)
    });
    assert!(told.contains("all that could serve it are in use"), "{told}");
    assert!(told.contains("variant 1: it needs 900 cores"), "{told}");
    let twice = written("fourth", 1, "[{cores: 2}, {cores: 2}]");
    let (code, said) = cluster.refused(&["job", "submit", "-f", twice.as_str()]);
    assert!(code == 2 && said.contains("`w`: variant 2 is the same as variant 1"), "{code}: {said}");
}

#[test]
fn tasks_restart_alone_and_come_and_go_with_the_room_there_is() {
    // Three of them are in Germany.
    let cluster = Cluster::new(1, 5);
    cluster.import();
    let written = |name: &str, tasks: u32, edits: &[(&str, &str)]| {
        let path = cluster.manifest(name, "DE", tasks, 100_000, 50);
        let output = format!("  output: {name}-model\n  checkpoint: {{keep: 2, copies: 2}}\n");
        let text = std::fs::read_to_string(&path).unwrap().replace(&output, "");
        let alone =
            text.replace("--steps", "--alone, \"true\", --steps").replace("kind: train", "kind: service");
        let text = edits.iter().fold(alone, |text, (old, new)| text.replace(old, new));
        std::fs::write(&path, text).unwrap();
        path
    };
    let task = |status: &Value, rank: usize| status["tasks"][rank].clone();
    let runs = |status: &Value| {
        let tasks = status["tasks"].as_array().unwrap();
        tasks.iter().filter(|task| task["phase"] == "Running").count()
    };
    let min = written("min", 2, &[("count: 2,", "count: 2, min: 1,")]);
    let (code, said) = cluster.refused(&["job", "submit", "-f", min.as_str()]);
    assert!(code == 2 && said.contains("say `restart: task`, or leave `min` out"), "{code}: {said}");

    // A task takes all accelerators of a node.
    let chat = written("chat", 2, &[("retries: 3", "restart: task")]);
    cluster.done(&["job", "submit", "-f", chat.as_str()]);
    let before = cluster.until("chat", "runs", |status| status["phase"] == "Running");
    let place = cluster.home().join("up").join(before["tasks"][1]["node"].as_str().unwrap());
    let file = place.join("runtime/tasks").read_dir_utf8().unwrap().next().unwrap().unwrap().into_path();
    let state: Value = serde_json::from_slice(&std::fs::read(file.join("state.json")).unwrap()).unwrap();
    let init = rustix::process::Pid::from_raw(state["init"]["pid"].as_i64().unwrap().try_into().unwrap());
    rustix::process::kill_process(init.unwrap(), rustix::process::Signal::KILL).unwrap();
    let again = |status: &Value| number(&status["tasks"][1]["fence"]) == 2 && runs(status) == 2;
    let after = cluster.until("chat", "has its second task again", again);
    assert_eq!((number(&after["failures"]), &after["phase"]), (1, &Value::from("Running")));
    assert_eq!(task(&after, 0)["since"], task(&before, 0)["since"], "the other one was left alone");

    let node = before["tasks"][0]["node"].as_str().unwrap().to_owned();
    cluster.done(&["node", "drain", &node, "--yes"]);
    let moved = |status: &Value| status["tasks"][0]["node"] != node.as_str() && runs(status) == 2;
    let status = cluster.until("chat", "moves one task", moved);
    assert_eq!(task(&status, 1)["since"], task(&after, 1)["since"], "the other one was left alone");
    cluster.done(&["node", "uncordon", &node]);

    let grows = written("grows", 3, &[("retries: 3", "restart: task"), ("count: 3,", "count: 3, min: 1,")]);
    cluster.done(&["job", "submit", "-f", grows.as_str()]);
    cluster.until("grows", "runs with one task", |status| status["phase"] == "Running" && runs(status) == 1);
    let told = cluster.done(&["job", "explain", "grows"]);
    assert!(told.contains("devices in use"), "{told}");
    let shown = cluster.done(&["job", "show", "grows"]);
    assert!(shown.contains("each task alone; 1 to 3 tasks") && shown.contains("2 wait: "), "{shown}");
    cluster.done(&["job", "cancel", "chat", "--yes"]);
    cluster.until("grows", "grows", |status| runs(status) == 3);

    // Others need room: what is more than it has to have makes way.
    let queue = cluster.home().join("soon.yaml");
    let text = "apiVersion: holdfast/v1\nkind: Queue\nmetadata: {name: default}\nspec: {minRunTime: 0s}\n";
    std::fs::write(&queue, text).unwrap();
    cluster.done(&["apply", "-f", queue.as_str()]);
    let exam = cluster.manifest("exam", "DE", 2, 20, 0);
    cluster.done(&["job", "submit", "-f", exam.as_str()]);
    cluster.until("exam", "succeeds", |status| status["phase"] == "Succeeded");
    let status = cluster.until("grows", "grows again", |status| runs(status) == 3);
    assert_eq!((&status["phase"], number(&status["preemptions"])), (&Value::from("Running"), 0));
    let history = status["history"].as_array().unwrap();
    assert!(
        history.iter().any(|one| one["reason"].as_str().unwrap().contains("stops for job `exam`")),
        "{history:?}"
    );
    cluster.done(&["job", "cancel", "grows", "--yes"]);
}

#[test]
fn the_ranks_of_a_gang_find_the_first_one_where_it_has_moved() {
    // Three of them are in Germany.
    let cluster = Cluster::new(1, 5);
    cluster.import();
    let manifest = cluster.manifest("train", "DE", 2, 600, 50);
    let text =
        std::fs::read_to_string(&manifest).unwrap().replace("retries: 3", "retries: 9\n  restart: task");
    std::fs::write(&manifest, text).unwrap();
    cluster.done(&["job", "submit", "-f", manifest.as_str()]);
    let before = cluster.until("train", "trains", |status| number(&status["checkpointStep"]) > 0);
    let node = before["tasks"][0]["node"].as_str().unwrap().to_owned();
    cluster.done(&["node", "drain", &node, "--yes"]);
    // The second rank fails because the first is gone, and knocks until that is there again.
    let step = number(&before["checkpointStep"]);
    let trains = |status: &Value| number(&status["checkpointStep"]) > step + 40;
    let status = cluster.until("train", "trains on", trains);
    assert_ne!(status["tasks"][0]["node"], node.as_str());
    assert!(number(&status["failures"]) > 0, "{status}");
    cluster.until("train", "succeeds", |status| status["phase"] == "Succeeded");
}

#[test]
fn an_array_is_one_job_until_its_elements_start() {
    let cluster = Cluster::new(1, 1);
    cluster.import();
    let written = |name: &str, steps: u32, array: &str| {
        let path = cluster.manifest(name, "DE", 1, steps, 1);
        let text = std::fs::read_to_string(&path).unwrap().replace("kind: train", "kind: batch");
        let (head, _) = text.split_once("  output:").unwrap();
        let head = head.replace(", devices: {class: nvidia, count: 2}", "");
        std::fs::write(&path, format!("{head}  array: {array}\n")).unwrap();
        path
    };
    let sweep = written("sweep", 2, "{size: 40, maxParallel: 2, indexes: \"3,17,30-31\"}");
    let tried = cluster.done(&["job", "submit", "-f", sweep.as_str(), "--dry-run"]);
    assert_eq!(tried, "job `sweep` would be admitted, and 2 of 4 elements start now\n");
    cluster.done(&["job", "submit", "-f", sweep.as_str(), "--wait", "--timeout", "3m"]);
    let status = cluster.status("sweep");
    assert_eq!(
        (&status["phase"], number(&status["array"]["succeeded"])),
        (&Value::from("Succeeded"), 4),
        "{status}"
    );
    let names = |args: &[&str]| cluster.done(&[args, &["-o", "name"]].concat());
    assert_eq!(names(&["job", "list"]), "sweep\n");
    assert_eq!(names(&["job", "list", "--array", "sweep"]), "sweep.17\nsweep.3\nsweep.30\nsweep.31\n");
    assert!(!cluster.done(&["job", "logs", "sweep.17"]).is_empty());
    let (code, said) = cluster.refused(&["job", "logs", "sweep"]);
    assert!(
        code == 2 && said.contains("E2202") && said.contains("holdfast job logs sweep.3"),
        "{code}: {said}"
    );

    // One that fails is named in the form in which it can be run again.
    let grid = written("grid", 2, "{size: 3}");
    let text = std::fs::read_to_string(&grid).unwrap().replace("--steps", "--stumble");
    std::fs::write(&grid, text).unwrap();
    let failed = cluster.run(&["job", "submit", "-f", grid.as_str(), "--wait", "--timeout", "3m"]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    let shown = cluster.done(&["job", "show", "grid"]);
    assert!(shown.contains("failed         0-2") && shown.contains("3 of 3 elements failed"), "{shown}");

    // As many as there is room for run; none of the others ever does.
    let wide = written("wide", 100_000, "{size: 100000}");
    cluster.done(&["job", "submit", "-f", wide.as_str()]);
    let status = cluster.until("wide", "runs", |status| number(&status["array"]["active"]) > 1);
    assert!(number(&status["array"]["active"]) < 1_000, "{status}");
    let (code, said) = cluster.refused(&["job", "show", "wide.99999"]);
    assert!(code == 3 && said.contains("E2201"), "{code}: {said}");
    wait("the array is told why the rest waits", || {
        cluster.done(&["job", "explain", "wide"]).contains("cores").then_some(())
    });
    cluster.done(&["job", "cancel", "wide.0"]);
    cluster.until("wide.0", "ends", |status| status["phase"] == "Cancelled");
    cluster.done(&["job", "cancel", "wide", "--wait", "--timeout", "3m"]);
    let status = cluster.status("wide");
    assert_eq!(
        (number(&status["array"]["cancelled"]), number(&status["array"]["active"])),
        (100_000, 0),
        "{status}"
    );
    assert_eq!(status["array"]["cancelledIndexes"], "0-99999");
    cluster.done(&["job", "delete", "wide", "--yes"]);
    assert_eq!(names(&["job", "list", "--array", "wide"]), "");
}

#[test]
fn what_would_come_is_told_before_it_is_asked_for() {
    let cluster = Cluster::new(1, 3);
    cluster.import();
    // A task takes all accelerators of a node.
    let pair = cluster.manifest("pair", "DE", 2, 4_000, 50);
    let places = |status: &Value| -> Vec<(String, Value)> {
        let tasks = status["tasks"].as_array().unwrap();
        tasks
            .iter()
            .map(|task| (task["node"].as_str().unwrap().to_owned(), task["devices"].clone()))
            .collect()
    };
    let tried = cluster.json(&["job", "submit", "-f", pair.as_str(), "--dry-run"])["status"].clone();
    assert_eq!((&tried["phase"], places(&tried).len()), (&Value::from("Starting"), 2), "{tried}");
    let (code, said) = cluster.refused(&["job", "show", "pair"]);
    assert_eq!(code, 3, "it was only tried: {said}");
    cluster.done(&["job", "submit", "-f", pair.as_str()]);
    let status = cluster.until("pair", "runs", |s| s["phase"] == "Running");
    assert_eq!(places(&status), places(&tried), "what was told is what came");

    let next = cluster.manifest("next", "DE", 2, 20, 0);
    let text = std::fs::read_to_string(&next).unwrap() + "  maxRunTime: 1h\n";
    std::fs::write(&next, text).unwrap();
    let told = cluster.done(&["job", "submit", "-f", next.as_str(), "--dry-run"]);
    assert!(told.starts_with("job `next` would be admitted, and wait\n\n"), "{told}");
    // The other one may run for ever, but not before whoever has had nothing yet.
    assert!(told.contains("it is expected to start at") && told.contains(", in 11h59m, if nobody"), "{told}");
    assert!(told.contains("it would start now if"), "{told}");

    // Two nodes more of the same country are enough.
    let node = places(&status)[0].0.clone();
    let more = format!("{node}=2");
    let changes = ["scheduler", "what-if", "-f", next.as_str(), "--more", &more];
    let report = cluster.json(&changes);
    let job = &report["jobs"][0];
    assert_eq!(
        (&job["job"], &job["then"]["outcome"]),
        (&Value::from("next"), &Value::from("starts")),
        "{report}"
    );
    assert_eq!(job["then"]["nodes"], serde_json::json!(["more-1", "more-2"]), "{report}");
    assert_eq!((&report["now"]["nodes"], &report["then"]["nodes"]), (&Value::from(3), &Value::from(5)));
    let text = cluster.done(&changes);
    assert!(text.contains("is not there  starts on more-1"), "{text}");
    // A drained node stops what runs there: the third node is in another country.
    let report = cluster.json(&["scheduler", "what-if", "--drain", &node]);
    assert_eq!(report["jobs"][0]["then"]["outcome"], "stops", "{report}");
    let (_, said) = cluster.refused(&["scheduler", "what-if", "--drain", "rack=r9"]);
    assert!(said.contains("there is no node `rack=r9`"), "{said}");
    assert_eq!(cluster.status("pair")["phase"], "Running", "nothing was done");

    cluster.done(&["job", "submit", "-f", next.as_str()]);
    let queue = wait("the queue has somebody who waits", || {
        let queue = cluster.json(&["queue", "explain", "default"]);
        (queue["next"][0]["job"] == "next").then_some(queue)
    });
    assert!(
        queue["summary"].as_str().unwrap().starts_with("1 job waits in queue `default`; `next` is next"),
        "{queue}"
    );

    let report = cluster.json(&["scheduler", "replay"]);
    assert!(number(&report["plans"]) >= 1 && report["plans"] == report["same"], "{report}");
    let one =
        cluster.done(&["scheduler", "replay", "--revision", &number(&report["toRevision"]).to_string()]);
    assert!(one.contains("1 of 1 plans come out the same") && one.contains("committed"), "{one}");
    let (_, said) = cluster.refused(&["scheduler", "replay", "--revision", "1"]);
    assert!(said.contains("E2191"), "{said}");
}

#[test]
fn a_changed_byte_in_a_blob_is_found_and_never_served() {
    let cluster = Cluster::new(1, 3);
    cluster.import();
    wait("both copies are there", || {
        (cluster.json(&["dataset", "show", "demo-corpus"])["status"]["phase"] == "Available").then_some(())
    });
    cluster.done(&["dataset", "verify", "demo-corpus"]);
    let status = cluster.json(&["dataset", "show", "demo-corpus"])["status"].clone();
    let node = status["nodes"][0].as_str().unwrap().to_owned();
    // The corpus is one file of text: its blob is the one that holds these words.
    let blobs = cluster.home().join("up").join(&node).join("blobs");
    let mut open = vec![blobs];
    let mut damaged = 0;
    while let Some(place) = open.pop() {
        for entry in place.read_dir_utf8().unwrap().map(|e| e.unwrap()) {
            let path = entry.path().to_owned();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let mut bytes = std::fs::read(&path).unwrap();
            if bytes.starts_with(b"the quick brown fox") {
                bytes[0] ^= 1;
                std::fs::remove_file(&path).unwrap();
                std::fs::write(&path, bytes).unwrap();
                damaged += 1;
            }
        }
    }
    assert_eq!(damaged, 1);
    let (_, said) = cluster.refused(&["dataset", "verify", "demo-corpus"]);
    assert!(said.contains(&node) && said.contains("b3-"), "{said}");
}

#[test]
fn a_shim_or_a_relay_killed_costs_a_start_and_nothing_else() {
    let cluster = Cluster::new(1, 3);
    cluster.import();
    // Long enough that it does not end while a slow machine is asked how it does.
    let manifest = cluster.manifest("train", "DE", 2, 800, 50);
    cluster.done(&["job", "submit", "-f", manifest.as_str()]);
    let status = cluster.until("train", "trains", |s| number(&s["checkpointStep"]) > 0);
    let place = cluster.home().join("up").join(status["tasks"][1]["node"].as_str().unwrap());
    // The shim of a task is the parent of its init.
    let tasks = place.join("runtime/tasks");
    let task = tasks.read_dir_utf8().unwrap().next().unwrap().unwrap().into_path();
    let state: Value = serde_json::from_slice(&std::fs::read(task.join("state.json")).unwrap()).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", state["init"]["pid"])).unwrap();
    let shim = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap();
    let kill = |pid: i32| {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    };
    kill(shim);
    let again = |status: &Value, fence| number(&status["fence"]) >= fence && status["phase"] == "Running";
    let status = cluster.until("train", "starts again without its shim", |s| again(s, 2));

    // The ranks meet through the relay of each node: without one their connections break.
    // Only once they have met: before that they knock until a relay runs again, and it costs nothing at all.
    let kept = number(&status["checkpointStep"]);
    let met = |s: &Value| again(s, 2) && number(&s["checkpointStep"]) >= kept + 40;
    let status = cluster.until("train", "trains on after its second start", met);
    let place = cluster.home().join("up").join(status["tasks"][1]["node"].as_str().unwrap());
    kill(relay(&place));
    cluster.until("train", "starts again without its relay", |s| number(&s["fence"]) >= 3);
    let status = cluster.until("train", "succeeds", |s| s["phase"] == "Succeeded");
    assert_eq!(number(&status["failures"]), 2, "{status}");
}

/// The process of the relay that carries the gangs of a node.
fn relay(place: &Utf8Path) -> i32 {
    let config = place.join("agent.toml");
    let is_it = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.contains(&b"__relay".as_slice()) && words.contains(&config.as_str().as_bytes())
    };
    wait("the relay runs", || {
        let processes = Utf8Path::new("/proc").read_dir_utf8().unwrap();
        processes.filter_map(|entry| entry.ok()?.file_name().parse().ok()).find(is_it)
    })
}
