//! `holdfast doctor`: from the context file of this machine to the agents, one line for each check and what to type.

mod judge;
mod reach;
mod report;

use std::process::ExitCode;

use crate::answers::{Answer, ask_all, merge};
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::output::Printer;
use crate::session::Session;
use report::{Report, Verdict};

/// The command line of `holdfast doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  holdfast doctor\n  holdfast doctor -o json")]
pub(crate) struct Args {}

/// Runs every check that can be made. One that does not hold ends with exit code 1.
pub(crate) async fn run(globals: &Globals) -> Result<(), Failure> {
    let (report, _) = Box::pin(examine(globals)).await;
    let printer = Printer::new(globals.output);
    match printer.format() {
        Format::Table => printer.text(&report.text())?,
        Format::Json | Format::Yaml => printer.value(&report.json())?,
        Format::Name => {
            let failed = report.0.iter().filter(|check| check.verdict == Verdict::Fail);
            printer.text(&failed.map(|check| format!("{}\n", check.name)).collect::<String>())?;
        }
    }
    if report.fails() { Err(Failure::Ended(ExitCode::from(1))) } else { Ok(()) }
}

/// What was found, and what every controller answered on the way.
pub(super) async fn examine(globals: &Globals) -> (Report, Vec<Answer>) {
    let mut report = Report::default();
    let Some(context) = reach::context(globals, &mut report) else { return (report, Vec::new()) };
    let session = match Session::open(globals) {
        Ok(session) => session,
        Err(problem) => {
            report.problem("context", &problem);
            return (report, Vec::new());
        }
    };
    let mut answers = ask_all(&session).await;
    let endpoints: Vec<String> = answers.iter().map(|answer| answer.endpoint.clone()).collect();
    let found = reach::endpoints(&context, &endpoints, &mut report).await;
    // Who writes all the time has heads of different sizes: a few more looks find two that can be compared.
    for _ in 0..judge::LOOKS_AT_AUDIT {
        if judge::comparable(&answers) {
            break;
        }
        answers = ask_all(&session).await;
    }
    match merge(&answers) {
        Ok(status) => judge::judge(&status, &answers, &found, &mut report),
        Err(problem) => report.problem("cluster", &problem),
    }
    (report, answers)
}
