//! A trace: which jobs came when, how many accelerators each wanted, and how long it ran. It must not know a cluster.

use std::collections::BTreeMap;

use holdfast_types::{Span, Time};

use crate::number::whole;

/// The most jobs of a trace.
pub const MAX_JOBS: usize = 5_000_000;
/// The most queues of a trace.
const MAX_QUEUES: usize = 10_000;
/// The most accelerators a job may want.
const MAX_DEVICES: u64 = 1 << 20;
/// Where no column names a queue.
const ONLY_QUEUE: &str = "default";

/// The jobs, in the order of their arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    jobs: Vec<TraceJob>,
    queues: Vec<String>,
}

/// A job of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceJob {
    /// When it was submitted, since the beginning of the trace.
    pub arrival: Time,
    /// How many accelerators it held.
    pub devices: u32,
    /// How long it ran.
    pub duration: Span,
    /// Its queue, by position in [`Trace::queues`].
    pub queue: usize,
}

/// Why a text is no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// The table cannot be read as one.
    #[error("line {line}: {why}")]
    Table {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A column is missing.
    #[error("no column is named {0}")]
    Column(&'static str),
    /// A value that does not fit its column.
    #[error("line {line}: `{value}` is no {what}")]
    Value {
        /// Which line, from 1.
        line: u64,
        /// What stands there.
        value: String,
        /// What should.
        what: &'static str,
    },
    /// More than is simulated.
    #[error("it has more than {0}")]
    TooMany(String),
    /// Nothing to simulate.
    #[error("it has no jobs")]
    Empty,
}

/// The names of each column: ours first, then those of published traces.
const ARRIVAL: [&str; 2] = ["arrival", "arrival time (sec)"];
const DEVICES: [&str; 2] = ["devices", "size"];
const DURATION: [&str; 2] = ["duration", "duration (sec)"];
const QUEUE: [&str; 1] = ["queue"];

struct Columns {
    arrival: usize,
    devices: usize,
    duration: usize,
    queue: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, TraceError> {
        let named = |column: &str| column.trim().trim_start_matches('#').trim().to_ascii_lowercase();
        let find = |names: &[&str]| header.iter().position(|column| names.contains(&named(column).as_str()));
        Ok(Self {
            arrival: find(&ARRIVAL).ok_or(TraceError::Column("`arrival`, in seconds"))?,
            devices: find(&DEVICES).ok_or(TraceError::Column("`devices`, the accelerators of a job"))?,
            duration: find(&DURATION).ok_or(TraceError::Column("`duration`, in seconds"))?,
            queue: find(&QUEUE),
        })
    }
}

impl Trace {
    /// Reads comma-separated text whose first line names the columns: `arrival` and `duration` in seconds, `devices`, and, where
    /// there are several, `queue`. The names of the published Philly trace (`arrival time (sec)`, `size`, `duration (sec)`) are
    /// understood as well. Fractions of seconds are cut off, so that figures are those of the published baselines.
    ///
    /// # Errors
    ///
    /// A column is missing, a value is not a number or too great, or there are more jobs than [`MAX_JOBS`].
    pub fn parse(text: &[u8]) -> Result<Self, TraceError> {
        let mut table = csv::ReaderBuilder::new().flexible(false).from_reader(text);
        let columns = Columns::of(table.headers().map_err(|error| broken(&error))?)?;
        let (mut jobs, mut queues) = (Vec::new(), BTreeMap::new());
        let mut record = csv::StringRecord::new();
        while table.read_record(&mut record).map_err(|error| broken(&error))? {
            if jobs.len() >= MAX_JOBS {
                return Err(TraceError::TooMany(format!("{MAX_JOBS} jobs")));
            }
            let line = record.position().map_or(0, csv::Position::line);
            let queue = columns.queue.and_then(|column| record.get(column)).unwrap_or(ONLY_QUEUE).trim();
            let next = queues.len();
            let queue = *queues.entry(queue.to_owned()).or_insert(next);
            if queue >= MAX_QUEUES {
                return Err(TraceError::TooMany(format!("{MAX_QUEUES} queues")));
            }
            jobs.push(job(&record, &columns, line, queue)?);
        }
        if jobs.is_empty() {
            return Err(TraceError::Empty);
        }
        jobs.sort_by_key(|job| job.arrival);
        let mut names = vec![String::new(); queues.len()];
        for (name, position) in queues {
            if let Some(slot) = names.get_mut(position) {
                *slot = name;
            }
        }
        Ok(Self { jobs, queues: names })
    }

    /// The jobs, in the order of their arrival; those that came at once in the order of the text.
    #[must_use]
    pub fn jobs(&self) -> &[TraceJob] {
        &self.jobs
    }

    /// The names of the queues.
    #[must_use]
    pub fn queues(&self) -> &[String] {
        &self.queues
    }
}

fn job(
    record: &csv::StringRecord,
    columns: &Columns,
    line: u64,
    queue: usize,
) -> Result<TraceJob, TraceError> {
    let number = |column: usize, what: &'static str| {
        let value = record.get(column).unwrap_or_default();
        whole(value).ok_or_else(|| TraceError::Value { line, value: shown(value), what })
    };
    let counted = "number of accelerators from 1 to 1,048,576";
    let devices = number(columns.devices, counted)?;
    let few = || TraceError::Value { line, value: devices.to_string(), what: counted };
    Ok(TraceJob {
        arrival: Time(number(columns.arrival, "number of seconds")?.saturating_mul(1_000)),
        devices: u32::try_from(devices)
            .ok()
            .filter(|_| (1..=MAX_DEVICES).contains(&devices))
            .ok_or_else(few)?,
        duration: Span::from_secs(number(columns.duration, "number of seconds")?),
        queue,
    })
}

fn broken(error: &csv::Error) -> TraceError {
    let line = error.position().map_or(0, csv::Position::line);
    let why = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "it is no UTF-8 text".to_owned(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} fields, and the first line has {expected_len}")
        }
        _ => "it is no row of a table".to_owned(),
    };
    TraceError::Table { line, why }
}

/// A value as an error shows it: not all of a line of a megabyte.
fn shown(value: &str) -> String {
    const SHOWN: usize = 40;
    value.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_columns_and_ours_say_the_same() {
        let philly = "#job id,arrival time (sec),topology,shape,size,duration (sec)\n\
                      1,7.0,CLOS,1,12,30.9\n0,5,CLOS,1,1,2\n";
        let ours = "arrival,devices,duration,queue\n5,1,2,default\n7,12,30,default\n";
        let trace = Trace::parse(philly.as_bytes()).unwrap();
        assert_eq!(trace, Trace::parse(ours.as_bytes()).unwrap());
        let last = TraceJob { arrival: Time(7_000), devices: 12, duration: Span::from_secs(30), queue: 0 };
        assert_eq!(
            (trace.jobs().len(), trace.jobs()[1], trace.queues()),
            (2, last, &["default".to_owned()][..])
        );
    }

    #[test]
    fn what_is_no_trace_is_refused_with_its_line() {
        for (text, wanted) in [
            ("", "no column is named `arrival`, in seconds"),
            ("arrival,duration\n", "no column is named `devices`, the accelerators of a job"),
            ("arrival,devices,duration\n", "it has no jobs"),
            (
                "arrival,devices,duration\n1,1,1\n1,x,1\n",
                "line 3: `x` is no number of accelerators from 1 to 1,048,576",
            ),
            (
                "arrival,devices,duration\n1,0,1\n",
                "line 2: `0` is no number of accelerators from 1 to 1,048,576",
            ),
            ("arrival,devices,duration\n-1,1,1\n", "line 2: `-1` is no number of seconds"),
            ("arrival,devices,duration\n1,1\n", "line 2: it has 2 fields, and the first line has 3"),
        ] {
            assert_eq!(Trace::parse(text.as_bytes()).unwrap_err().to_string(), wanted, "{text:?}");
        }
        let error = Trace::parse(b"arrival,devices,duration\n1,\xff,1\n").unwrap_err().to_string();
        assert_eq!(error, "line 2: it is no UTF-8 text");
    }
}
