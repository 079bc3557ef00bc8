//! The command line: `log`, `entry`, `consistency` and `release`. Exit codes: 0 whole, 1 a finding, 2 usage.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Parser, Subcommand};
use holdfast_audit::{Checkpoint, VerifierKey};
use holdfast_types::{AsProblem, Problem};
use serde_json::json;

use crate::entry::verify_entry;
use crate::finding::{Fault, Finding, Place};
use crate::growth::verify_growth;
use crate::log::{Report, Trust, verify_log};
use crate::release::verify_release;
use crate::store::read_note;

const WHOLE: u8 = 0;
const FINDING: u8 = 1;
const USAGE: u8 = 2;

/// Verify an exported audit log, or a release, offline.
#[derive(Debug, Parser)]
#[command(name = "holdfast-verify", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Write JSON in place of text.
    #[arg(long, global = true)]
    json: bool,
    /// The verifier key of the log, `name+hash+base64`; without it, the key that the log itself names.
    #[arg(long, global = true, value_name = "VKEY")]
    key: Option<VerifierKey>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify every entry of a log.
    Log {
        /// The directory of the exported log.
        dir: Utf8PathBuf,
        /// A checkpoint you kept: the log has to continue it.
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<Utf8PathBuf>,
    },
    /// Print an entry and verify that it is in the log.
    Entry {
        /// The directory of the exported log.
        dir: Utf8PathBuf,
        /// Its index, from 0.
        index: u64,
    },
    /// Verify that a log only grew between two checkpoints.
    Consistency {
        /// The older checkpoint.
        old: Utf8PathBuf,
        /// The newer checkpoint.
        new: Utf8PathBuf,
        /// The directory of the exported log; without it, the one that holds the newer checkpoint.
        #[arg(long, value_name = "DIR")]
        log: Option<Utf8PathBuf>,
    },
    /// Verify a release: who signed it, that it is whole, and every byte of its payload.
    Release {
        /// The bundle.
        file: Utf8PathBuf,
        /// The root that you trust; without it, the first one of the bundle.
        #[arg(long, value_name = "FILE")]
        root: Option<Utf8PathBuf>,
        /// The present, as 2027-06-30T00:00:00Z; the clock of this machine where absent.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
}

/// What a command found, as text and as JSON.
struct Answer {
    text: String,
    json: serde_json::Value,
}

/// The whole program, so that another one can host it: arguments with the program's name first.
pub fn main_with_args(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::from(run(args, &mut io::stdout().lock(), &mut io::stderr().lock()))
}

/// As [`main_with_args`], with its outputs given; returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            let help = !error.use_stderr();
            let text = error.render();
            let written = if help { write!(out, "{text}") } else { write!(err, "{text}") };
            return if help && written.is_ok() { WHOLE } else { USAGE };
        }
    };
    let (code, written) = match execute(&arguments) {
        Ok(answer) if arguments.json => (WHOLE, writeln!(out, "{}", answer.json)),
        Ok(answer) => (WHOLE, writeln!(out, "{}", answer.text)),
        Err(Refusal::Log(finding)) if arguments.json => {
            (FINDING, writeln!(out, "{}", finding_json(&finding)))
        }
        Err(Refusal::Log(finding)) => (FINDING, writeln!(err, "{}", finding.problem())),
        Err(Refusal::Release(problem)) if arguments.json => {
            let text = problem.because.first().unwrap_or(&problem.summary);
            let finding = json!({"code": problem.code.to_string(), "text": text});
            (FINDING, writeln!(out, "{}", json!({"ok": false, "finding": finding})))
        }
        Err(Refusal::Release(problem)) => (FINDING, writeln!(err, "{problem}")),
    };
    match written {
        Ok(()) => code,
        // An answer that did not arrive must not look like a clean one.
        Err(_) => FINDING,
    }
}

fn finding_json(finding: &Finding) -> serde_json::Value {
    let code = finding.problem().code.to_string();
    let last = match finding.place {
        Place::Entry(index) => Some(index),
        Place::Within { last, .. } => Some(last),
        Place::Log => None,
    };
    let (first, text) = (finding.place.first(), finding.fault.to_string());
    json!({"ok": false, "finding": {"code": code, "first": first, "last": last, "text": text}})
}

/// What a command found wrong.
enum Refusal {
    Log(Box<Finding>),
    Release(Box<Problem>),
}

impl From<Finding> for Refusal {
    fn from(finding: Finding) -> Self {
        Self::Log(Box::new(finding))
    }
}

fn execute(arguments: &Arguments) -> Result<Answer, Refusal> {
    let key = arguments.key.as_ref();
    let answer = match &arguments.command {
        Command::Release { file, root, at } => {
            let found = verify_release(file, root.as_deref(), at.as_deref());
            let report = found.map_err(|problem| Refusal::Release(Box::new(problem)))?;
            return Ok(Answer { text: report.text(), json: json!({"ok": true, "report": &report}) });
        }
        Command::Log { dir, checkpoint } => log(dir, key, checkpoint.as_deref()),
        Command::Entry { dir, index } => entry(dir, key, *index),
        Command::Consistency { old, new, log } => {
            let beside =
                new.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
            consistency(old, new, log.as_deref().unwrap_or(beside), key)
        }
    };
    answer.map_err(Refusal::from)
}

fn log(dir: &Utf8Path, key: Option<&VerifierKey>, trusted: Option<&Utf8Path>) -> Result<Answer, Finding> {
    let trusted = trusted.map(|path| checkpoint(path, key)).transpose()?;
    let report = verify_log(dir, key, trusted.as_ref())?;
    let json = json!({"ok": true, "report": &report});
    Ok(Answer { text: report_text(&report), json })
}

fn report_text(report: &Report) -> String {
    let mut lines = vec![
        format!("log      {}", report.origin),
        format!("entries  {}, {} of them refusals", report.size, report.denied),
        format!("root     {}", report.root),
    ];
    if let (Some(first), Some(last)) = (&report.first, &report.last) {
        lines.push(format!("time     {first} to {last}"));
    }
    for (kind, count) in &report.kinds {
        lines.push(format!("  {kind:<12} {count}"));
    }
    if let Some(size) = report.continues {
        lines.push(format!("continues the trusted checkpoint of {size} entries"));
    }
    lines.push(match report.trust {
        Trust::Given => "whole: every entry is as it was when the key you gave signed it".to_owned(),
        Trust::FromLog => format!(
            "whole in itself; compare the key with one you trust, or give it with --key:\n{}",
            report.key
        ),
    });
    lines.join("\n")
}

fn entry(dir: &Utf8Path, key: Option<&VerifierKey>, index: u64) -> Result<Answer, Finding> {
    let proved = verify_entry(dir, key, index)?;
    let form = |error| Finding::new(Place::Entry(index), Fault::Form(error));
    let bytes = proved.entry.to_bytes().map_err(form)?;
    let line = String::from_utf8_lossy(&bytes).into_owned();
    let (size, root, hashes) = (proved.checkpoint.size, proved.checkpoint.root, proved.proof.len());
    let proof: Vec<String> = proved.proof.iter().map(ToString::to_string).collect();
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let json =
        json!({"ok": true, "entry": value, "leaf": proved.leaf, "proof": proof, "size": size, "root": root});
    let text =
        format!("{line}\nincluded: {hashes} hashes lead from its leaf to the root {root} of {size} entries");
    Ok(Answer { text, json })
}

fn consistency(
    old: &Utf8Path,
    new: &Utf8Path,
    dir: &Utf8Path,
    key: Option<&VerifierKey>,
) -> Result<Answer, Finding> {
    let (old, new) = (checkpoint(old, key)?, checkpoint(new, key)?);
    let hashes = verify_growth(dir, &old, &new)?;
    let text =
        format!("consistent: {} entries became {} by appending alone ({hashes} hashes)", old.size, new.size);
    Ok(Answer { text, json: json!({"ok": true, "old": old.size, "new": new.size, "hashes": hashes}) })
}

/// A checkpoint in a file: signed by the key where one is given, and otherwise believed.
fn checkpoint(path: &Utf8Path, key: Option<&VerifierKey>) -> Result<Checkpoint, Finding> {
    let note = read_note(path)?;
    let read = match key {
        Some(key) => Checkpoint::open(&note, key),
        None => Checkpoint::read_unverified(&note),
    };
    read.map_err(|error| Finding::new(Place::Log, Fault::Note(error)))
}

#[cfg(test)]
mod tests;
