//! The jobs that have ended, by when. Follows from the jobs, so every member has the same. A leaf beside the tables: knows no
//! command.

use std::collections::VecDeque;
use std::sync::Arc;

use holdfast_api::{millis, v1};
use holdfast_types::Time;

use crate::phases::job_phase;
use crate::rows::Rows;
use crate::table::number_key;

/// In which of two lines an ended job waits to be let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// That of the jobs that are no elements of an array.
    Jobs,
    /// That of elements.
    Elements,
}

/// The names of ended jobs, by the time they ended at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ended {
    jobs: Rows<Arc<str>>,
    elements: Rows<Arc<str>>,
    /// Elements that were not over before.
    news: VecDeque<Arc<str>>,
}

impl Ended {
    /// Notes how a job is now, and how it was before.
    pub(crate) fn changed(&mut self, before: Option<&v1::Job>, now: Option<&v1::Job>) {
        let line = before.or(now).map_or(Line::Jobs, line);
        let was_known = before.is_some();
        let (before, now) = (before.and_then(row), now.and_then(row));
        if before == now {
            return;
        }
        let rows = match line {
            Line::Jobs => &mut self.jobs,
            Line::Elements => &mut self.elements,
        };
        if let Some((key, _)) = &before {
            rows.remove(key);
        }
        let Some((key, name)) = now else { return };
        let name: Arc<str> = name.into();
        rows.insert(&key, Arc::clone(&name));
        if line == Line::Elements && was_known && before.is_none() {
            self.news.push_back(name);
        }
    }

    /// An element that is over since this command, once.
    pub(crate) fn next_news(&mut self) -> Option<Arc<str>> {
        self.news.pop_front()
    }

    /// Forgets who is over since when.
    pub(crate) fn clear_news(&mut self) {
        self.news.clear();
    }

    fn rows(&self, line: Line) -> &Rows<Arc<str>> {
        match line {
            Line::Jobs => &self.jobs,
            Line::Elements => &self.elements,
        }
    }

    pub(crate) fn len(&self, line: Line) -> usize {
        self.rows(line).len()
    }

    /// The job that ended first, and when.
    pub(crate) fn first(&self, line: Line) -> Option<(Time, &str)> {
        let (key, name) = self.rows(line).iter().next()?;
        let at = key.split('|').next().and_then(|number| number.parse().ok());
        Some((Time(at.unwrap_or(0)), name))
    }
}

fn line(job: &v1::Job) -> Line {
    let is_element = job.status.as_ref().is_some_and(|status| status.element.is_some());
    if is_element { Line::Elements } else { Line::Jobs }
}

fn row(job: &v1::Job) -> Option<(String, String)> {
    if !job_phase(job).is_terminal() {
        return None;
    }
    let name = job.metadata.as_ref()?.name.clone();
    let at = millis(job.status.as_ref().and_then(|status| status.ended_at.as_ref()));
    Some((format!("{}|{name}", number_key(at.0)), name))
}
