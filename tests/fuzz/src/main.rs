//! Runs the fuzzers: all, some, or one input again.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Parser;
use holdfast_fuzz::{Done, Failure, Settings, Target, all, attempt, fuzz, grow};

/// Feeds every reader of foreign bytes with bytes that are nearly right.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only these targets.
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// What the inputs follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times the inputs that each target asks for.
    #[arg(long, env = "HOLDFAST_FUZZ_TIMES", default_value_t = 1.0)]
    times: f64,
    /// Only the input of this number.
    #[arg(long, value_name = "NUMBER", requires = "targets")]
    input: Option<u64>,
    /// Only the input in this file.
    #[arg(long, value_name = "PATH", requires = "targets")]
    file: Option<Utf8PathBuf>,
    /// Keeps an input for every new way that one goes in the committed corpus.
    #[arg(long)]
    grow: bool,
    /// Lists the targets.
    #[arg(long)]
    list: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let targets = chosen(&arguments.targets)?;
    if arguments.list {
        targets.iter().for_each(|target| println!("{}", target.name));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = &arguments.file {
        return from_file(&targets, path);
    }
    let begun = Instant::now();
    let settings = Settings { seed: arguments.seed, times: arguments.times, only: arguments.input };
    let (mut inputs, mut failed) = (0, 0);
    println!("{:<22}{:>10}{:>8}{:>8}{:>11}", "TARGET", "INPUTS", "KEPT", "WAYS", "INPUTS/S");
    for target in &targets {
        match fuzz(target, settings) {
            Ok(done) => {
                inputs += done.inputs;
                println!("{}", line(target, &done));
                if arguments.grow {
                    let known = known(target);
                    println!("  {} inputs kept", grow(target, &done.ways, &known)?);
                }
            }
            Err(failure) => {
                failed += 1;
                report(&failure)?;
            }
        }
    }
    println!(
        "{inputs} inputs of {} targets from seed {}, {failed} failed, {} s",
        targets.len(),
        settings.seed,
        begun.elapsed().as_secs()
    );
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(names: &[String]) -> Result<Vec<Target>> {
    let all = all()?;
    if let Some(name) = names.iter().find(|name| !all.iter().any(|target| target.name == **name)) {
        let known: Vec<&str> = all.iter().map(|target| target.name).collect();
        bail!("no target is named `{name}`; there are {}", known.join(", "));
    }
    Ok(all
        .into_iter()
        .filter(|target| names.is_empty() || names.iter().any(|name| name == target.name))
        .collect())
}

/// The ways that the inputs go which are kept already.
fn known(target: &Target) -> BTreeMap<String, Vec<u8>> {
    let ways = target.seeds.iter().filter_map(|seed| Some((attempt(target, seed, 1).ok()?, seed.clone())));
    ways.collect()
}

fn line(target: &Target, done: &Done) -> String {
    let rate = u128::from(done.inputs) * 1_000_000 / done.took.as_micros().max(1);
    format!(
        "{:<22}{:>10}{:>8}{:>8}{:>11}",
        target.name,
        done.inputs,
        target.seeds.len(),
        done.ways.len(),
        rate
    )
}

fn report(failure: &Failure) -> Result<()> {
    let Failure { target, seed, number, why, input } = failure;
    let path = Utf8PathBuf::try_from(std::env::temp_dir())?.join(format!("holdfast-fuzz-{target}"));
    std::fs::write(&path, input).with_context(|| format!("write {path}"))?;
    println!("target `{target}` FAILS: {why}");
    println!("  its {} bytes: {}", input.len(), hex::encode(input.get(..512).unwrap_or(input)));
    println!("  again: cargo run -p holdfast-fuzz -- --target {target} --file {path}");
    if let Some(number) = number {
        println!("  or:    cargo run -p holdfast-fuzz -- --target {target} --seed {seed} --input {number}");
    }
    Ok(())
}

/// Gives the input in a file to every chosen target.
fn from_file(targets: &[Target], path: &Utf8Path) -> Result<ExitCode> {
    let input = std::fs::read(path).with_context(|| format!("read {path}"))?;
    for target in targets {
        match attempt(target, &input, 0) {
            Ok(way) => println!("{}: {way}", target.name),
            Err(why) => {
                println!("target `{}` FAILS: {why}", target.name);
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
