//! From nothing to a cluster as machines do it: founded away from them, let in by what lies on their volumes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

/// How long a condition may take to hold.
const PATIENCE: Duration = Duration::from_secs(60);

struct World(tempfile::TempDir);

/// A machine that runs; cut off from power with its value.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl World {
    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }

    /// Founds a cluster of one controller.
    fn founded(address: &str) -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        let place = format!("c1={address}");
        world.ends(
            0,
            &[
                "site",
                "init",
                &world.text("site"),
                "--name",
                "s",
                "--jurisdiction",
                "DE",
                "--controller",
                &place,
            ],
        );
        world
    }

    fn text(&self, name: &str) -> String {
        self.path(name).into_string()
    }

    fn ends(&self, code: i32, args: &[&str]) -> String {
        let output = program(args).env("HOLDFAST_CONTEXT", self.path("site/context.toml")).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
        said(&output)
    }

    fn until(&self, args: &[&str], words: &[&str]) {
        let began = Instant::now();
        loop {
            let output =
                program(args).env("HOLDFAST_CONTEXT", self.path("site/context.toml")).output().unwrap();
            let text = said(&output);
            if output.status.success() && words.iter().all(|word| text.contains(word)) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{args:?}: {text}");
        }
    }

    /// What the installer left of a volume: the configuration, and what lets the machine in.
    fn machine(&self, name: &str, spec: &str, admission: &Utf8Path) -> Utf8PathBuf {
        let state = self.path(name);
        std::fs::create_dir_all(&state).unwrap();
        let head = "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = ";
        let text =
            format!("{head}\"{name}\"\n[spec]\n{spec}\n[spec.cluster]\nadmissionFile = \"admission\"\n");
        std::fs::write(state.join("machine.toml"), text).unwrap();
        std::fs::copy(admission, state.join("admission")).unwrap();
        state
    }

    fn start(&self, state: &Utf8Path, controllers: &str) -> Machine {
        let path = state.join("machine.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        if !controllers.is_empty() && !text.contains("controllers") {
            std::fs::write(&path, format!("{text}controllers = [\"{controllers}\"]\n")).unwrap();
        }
        let at = |name: &str| state.join(name).into_string();
        let args = [
            ["__machine".to_owned(), "--machine".to_owned(), path.into_string()].as_slice(),
            &["--state".to_owned(), state.to_string(), "--raft".to_owned(), at("raft")],
            &["--data".to_owned(), at("data"), "--data-listen".to_owned(), free()],
            &["--relay-listen".to_owned(), free()],
        ]
        .concat();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let log = std::fs::File::options().create(true).append(true).open(state.join("log")).unwrap();
        Machine(program(&args).stderr(log).spawn().unwrap())
    }
}

#[test]
fn machines_become_a_cluster_with_what_lies_on_their_volumes() {
    let address = free();
    let world = World::founded(&address);
    let state = world.machine("c1", "role = \"controller\"", &world.path("site/c1.admission"));
    // As a cut of the power leaves it: begun, and without its configuration.
    std::fs::create_dir_all(state.join("controller/identity")).unwrap();
    std::fs::write(state.join("controller/identity/key.pem"), "half").unwrap();
    let controller = world.start(&state, "");
    world.until(&["cluster", "status"], &["c1"]);
    assert!(!state.join("admission").exists(), "the keys lie about");
    assert!(state.join("raft/controller/log").exists(), "the log is where it should be");
    let began = Instant::now();
    while !state.join("controller/alive").exists() {
        assert!(began.elapsed() < PATIENCE, "a controller with a leader gives no sign of life");
        std::thread::yield_now();
    }

    let token = program(&["node", "token", "--jurisdiction", "DE", "--site", "berlin", "--approve"])
        .env("HOLDFAST_CONTEXT", world.path("site/context.toml"))
        .output()
        .unwrap();
    std::fs::write(world.path("n1.token"), &token.stdout).unwrap();
    let node = world.machine("n1", "role = \"agent\"", &world.path("n1.token"));
    let agent = world.start(&node, &address);
    world.until(&["node", "list"], &["n1", "Ready"]);
    assert!(node.join("agent/identity/key.pem").exists() && !node.join("admission").exists());

    // Both come back with what they have.
    drop((controller, agent));
    let _machines = (world.start(&state, ""), world.start(&node, &address));
    world.until(&["node", "list"], &["n1", "Ready"]);
    world.until(&["cluster", "status"], &["c1"]);
}

#[test]
fn a_volume_holds_what_its_machine_reads_and_nothing_is_overwritten() {
    let world = World::founded("10.0.0.1:7443");
    let again = [
        "site",
        "init",
        &world.text("site"),
        "--name",
        "s",
        "--jurisdiction",
        "DE",
        "--controller",
        "c1=a:1",
    ];
    assert!(world.ends(1, &again).contains("not overwritten"));
    let config = world.path("m.toml");
    let (out, admission) = (world.text("m.img"), world.text("site/c1.admission"));
    let volume = |code, more: &[&str]| {
        let args = [&["site", "volume", config.as_str(), "--out", out.as_str()], more].concat();
        world.ends(code, &args)
    };
    let text = "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"c1\"\n[spec]\nrole = \"controller\"\n";
    std::fs::write(&config, format!("{text}colour = 1\n")).unwrap();
    assert!(volume(1, &[]).contains("line 6, column 1: unknown field `colour`"));
    std::fs::write(&config, format!("{text}[spec.cluster]\nadmissionFile = \"let-in\"\n")).unwrap();
    assert!(volume(1, &[]).contains("speaks of a file `let-in`"));
    assert!(volume(0, &["--admission", &admission]).contains("destroy it"));
    assert!(volume(1, &["--admission", &admission]).contains("m.img"), "it is there already");
    let image = std::fs::read(&out).unwrap();
    let key = std::fs::read(&admission).unwrap();
    assert!(image.windows(key.len()).any(|window| window == key));
    assert!(image.windows(11).any(|window| window == b"HOLDFASTCFG"));
}
