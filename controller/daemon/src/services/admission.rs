//! The one door for jobs: whoever submits, alone or among other steps, is checked and admitted here.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_api::store::{DecisionRecord, SubmitJob};
use holdfast_api::{invalid_request, status_from_problem, v1};
use holdfast_policy::{Bundle, UserFacts};
use holdfast_reconcile::{Refused, admit};
use holdfast_state::State;
use holdfast_types::{AsProblem as _, JobName, JobSpec, NameError};
use tonic::Status;

use crate::app::{App, now};
use crate::caller::Operator;

/// A job as somebody asks for it.
pub(super) struct Asked {
    name: JobName,
    labels: BTreeMap<String, String>,
    spec: JobSpec,
    user: UserFacts,
    bundle: Arc<Bundle>,
}

fn invalid(because: impl Into<String>) -> Status {
    status_from_problem(&invalid_request(because))
}

impl Asked {
    /// Reads what is asked for; whether it is let in is for [`Asked::admitted`].
    pub(super) fn read(
        app: &App,
        operator: &Operator,
        name: &str,
        labels: BTreeMap<String, String>,
        spec: Option<&v1::JobSpec>,
    ) -> Result<Self, Status> {
        let name: JobName = name.parse().map_err(|error: NameError| invalid(error.to_string()))?;
        let wire = spec.ok_or_else(|| invalid("spec: is missing"))?;
        let spec = JobSpec::try_from(wire).map_err(|error| status_from_problem(&error.problem()))?;
        let bundle = app.bundle()?;
        let user = app.user(operator, &spec.tenant, &bundle)?;
        Ok(Self { name, labels, spec, user, bundle })
    }

    /// The command that keeps the job, with the decision that let it in.
    pub(super) fn admitted(
        self,
        state: &State,
        operator: &Operator,
        uid: String,
    ) -> Result<(SubmitJob, DecisionRecord), Box<Refused>> {
        let admitted = admit(self.name.as_str(), self.spec, &self.user, state, &self.bundle, now())?;
        let body = SubmitJob {
            name: self.name.to_string(),
            uid,
            labels: self.labels,
            spec: Some(v1::JobSpec::from(&admitted.spec)),
            submitted_by: operator.name.to_string(),
            label: Some(admitted.label),
            bundle: self.bundle.hash().to_string(),
        };
        Ok((body, admitted.decision))
    }
}

/// Keeps the record of a refusal, and says it.
pub(super) async fn refused(app: &App, refused: Box<Refused>) -> Status {
    app.record_refusal(refused.decision).await;
    status_from_problem(&refused.problem)
}

/// The uid of a new job: random, so that two lives of one name never meet. With a key, a retry must be the same command
/// byte for byte, so its uid comes from the key.
pub(super) fn uid(key: &str) -> Result<String, Status> {
    if !key.is_empty() {
        return Ok(format!("job-{key}"));
    }
    let random = holdfast_client::idempotency_key().map_err(|problem| status_from_problem(&problem))?;
    Ok(format!("job-{random}"))
}

/// Whether the caller may act on a job at all: an operator bound to a tenant only on its own.
pub(super) fn check_tenant(operator: &Operator, job: &v1::Job) -> Result<(), Status> {
    let tenant = job.spec.as_ref().map_or("", |s| s.tenant.as_str());
    if operator.tenant.as_ref().is_none_or(|own| own.as_str() == tenant) {
        return Ok(());
    }
    // The existence of another tenant's job is nobody's business.
    Err(job_not_found(job.metadata.as_ref().map_or("", |m| m.name.as_str())))
}

/// The refusal for a job that is not there.
pub(super) fn job_not_found(name: &str) -> Status {
    status_from_problem(&holdfast_state::not_found("job", name))
}
