//! The program as scripts see it: exit codes, what is on stdout, what is on stderr.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_identity::{ClusterCa, Context, Identity, Principal};
use holdfast_types::Time;

/// A home without a context.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        command.args(args).env_clear().env("HOME", self.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// A context of a cluster whose only controller is at `endpoint`.
    fn context(&self, endpoint: &str) -> Utf8PathBuf {
        let now = Time(u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
        let ca = ClusterCa::create("test-cluster".parse().unwrap(), &[], now).unwrap();
        let (key, csr) = Identity::generate_csr().unwrap();
        let principal = Principal::Operator {
            name: "alice".parse().unwrap(),
            roles: ["admin".parse().unwrap()].into(),
            tenant: None,
        };
        let issued = ca.issue(&csr, &principal, holdfast_identity::OPERATOR_VALIDITY, now).unwrap();
        let identity = Identity::from_pem(&issued.chain_pem, key.clone()).unwrap();
        let context = Context {
            cluster: ca.cluster().clone(),
            name: "alice".parse().unwrap(),
            endpoints: vec![endpoint.parse().unwrap()],
            ca_pem: ca.root_pem(),
            cert_pem: identity.chain_pem(),
            key,
        };
        let path = self.path().join("context.toml");
        context.save(&path).unwrap();
        path
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn exit_codes_say_what_kind_of_failure_it_was() {
    let home = Home::new();
    let big = home.path().join("big.yaml");
    fs::File::create(&big).unwrap().set_len(100 << 20).unwrap();
    let context = home.context("127.0.0.1:1");
    for (args, code, said) in [
        (vec!["explain", "E7021"], 0, ""),
        (vec!["--version"], 0, ""),
        (vec!["job", "submit"], 2, "--file"),
        (vec!["job", "list", "--dry-run"], 2, "error[E7003]"),
        (vec!["explain", "E9999"], 3, "error[E7012]"),
        (vec!["job", "list"], 3, "error[E7011]"),
        (vec!["audit", "verify", "/nowhere"], 1, "error["),
        (vec!["--context", context.as_str(), "job", "submit", "-f", big.as_str()], 2, "error[E7021]"),
        (vec!["--context", context.as_str(), "job", "list", "--timeout", "300ms"], 5, "error[E5201]"),
        (vec!["--context", context.as_str(), "job", "delete", "x"], 2, "--yes"),
        (
            vec!["--context", context.as_str(), "model", "export", "m", "/tmp", "--to", "DE"],
            6,
            "error[E7062]",
        ),
    ] {
        let output = home.run(&args);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(said), "{args:?}: {text}");
        assert!(code == 0 || output.stdout.is_empty(), "{args:?}: a failure is no data");
        assert!(!text.contains('\u{1b}'), "{args:?}: colour where no terminal is");
    }
}

#[test]
fn a_program_gets_its_error_as_json() {
    let home = Home::new();
    let output = home.run(&["-o", "json", "explain", "E9999"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["code"], "E7012");
    assert_eq!(error["next"][0], "holdfast explain");
    assert!(error["message"].as_str().unwrap().contains("E9999"));
    assert_eq!(error["causes"].as_array().unwrap().len(), 1);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let home = Home::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = home.command(&["explain"]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn a_manifest_from_a_pipe_is_bounded_too() {
    let home = Home::new();
    let context = home.context("127.0.0.1:1");
    let mut child = home
        .command(&["--context", context.as_str(), "job", "submit", "-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The program stops reading after its limit, so the rest of this cannot be written.
    while stdin.write_all(&[b'#'; 65_536]).is_ok() {}
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("error[E7021]"), "{}", stderr(&output));
}

#[test]
fn the_examples_are_manifests() {
    let home = Home::new();
    let context = home.context("127.0.0.1:1");
    let mut seen = 0;
    for entry in Utf8Path::new("../../examples").read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        if path.extension() != Some("yaml") {
            continue;
        }
        seen += 1;
        let first = fs::read_to_string(&path).unwrap();
        assert!(first.starts_with("# "), "{path} does not say what it is");
        // The manifest is read and checked before anything is dialled; only then is nobody there.
        let args = ["--context", context.as_str(), "apply", "-f", path.as_str(), "--timeout", "100ms"];
        let output = home.run(&args);
        assert_eq!(output.status.code(), Some(5), "{path}: {}", stderr(&output));
    }
    assert_eq!(seen, 9);
}

#[test]
fn a_simulation_needs_no_cluster_and_is_the_same_again() {
    let home = Home::new();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name).into_string();
        fs::write(&path, text).unwrap();
        path
    };
    let trace = file("jobs.csv", "arrival,devices,duration,queue\n0,8,100,a\n1,16,50,b\n2,4,60,a\n");
    let cluster = file("cluster.toml", "nodes = [{ count = 2, devices = 8 }]\n");
    let report = home.path().join("report");
    let simulate = ["simulate", "--trace", &trace, "--cluster", &cluster, "--baseline", "fifo"];
    let json = [&simulate[..], &["-o", "json", "--report", report.as_str()]].concat();
    let output = home.run(&json);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = |output: &Output| -> serde_json::Value { serde_json::from_slice(&output.stdout).unwrap() };
    let (first, second) = (told(&output), told(&home.run(&json)));
    let of = |told: &serde_json::Value, item: usize, field: &str| told["items"][item][field].clone();
    assert_eq!((of(&first, 0, "policy"), of(&first, 1, "policy")), ("holdfast".into(), "fifo".into()));
    // The small one passes under our rule; in order it waits for the large one.
    assert_eq!(of(&first, 0, "waitMs")["max"], 99_000);
    assert_eq!(of(&first, 1, "waitMs")["max"], 148_000);
    assert_eq!(of(&first, 0, "chain"), of(&second, 0, "chain"));
    for chart in ["utilisation.svg", "queue-depth.svg", "waits.svg"] {
        assert!(fs::read_to_string(report.join(chart)).unwrap().contains("fifo"), "{chart}");
    }
    let table = home.run(&simulate);
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(text.contains("POLICY") && text.contains("QUEUE"), "{text}");

    let odd = file("odd.csv", "arrival,devices,duration\n0,8,100\n0,none,100\n");
    let output = home.run(&["simulate", "--trace", &odd, "--cluster", &cluster]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("error[E7190]") && stderr(&output).contains("line 3: `none`"),
        "{}",
        stderr(&output)
    );
    let output = home.run(&["simulate", "--trace", &trace, "--cluster", &cluster, "--weeks", "3-3"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn a_cluster_is_filled_by_every_rule_and_the_same_again() {
    let home = Home::new();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name).into_string();
        fs::write(&path, text).unwrap();
        path
    };
    let nodes = file("nodes.csv", "cpu_milli,memory_mib,gpu,model\n64000,1024,4,T4\n64000,1024,4,G2\n");
    let pods = file(
        "pods.csv",
        "cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n1000,1,1,500,T4|G2\n1000,1,1,1000,T4\n",
    );
    let report = home.path().join("report");
    let fill = ["simulate", "fill", "--pods", &pods, "--nodes", &nodes, "--seeds", "2"];
    let json = [&fill[..], &["-o", "json", "--report", report.as_str()]].concat();
    let output = home.run(&json);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = |output: &Output| -> serde_json::Value { serde_json::from_slice(&output.stdout).unwrap() };
    let (first, second) = (told(&output), told(&home.run(&json)));
    for (item, rule) in ["default", "random", "best-fit"].into_iter().enumerate() {
        assert_eq!(first["items"][item]["rule"], rule);
        assert_eq!(first["items"][item]["seeds"], second["items"][item]["seeds"]);
    }
    assert!(fs::read_to_string(report.join("filled.svg")).unwrap().contains("best-fit"));
    let table = home.run(&[&fill[..], &["--rule", "default", "--load", "50"]].concat());
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(text.contains("GIVEN AWAY %") && text.contains("50.00") && !text.contains("random"), "{text}");

    let odd = file("odd.csv", "cpu_milli,memory_mib,num_gpu,gpu_milli\n1,1,2,500\n");
    let output = home.run(&["simulate", "fill", "--pods", &odd, "--nodes", &nodes]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("error[E7190]")
            && stderr(&output).contains("line 2, column `gpu_milli`: `500`"),
        "{}",
        stderr(&output)
    );
    let output = home.run(&["simulate"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
