//! Jobs that restart tasks alone, as planners see them: the tasks that the gang starts with are a job that has places, each task more is one
//! of its own that may be stopped, and those that have no place wait as the elements of an array do. It must not know how they are placed.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_api::{millis, v1};
use holdfast_scheduler::{ArrayView, Assignment, Beside, JobState, JobView, PartOf, Past};
use holdfast_types::{
    Indexes, JobKind, JobName, JobPhase, JobSpec, Rank, Span, TaskGroup, TaskPhase, Time, element_name,
    part_name,
};

use crate::places::{assignment, pause};
use crate::rulings::{Asked, Rulings};

/// What has waited for so long goes first, whatever else waits.
const FIRST: Span = Span(u64::MAX / 4);

/// What planners call those tasks of a job that wait while others have places; `None` where all have.
#[must_use]
pub fn waiting_part(job: &v1::Job) -> Option<JobName> {
    let (name, status) = (&job.metadata.as_ref()?.name, job.status.as_ref()?);
    let runs = matches!(JobPhase::from_word(&status.phase), Some(JobPhase::Starting | JobPhase::Running));
    let task = status.tasks.iter().find(|task| runs && is_waiting(task))?;
    Some(name.parse::<JobName>().ok()?.part(&task.group.parse().ok()?))
}

/// The tasks of the gang that are seen as one job, by the numbers that planners know them by.
pub(crate) fn together(spec: &JobSpec, all: Vec<Assignment>) -> Vec<Assignment> {
    let first: Vec<u32> = spec.first_ranks().collect();
    let numbered = |place: Assignment| {
        let nth = first.binary_search(&place.rank.0).ok().and_then(|nth| u32::try_from(nth).ok())?;
        Some(Assignment { rank: Rank(nth), ..place })
    };
    all.into_iter().filter_map(numbered).collect()
}

/// The other tasks of a job that has places.
pub(crate) fn parts(
    job: &v1::Job,
    (view, spec): (&JobView, &JobSpec),
    rulings: &mut Rulings,
    asked: Asked<'_>,
) -> Vec<JobView> {
    let Some(status) = job.status.as_ref().filter(|_| spec.restarts_tasks()) else { return Vec::new() };
    let Some(phase) = JobPhase::from_word(&status.phase).filter(|phase| phase.holds_places()) else {
        return Vec::new();
    };
    let first: BTreeSet<u32> = spec.first_ranks().collect();
    let mut parts = Vec::new();
    for group in &spec.groups {
        let Some(one) = spec.one_of(group.name.as_str(), status.variant) else { continue };
        // What is more than the gang needs takes what is left, and goes first; also of a service, which never stops as a whole.
        let (kind, priority, preemptible) = (JobKind::Batch, i32::MIN, Some(true));
        let more = Arc::new(JobSpec { kind, priority, preemptible, ..one.clone() });
        let part = Part { view, status, group, name: view.name.part(&group.name) };
        let (of_gang, others): (Vec<_>, Vec<_>) = part.tasks().partition(|task| first.contains(&task.rank));
        parts.extend(others.iter().filter_map(|task| part.placed(task, &more, phase)));
        if phase == JobPhase::Stopping {
            continue;
        }
        let waiting = [(of_gang, Arc::new(one), Urgency::First), (others, more, Urgency::Last)];
        let waiting = waiting.into_iter().find_map(|(tasks, spec, urgency)| {
            let tasks: Vec<_> = tasks.into_iter().filter(|task| is_waiting(task)).collect();
            (!tasks.is_empty()).then_some((tasks, spec, urgency))
        });
        if let Some((tasks, spec, urgency)) = waiting {
            let verdicts = rulings.ask(view.name.as_str(), &status.submitted_by, &spec, asked);
            parts.extend(part.waiting(&tasks, (spec, urgency), |since, not_before| JobState::Waiting {
                verdicts,
                since,
                not_before,
                held: Vec::new(),
                held_in: 0,
                held_since: Time(0),
            }));
        }
    }
    parts
}

/// When tasks without a place have their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urgency {
    /// Before everybody: the rest of the gang runs without them.
    First,
    /// After everybody, however long they wait.
    Last,
}

/// The tasks of one group.
struct Part<'a> {
    view: &'a JobView,
    status: &'a v1::JobStatus,
    group: &'a TaskGroup,
    name: JobName,
}

impl<'a> Part<'a> {
    fn tasks(&self) -> impl Iterator<Item = &'a v1::TaskStatus> {
        let group = self.group.name.as_str();
        self.status.tasks.iter().filter(move |task| task.group == group)
    }

    fn uid(&self) -> String {
        part_name(&self.view.uid, self.group.name.as_str())
    }

    /// A task that has a place.
    fn placed(&self, task: &v1::TaskStatus, spec: &Arc<JobSpec>, phase: JobPhase) -> Option<JobView> {
        let is_over = TaskPhase::from_word(&task.phase).is_some_and(TaskPhase::is_terminal);
        let place = assignment(0, &task.node, &task.devices, task.share_millis).filter(|_| !is_over)?;
        let since = millis(task.since.as_ref());
        Some(JobView {
            name: self.name.element(task.rank)?,
            uid: element_name(&self.uid(), task.rank),
            spec: Arc::clone(spec),
            past: Past::default(),
            array: None,
            part_of: None,
            state: JobState::Placed {
                variant: 0,
                assignments: vec![place],
                since: since.max(millis(self.status.placed_at.as_ref())),
                // The others go on: nothing is lost with it.
                unsaved: None,
                stopping: task.leaving || phase == JobPhase::Stopping,
            },
            ..self.view.clone()
        })
    }

    /// Tasks that wait for a place.
    fn waiting(
        &self,
        tasks: &[&v1::TaskStatus],
        (spec, urgency): (Arc<JobSpec>, Urgency),
        state: impl FnOnce(Time, Option<Time>) -> JobState,
    ) -> Option<JobView> {
        let indexes = Arc::new(Indexes::of(tasks.iter().map(|task| task.rank))?);
        let first = tasks.iter().map(|task| millis(task.since.as_ref())).min().unwrap_or_default();
        let failed = tasks.iter().filter(|task| task.exit_code != 0).map(|task| millis(task.since.as_ref()));
        let not_before = failed.max().map(|failed| failed + pause(self.status.failures));
        let (since, waited) = match urgency {
            Urgency::First => (first, FIRST),
            // However long it waits it has not waited too long.
            Urgency::Last => (Time(u64::MAX), Span(0)),
        };
        Some(JobView {
            name: self.name.clone(),
            uid: self.uid(),
            spec,
            submitted: first,
            past: Past { ran: self.view.past.ran, waited },
            array: Some(ArrayView { indexes, next: 0, room: u32::MAX }),
            part_of: Some(Arc::new(PartOf { job: self.view.name.clone(), beside: self.beside() })),
            state: state(since, not_before),
            ..self.view.clone()
        })
    }

    /// Where its tasks have to stand: with those that have places.
    fn beside(&self) -> Option<Beside> {
        let level = self.group.topology.as_ref()?.required?;
        let is_live =
            |task: &&v1::TaskStatus| !TaskPhase::from_word(&task.phase).is_some_and(TaskPhase::is_terminal);
        let node = self.tasks().find(is_live)?.node.parse().ok()?;
        Some(Beside { node, level })
    }
}

fn is_waiting(task: &v1::TaskStatus) -> bool {
    task.phase == TaskPhase::Waiting.as_str()
}

#[cfg(test)]
mod tests;
