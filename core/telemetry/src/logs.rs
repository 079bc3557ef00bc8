//! Where log lines go and what they look like: to stderr, for a person or for a program.

use std::io::{IsTerminal as _, stderr};
use std::str::FromStr;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::build::build_info;

/// What a daemon logs unless told otherwise: our own words, and warnings of the libraries whose `info` is their inner life.
pub const DAEMON_FILTER: &str = "info,openraft=warn,sled=warn,h2=warn,hyper=warn,rustls=warn";

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One line for a person, in colour on a terminal.
    #[default]
    Pretty,
    /// One JSON object a line, its fields beside `timestamp`, `level`, `target` and `message`.
    Json,
}

/// A log format that is neither `pretty` nor `json`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("log format `{0}` is neither `pretty` nor `json`")]
pub struct ParseLogFormatError(String);

impl FromStr for LogFormat {
    type Err = ParseLogFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            other => Err(ParseLogFormatError(other.to_owned())),
        }
    }
}

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter cannot be read.
    #[error("log filter `{filter}` cannot be read")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something has begun to log already.
    #[error("logging has been set up before")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Begins logging to stderr, once in a program, and says which service of which build begins.
///
/// `filter` is a level or a list such as `info,holdfast_raft=debug`; the empty filter logs errors only.
///
/// # Errors
///
/// A filter that cannot be read, or a second call.
pub fn init(service: &str, format: LogFormat, filter: &str) -> Result<(), InitError> {
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    subscriber(format, filter, colour, stderr)?.try_init().map_err(InitError::Twice)?;
    let build = build_info();
    tracing::info!(service, version = build.version, revision = build.revision, "service begins");
    Ok(())
}

fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    colour: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, InitError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let parsed = EnvFilter::builder()
        .parse(filter)
        .map_err(|source| InitError::Filter { filter: filter.to_owned(), source })?;
    let lines = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(writer);
    Ok(match format {
        LogFormat::Pretty => Box::new(lines.with_ansi(colour).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).with_current_span(false).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = subscriber(format, filter, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(job = "llama-ft", gpus = 8, "job bound");
            tracing::debug!("not asked for");
        });
        String::from_utf8(page.0.lock().clone()).unwrap()
    }

    #[test]
    fn json_lines_carry_fields_that_a_program_can_read() {
        let line = logged(LogFormat::Json, "info");
        assert_eq!(line.lines().count(), 1, "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["message"], "job bound");
        assert_eq!((&value["job"], &value["gpus"]), (&"llama-ft".into(), &8.into()));
        assert_eq!(value["level"], "INFO");
    }

    #[test]
    fn a_line_for_a_person_has_no_colour_where_none_is_wanted() {
        let line = logged(LogFormat::Pretty, "info");
        assert!(line.contains("job bound") && line.contains("gpus=8") && !line.contains('\x1b'), "{line}");
        assert!(logged(LogFormat::Pretty, "warn").is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let Err(error) = subscriber(LogFormat::Json, "holdfast=loudly", false, stderr) else {
            panic!("the filter must be refused");
        };
        assert_eq!(error.to_string(), "log filter `holdfast=loudly` cannot be read");
        assert_eq!("json".parse(), Ok(LogFormat::Json));
        assert_eq!(
            "xml".parse::<LogFormat>().unwrap_err().to_string(),
            "log format `xml` is neither `pretty` nor `json`"
        );
    }
}
