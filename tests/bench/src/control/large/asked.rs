//! The rows: they fill a member once, and start it again and again.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::member::{REST, Size};
use crate::control::arena::median;
use crate::control::host::{Children, cpu_of};
use crate::measure::{Bench, Measurement};

/// The members are kept under these names for the rows that share them.
const MILLION: &str = "a member of a million";
/// A million objects.
const LARGE: Size = Size { nodes: 1_000, jobs: 9_000, artifacts: 990_000 };
/// The cluster that a controller must hold in 300 MB.
const USUAL: Size = Size { nodes: 1_000, jobs: 10_000, artifacts: 100_000 };
/// The median of so many starts counts.
const STARTS: usize = 3;
const MEGABYTE: f64 = 1e6;
const NO_PEER: &str = "no peer holds these objects";

/// A directory that was filled, with what filling said.
pub(crate) struct Filled {
    _directory: TempDir,
    place: Utf8PathBuf,
    said: BTreeMap<String, f64>,
}

/// A member of its own process.
struct Process {
    children: Children,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(place: &Utf8Path, act: &[String]) -> Result<Self> {
        let program = std::env::current_exe().context("this program")?;
        let mut command = Command::new(program);
        command.arg("__large").arg(place).args(act).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut children = Children::default();
        children.0.push(command.spawn().context("start a member")?);
        let out = children.0.first_mut().and_then(|child| child.stdout.take()).context("its output")?;
        Ok(Self { children, lines: BufReader::new(out).lines() })
    }

    /// What it says until it is done.
    fn said(&mut self) -> Result<BTreeMap<String, f64>> {
        let mut said = BTreeMap::new();
        for line in self.lines.by_ref() {
            let line = line.context("read what a member says")?;
            if line == "done" {
                return Ok(said);
            }
            let (name, figure) = line.split_once(' ').with_context(|| format!("`{line}` is no figure"))?;
            said.insert(name.to_owned(), figure.parse().with_context(|| format!("read `{line}`"))?);
        }
        Err(anyhow!("a member ended before it was done"))
    }

    /// What it has in memory after a rest.
    fn rested(&mut self) -> Result<BTreeMap<String, f64>> {
        let input =
            self.children.0.first_mut().and_then(|child| child.stdin.as_mut()).context("its input")?;
        writeln!(input, "rest").context("ask a member")?;
        self.said()
    }

    /// Lets it shut down.
    fn end(mut self) -> Result<()> {
        for child in &mut self.children.0 {
            drop(child.stdin.take());
            child.wait().context("wait for a member")?;
        }
        Ok(())
    }
}

fn words(act: &[&str]) -> Vec<String> {
    act.iter().map(|word| (*word).to_owned()).collect()
}

fn fill(bench: &Bench, size: Size) -> Result<Filled> {
    let directory = tempfile::tempdir_in(&bench.scratch).context("a directory for a member")?;
    let place = Utf8Path::from_path(directory.path()).context("a plain name")?.join("member");
    std::fs::create_dir_all(&place).with_context(|| format!("create {place}"))?;
    let [nodes, jobs, artifacts] = [size.nodes, size.jobs, size.artifacts].map(|many| many.to_string());
    let mut process = Process::start(&place, &words(&["fill", &nodes, &jobs, &artifacts]))?;
    let said = process.said().context("fill a member")?;
    process.end()?;
    Ok(Filled { _directory: directory, place, said })
}

fn million(bench: &Bench) -> Result<Arc<Filled>> {
    bench.once(MILLION, || fill(bench, LARGE))
}

fn of(said: &BTreeMap<String, f64>, name: &str) -> Result<f64> {
    said.get(name).copied().with_context(|| format!("a member does not say `{name}`"))
}

/// Starts a member over a filled directory and lets it say when it serves.
fn started(filled: &Filled, prepare: impl Fn(&Utf8Path) -> Result<()>) -> Result<Measurement> {
    let (mut times, mut details) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        prepare(&filled.place)?;
        let mut process = Process::start(&filled.place, &words(&["open"]))?;
        let said = process.said().context("start a member")?;
        times.push(of(&said, "serves")?);
        let pid = process.children.0.first().context("a process")?.id();
        let cpu = cpu_of(pid)?.as_secs_f64();
        details.push(format!(
            "opened after {:.2} s, led after {:.2} s, served after {:.2} s; {cpu:.1} CPU-s, {} objects, {:.0} MB",
            of(&said, "opened")?,
            of(&said, "leads")?,
            of(&said, "serves")?,
            of(&said, "objects")?,
            of(&said, "rss")? / MEGABYTE,
        ));
        process.end()?;
    }
    let mut measured = Measurement::new(median(times), "s", Err(NO_PEER.to_owned()));
    details.push(sizes(&filled.place)?);
    measured.details = details;
    Ok(measured)
}

fn sizes(place: &Utf8Path) -> Result<String> {
    let mut parts = Vec::new();
    for part in ["log", "snapshots", "applied"] {
        let mut bytes = 0;
        let entries = std::fs::read_dir(place.join(part)).with_context(|| format!("list {part}"))?;
        for entry in entries {
            bytes += entry?.metadata()?.len();
        }
        parts.push(format!("{part} {:.0} MB", bytes as f64 / MEGABYTE));
    }
    Ok(format!("on disk: {}", parts.join(", ")))
}

/// From the start of the process to the first answered write.
pub(crate) fn restarted(bench: &Bench) -> Result<Measurement> {
    started(&*million(bench)?, |_| Ok(()))
}

/// The same where the copy on sled is gone, so that snapshot and log have to do.
pub(crate) fn rebuilt(bench: &Bench) -> Result<Measurement> {
    let measured = started(&*million(bench)?, |place| {
        let copy = place.join("applied");
        std::fs::remove_dir_all(&copy).with_context(|| format!("remove {copy}"))
    });
    // Nothing after this needs the gigabytes.
    bench.forget(MILLION);
    measured
}

/// How much slower the slowest of a hundred writes is while a snapshot is taken.
pub(crate) fn snapshot(bench: &Bench) -> Result<Measurement> {
    let filled = million(bench)?;
    let seconds = (bench.budget.as_secs_f64() / 2.0).to_string();
    let mut process = Process::start(&filled.place, &words(&["snapshot", &seconds]))?;
    let said = process.said().context("take a snapshot")?;
    process.end()?;
    let times = of(&said, "during-p99")? / of(&said, "quiet-p99")?;
    let mut measured = Measurement::new(times, "times", Err(NO_PEER.to_owned()));
    measured.details = vec![format!("the snapshot took {:.1} s", of(&said, "snapshot")?)];
    for name in ["quiet", "during"] {
        measured.details.push(format!(
            "{name}: {} writes, p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
            of(&said, &format!("{name}-writes"))?,
            of(&said, &format!("{name}-p50"))? * 1e3,
            of(&said, &format!("{name}-p99"))? * 1e3,
            of(&said, &format!("{name}-most"))? * 1e3,
        ));
    }
    Ok(measured)
}

/// What a member of the usual size has in memory when it has rested, and what it uses of a core.
pub(crate) fn footprint(bench: &Bench) -> Result<Measurement> {
    let filled = fill(bench, USUAL)?;
    let mut process = Process::start(&filled.place, &words(&["open"]))?;
    let begun = process.said().context("start a member")?;
    process.rested()?;
    let pid = process.children.0.first().context("a process")?.id();
    let before = cpu_of(pid)?;
    let said = process.rested()?;
    let idle = cpu_of(pid)?.saturating_sub(before).as_secs_f64() / REST.as_secs_f64();
    process.end()?;
    let mut measured = Measurement::new(of(&said, "rss")? / MEGABYTE, "MB", Err(NO_PEER.to_owned()));
    let mut tell = |when: &str, said: &BTreeMap<String, f64>| -> Result<()> {
        measured.details.push(format!(
            "{when}: {:.0} MB, of which {:.0} MB anonymous; at most {:.0} MB",
            of(said, "rss")? / MEGABYTE,
            of(said, "anonymous")? / MEGABYTE,
            of(said, "peak")? / MEGABYTE,
        ));
        Ok(())
    };
    tell("when it was filled", &filled.said)?;
    tell("when it had started", &begun)?;
    tell("at rest", &said)?;
    measured.details.push(format!("CPU at rest: {:.2} % of a core", idle * 100.0));
    measured.details.push(sizes(&filled.place)?);
    Ok(measured)
}
