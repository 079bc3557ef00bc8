//! Artifacts: where imports go, what becomes a version, who may take bytes away. No byte of data passes here.

use std::sync::Arc;

use holdfast_api::store::{CommitVersion, command, outcome};
use holdfast_api::v1::artifacts_server::Artifacts;
use holdfast_api::v1::images_server::Images;
use holdfast_api::v1::{
    Artifact, ArtifactList, ArtifactSpec, CommitArtifactRequest, ExportPlan, ExportSource, GetRequest,
    ImportPlan, ListArtifactsRequest, ListRequest, PlanExportRequest, PlanImportRequest,
};
use holdfast_api::{invalid_request, status_from_problem};
use holdfast_policy::{ArtifactFacts, Basis, Bundle, Request as LawRequest, UserFacts, decide};
use holdfast_reconcile::{artifact_facts, import_target, import_user_check, node_facts, record_decision};
use holdfast_state::State;
use holdfast_types::{ArtifactKind, BlobId, Jurisdiction, Problem, ProblemKind, TenantName};
use tonic::{Request, Response, Status};

use crate::app::{App, now};
use crate::caller::{self, Operator};
use crate::page::Asked;
use crate::write::Write;

#[derive(Clone)]
pub(crate) struct Service(pub(crate) Arc<App>);

/// On how many nodes an import should be where nobody says.
const DEFAULT_COPIES: u32 = 2;
/// The most copies that may be asked for.
const MAX_COPIES: u32 = 16;

/// The versions of artifacts in the order of their names. They come series by series, and within one by number: the tenth version
/// after the second.
fn by_name(artifacts: impl Iterator<Item = Artifact>) -> impl Iterator<Item = Artifact> {
    fn series(artifact: &Artifact) -> Option<(&str, &str)> {
        artifact.spec.as_ref().map(|spec| (spec.kind.as_str(), spec.name.as_str()))
    }
    let mut artifacts = artifacts.peekable();
    let next = move || {
        let first = artifacts.next()?;
        let mut versions = vec![first];
        while let Some(version) =
            artifacts.next_if(|next| versions.first().is_some_and(|first| series(first) == series(next)))
        {
            versions.push(version);
        }
        versions
            .sort_by(|a, b| a.metadata.as_ref().map(|m| &m.name).cmp(&b.metadata.as_ref().map(|m| &m.name)));
        Some(versions)
    };
    std::iter::from_fn(next).flatten()
}

fn problem(error: &impl holdfast_types::AsProblem) -> Status {
    status_from_problem(&error.problem())
}

/// Artifacts as sources of bytes: the nodes that have them and can be reached.
pub(crate) fn sources(state: &State, artifact: &Artifact) -> Vec<ExportSource> {
    let nodes = artifact.status.as_ref().map_or(&[][..], |s| s.nodes.as_slice());
    let source = |node: &String| {
        let status = state.node(node)?.node.as_ref()?.status.as_ref()?;
        let live = !matches!(status.phase.as_str(), "Lost" | "Retired") && !status.data_address.is_empty();
        live.then(|| ExportSource { node: node.clone(), data_address: status.data_address.clone() })
    };
    nodes.iter().filter_map(source).collect()
}

impl Service {
    /// What is asked for, checked as an artifact of the law, with the one who asks.
    fn facts(
        &self,
        operator: &Operator,
        spec: &ArtifactSpec,
        bundle: &Bundle,
    ) -> Result<(ArtifactFacts, UserFacts), Status> {
        let kind: ArtifactKind = spec.kind.parse().map_err(|error: holdfast_types::ArtifactKindError| {
            status_from_problem(&invalid_request(format!("kind: {error}")))
        })?;
        if kind == ArtifactKind::Checkpoint {
            let because = "kind: checkpoints are made by jobs and cannot be imported";
            return Err(status_from_problem(&invalid_request(because)));
        }
        let tenant: TenantName = spec.tenant.parse().map_err(|error: holdfast_types::NameError| {
            status_from_problem(&invalid_request(format!("tenant: {error}")))
        })?;
        let owned = ArtifactSpec { owner: operator.name.to_string(), ..spec.clone() };
        let facts =
            artifact_facts(&owned).map_err(|e| status_from_problem(&invalid_request(e.to_string())))?;
        let label = holdfast_types::LegalLabel {
            labels: facts.labels.clone(),
            residency: facts.residency.clone(),
            purposes: facts.purposes.clone(),
            level: facts.level,
        };
        bundle.law().validate_artifact(&facts.key(), &tenant, &label).map_err(|e| problem(&e))?;
        let user = self.0.user(operator, &tenant, bundle)?;
        Ok((facts, user))
    }

    fn find(&self, name: &str) -> Result<Artifact, Status> {
        let found = self.0.with(|state| {
            let record = if name.contains('@') { state.artifact(name) } else { state.newest(name) };
            record.and_then(|row| row.artifact)
        });
        found.ok_or_else(|| status_from_problem(&holdfast_state::not_found("artifact", name)))
    }

    fn visible(operator: &Operator, artifact: &Artifact) -> bool {
        let tenant = artifact.spec.as_ref().map_or("", |s| s.tenant.as_str());
        operator.tenant.as_ref().is_none_or(|own| own.as_str() == tenant)
    }

    async fn list_where(
        &self,
        operator: &Operator,
        list: ListRequest,
        asked: [&str; 2],
        wanted: impl Fn(&ArtifactSpec) -> bool + Send + 'static,
    ) -> Result<Response<ArtifactList>, Status> {
        self.0.barrier(list.stale).await?;
        let (state, operator, fields) = (self.0.with(State::clone), operator.clone(), list.fields.clone());
        let asked = asked.map(str::to_owned);
        let found = self.0.apart.run(move || {
            let tenant = operator.tenant.as_ref().map_or("", |tenant| tenant.as_str());
            let asked = Asked::<Artifact>::read(&list, &[&asked[0], &asked[1], tenant])?;
            let series = asked.after.rsplit_once('@').map_or("", |(series, _)| series);
            let artifacts = by_name(state.artifacts_from(series).filter_map(|row| row.artifact));
            let visible = |a: &Artifact| Self::visible(&operator, a) && a.spec.as_ref().is_some_and(&wanted);
            let page = asked.page(artifacts.filter(visible));
            Ok::<_, Status>(ArtifactList {
                items: page.items,
                next_page_token: page.next,
                revision: state.revision(),
            })
        });
        let mut found = found.await??;
        found.items = self.0.select("Artifact", found.items, &fields)?;
        Ok(Response::new(found))
    }

    async fn get_artifact(&self, operator: &Operator, get: GetRequest) -> Result<Artifact, Status> {
        self.0.barrier(get.stale).await?;
        let artifact = self.find(&get.name)?;
        if Self::visible(operator, &artifact) {
            self.0.select_one("Artifact", artifact, &get.fields)
        } else {
            Err(status_from_problem(&holdfast_state::not_found("artifact", &get.name)))
        }
    }
}

fn check_bytes(spec: &ArtifactSpec) -> Result<(), Status> {
    if let Err(error) = spec.manifest.parse::<BlobId>() {
        return Err(status_from_problem(&invalid_request(format!("manifest: {error}"))));
    }
    if spec.copies > MAX_COPIES {
        let because = format!("copies: {} asked for, at most {MAX_COPIES} are allowed", spec.copies);
        return Err(status_from_problem(&invalid_request(because)));
    }
    Ok(())
}

#[tonic::async_trait]
impl Artifacts for Service {
    async fn list(&self, request: Request<ListArtifactsRequest>) -> Result<Response<ArtifactList>, Status> {
        let operator = caller::operator(&request)?;
        let request = request.into_inner();
        let (kind, name) = (request.kind.clone(), request.name.clone());
        let wanted = move |s: &ArtifactSpec| {
            (kind.is_empty() || s.kind == kind) && (name.is_empty() || s.name == name)
        };
        let asked = [request.kind.as_str(), request.name.as_str()];
        self.list_where(&operator, request.list.unwrap_or_default(), asked, wanted).await
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Artifact>, Status> {
        let operator = caller::operator(&request)?;
        self.get_artifact(&operator, request.into_inner()).await.map(Response::new)
    }

    async fn plan_import(&self, request: Request<PlanImportRequest>) -> Result<Response<ImportPlan>, Status> {
        let operator = caller::operator(&request)?;
        let ask = request.into_inner();
        self.0.barrier(false).await?;
        let bundle = self.0.bundle()?;
        let spec = ArtifactSpec {
            kind: ask.kind,
            name: ask.name,
            label: ask.label,
            tenant: ask.tenant,
            ..ArtifactSpec::default()
        };
        let (facts, user) = self.facts(&operator, &spec, &bundle)?;
        self.0.desk.ready(&*self.0).await?;
        let (state, loads) = self.0.desk.loads(&*self.0);
        let planned = self.0.apart.run(move || {
            let (node, _) = import_target(&facts, &user, (&state, &loads), &bundle, now())?;
            let newest = state.newest(&format!("{}/{}", spec.kind, spec.name));
            let version = newest.and_then(|row| row.artifact?.spec).map_or(0, |spec| spec.version);
            Ok::<_, Box<holdfast_reconcile::Refused>>(ImportPlan {
                node: node.metadata.clone().unwrap_or_default().name,
                data_address: node.status.clone().unwrap_or_default().data_address,
                jurisdiction: node.spec.clone().unwrap_or_default().jurisdiction,
                next_version: version + 1,
            })
        });
        match planned.await? {
            Ok(plan) => Ok(Response::new(plan)),
            Err(refused) => {
                self.0.record_refusal(refused.decision).await;
                Err(status_from_problem(&refused.problem))
            }
        }
    }

    async fn commit(&self, request: Request<CommitArtifactRequest>) -> Result<Response<Artifact>, Status> {
        let operator = caller::operator(&request)?;
        let mut request = request.into_inner();
        let options = request.options.take().unwrap_or_default();
        let key = options.idempotency_key.clone();
        let write = Write::new(operator.actor(), Some(options), &request);
        self.0.barrier(false).await?;
        let bundle = self.0.bundle()?;
        let asked = request.spec.unwrap_or_default();
        check_bytes(&asked)?;
        let (facts, user) = self.facts(&operator, &asked, &bundle)?;
        // Decided once more where the bytes really are: the plan may be old, and the caller names the node.
        let node = self.0.with(|state| state.node(&request.node).cloned());
        let Some(node) = node else {
            return Err(status_from_problem(&holdfast_state::not_found("node", &request.node)));
        };
        let place = node_facts(&node, &bundle).map_err(|error| problem(&error))?;
        let object = format!("{}/{}", asked.kind, asked.name);
        let decision = import_user_check(&facts, &user, &place.class.jurisdiction, &bundle, now());
        let record = record_decision("import", &object, &operator.actor(), &decision);
        if !decision.is_allow() {
            self.0.record_refusal(Some(record)).await;
            return Err(status_from_problem(&decision.refusal(format!("{object} may not be imported"))));
        }
        let uid = if key.is_empty() {
            holdfast_client::idempotency_key().map_err(|p| status_from_problem(&p))?
        } else {
            key
        };
        let spec = ArtifactSpec {
            owner: operator.name.to_string(),
            copies: if asked.copies == 0 { DEFAULT_COPIES } else { asked.copies },
            // Only the state machine says these.
            version: 0,
            step: 0,
            lineage: None,
            ..asked
        };
        let body = CommitVersion {
            spec: Some(spec),
            uid: format!("artifact-{uid}"),
            node: request.node,
            new_version: request.new_version,
        };
        let body = command::Body::CommitVersion(body);
        match self.0.execute(write.decided(record), body).await? {
            outcome::Result::Artifact(artifact) => Ok(Response::new(artifact)),
            other => Err(Status::internal(format!("unexpected outcome {other:?}"))),
        }
    }

    async fn plan_export(&self, request: Request<PlanExportRequest>) -> Result<Response<ExportPlan>, Status> {
        let operator = caller::operator(&request)?;
        let ask = request.into_inner();
        let get = GetRequest { name: ask.name.clone(), ..GetRequest::default() };
        let artifact = self.get_artifact(&operator, get).await?;
        let bundle = self.0.bundle()?;
        let spec = artifact.spec.clone().unwrap_or_default();
        let facts = artifact_facts(&spec).map_err(|error| problem(&error))?;
        let user = self.0.user(&operator, &facts.tenant, &bundle)?;
        let destination: Jurisdiction =
            ask.destination.parse().map_err(|error: holdfast_types::JurisdictionError| {
                status_from_problem(&invalid_request(format!("destination: {error}")))
            })?;
        let basis = basis(&ask.basis)?;
        let law = LawRequest::Export { user, artifact: facts, destination, basis, approval: None };
        let decision = decide(&law, &bundle, now());
        // Durable before its effect, allowed or not.
        let record = record_decision("export", &ask.name, &operator.actor(), &decision);
        self.0.record(record).await?;
        if !decision.is_allow() {
            return Err(status_from_problem(&decision.refusal(format!("{} may not be exported", ask.name))));
        }
        let sources = self.0.with(|state| sources(state, &artifact));
        if sources.is_empty() {
            let gone =
                Problem::new(1211, ProblemKind::Unreachable, format!("{} cannot be exported now", ask.name))
                    .because("no node that has its bytes can be reached")
                    .next("holdfast node list");
            return Err(status_from_problem(&gone));
        }
        Ok(Response::new(ExportPlan { artifact: Some(artifact), sources }))
    }
}

fn basis(text: &str) -> Result<Basis, Status> {
    let all = [Basis::None, Basis::Adequacy, Basis::Scc, Basis::Bcr, Basis::Derogation49];
    if text.is_empty() {
        return Ok(Basis::None);
    }
    all.into_iter().find(|b| b.as_str() == text).ok_or_else(|| {
        let known = all.map(Basis::as_str).join(", ");
        status_from_problem(&invalid_request(format!("basis: `{text}` is not a legal basis: use {known}")))
    })
}

#[tonic::async_trait]
impl Images for Service {
    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ArtifactList>, Status> {
        let operator = caller::operator(&request)?;
        self.list_where(&operator, request.into_inner(), ["image", ""], |s| s.kind == "image").await
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Artifact>, Status> {
        let operator = caller::operator(&request)?;
        let get = request.into_inner();
        let name = if get.name.starts_with("image/") { get.name } else { format!("image/{}", get.name) };
        self.get_artifact(&operator, GetRequest { name, ..get }).await.map(Response::new)
    }
}

#[cfg(test)]
mod tests {
    use holdfast_api::v1::Metadata;

    use super::*;

    #[test]
    fn versions_of_a_series_come_in_the_order_of_their_names() {
        // As the state has them: by number.
        let keys = [("a", 1), ("a", 2), ("a", 10), ("b-c", 1), ("b", 9), ("b", 10)];
        let artifact = |(name, version): &(&str, u64)| Artifact {
            metadata: Some(Metadata { name: format!("model/{name}@{version}"), ..Metadata::default() }),
            spec: Some(ArtifactSpec {
                kind: "model".to_owned(),
                name: (*name).to_owned(),
                version: *version,
                ..ArtifactSpec::default()
            }),
            status: None,
        };
        let names: Vec<String> =
            by_name(keys.iter().map(artifact)).map(|artifact| artifact.metadata.unwrap().name).collect();
        let expected = ["a@1", "a@10", "a@2", "b-c@1", "b@10", "b@9"].map(|name| format!("model/{name}"));
        assert_eq!(names, expected);
        assert!(names.is_sorted());
    }
}
