//! Installing a machine that waits for its configuration, from here: its plan is shown, somebody types the serial number of the disk
//! that goes, and what is to be kept comes back.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_maintenance::{Answer, Client, Plan, Progress, Request, Work};
use holdfast_release::machine;
use holdfast_types::{AsProblem as _, Problem, ProblemKind};

use super::desk::{Desk, asked};
use super::volume::{admission, read};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::Printer;

/// How often the machine is asked how far it is.
const LOOK: Duration = Duration::from_millis(500);
/// What is said of the writing: each tenth.
const TENTHS: u64 = 10;

/// Which machine, and what it is to be.
#[derive(Debug, clap::Args)]
pub(crate) struct Install {
    /// The configuration of the machine
    machine: Utf8PathBuf,
    /// What lets it in: of `site init`, of `controller add --out`, or the token of `node token`
    #[arg(long, value_name = "FILE")]
    admission: Option<Utf8PathBuf>,
    #[command(flatten)]
    desk: Desk,
}

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(5164, ProblemKind::Failed, "the machine is not installed").because(because)
}

/// Installs it.
pub(super) fn run(globals: &Globals, printer: Printer, install: &Install) -> Result<(), Failure> {
    let path = &install.machine;
    let text = words(path)?;
    let parsed = machine::parse(&text).map_err(|error| failed(format!("`{path}`, {error}")))?;
    let admission =
        match admission(path, install.admission.as_deref(), &parsed.spec.cluster).map_err(failed)? {
            Some((_, content)) => Some(
                String::from_utf8(content)
                    .map_err(|error| failed(format!("what lets the machine in is no text: {error}")))?,
            ),
            None => None,
        };
    let mut client = install.desk.connect(printer)?;
    let name = parsed.metadata.name.to_string();
    if globals.dry_run || !is_under_way(&mut client)? {
        let plan = planned(&mut client, text, admission)?;
        shown(printer, &plan);
        if globals.dry_run {
            printer.note("nothing was written (dry run)");
            return printer.line(&name);
        }
        begin(&mut client, globals, printer, &plan)?;
    }
    let (machine, recovery) = followed(&mut client, printer)?;
    if machine != name {
        return Err(failed(format!("another desk installed it as `{machine}`, not as `{name}`")).into());
    }
    if let Some(key) = &recovery {
        printer.note(
            "Its recovery key opens its disk where its TPM does not. Keep it: it is shown this once, and kept nowhere.",
        );
        printer.line(key)?;
    }
    // The key is with whoever reads: only now may the machine forget it.
    ask(&mut client, &Request::Leave {})?;
    printer.note(format!("{name} is installed, and starts from its disk."));
    if recovery.is_none() { printer.line(&name) } else { Ok(()) }
}

/// Whether it was begun before, by this command and a connection that broke off.
fn is_under_way(client: &mut Client) -> Result<bool, Problem> {
    match ask(client, &Request::Progress {})? {
        Answer::Progress(Progress::Writing(_) | Progress::Done { .. }) => Ok(true),
        Answer::Progress(Progress::Idle | Progress::Failed { .. }) => Ok(false),
        Answer::Welcome { .. } | Answer::Facts(_) | Answer::Plan(_) | Answer::Refused(_) => {
            Err(client.astray().problem())
        }
    }
}

fn words(path: &Utf8Path) -> Result<String, Problem> {
    String::from_utf8(read(path).map_err(failed)?)
        .map_err(|error| failed(format!("`{path}` is no text: {error}")))
}

fn ask(client: &mut Client, request: &Request) -> Result<Answer, Problem> {
    client.call(request).map_err(|error| error.problem())
}

fn planned(client: &mut Client, machine: String, admission: Option<String>) -> Result<Plan, Problem> {
    match ask(client, &Request::Plan { machine, admission })? {
        Answer::Plan(plan) => Ok(plan),
        Answer::Welcome { .. } | Answer::Facts(_) | Answer::Progress(_) | Answer::Refused(_) => {
            Err(client.astray().problem())
        }
    }
}

fn shown(printer: Printer, plan: &Plan) {
    for line in plan.checks.iter().chain([&String::new(), &plan.disk, &String::new()]).chain(&plan.sides) {
        printer.note(line);
    }
    printer.note(format!("\n{} with encryption: {}", plan.machine, plan.encryption));
}

/// Has it written: with the word of somebody who types, or with `--yes` as a volume would, where the disk is free or `wipe` names it.
fn begin(client: &mut Client, globals: &Globals, printer: Printer, plan: &Plan) -> Result<(), Problem> {
    let serial = if globals.yes {
        None
    } else {
        let question =
            format!("All that is on the disk is lost. Type its serial number, {}, to go on:", plan.serial);
        Some(asked(printer, &question)?.trim().to_owned())
    };
    ask(client, &Request::Install { serial }).map(drop)
}

/// Waits until it is written; what it is called, and its recovery key.
fn followed(client: &mut Client, printer: Printer) -> Result<(String, Option<String>), Problem> {
    let mut tenth = 0;
    loop {
        match ask(client, &Request::Progress {})? {
            Answer::Progress(Progress::Writing(work)) => {
                let now = work.done.saturating_mul(TENTHS) / work.total.max(1);
                if now > tenth {
                    tenth = now;
                    printer.note(line(&work));
                }
                std::thread::park_timeout(LOOK);
            }
            Answer::Progress(Progress::Done { machine, recovery }) => return Ok((machine, recovery)),
            Answer::Progress(Progress::Failed { why }) => {
                return Err(failed(why).next("its disk boots nothing, or what it booted before: try again"));
            }
            Answer::Progress(Progress::Idle)
            | Answer::Welcome { .. }
            | Answer::Facts(_)
            | Answer::Plan(_)
            | Answer::Refused(_) => return Err(client.astray().problem()),
        }
    }
}

fn line(work: &Work) -> String {
    let percent = work.done.saturating_mul(100) / work.total.max(1);
    let mib = |bytes: u64| bytes >> 20;
    let rate = mib(work.done / work.seconds.max(1));
    format!("{percent} %: {} of {} MiB, {rate} MiB/s: {}", mib(work.done), mib(work.total), work.what)
}
