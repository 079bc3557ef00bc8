//! Running other programs from the root of the repository: streamed, bounded, and with an error that names them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};

/// How often a bounded program is looked at.
const POLL: Duration = Duration::from_millis(200);

/// The target this tool was built for, which is the one it tests.
pub(crate) const HOST: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

/// Where and with what programs run.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    /// The root of the repository.
    pub(crate) root: Utf8PathBuf,
    /// Whether the cache of Cargo holds all that the lock file names, so that the network need not be asked.
    pub(crate) offline: bool,
}

impl Shell {
    /// A shell at `root`; finds out whether Cargo can stay offline.
    pub(crate) fn new(root: &Utf8Path) -> Self {
        let mut shell = Self { root: root.to_owned(), offline: false };
        let mut probe = shell.cargo();
        probe.args(["fetch", "--locked", "--offline", "--quiet", "--target", HOST]);
        shell.offline = probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
        shell
    }

    /// A program that will run in the root.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root);
        command
    }

    /// The Cargo that runs us, offline where its cache suffices.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = self.program(&cargo);
        // What Cargo sets for a program that it runs must not reach the builds that this program starts.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || name.starts_with("CARGO_BIN_")
            {
                command.env_remove(name.as_ref());
            }
        }
        if self.offline {
            command.env("CARGO_NET_OFFLINE", "true");
        }
        command
    }
}

/// Runs a program to its end with its output streamed; an error where it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("start `{line}`"))?;
    if status.success() { Ok(()) } else { bail!("`{line}` failed: {status}") }
}

/// How many tests a run of `cargo test` reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests that were marked to be ignored.
    pub(crate) ignored: u64,
}

impl Counted {
    /// Adds what a line `test result: ok. 3 passed; 0 failed; 1 ignored; ...` says; other lines say nothing.
    pub(crate) fn read(&mut self, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else { return };
        let words: Vec<&str> = result.split([' ', ';', '.']).filter(|w| !w.is_empty()).collect();
        for pair in words.windows(2) {
            let [number, what] = pair else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match *what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Runs tests with their output streamed, and counts them; the error of a failure comes beside the count.
pub(crate) fn run_counted(command: &mut Command) -> (Counted, Result<()>) {
    let mut counted = Counted::default();
    let result = stream(command, &mut |line| counted.read(line));
    (counted, result)
}

fn stream(command: &mut Command, each: &mut dyn FnMut(&str)) -> Result<()> {
    let line = shown(command);
    println!("$ {line}");
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("start `{line}`"))?;
    let output = child.stdout.take().context("the output is piped")?;
    let mut reader = BufReader::new(output);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).with_context(|| format!("read from `{line}`"))? > 0 {
        let text = String::from_utf8_lossy(&bytes);
        print!("{text}");
        std::io::stdout().flush()?;
        each(&text);
        bytes.clear();
    }
    let status = child.wait().with_context(|| format!("wait for `{line}`"))?;
    if status.success() { Ok(()) } else { bail!("`{line}` failed: {status}") }
}

/// The output of a program, or an error where it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("output of `{line}`"))
}

/// Runs a program and ends it where it takes longer than `limit`.
pub(crate) fn run_bounded(command: &mut Command, limit: Duration) -> Result<()> {
    let line = shown(command);
    println!("$ {line}");
    let mut child = command.spawn().with_context(|| format!("start `{line}`"))?;
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("wait for `{line}`"))? {
            return if status.success() { Ok(()) } else { Err(anyhow::anyhow!("`{line}` failed: {status}")) };
        }
        if begun.elapsed() > limit {
            child.kill().with_context(|| format!("end `{line}`"))?;
            child.wait().with_context(|| format!("wait for `{line}`"))?;
            bail!("`{line}` took longer than {} s", limit.as_secs());
        }
        std::thread::park_timeout(POLL);
    }
}

/// Whether a program of that name is on the PATH, or where a system keeps those of root.
pub(crate) fn has_program(name: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let directories = path.split(':').chain(["/usr/sbin", "/sbin"]);
    directories.map(|d| Utf8Path::new(d).join(name)).any(|program| program.is_file())
}

/// The effective user of this process; a file it has just made would belong to the same.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let arguments = command.get_args().map(|a| a.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_test_runs_are_counted() {
        let mut counted = Counted::default();
        counted.read("test result: ok. 28 passed; 1 failed; 2 ignored; 0 measured; 3 filtered out; finished in 0.14s\n");
        counted.read("test result: FAILED. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
        counted.read("test x ... ok");
        assert_eq!(counted, Counted { passed: 29, failed: 1, ignored: 2 });
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let error = run_bounded(Command::new("sleep").arg("60"), Duration::from_millis(1)).unwrap_err();
        assert!(error.to_string().contains("took longer"), "{error}");
        assert!(run_bounded(&mut Command::new("false"), Duration::from_secs(9)).is_err());
        assert!(!has_program("no-such-program-at-all") && has_program("sh"));
    }

    #[test]
    fn the_lines_of_a_program_are_counted_and_its_failure_is_kept() {
        let script = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; exit 3";
        let (counted, result) = run_counted(Command::new("sh").args(["-c", script]));
        assert_eq!(counted.passed, 2);
        assert!(result.is_err());
    }
}
