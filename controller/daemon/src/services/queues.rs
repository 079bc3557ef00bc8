//! Queues as operators see and change them.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_api::store::{DeleteQueue, PutQueue, command, outcome};
use holdfast_api::v1::queues_server::Queues;
use holdfast_api::v1::{
    ApplyQueueRequest, DeleteQueueRequest, GetRequest, Job, ListRequest, Queue, QueueExplanation, QueueList,
    QueueSpec, QueueStatus, TaskStatus,
};
use holdfast_api::{invalid_request, status_from_problem};
use holdfast_reconcile::{explain_queue, queue_shares};
use holdfast_state::State;
use holdfast_types::{AsProblem, JobPhase, NameError, QueueName};
use tonic::{Request, Response, Status};

use crate::app::{App, now};
use crate::caller;
use crate::page::page;

use super::admission::check_tenant;
use crate::write::Write;

pub(crate) struct Service(pub(crate) Arc<App>);

fn queue_of(result: outcome::Result) -> Result<Response<Queue>, Status> {
    match result {
        outcome::Result::Queue(queue) => Ok(Response::new(queue)),
        other => Err(Status::internal(format!("unexpected outcome {other:?}"))),
    }
}

/// The command that makes or changes a queue.
pub(super) fn put(
    name: &str,
    labels: BTreeMap<String, String>,
    spec: Option<QueueSpec>,
) -> Result<PutQueue, Status> {
    let parsed: Result<QueueName, NameError> = name.parse();
    let name = parsed.map_err(|error| status_from_problem(&invalid_request(error.to_string())))?;
    let spec = spec.map(|spec| checked(&spec)).transpose()?;
    // The name of a queue is its identity: made again it is the same queue.
    Ok(PutQueue { name: name.to_string(), uid: format!("queue-{name}"), labels, spec })
}

/// A specification that can exist. Written anew, so that what is said in two ways is stored in one.
fn checked(spec: &QueueSpec) -> Result<QueueSpec, Status> {
    let wanted = holdfast_types::QueueSpec::try_from(spec);
    wanted.map(|wanted| QueueSpec::from(&wanted)).map_err(|error| status_from_problem(&error.problem()))
}

/// Counts per queue, which are never stored because they follow from the rest.
fn counts(state: &State) -> BTreeMap<String, QueueStatus> {
    let shares = queue_shares(state, now()).into_iter();
    let counted = |(name, share)| (name, QueueStatus { share, ..QueueStatus::default() });
    let mut out: BTreeMap<String, QueueStatus> = shares.map(counted).collect();
    let mut thousandths: BTreeMap<String, usize> = BTreeMap::new();
    for job in state.jobs() {
        let (Some(spec), Some(status)) = (&job.spec, &job.status) else { continue };
        let counts = out.entry(spec.queue.clone()).or_default();
        match JobPhase::from_word(&status.phase) {
            Some(JobPhase::Pending) => counts.waiting += 1,
            Some(phase) if phase.holds_places() => {
                counts.running += 1;
                let of = |task: &TaskStatus| match task.share_millis {
                    0 => 1_000 * task.devices.len(),
                    part => usize::try_from(part).unwrap_or(0),
                };
                *thousandths.entry(spec.queue.clone()).or_default() +=
                    status.tasks.iter().map(of).sum::<usize>();
            }
            _ => {}
        }
    }
    for (queue, thousandths) in thousandths {
        let devices = u32::try_from(thousandths.div_ceil(1_000)).unwrap_or(u32::MAX);
        out.entry(queue).or_default().devices_in_use = devices;
    }
    out
}

fn with_counts(mut queue: Queue, counts: &BTreeMap<String, QueueStatus>) -> Queue {
    let name = queue.metadata.as_ref().map_or("", |m| m.name.as_str());
    let QueueStatus { usage, disruptions, .. } = queue.status.take().unwrap_or_default();
    queue.status = Some(QueueStatus { usage, disruptions, ..counts.get(name).cloned().unwrap_or_default() });
    queue
}

#[tonic::async_trait]
impl Queues for Service {
    async fn list(&self, request: Request<ListRequest>) -> Result<Response<QueueList>, Status> {
        caller::operator(&request)?;
        let list = request.into_inner();
        self.0.barrier(list.stale).await?;
        let mut queues = self.0.with(|state| {
            let page = page(state.queues(), &list, &[])?;
            let counts = counts(state);
            let items = page.items.into_iter().map(|q| with_counts(q, &counts)).collect();
            Ok::<_, Status>(QueueList { items, next_page_token: page.next, revision: state.revision() })
        })?;
        queues.items = self.0.select("Queue", queues.items, &list.fields)?;
        Ok(Response::new(queues))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Queue>, Status> {
        caller::operator(&request)?;
        let get = request.into_inner();
        self.0.barrier(get.stale).await?;
        let queue =
            self.0.with(|state| state.queue(&get.name).cloned().map(|q| with_counts(q, &counts(state))));
        let queue =
            queue.ok_or_else(|| status_from_problem(&holdfast_state::not_found("queue", &get.name)))?;
        self.0.select_one("Queue", queue, &get.fields).map(Response::new)
    }

    async fn apply(&self, request: Request<ApplyQueueRequest>) -> Result<Response<Queue>, Status> {
        let operator = caller::admin(&request)?;
        let mut request = request.into_inner();
        let write = Write::new(operator.actor(), request.options.take(), &request);
        let body = put(&request.name, request.labels, request.spec)?;
        queue_of(self.0.execute(write, command::Body::PutQueue(body)).await?)
    }

    async fn delete(&self, request: Request<DeleteQueueRequest>) -> Result<Response<Queue>, Status> {
        let operator = caller::admin(&request)?;
        let mut request = request.into_inner();
        let write = Write::new(operator.actor(), request.options.take(), &request);
        let body = command::Body::DeleteQueue(DeleteQueue { name: request.name });
        queue_of(self.0.execute(write, body).await?)
    }

    async fn explain(&self, request: Request<GetRequest>) -> Result<Response<QueueExplanation>, Status> {
        let operator = caller::operator(&request)?;
        let get = request.into_inner();
        let parsed: Result<QueueName, NameError> = get.name.parse();
        let queue = parsed.map_err(|error| status_from_problem(&invalid_request(error.to_string())))?;
        self.0.barrier(get.stale).await?;
        let (state, bundle, at) = (self.0.with(State::clone), self.0.bundle()?, now());
        let work = move || {
            let is_seen = |job: &Job| check_tenant(&operator, job).is_ok();
            explain_queue(&state, &bundle, at, (&queue, &is_seen))
        };
        let found = self.0.apart.run(work).await?;
        let found =
            found.ok_or_else(|| status_from_problem(&holdfast_state::not_found("queue", &get.name)))?;
        Ok(Response::new(found))
    }
}
