//! Asking before something is destroyed.

use std::io::{self, BufRead as _, IsTerminal as _};

use holdfast_types::{Problem, ProblemKind};

use crate::session::Session;

/// Returns where `--yes` or `--dry-run` was given or the person at the terminal agrees to `act`, such as "retire node
/// `n1`".
pub(crate) fn confirm(session: &Session, act: &str) -> Result<(), Problem> {
    if session.globals.yes || session.globals.dry_run {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Problem::new(7004, ProblemKind::Invalid, format!("{act}: nobody is there to ask"))
            .because("it cannot be undone, and standard input is not a terminal")
            .next("repeat the command with --yes"));
    }
    session.printer.note(format!("{act}? It cannot be undone. Type yes:"));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match read {
        Ok(_) if answer.trim() == "yes" => Ok(()),
        Ok(_) | Err(_) => {
            Err(Problem::new(7005, ProblemKind::Failed, format!("{act}: not done, as you said")))
        }
    }
}
