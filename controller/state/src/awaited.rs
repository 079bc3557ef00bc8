//! Who waits for whom, from the job waited for to those that wait, and whose turn comes before whose. Follows from the jobs, so
//! every member has the same. A leaf beside the tables: knows no command.

use std::collections::VecDeque;
use std::sync::Arc;

use holdfast_api::v1;
use holdfast_types::JobPhase;

use crate::phases::job_phase;
use crate::rows::Rows;
use crate::table::number_key;

/// How far a job has come, as far as others can wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Its tasks have not run yet.
    Waiting,
    /// All of its tasks have been running together.
    Started,
    /// It ended well.
    Succeeded,
    /// It failed or was cancelled.
    EndedOtherwise,
}

/// How far a job has come.
pub(crate) fn progress(job: &v1::Job) -> Progress {
    match job_phase(job) {
        JobPhase::Succeeded => Progress::Succeeded,
        JobPhase::Failed | JobPhase::Cancelled => Progress::EndedOtherwise,
        JobPhase::Pending | JobPhase::Starting | JobPhase::Running | JobPhase::Stopping => {
            let started = job.status.as_ref().is_some_and(|status| status.started_at.is_some());
            if started { Progress::Started } else { Progress::Waiting }
        }
    }
}

/// The jobs that wait, under those that they wait for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Awaited {
    /// Those that wait, under the job waited for and their own name.
    waiting: Rows<Arc<str>>,
    /// Those that take turns and have not ended, in the order of their turns.
    turns: Rows<Arc<str>>,
    /// Jobs that have come further and that others wait for.
    news: VecDeque<Arc<str>>,
}

impl Awaited {
    /// Notes how a job is now, and how it was before.
    pub(crate) fn changed(&mut self, before: Option<&v1::Job>, now: Option<&v1::Job>) {
        let names = |job: Option<&v1::Job>| job.map_or_else(Vec::new, waiting_rows);
        move_rows(&mut self.waiting, (names(before), name(before)), (names(now), name(now)));
        let turn = |job: Option<&v1::Job>| job.and_then(turn_row).into_iter().collect();
        move_rows(&mut self.turns, (turn(before), name(before)), (turn(now), name(now)));
        let Some(was) = before else { return };
        if now.map(progress) != Some(progress(was)) && self.waiting_for(name(before)).next().is_some() {
            self.news.push_back(name(before).into());
        }
    }

    /// A job that has come further and that others wait for, once.
    pub(crate) fn next_news(&mut self) -> Option<Arc<str>> {
        self.news.pop_front()
    }

    /// Forgets who has come further.
    pub(crate) fn clear_news(&mut self) {
        self.news.clear();
    }

    /// The names of the jobs that wait for a job.
    pub(crate) fn waiting_for(&self, job: &str) -> impl Iterator<Item = Arc<str>> {
        let start = format!("{job}|");
        let from = self.waiting.from(self.waiting.place_after(|key, _| key < start.as_str()));
        from.take_while(move |(key, _)| key.starts_with(&start)).map(|(_, waiting)| Arc::clone(waiting))
    }

    /// The job whose turn comes right before that of another, which need not be known yet.
    pub(crate) fn turn_before(&self, job: &v1::Job) -> Option<Arc<str>> {
        let row = turn_row(job)?;
        let line = line_of(job)?;
        let (key, before) = self.turns.last_before(|key| key < row.as_str())?;
        key.starts_with(&line).then(|| Arc::clone(before))
    }
}

fn name(job: Option<&v1::Job>) -> &str {
    job.and_then(|job| job.metadata.as_ref()).map_or("", |metadata| metadata.name.as_str())
}

fn move_rows(rows: &mut Rows<Arc<str>>, before: (Vec<String>, &str), now: (Vec<String>, &str)) {
    if before == now {
        return;
    }
    for row in &before.0 {
        rows.remove(row);
    }
    for row in &now.0 {
        rows.insert(row, now.1.into());
    }
}

fn waiting_rows(job: &v1::Job) -> Vec<String> {
    let waits = job.status.as_ref().map_or(&[][..], |status| status.waits_for.as_slice());
    waits.iter().map(|wait| format!("{}|{}", wait.job, name(Some(job)))).collect()
}

/// What the rows begin with of those that take turns with a job. No name has the character between.
fn line_of(job: &v1::Job) -> Option<String> {
    let spec = job.spec.as_ref().filter(|spec| !spec.singleton.is_empty())?;
    Some(format!("{}|{}|", spec.tenant, spec.singleton))
}

fn turn_row(job: &v1::Job) -> Option<String> {
    let turn = job.status.as_ref().filter(|_| !job_phase(job).is_terminal())?.turn;
    Some(format!("{}{}|{}", line_of(job)?, number_key(turn), name(Some(job))))
}
