//! What the tests share: an agent's runtime on a temporary directory with a tiny image.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_runtime::{ExitStatus, Runtime, RuntimeOptions, TaskSpec, TaskState, kill_all};

/// Longer than anything here may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const HOST: &str = env!("CARGO_BIN_EXE_holdfast-runtime-host");

pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) dir: Utf8PathBuf,
    pub(crate) rootfs: Utf8PathBuf,
    _temporary: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let dir = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        let rootfs = dir.join("image");
        build_image(&rootfs);
        let runtime = Runtime::start(options(&dir)).unwrap();
        Self { runtime, dir, rootfs, _temporary: temporary }
    }

    pub(crate) fn sh(&self, id: &str, script: &str) -> TaskSpec {
        let argv = vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()];
        TaskSpec::new(id.parse().unwrap(), self.rootfs.clone(), argv)
    }

    pub(crate) fn probe(&self, id: &str, arguments: &[&str]) -> TaskSpec {
        let argv =
            std::iter::once("/bin/probe").chain(arguments.iter().copied()).map(str::to_owned).collect();
        TaskSpec::new(id.parse().unwrap(), self.rootfs.clone(), argv)
    }

    #[track_caller]
    pub(crate) fn start(&self, spec: &TaskSpec) -> TaskState {
        if let Err(error) = self.runtime.start_task(spec) {
            let log = std::fs::read_to_string(self.runtime.state_dir().join("shim.log")).unwrap_or_default();
            panic!("{error:?}\n{log}");
        }
        self.runtime.state(&spec.id).unwrap()
    }

    #[track_caller]
    pub(crate) fn wait(&self, id: &str) -> ExitStatus {
        self.runtime.wait(&id.parse().unwrap(), LIMIT).unwrap().expect("the task has not ended in time")
    }

    #[track_caller]
    pub(crate) fn run(&self, spec: &TaskSpec) -> ExitStatus {
        self.start(spec);
        self.wait(spec.id.as_str())
    }

    pub(crate) fn log(&self, id: &str) -> String {
        let chunk = self.runtime.read_log(&id.parse().unwrap(), 0, 1 << 20).unwrap();
        String::from_utf8(chunk.bytes).unwrap()
    }

    /// Kills the zygote and lets go of the runtime without a word to any task.
    pub(crate) fn kill_agent(&mut self) {
        let pid = rustix::process::Pid::from_raw(self.runtime.zygote_pid().unwrap().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let other = Utf8Path::from_path(elsewhere.path()).unwrap();
        self.runtime = Runtime::start(options(other)).unwrap();
    }

    pub(crate) fn restart_agent(&mut self) {
        self.runtime = Runtime::start(options(&self.dir)).unwrap();
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = kill_all(&self.dir.join("state"));
        for task in self.runtime.scan().unwrap_or_default() {
            let _ = self.runtime.remove(&task.id);
        }
    }
}

fn options(dir: &Utf8Path) -> RuntimeOptions {
    RuntimeOptions::new(dir.join("state"), HOST.into())
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Copies the shell, `sleep` and the probe with the libraries they name.
fn build_image(rootfs: &Utf8Path) {
    std::fs::create_dir_all(rootfs.join("bin")).unwrap();
    for (source, name) in [("/bin/sh", "sh"), ("/bin/sleep", "sleep"), (HOST, "probe")] {
        let target = rootfs.join("bin").join(name);
        std::fs::copy(source, &target).unwrap();
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o755)).unwrap();
        let output = std::process::Command::new("ldd").arg(source).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for library in text.split_ascii_whitespace().filter(|word| word.starts_with('/')) {
            let target = rootfs.join(library.trim_start_matches('/'));
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            if !target.exists() {
                std::fs::copy(library, target).unwrap();
            }
        }
    }
}

/// Whether a process is there and not just a name left for its parent.
pub(crate) fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Every path below a directory.
pub(crate) fn tree(dir: &Utf8Path) -> Vec<String> {
    let mut paths = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in dir.read_dir_utf8().unwrap().map(Result::unwrap) {
            paths.push(entry.path().to_string());
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path().to_owned());
            }
        }
    }
    paths.sort();
    paths
}

/// Lines of `name value`.
pub(crate) fn lines(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The cgroups of tasks that have ended; those of other tests do not have their state directory's names.
pub(crate) fn cgroups_left(state_dir: &str) -> Vec<String> {
    let hash = state_dir.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut left = Vec::new();
    for controller in ["memory", "cpu", "pids", "freezer", "."] {
        let dir = Utf8Path::new("/sys/fs/cgroup").join(controller).join("holdfast");
        for entry in dir.read_dir_utf8().into_iter().flatten().flatten() {
            if entry.file_name().starts_with(&format!("{hash:016x}")) {
                left.push(entry.path().to_string());
            }
        }
    }
    left
}

/// Set in the environment of a test that runs once more on a machine made poorer.
const POORER: &str = "HOLDFAST_TEST_ON_A_POORER_MACHINE";

/// Runs one test again in a user namespace of its own, whose machine a script has made poorer for it alone; false when
/// this is that run.
pub(crate) fn again_poorer(test: &str, script: &str) -> bool {
    if std::env::var_os(POORER).is_some() {
        return false;
    }
    let output = std::process::Command::new("unshare")
        .args(["-Urm", "sh", "-c", &format!("{script} && exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(POORER, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
    true
}

#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < end, "not in time: {what}");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "the pause between two looks, not a wait for anything")]
fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}
