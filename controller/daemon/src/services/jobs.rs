//! Jobs: admission, lists, explanations, and the way to their logs.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use holdfast_api::store::{EndJob, command, outcome};
use holdfast_api::v1::jobs_server::Jobs;
use holdfast_api::v1::{
    CancelJobRequest, GetRequest, Job, JobExplanation, JobList, JobLogsRequest, ListJobsRequest, LogChunk,
    SubmitJobRequest,
};
use holdfast_api::{internal, invalid_request, status_from_problem, timestamp, v1};
use holdfast_policy::{Bundle, Request as LawRequest, decide};
use holdfast_reconcile::{
    Outlook, Planner, commit_plan, explanation, outlook, owner_facts, record_decision, waiting_part,
    workload_facts,
};
use holdfast_scheduler::Explanation;
use holdfast_state::{State, elements_left};
use holdfast_types::{AsProblem as _, JobName, JobPhase, JobSpec, Time};
use prost::Message as _;
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::app::{App, now, system};
use crate::caller::{self, Operator};
use crate::page::page;
use crate::peers;
use crate::write::Write;

use super::admission::{Asked, check_tenant, job_not_found, refused, uid};
use super::elements;

pub(crate) struct Service(pub(crate) Arc<App>);

fn invalid(because: impl Into<String>) -> Status {
    status_from_problem(&invalid_request(because))
}

fn job_of(result: outcome::Result) -> Result<Response<Job>, Status> {
    match result {
        outcome::Result::Job(job) => Ok(Response::new(job)),
        other => Err(Status::internal(format!("unexpected outcome {other:?}"))),
    }
}

/// Why a job waits, what would start it, and when it is expected to start.
fn foreseen(
    state: &State,
    bundle: &Bundle,
    now: Time,
    (job, why): (&JobName, Explanation),
) -> JobExplanation {
    let Outlook { if_only, starts_at, estimate } = outlook(state, bundle, now, (job, why.never_fits));
    let starts_at = starts_at.map(timestamp);
    JobExplanation { starts_at, ..explanation(&Explanation { if_only, estimate, ..why }) }
}

impl Service {
    fn job(&self, name: &str) -> Result<Job, Status> {
        self.0.with(|state| {
            let absent = || elements::not_started(state, name).unwrap_or_else(|| job_not_found(name));
            state.job(name).cloned().ok_or_else(absent)
        })
    }

    /// Why a job waits, and what would have to be otherwise for it to start.
    async fn explained(&self, job: JobName) -> Result<Option<JobExplanation>, Status> {
        let (state, bundle, at) = (self.0.with(State::clone), self.0.bundle()?, now());
        let then = move |job: &JobName, found| foreseen(&state, &bundle, at, (job, found));
        self.0.planner.explain(&self.0.apart, job, then).await
    }

    /// A job of a state as the next plan leaves it: with its places, or with why it waits.
    async fn after_next_plan(&self, mut state: State, name: String) -> Result<Response<Job>, Status> {
        let (bundle, at) = (self.0.bundle()?, now());
        let work = move || {
            let mut planner = Planner::new(&state, &bundle, at);
            let plan = planner.plan();
            let why = name.parse().ok().and_then(|job| Some((planner.explain(&job)?, job)));
            if let Some(commit) = commit_plan(&plan, BTreeMap::new(), &planner.config().policy_hash) {
                let command = system(command::Body::CommitPlan(commit));
                state.apply(at, &command.encode_to_vec());
            }
            let mut job = state.job(&name).cloned().unwrap_or_default();
            let told = why.map(|(found, job)| foreseen(&state, &bundle, at, (&job, found)));
            job.status.get_or_insert_default().explanation = told;
            job
        };
        self.0.apart.run(work).await.map(Response::new)
    }

    async fn end(
        &self,
        request: Request<CancelJobRequest>,
        body: fn(EndJob) -> command::Body,
    ) -> Result<Response<Job>, Status> {
        let operator = caller::operator(&request)?;
        let mut request = request.into_inner();
        let write = Write::new(operator.actor(), request.options.take(), &request);
        self.0.barrier(false).await?;
        if let Some(known) = self.0.answered(&write)? {
            return job_of(known);
        }
        check_tenant(&operator, &self.job(&request.name)?)?;
        let body = body(EndJob { name: request.name });
        job_of(self.0.execute(write, body).await?)
    }

    /// Refuses, and records it, where the law does not let the caller read what the job printed.
    async fn check_logs(&self, operator: &Operator, name: &str, job: &Job) -> Result<(), Status> {
        let bundle = self.0.bundle()?;
        let spec = JobSpec::try_from(job.spec.as_ref().unwrap_or(&v1::JobSpec::default()))
            .map_err(|error| status_from_problem(&error.problem()))?;
        let owner = job.status.as_ref().map_or("", |s| s.submitted_by.as_str());
        let user = self.0.user(operator, &spec.tenant, &bundle)?;
        // A person who reads their own logs is one person with one set of facts.
        let own = owner == user.name.as_str();
        let owner = if own { Ok(user.clone()) } else { owner_facts(owner, &spec.tenant, &bundle) };
        let workload = owner.and_then(|owner| workload_facts(name, &spec, owner));
        let workload = workload.map_err(|error| status_from_problem(&error.problem()))?;
        let decision = decide(&LawRequest::ReadLogs { user, workload }, &bundle, now());
        if decision.is_allow() {
            return Ok(());
        }
        let record = record_decision("readLogs", &format!("job/{name}"), &operator.actor(), &decision);
        self.0.record_refusal(Some(record)).await;
        Err(status_from_problem(&decision.refusal(format!("the logs of job `{name}` may not be read"))))
    }
}

type LogStream = Pin<Box<dyn Stream<Item = Result<LogChunk, Status>> + Send>>;

#[tonic::async_trait]
impl Jobs for Service {
    async fn submit(&self, request: Request<SubmitJobRequest>) -> Result<Response<Job>, Status> {
        let operator = caller::operator(&request)?;
        let mut request = request.into_inner();
        let options = request.options.take().unwrap_or_default();
        let key = options.idempotency_key.clone();
        let write = Write::new(operator.actor(), Some(options), &request);
        let (labels, spec) = (request.labels, request.spec.as_ref());
        self.0.barrier(false).await?;
        if let Some(known) = self.0.answered(&write)? {
            return job_of(known);
        }
        let asked = Asked::read(&self.0, &operator, &request.name, labels, spec)?;
        let uid = uid(&key)?;
        let state = self.0.with(State::clone);
        let admitted = self.0.apart.run(move || asked.admitted(&state, &operator, uid));
        let (body, decision) = match admitted.await? {
            Ok(admitted) => admitted,
            Err(refusal) => return Err(refused(&self.0, refusal).await),
        };
        let (write, name) = (write.decided(decision), body.name.clone());
        let body = command::Body::SubmitJob(body);
        if write.is_trial() {
            let (state, _) = self.0.tried(write, body).await?;
            return self.after_next_plan(state, name).await;
        }
        job_of(self.0.execute(write, body).await?)
    }

    async fn list(&self, request: Request<ListJobsRequest>) -> Result<Response<JobList>, Status> {
        let operator = caller::operator(&request)?;
        let request = request.into_inner();
        let list = request.list.unwrap_or_default();
        if !request.phase.is_empty() && JobPhase::from_word(&request.phase).is_none() {
            return Err(invalid(format!("phase: `{}` is not a phase of a job", request.phase)));
        }
        self.0.barrier(list.stale).await?;
        // A caller bound to a tenant asks another question than one who is not.
        let tenant = operator.tenant.as_ref().map_or("", |tenant| tenant.as_str());
        let scope = [request.queue.as_str(), request.phase.as_str(), request.array.as_str(), tenant];
        let mut jobs = self.0.with(|state| {
            let jobs = state.jobs().filter(|job| {
                let (spec, status) = (job.spec.as_ref(), job.status.as_ref());
                elements::is_listed(job, &request.array)
                    && check_tenant(&operator, job).is_ok()
                    && (request.queue.is_empty() || spec.is_some_and(|s| s.queue == request.queue))
                    && (request.phase.is_empty() || status.is_some_and(|s| s.phase == request.phase))
            });
            let page = page(jobs, &list, &scope)?;
            Ok::<_, Status>(JobList {
                items: page.items,
                next_page_token: page.next,
                revision: state.revision(),
            })
        })?;
        jobs.items = self.0.select("Job", jobs.items, &list.fields)?;
        Ok(Response::new(jobs))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Job>, Status> {
        let operator = caller::operator(&request)?;
        let get = request.into_inner();
        self.0.barrier(get.stale).await?;
        let job = self.job(&get.name)?;
        check_tenant(&operator, &job)?;
        let job = self.0.with(|state| elements::with_ends(state, job));
        self.0.select_one("Job", job, &get.fields).map(Response::new)
    }

    async fn cancel(&self, request: Request<CancelJobRequest>) -> Result<Response<Job>, Status> {
        self.end(request, command::Body::CancelJob).await
    }

    async fn delete(&self, request: Request<CancelJobRequest>) -> Result<Response<Job>, Status> {
        self.end(request, command::Body::DeleteJob).await
    }

    async fn explain(&self, request: Request<GetRequest>) -> Result<Response<JobExplanation>, Status> {
        let operator = caller::operator(&request)?;
        let get = request.into_inner();
        self.0.barrier(get.stale).await?;
        let job = self.job(&get.name)?;
        check_tenant(&operator, &job)?;
        if let Some(waiting) = elements::waiting(&job) {
            return Ok(Response::new(waiting));
        }
        if let Some(part) = waiting_part(&job)
            && let Some(explained) = self.explained(part).await?
        {
            return Ok(Response::new(explained));
        }
        let has_more = elements_left(&job) > 0;
        let status = job.status.unwrap_or_default();
        let waits = has_more || status.phase == JobPhase::Pending.as_str();
        if waits
            && let Ok(name) = get.name.parse()
            && let Some(explained) = self.explained(name).await?
        {
            return Ok(Response::new(explained));
        }
        let told = status.explanation.clone().unwrap_or_else(|| {
            let summary = format!("job `{}` is {}: {}", get.name, status.phase, status.reason);
            JobExplanation { text: format!("{summary}\n"), summary, ..JobExplanation::default() }
        });
        Ok(Response::new(told))
    }

    type LogsStream = LogStream;

    async fn logs(&self, request: Request<JobLogsRequest>) -> Result<Response<LogStream>, Status> {
        let operator = caller::operator(&request)?;
        let request = request.into_inner();
        self.0.barrier(false).await?;
        let job = self.job(&request.name)?;
        check_tenant(&operator, &job)?;
        self.check_logs(&operator, &request.name, &job).await?;
        if let Some(refused) = elements::no_logs(&job, &request.name) {
            return Err(refused);
        }
        let status = job.status.unwrap_or_default();
        let Some(task) = status.tasks.iter().find(|t| t.rank == request.rank) else {
            return Err(invalid(format!(
                "rank: job `{}` has no task {} that was placed",
                request.name, request.rank
            )));
        };
        let ask = internal::TaskLogsRequest {
            job_uid: job.metadata.unwrap_or_default().uid,
            fence: holdfast_state::fence_of(&status, task),
            rank: request.rank,
            offset: request.offset,
            follow: request.follow,
            tail_bytes: request.tail_bytes,
        };
        let mut data = peers::data_client(&self.0, &task.node)?;
        let stream = data.task_logs(ask).await?.into_inner();
        Ok(Response::new(Box::pin(stream)))
    }
}
