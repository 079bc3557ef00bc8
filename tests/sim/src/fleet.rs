//! Many schedules at once, each in a process of its own: only a process that has just begun draws the same chance again.

use std::collections::{BTreeMap, VecDeque};
use std::process::{Command, Output};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use parking_lot::Mutex;

use crate::plant::Plant;
use crate::tally::Kind;

/// How one schedule is reported by its process; the rest of its output is for people.
const MARK: &str = "digest ";
/// How it says what happened and how often.
const COUNTS: &str = "happened ";

/// Schedules to run.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// This program.
    pub program: Utf8PathBuf,
    /// The first seed.
    pub from: u64,
    /// How many seeds.
    pub schedules: u64,
    /// How many at once.
    pub workers: usize,
    /// The bug, if any.
    pub plant: Plant,
    /// Whether to stop at the first breach.
    pub first: bool,
}

/// What became of them.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// How many ran.
    pub ran: u64,
    /// Each seed's digest.
    pub digests: Vec<(u64, String)>,
    /// What the processes of failed seeds said.
    pub failed: Vec<(u64, String)>,
    /// What happened in all of them, and how often.
    pub counts: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Shared {
    seeds: Mutex<VecDeque<u64>>,
    summary: Mutex<Summary>,
}

/// The line by which a process reports its digest.
#[must_use]
pub fn digest_line(digest: (u64, u64)) -> String {
    format!("{MARK}{:016x} of {} lines", digest.0, digest.1)
}

/// The line by which a process reports what happened, and how often.
#[must_use]
pub fn counts_line(counts: &BTreeMap<Kind, u64>) -> String {
    let words: Vec<String> = counts.iter().map(|(kind, count)| format!("{}={count}", kind.word())).collect();
    format!("{COUNTS}{}", words.join(" "))
}

fn counts(said: &str) -> impl Iterator<Item = (&str, u64)> {
    let words = said.lines().filter_map(|line| line.strip_prefix(COUNTS)).flat_map(str::split_whitespace);
    words
        .filter_map(|word| word.split_once('='))
        .filter_map(|(kind, count)| Some((kind, count.parse().ok()?)))
}

impl Fleet {
    /// Runs every seed.
    ///
    /// # Errors
    ///
    /// The program cannot be started.
    pub fn run(&self) -> Result<Summary> {
        let shared = Arc::new(Shared::default());
        shared.seeds.lock().extend(self.from..self.from + self.schedules);
        let workers: Vec<_> = (0..self.workers.max(1))
            .map(|_| {
                let (fleet, shared) = (self.clone(), Arc::clone(&shared));
                std::thread::spawn(move || fleet.work(&shared))
            })
            .collect();
        for worker in workers {
            worker.join().map_err(|_| anyhow::anyhow!("a worker ended by itself"))??;
        }
        let mut summary = shared.summary.lock().clone();
        summary.digests.sort();
        summary.failed.sort();
        Ok(summary)
    }

    fn work(&self, shared: &Shared) -> Result<()> {
        loop {
            let Some(seed) = shared.seeds.lock().pop_front() else { return Ok(()) };
            let output = self.one(seed)?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let digest = said.lines().find_map(|line| line.strip_prefix(MARK)).unwrap_or_default().to_owned();
            let mut summary = shared.summary.lock();
            summary.ran += 1;
            for (kind, count) in counts(&said) {
                *summary.counts.entry(kind.to_owned()).or_default() += count;
            }
            summary.digests.push((seed, digest));
            if !output.status.success() {
                let errors = String::from_utf8_lossy(&output.stderr);
                // At once: whoever waits for the others may already look at this one.
                eprintln!("seed {seed} fails: {}", said.lines().rev().nth(1).unwrap_or_default());
                summary.failed.push((seed, format!("{said}{errors}{}", output.status)));
                if self.first {
                    shared.seeds.lock().clear();
                }
            }
        }
    }

    fn one(&self, seed: u64) -> Result<Output> {
        let mut command = Command::new(&self.program);
        command.args(["--seed", &seed.to_string(), "--plant", &self.plant.word()]);
        command.env("RUST_BACKTRACE", "0");
        command.output().with_context(|| format!("start {}", self.program))
    }
}
