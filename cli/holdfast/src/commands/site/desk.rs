//! A machine that waits for its configuration: where it is, what it must present, and the code that it shows.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_maintenance::{Client, Fingerprint, OneTimeCode, PORT};
use holdfast_types::{AsProblem as _, Problem, ProblemKind};

use crate::output::Printer;

/// More than any line that is typed.
const MAX_LINE: u64 = 4 << 10;

/// Which machine.
#[derive(Debug, clap::Args)]
pub(super) struct Desk {
    /// Where it listens, as its console shows it
    #[arg(long, value_name = "HOST[:PORT]")]
    address: String,
    /// The fingerprint that its console shows: who presents another is told nothing
    #[arg(long, value_name = "SHA256")]
    fingerprint: Option<Fingerprint>,
    /// A file with the code that its console shows; where not given it is asked for
    #[arg(long, value_name = "FILE")]
    code_file: Option<Utf8PathBuf>,
}

impl Desk {
    /// Connects to the machine, and to no other.
    pub(super) fn connect(&self, printer: Printer) -> Result<Client, Problem> {
        let Some(fingerprint) = self.fingerprint else {
            return Err(Problem::new(5160, ProblemKind::Invalid, "the machine is not held to a fingerprint")
                .because("whoever answers at its address would be told the code, the keys of the configuration and the recovery key")
                .next(format!("read it on the machine's console, and repeat the command with --fingerprint; the machine is at {}", self.address)));
        };
        let code = match &self.code_file {
            Some(path) => read(path)?,
            None => asked(printer, "The code on the machine's console:")?,
        };
        let code = OneTimeCode::typed(&code).map_err(|error| no_code(error.to_string()))?;
        Client::connect(&self.place(), fingerprint, &code).map_err(|error| error.problem())
    }

    /// The address with its port.
    fn place(&self) -> String {
        let address = &self.address;
        // A number of version 6 has colons of its own.
        let has_port = match address.rsplit_once(':') {
            Some((host, _)) => !host.contains(':') || host.ends_with(']'),
            None => false,
        };
        match (has_port, address.contains(':') && !address.starts_with('[')) {
            (true, _) => address.clone(),
            (false, true) => format!("[{address}]:{PORT}"),
            (false, false) => format!("{address}:{PORT}"),
        }
    }
}

/// A line that somebody types, or that comes from a pipe.
pub(super) fn asked(printer: Printer, question: &str) -> Result<String, Problem> {
    if io::stdin().is_terminal() {
        printer.note(question);
    }
    let mut line = String::new();
    let read = io::stdin().lock().take(MAX_LINE).read_line(&mut line);
    match read {
        Ok(count) if count > 0 => Ok(line),
        Ok(_) => Err(no_code(format!("nobody answers: {question}"))),
        Err(error) => Err(no_code(format!("read the standard input: {error}"))),
    }
}

fn read(path: &Utf8Path) -> Result<String, Problem> {
    let mut text = String::new();
    let opened = std::fs::File::open(path).and_then(|file| file.take(MAX_LINE).read_to_string(&mut text));
    opened.map_err(|error| no_code(format!("read `{path}`: {error}")))?;
    Ok(text)
}

fn no_code(because: String) -> Problem {
    Problem::new(5163, ProblemKind::Invalid, "there is no code for the machine")
        .because(because)
        .next("type the code that its console shows, or name a file with --code-file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_gets_the_one_that_machines_listen_on() {
        for (given, place) in [
            ("10.0.0.7", "10.0.0.7:7446"),
            ("10.0.0.7:99", "10.0.0.7:99"),
            ("host", "host:7446"),
            ("fd00::7", "[fd00::7]:7446"),
            ("[fd00::7]", "[fd00::7]:7446"),
            ("[fd00::7]:99", "[fd00::7]:99"),
        ] {
            let desk = Desk { address: given.to_owned(), fingerprint: None, code_file: None };
            assert_eq!(desk.place(), place);
        }
    }
}
