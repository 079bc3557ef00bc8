//! Queues: made, changed, deleted when nothing is in them or below them. Those that share form trees.

use holdfast_api::store::{PutQueue, outcome};
use holdfast_api::{timestamp, v1};
use holdfast_types::{AsProblem, JobPhase, MAX_QUEUE_DEPTH, Problem, QueueSpec};

use crate::act::{Act, Answer};
use crate::state::State;
use crate::{record, refuse};

/// The queue that every cluster begins with.
pub(crate) fn create_default(act: &mut Act<'_>) {
    let put = PutQueue { name: "default".to_owned(), uid: "queue-default".to_owned(), ..PutQueue::default() };
    create(act, put);
}

fn create(act: &mut Act<'_>, put: PutQueue) {
    let metadata = v1::Metadata {
        kind: "Queue".to_owned(),
        name: put.name,
        uid: put.uid,
        labels: put.labels,
        generation: 1,
        created_at: Some(timestamp(act.now)),
        ..v1::Metadata::default()
    };
    let queue = v1::Queue {
        metadata: Some(metadata),
        spec: Some(put.spec.unwrap_or_default()),
        status: Some(v1::QueueStatus::default()),
    };
    act.state.put_queue(queue, act.revision);
}

pub(crate) fn put(act: &mut Act<'_>, put: PutQueue) -> Answer {
    let name = put.name.clone();
    if let Some(spec) = &put.spec {
        QueueSpec::try_from(spec).map_err(|error| error.problem())?;
        check_tree(act.state, &name, &spec.parent)?;
    }
    match act.state.queue(&name).cloned() {
        None => create(act, put),
        Some(mut queue) => {
            let metadata = queue.metadata.get_or_insert_default();
            act.check_revision("queue", &name, metadata.revision)?;
            metadata.labels = put.labels;
            let spec = put.spec.unwrap_or_default();
            if queue.spec.as_ref() != Some(&spec) {
                metadata.generation += 1;
                queue.spec = Some(spec);
            }
            act.state.put_queue(queue, act.revision);
        }
    }
    record::mutation(act, "apply-queue", &format!("queue/{name}"), &[]);
    answer(act, &name)
}

pub(crate) fn delete(act: &mut Act<'_>, name: &str) -> Answer {
    let Some(queue) = act.state.queue(name).cloned() else { return Err(refuse::not_found("queue", name)) };
    act.check_revision("queue", name, queue.metadata.as_ref().map_or(0, |m| m.revision))?;
    let jobs = act.state.jobs().filter(|job| in_queue(job, name) && !ended(job)).count();
    if jobs > 0 {
        return Err(refuse::queue_in_use(name, jobs));
    }
    let children: Vec<&str> = act.state.queues().filter(|q| parent(q) == name).map(queue_name).collect();
    if let Some(child) = children.first() {
        return Err(refuse::queue_shares(name, child, children.len()));
    }
    act.state.remove_queue(name, act.revision);
    record::mutation(act, "delete-queue", &format!("queue/{name}"), &[]);
    Ok(outcome::Result::Queue(queue))
}

/// Whether a queue may have this parent: it is there, it is not below the queue, and the tree stays shallow.
fn check_tree(state: &State, name: &str, parent: &str) -> Result<(), Problem> {
    if parent.is_empty() {
        return Ok(());
    }
    if name == parent {
        return Err(refuse::queue_circle(name, parent));
    }
    let Some(found) = state.queue(parent) else { return Err(refuse::no_parent(name, parent)) };
    let above = path(state, found);
    if above.contains(&name) {
        return Err(refuse::queue_circle(name, parent));
    }
    let levels = |queue| path(state, queue).iter().position(|up| *up == name).unwrap_or(0);
    let below = state.queues().map(levels).max().unwrap_or(0);
    let depth = above.len() + 1 + below;
    if depth > MAX_QUEUE_DEPTH {
        return Err(refuse::queue_depth(name, parent, depth, MAX_QUEUE_DEPTH));
    }
    Ok(())
}

/// The names of a queue and of those above it. No path is longer than may be, so a state that somebody broke ends it too.
fn path<'a>(state: &'a State, queue: &'a v1::Queue) -> Vec<&'a str> {
    with_above(state, queue).map(queue_name).collect()
}

/// A queue and those above it, to the root.
pub(crate) fn with_above<'a>(
    state: &'a State,
    queue: &'a v1::Queue,
) -> impl Iterator<Item = &'a v1::Queue> + use<'a> {
    let above = move |queue: &&'a v1::Queue| state.queue(parent(queue));
    std::iter::successors(Some(queue), above).take(MAX_QUEUE_DEPTH)
}

fn parent(queue: &v1::Queue) -> &str {
    queue.spec.as_ref().map_or("", |spec| spec.parent.as_str())
}

pub(crate) fn queue_name(queue: &v1::Queue) -> &str {
    queue.metadata.as_ref().map_or("", |metadata| metadata.name.as_str())
}

fn in_queue(job: &v1::Job, name: &str) -> bool {
    job.spec.as_ref().is_some_and(|s| s.queue == name)
}

fn ended(job: &v1::Job) -> bool {
    let phase = job.status.as_ref().and_then(|s| JobPhase::from_word(&s.phase));
    phase.is_some_and(JobPhase::is_terminal)
}

fn answer(act: &Act<'_>, name: &str) -> Answer {
    act.state.queue(name).cloned().map(outcome::Result::Queue).ok_or_else(|| refuse::not_found("queue", name))
}
