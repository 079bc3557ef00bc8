//! What the simulations share: reading what they are given, saying why it cannot be simulated, and what it cost. It must not know
//! what is simulated.

use std::fs::File;
use std::io::Read as _;

use camino::Utf8Path;
use holdfast_types::{Problem, ProblemKind, Span};
use rustix::time::{ClockId, clock_gettime};

/// The most bytes of a list of what was asked: five million jobs.
pub(super) const MAX_TRACE: u64 = 1 << 29;

/// What this process has used of processors.
pub(super) fn spent() -> Span {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let number = |part: i64| u64::try_from(part).unwrap_or(0);
    Span(number(time.tv_sec) * 1_000 + number(time.tv_nsec) / 1_000_000)
}

/// Hundredths of a percent.
pub(super) fn percent(share: u64) -> String {
    format!("{}.{:02}", share / 100, share % 100)
}

/// The content of a file of at most so many bytes.
pub(super) fn read(file: &Utf8Path, most: u64) -> Result<Vec<u8>, Problem> {
    let unread = |why: String| {
        Problem::new(7190, ProblemKind::Invalid, format!("`{file}` cannot be simulated"))
            .because(why)
            .next("holdfast simulate --help")
    };
    let mut content = Vec::new();
    let opened = File::open(file).and_then(|file| file.take(most + 1).read_to_end(&mut content));
    opened.map_err(|error| unread(error.to_string()))?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > most {
        return Err(unread(format!("it is larger than {most} bytes")));
    }
    Ok(content)
}

/// A file that is not what it should be.
pub(super) fn refused(file: &Utf8Path, what: &str, why: &str) -> Problem {
    Problem::new(7190, ProblemKind::Invalid, format!("`{file}` is no {what} that can be simulated"))
        .because(why)
        .next("holdfast simulate --help")
}

/// A report or a log that cannot be written.
pub(super) fn unwritten(path: &Utf8Path, error: &std::io::Error) -> Problem {
    Problem::new(7192, ProblemKind::Failed, format!("what was simulated cannot be written to `{path}`"))
        .because(error.to_string())
        .next("holdfast simulate --help")
}
