//! The suite of the mutants: bugs put into a copy of the code one by one, each of which the simulation has to find. A bug that
//! nobody finds is a promise that nobody tests.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};

use crate::outcome::{Outcome, counted, target_directory};
use crate::process::{Counted, Shell, output, run as run_command};

/// Where the mutants are: patches with a head that says what is wrong and who has to notice.
const MUTANTS: &str = "tests/sim/mutants";
/// Days that a mutant may live at most, where its head does not say otherwise.
const DAYS: u64 = 60;
/// Runs the mutants whose names are listed, divided by commas.
const CHOSEN: &str = "HOLDFAST_MUTANTS";

/// A bug, as its file has it.
#[derive(Debug, PartialEq, Eq)]
struct Mutant {
    name: String,
    /// What the code does wrong, in a sentence.
    what: String,
    /// The promises that may notice; any of them will do.
    breaks: Vec<String>,
    /// Days that it may live.
    days: u64,
    /// Whether it is found by cutting the power everywhere, and not by bad days.
    by_power: bool,
}

/// How a mutant was found.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    by: String,
    seed: Option<u64>,
    ran: u64,
}

/// Runs the suite.
pub(super) fn run(shell: &Shell, _: crate::outcome::Tier) -> Outcome {
    let mut count = Counted::default();
    let result = all(shell, &mut count);
    counted((count, result))
}

fn all(shell: &Shell, count: &mut Counted) -> Result<()> {
    let target = target_directory(shell)?;
    let tree = target.join("mutants/tree");
    copy(shell, &tree)?;
    let there = Shell { root: tree, offline: shell.offline };
    let mutants = chosen(read_all(&shell.root.join(MUTANTS))?, std::env::var(CHOSEN).ok().as_deref())?;
    ensure!(!mutants.is_empty(), "there is no mutant in {MUTANTS}");
    let sound = target.join("mutants/holdfast-sim");
    std::fs::copy(simulation(&there, &target)?, &sound).with_context(|| format!("copy to {sound}"))?;
    if mutants.iter().any(|mutant| mutant.by_power) {
        ensure!(power_of(&there, &target)?.is_none(), "power cuts fail without any mutant");
    }
    let mut lines = Vec::new();
    for mutant in &mutants {
        let file = shell.root.join(MUTANTS).join(format!("{}.patch", mutant.name));
        patch(&there, &file, false)?;
        let found = judged(&there, &target, &sound, mutant);
        patch(&there, &file, true)?;
        match found {
            Ok(found) => {
                count.passed += 1;
                lines.push(line(mutant, &found));
            }
            Err(error) => {
                count.failed += 1;
                lines.push(format!("| `{}` | {} | **{error:#}** | | |", mutant.name, mutant.what));
            }
        }
        println!("{}", lines.last().map_or("", String::as_str));
    }
    println!("\n| mutant | what is wrong | found by | seed | days |\n|---|---|---|---|---|");
    lines.iter().for_each(|line| println!("{line}"));
    ensure!(count.failed == 0, "{} of {} mutants were not found", count.failed, mutants.len());
    Ok(())
}

fn line(mutant: &Mutant, found: &Found) -> String {
    let seed = found.seed.map_or_else(|| "-".to_owned(), |seed| seed.to_string());
    format!("| `{}` | {} | {} | {seed} | {} |", mutant.name, mutant.what, found.by, found.ran)
}

/// How a mutant was found, where that is as it should be. `sound` is the simulation of the code as it is.
fn judged(there: &Shell, target: &Utf8Path, sound: &Utf8Path, mutant: &Mutant) -> Result<Found> {
    let found = if mutant.by_power { power_of(there, target)? } else { days_of(there, target, mutant.days)? };
    let Some(found) = found else { bail!("it lives") };
    ensure!(mutant.breaks.contains(&found.by), "it is found by {}, not by what it breaks", found.by);
    if let Some(seed) = found.seed {
        // What is found in the code as it is would be found in the mutant, too, and say nothing of it.
        let day = there.program(sound.as_str()).args(["--seed", &seed.to_string()]).output();
        ensure!(day.context("run the day without it")?.status.success(), "day {seed} fails without it, too");
    }
    Ok(found)
}

/// Makes the tree a copy of what is tracked, and of what will be. What is the same already is left alone, so that it need not
/// be built again.
fn copy(shell: &Shell, tree: &Utf8Path) -> Result<()> {
    let listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = output(shell.program("git").args(listed))?;
    let paths: BTreeSet<&Utf8Path> =
        listed.split('\0').filter(|p| !p.is_empty()).map(Utf8Path::new).collect();
    let mut kept = BTreeSet::new();
    for path in paths {
        let (from, to) = (shell.root.join(path), tree.join(path));
        // What was deleted and is not committed yet is still listed.
        if !from.is_file() {
            continue;
        }
        let bytes = std::fs::read(&from).with_context(|| format!("read {from}"))?;
        if std::fs::read(&to).ok().as_ref() != Some(&bytes) {
            let place = to.parent().unwrap_or(tree);
            std::fs::create_dir_all(place).with_context(|| format!("create {place}"))?;
            std::fs::write(&to, bytes).with_context(|| format!("write {to}"))?;
        }
        kept.insert(to);
    }
    prune(tree, &kept)
}

/// Removes what is in the copy and no longer in what it is a copy of.
fn prune(place: &Utf8Path, kept: &BTreeSet<Utf8PathBuf>) -> Result<()> {
    for entry in place.read_dir_utf8().with_context(|| format!("list {place}"))? {
        let entry = entry.with_context(|| format!("list {place}"))?;
        let path = entry.path();
        if entry.file_type().with_context(|| format!("look at {path}"))?.is_dir() {
            prune(path, kept)?;
        } else if !kept.contains(path) {
            std::fs::remove_file(path).with_context(|| format!("remove {path}"))?;
        }
    }
    Ok(())
}

/// Puts a bug in, or takes it out again. A patch that no longer fits is written anew, not left out.
fn patch(there: &Shell, file: &Utf8Path, back: bool) -> Result<()> {
    let mut command = there.program("git");
    // The copy lies in the directory of another repository, which is not what is patched.
    command.env("GIT_CEILING_DIRECTORIES", there.root.parent().unwrap_or(&there.root));
    command.args(["apply", "--whitespace=nowarn"]).args(back.then_some("--reverse")).arg(file);
    run_command(&mut command).with_context(|| format!("apply {file}"))
}

fn cargo(there: &Shell, target: &Utf8Path) -> Command {
    let mut command = there.cargo();
    // Crates of the registry are built once for both.
    command.env("CARGO_TARGET_DIR", target).env("RUST_BACKTRACE", "0");
    command
}

/// Builds the simulation, and answers where it is.
fn simulation(there: &Shell, target: &Utf8Path) -> Result<Utf8PathBuf> {
    run_command(cargo(there, target).args(["build", "--locked", "-p", "holdfast-sim"]))?;
    Ok(target.join("debug/holdfast-sim"))
}

/// The first bad day of so many, if there is one.
fn days_of(there: &Shell, target: &Utf8Path, days: u64) -> Result<Option<Found>> {
    let mut command = there.program(simulation(there, target)?.as_str());
    command.args(["--first", "--from", "0", "--schedules", &days.to_string()]);
    let ran = command.output().context("run the simulation")?;
    if ran.status.success() {
        return Ok(None);
    }
    Ok(Some(read(&String::from_utf8_lossy(&ran.stdout))))
}

/// What a run of the simulation that failed says.
fn read(said: &str) -> Found {
    let breach = |line: &str| -> Option<(u64, String)> {
        let (seed, broken) = line.strip_prefix("seed ")?.split_once(" breaks ")?;
        Some((seed.parse().ok()?, broken.split(':').next()?.to_owned()))
    };
    let ran = said.lines().find_map(|line| line.split_once(" schedules from seed ")?.0.parse().ok());
    let (seed, by) = match said.lines().filter_map(breach).min() {
        Some((seed, by)) => (Some(seed), by),
        None => (None, "its end".to_owned()),
    };
    Found { by, seed, ran: ran.unwrap_or(0) }
}

/// Whether a member loses something where the power fails.
fn power_of(there: &Shell, target: &Utf8Path) -> Result<Option<Found>> {
    let test = ["test", "--locked", "-p", "holdfast-sim", "--test", "power"];
    run_command(cargo(there, target).args(test).arg("--no-run"))?;
    let ran = cargo(there, target).args(test).output().context("run the power cuts")?;
    let found = Found { by: "power".to_owned(), seed: None, ran: 1 };
    Ok((!ran.status.success()).then_some(found))
}

fn read_all(place: &Utf8Path) -> Result<Vec<Mutant>> {
    let mut files: Vec<Utf8PathBuf> = Vec::new();
    for entry in place.read_dir_utf8().with_context(|| format!("list {place}"))? {
        files.push(entry.context("a file of a mutant")?.into_path());
    }
    files.sort();
    files.retain(|file| file.extension() == Some("patch"));
    files
        .iter()
        .map(|file| {
            let text = std::fs::read_to_string(file).with_context(|| format!("read {file}"))?;
            head(file.file_stem().unwrap_or_default(), &text).with_context(|| format!("the head of {file}"))
        })
        .collect()
}

/// The head of a patch: a sentence, then `breaks:` with promises, and `days:` where more or fewer are needed than usual.
fn head(name: &str, text: &str) -> Result<Mutant> {
    let lines: Vec<&str> = text.lines().take_while(|line| !line.starts_with("--- ")).collect();
    let field = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let what = lines.first().context("it says what is wrong")?.trim_end_matches('.').to_owned();
    let breaks = field("breaks:").context("it has a line `breaks:`")?;
    let breaks: Vec<String> = breaks.split(", ").map(str::to_owned).collect();
    let days = field("days:").map(str::parse).transpose().context("`days:` is a number")?.unwrap_or(DAYS);
    let by_power = breaks.iter().any(|promise| promise == "power");
    Ok(Mutant { name: name.to_owned(), what, breaks, days, by_power })
}

fn chosen(mutants: Vec<Mutant>, names: Option<&str>) -> Result<Vec<Mutant>> {
    let Some(names) = names else { return Ok(mutants) };
    let names: Vec<&str> = names.split(',').collect();
    for name in &names {
        ensure!(mutants.iter().any(|mutant| mutant.name == *name), "there is no mutant `{name}`");
    }
    Ok(mutants.into_iter().filter(|mutant| names.contains(&mutant.name.as_str())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "Votes are forgotten.\nbreaks: election-safety, liveness\n\n--- a/x\n+++ b/x\nbreaks: no\n";

    #[test]
    fn the_head_of_a_mutant_is_read_and_what_is_missing_is_named() {
        let mutant = head("forget-vote", HEAD).unwrap();
        assert_eq!(
            (mutant.what.as_str(), mutant.days, mutant.by_power),
            ("Votes are forgotten", DAYS, false)
        );
        assert_eq!(mutant.breaks, ["election-safety", "liveness"]);
        assert!(head("x", "What.\nbreaks: power\ndays: 7\n").unwrap().by_power);
        assert!(head("x", "What.\n--- a/x\nbreaks: power\n").is_err(), "the patch is not the head");
        let unknown = chosen(vec![mutant], Some("forget-vote,other")).unwrap_err();
        assert!(unknown.to_string().contains("`other`"), "{unknown}");
    }

    /// The suite itself is of the full tier: whoever changes the code should not learn of it only there.
    #[test]
    fn every_mutant_fits_the_code() {
        let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mutants = read_all(&root.join(MUTANTS)).unwrap();
        assert!(!mutants.is_empty());
        for mutant in mutants {
            let file = root.join(MUTANTS).join(format!("{}.patch", mutant.name));
            let mut command = Command::new("git");
            command.current_dir(root).args(["apply", "--check", file.as_str()]);
            run_command(&mut command).unwrap_or_else(|error| panic!("{file}: {error:#}"));
        }
    }

    #[test]
    fn what_is_no_longer_there_goes_from_the_copy_as_well() {
        let temporary = tempfile::tempdir().unwrap();
        let tree = Utf8Path::from_path(temporary.path()).unwrap();
        std::fs::create_dir(tree.join("a")).unwrap();
        for name in ["a/old.rs", "a/new.rs", "b.rs"] {
            std::fs::write(tree.join(name), "x").unwrap();
        }
        prune(tree, &BTreeSet::from([tree.join("a/new.rs"), tree.join("b.rs")])).unwrap();
        assert!(
            tree.join("a/new.rs").exists() && tree.join("b.rs").exists() && !tree.join("a/old.rs").exists()
        );
    }

    #[test]
    fn the_smallest_seed_of_a_run_counts() {
        let said = "seed 9:\nseed 9 breaks lease-safety: a read\n\nseed 4:\nseed 4 breaks liveness: no leader\n\
                    11 schedules from seed 0, 2 failed, 3 s; 0 replayed\n";
        let found = Found { by: "liveness".to_owned(), seed: Some(4), ran: 11 };
        assert_eq!(read(said), found);
        assert_eq!(read("seed 1:\nkilled\n").by, "its end");
    }
}
