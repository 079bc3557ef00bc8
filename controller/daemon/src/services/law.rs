//! The law in force and the audit log, for those who write and those who check them.

use std::pin::Pin;
use std::sync::Arc;

use holdfast_api::v1::audit_server::Audit;
use holdfast_api::v1::policies_server::Policies;
use holdfast_api::v1::{
    AuditEntry, AuditHead, AuditHeadRequest, AuditList, CheckPolicyRequest, Decision, ListAuditRequest,
    PolicyBundle, Reason, ShowPolicyRequest,
};
use holdfast_api::{invalid_request, status_from_problem};
use holdfast_policy::{Egress, Request as LawRequest, WorkloadFacts, decide};
use holdfast_reconcile::{artifact_facts, node_facts};
use holdfast_types::{AsProblem as _, Problem, ProblemKind};
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::app::{App, now};
use crate::caller::{self, Operator};

#[derive(Clone)]
pub(crate) struct Service(pub(crate) Arc<App>);

const DEFAULT_ENTRIES: u32 = 500;
const MAX_ENTRIES: u32 = 5_000;
/// Entries read under one lock of the state while exporting.
const EXPORT_BATCH: u64 = 500;

fn invalid(because: impl Into<String>) -> Status {
    status_from_problem(&invalid_request(because))
}

fn parse<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, Status>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| invalid(format!("{field}: {error}")))
}

/// The audit log is read by auditors and administrators.
fn reader<T>(request: &Request<T>) -> Result<Operator, Status> {
    let operator = caller::operator(request)?;
    if operator.roles.iter().any(|r| r == "auditor" || r == "admin") {
        return Ok(operator);
    }
    let problem = Problem::new(
        1212,
        ProblemKind::Unauthorised,
        format!("operator `{}` may not read the audit log", operator.name),
    );
    Err(status_from_problem(&problem.because("it is for the roles auditor and admin")))
}

#[tonic::async_trait]
impl Policies for Service {
    async fn show(&self, request: Request<ShowPolicyRequest>) -> Result<Response<PolicyBundle>, Status> {
        caller::operator(&request)?;
        self.0.barrier(false).await?;
        self.0.bundle()?;
        Ok(Response::new(self.0.with(|state| state.bundle().cloned()).unwrap_or_default()))
    }

    async fn check(&self, request: Request<CheckPolicyRequest>) -> Result<Response<Decision>, Status> {
        let operator = caller::operator(&request)?;
        let ask = request.into_inner();
        self.0.barrier(false).await?;
        let bundle = self.0.bundle()?;
        let tenant = parse("tenant", &ask.tenant)?;
        let workload = WorkloadFacts {
            name: parse("job", "asked")?,
            owner: self.0.user(&operator, &tenant, &bundle)?,
            tenant,
            purpose: parse("purpose", &ask.purpose)?,
            clearance: 0,
            egress: Egress::None,
            image_verified: true,
        };
        let node = self.0.with(|state| state.node(&ask.node).cloned());
        let node = node.ok_or_else(|| status_from_problem(&holdfast_state::not_found("node", &ask.node)))?;
        let node = node_facts(&node, &bundle).map_err(|error| status_from_problem(&error.problem()))?;
        let law = match ask.action.as_str() {
            "place" => LawRequest::Place { workload, node },
            "use" => {
                let found = self.0.with(|state| {
                    let record = state.artifact(&ask.artifact).or_else(|| state.newest(&ask.artifact));
                    record.and_then(|row| row.artifact?.spec)
                });
                let spec = found.ok_or_else(|| {
                    status_from_problem(&holdfast_state::not_found("artifact", &ask.artifact))
                })?;
                let artifact =
                    artifact_facts(&spec).map_err(|error| status_from_problem(&error.problem()))?;
                LawRequest::Use { workload, artifact, node }
            }
            other => {
                return Err(invalid(format!("action: `{other}` cannot be asked about: use place or use")));
            }
        };
        let decision = decide(&law, &bundle, now());
        Ok(Response::new(Decision {
            verdict: decision.verdict.to_string(),
            reasons: decision.reasons.into_iter().map(|r| Reason { rule: r.rule, text: r.text }).collect(),
            errors: decision.errors,
            bundle: decision.bundle.to_string(),
        }))
    }
}

/// Refuses to leave out entries that are kept no more: a log with a hole would be taken for a forged one.
fn kept(app: &App, from: u64) -> Result<(), Status> {
    let first = app.with(holdfast_state::State::audit_first);
    if from < first {
        return Err(status_from_problem(&holdfast_state::audit_gone(from, first)));
    }
    Ok(())
}

fn entries(app: &App, from: u64, limit: u64) -> Vec<AuditEntry> {
    app.with(|state| {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        state.audit_from(from).take(limit).map(|(index, entry)| AuditEntry { index, entry }).collect()
    })
}

type EntryStream = Pin<Box<dyn Stream<Item = Result<AuditEntry, Status>> + Send>>;

#[tonic::async_trait]
impl Audit for Service {
    async fn list(&self, request: Request<ListAuditRequest>) -> Result<Response<AuditList>, Status> {
        reader(&request)?;
        let ask = request.into_inner();
        let limit = match ask.limit {
            0 => DEFAULT_ENTRIES,
            limit if limit <= MAX_ENTRIES => limit,
            limit => {
                return Err(invalid(format!("limit: {limit} asked for, at most {MAX_ENTRIES} are allowed")));
            }
        };
        self.0.barrier(false).await?;
        let items = entries(&self.0, ask.from, u64::from(limit));
        Ok(Response::new(AuditList { items, size: self.0.with(holdfast_state::State::audit_size) }))
    }

    type ExportStream = EntryStream;

    async fn export(&self, request: Request<ListAuditRequest>) -> Result<Response<EntryStream>, Status> {
        reader(&request)?;
        let from = request.into_inner().from;
        self.0.barrier(false).await?;
        kept(&self.0, from)?;
        // What comes after the call is for the next export: an endless log would make an endless answer.
        let size = self.0.with(holdfast_state::State::audit_size);
        let app = Arc::clone(&self.0);
        let batches = futures::stream::unfold(from, move |next| {
            let app = Arc::clone(&app);
            async move {
                let limit = EXPORT_BATCH.min(size.saturating_sub(next));
                (limit > 0).then(|| {
                    (futures::stream::iter(entries(&app, next, limit).into_iter().map(Ok)), next + limit)
                })
            }
        });
        Ok(Response::new(Box::pin(futures::StreamExt::flatten(batches))))
    }

    async fn head(&self, request: Request<AuditHeadRequest>) -> Result<Response<AuditHead>, Status> {
        reader(&request)?;
        self.0.barrier(false).await?;
        let (size, root) = self.0.with(holdfast_state::State::audit_root);
        let checkpoint = holdfast_audit::Checkpoint { origin: self.0.config.cluster.clone(), size, root };
        Ok(Response::new(AuditHead {
            size,
            checkpoint: checkpoint.sign(&self.0.audit_key),
            verifier_key: self.0.audit_key.verifier().to_string(),
        }))
    }
}
