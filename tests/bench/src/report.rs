//! Measures, holds each figure against its bound, and prints what came of it.

use std::fmt;

use crate::measure::{Bench, Curve, Measurement, Promise};
use crate::page::{Page, Row};

/// What became of a promise in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Measured, and kept.
    Met,
    /// Measured, and not kept; or the measurement failed.
    Missed,
    /// Not measured: nothing measures it yet, or its peer is not here.
    Pending,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Pending => "pending",
        })
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The promise.
    pub id: String,
    /// Its words.
    pub promise: String,
    /// Ours, with its unit.
    pub figure: String,
    /// The peer's, with its unit.
    pub peer: String,
    /// Ours to the peer's.
    pub ratio: String,
    /// Kept or not.
    pub state: State,
    /// Why it is missed or pending; empty where it is met.
    pub note: String,
    /// What else was seen.
    pub details: Vec<String>,
    /// What to draw.
    pub curves: Vec<Curve>,
}

/// How many promises ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Kept.
    pub met: usize,
    /// Not kept.
    pub missed: usize,
    /// Not measured.
    pub pending: usize,
}

impl Summary {
    /// Counts the lines.
    #[must_use]
    pub fn of(lines: &[Line]) -> Self {
        let count = |state| lines.iter().filter(|line| line.state == state).count();
        Self { met: count(State::Met), missed: count(State::Missed), pending: count(State::Pending) }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "met {}, missed {}, pending {}", self.met, self.missed, self.pending)
    }
}

/// Where page and registry are not the same set, in words.
#[must_use]
pub fn mismatches(page: &Page, promises: &[Promise]) -> Vec<String> {
    let known = |row: &&Row| promises.iter().any(|p| p.id == row.id);
    let unmeasured =
        page.rows.iter().filter(|row| !known(row)).map(|row| format!("`{}` is on the page only", row.id));
    let unpromised = promises.iter().filter_map(|p| match page.rows.iter().find(|row| row.id == p.id) {
        None => Some(format!("`{}` is in the registry only", p.id)),
        Some(row) if row.area != p.area => {
            Some(format!("`{}` is in two areas: {} and {}", p.id, row.area, p.area))
        }
        Some(_) => None,
    });
    let twice = promises.iter().enumerate().filter(|(i, p)| promises.iter().take(*i).any(|q| q.id == p.id));
    unmeasured
        .chain(unpromised)
        .chain(twice.map(|(_, p)| format!("`{}` is in the registry twice", p.id)))
        .collect()
}

/// Measures one promise and holds it against its row.
#[must_use]
pub fn measure(bench: &Bench, promise: &Promise, row: &Row) -> Line {
    let mut line = Line {
        id: row.id.clone(),
        promise: row.promise.clone(),
        figure: "-".to_owned(),
        peer: "-".to_owned(),
        ratio: "-".to_owned(),
        state: State::Pending,
        note: "nothing measures it yet".to_owned(),
        details: Vec::new(),
        curves: Vec::new(),
    };
    match promise.run.map(|run| run(bench)) {
        None => {}
        Some(Err(error)) => {
            line.state = State::Missed;
            line.note = format!("could not be measured: {error:#}");
        }
        Some(Ok(measured)) => {
            judge(&mut line, row, &measured);
            line.details = measured.details;
            line.curves = measured.curves;
        }
    }
    line
}

fn judge(line: &mut Line, row: &Row, measured: &Measurement) {
    let shown = |value: f64| format!("{} {}", number(value), measured.unit).trim_end().to_owned();
    line.figure = shown(measured.figure);
    let ratio = measured.ratio.or(measured.peer.as_ref().ok().map(|peer| measured.figure / peer));
    if let Ok(peer) = &measured.peer {
        line.peer = shown(*peer);
    }
    if let Some(ratio) = ratio {
        line.ratio = format!("{ratio:.2}x");
    }
    let held = if row.bound.is_ratio() { ratio } else { Some(measured.figure) };
    let same_unit = row.bound.is_ratio() || row.bound.unit() == measured.unit;
    (line.state, line.note) = match (held, same_unit) {
        (_, false) => {
            (State::Missed, format!("measured in `{}`, promised in `{}`", measured.unit, row.bound.unit()))
        }
        (Some(value), true) if row.bound.holds(value) => (State::Met, String::new()),
        (Some(_), true) => (State::Missed, format!("the bound is {}", row.promise)),
        (None, true) => (State::Pending, measured.peer.clone().err().unwrap_or_default()),
    };
}

fn number(value: f64) -> String {
    if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

/// The lines as a table, columns aligned.
#[must_use]
pub fn table(lines: &[Line]) -> String {
    let header = ["PROMISE", "BOUND", "FIGURE", "PEER", "RATIO", "STATE", "NOTE"].map(str::to_owned);
    let rows = lines.iter().map(|line| {
        [&line.id, &line.promise, &line.figure, &line.peer, &line.ratio, &line.state.to_string(), &line.note]
            .map(Clone::clone)
    });
    let rows: Vec<[String; 7]> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..7).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    for line in lines.iter().filter(|line| !line.details.is_empty()) {
        text.push_str(&format!("\n{}\n", line.id));
        for detail in &line.details {
            text.push_str(&format!("  {detail}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::registry::promises;

    fn judged(bound: &str, run: Option<fn(&Bench) -> anyhow::Result<Measurement>>) -> Line {
        let row =
            Row { id: "a".into(), area: "raft".into(), promise: bound.into(), bound: bound.parse().unwrap() };
        let bench = Bench::new("/nowhere".into(), Duration::ZERO);
        measure(&bench, &Promise { id: "a", area: "raft", run }, &row)
    }

    #[test]
    fn a_figure_is_held_against_its_bound() {
        let twice = |_: &Bench| Ok(Measurement::new(3000.0, "writes/s", Ok(1500.0)));
        let line = judged(">= 2x", Some(twice));
        assert_eq!(
            (line.state, line.figure.as_str(), line.ratio.as_str()),
            (State::Met, "3000 writes/s", "2.00x")
        );
        assert_eq!(judged(">= 2.1x", Some(twice)).state, State::Missed);
        assert_eq!(judged(">= 2 s", Some(twice)).note, "measured in `writes/s`, promised in `s`");
    }

    #[test]
    fn nothing_measured_is_pending_and_a_failure_is_missed() {
        assert_eq!(judged("<= 1 s", None).state, State::Pending);
        let alone = |_: &Bench| Ok(Measurement::new(1.0, "s", Err("no etcd here".into())));
        assert_eq!(judged("<= 1 s", Some(alone)).state, State::Met);
        let line = judged("<= 1x", Some(alone));
        assert_eq!((line.state, line.note.as_str()), (State::Pending, "no etcd here"));
        let broken = judged("<= 1 s", Some(|_| anyhow::bail!("disk full")));
        assert_eq!((broken.state, broken.note.as_str()), (State::Missed, "could not be measured: disk full"));
    }

    #[test]
    fn page_and_registry_are_the_same_set() {
        let mut page = Page::parse(include_str!("../../../docs/promises.md")).unwrap();
        assert_eq!(mismatches(&page, &promises()), Vec::<String>::new());
        let gone = page.rows.remove(0).id;
        assert_eq!(mismatches(&page, &promises()), [format!("`{gone}` is in the registry only")]);
        let all = Page::parse(include_str!("../../../docs/promises.md")).unwrap();
        let fewer: Vec<Promise> = promises().into_iter().skip(1).collect();
        assert_eq!(mismatches(&all, &fewer), [format!("`{gone}` is on the page only")]);
    }

    #[test]
    fn the_summary_counts_every_line() {
        let lines = [judged("<= 1 s", None), judged("<= 1 s", Some(|_| anyhow::bail!("x")))];
        assert_eq!(Summary::of(&lines).to_string(), "met 0, missed 1, pending 1");
        assert_eq!(table(&lines).lines().count(), 3);
    }
}
