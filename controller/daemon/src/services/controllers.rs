//! The controllers themselves: who they are, letting one in, taking one out, and who leads.

use std::sync::Arc;

use holdfast_api::store::{AdmitController, ControllerRecord, SettleController, command, outcome};
use holdfast_api::v1::controllers_server::Controllers;
use holdfast_api::v1::{
    AdmitControllerRequest, AdmittedController, Controller, ControllerList, ListControllersRequest,
    RemoveControllerRequest, TransferRequest, WriteOptions,
};
use holdfast_api::{invalid_request, status_from_problem};
use holdfast_identity::{CONTROLLER_VALIDITY, Endpoint, Issued, Principal};
use holdfast_raft::{ChangeError, Member, MemberStatus, Role};
use holdfast_state::{ADMITTED, REMOVED};
use holdfast_types::{AsProblem as _, NodeName, Problem, ProblemKind};
use tonic::{Request, Response, Status};

use crate::app::{App, now, system};
use crate::write::Write;
use crate::{caller, members};

/// A controller that answered a call of raft within this time is there.
const HEARD_MS: u64 = 3_000;
/// With more voters every write is slower and nothing is safer.
const MOST_VOTERS: usize = 5;

pub(crate) struct Service(pub(crate) Arc<App>);

impl Service {
    /// What of the number of voters is allowed and not advised, if `coming` more voted.
    fn advice(&self, coming: usize) -> String {
        let members = self.0.raft.status().members;
        let voters = members.iter().filter(|member| member.role == Role::Voter).count() + coming;
        if voters == 0 || !voters.is_multiple_of(2) {
            return String::new();
        }
        format!(
            "{voters} controllers stand the loss of no more than {} do, and {} of them have to agree: have {} or {}",
            voters - 1,
            voters / 2 + 1,
            voters - 1,
            voters + 1
        )
    }

    fn list(&self) -> ControllerList {
        let (status, leader) = (self.0.raft.status(), self.0.raft.leader().map(|leader| leader.id));
        let records: Vec<ControllerRecord> = self
            .0
            .with(|state| state.controllers().filter(|record| record.phase == ADMITTED).cloned().collect());
        let name_of = |id: u64| status.members.iter().find(|m| m.member.id == id).map(|m| &m.member.name);
        let waited = |id: u64| records.iter().find(|record| record.id == id);
        let replaces = |record: &ControllerRecord| name_of(record.replaces).cloned().unwrap_or_default();
        let known = status.members.iter().map(|found| {
            let MemberStatus { member, role, heard_ms, .. } = found;
            Controller {
                id: member.id,
                name: member.name.clone(),
                address: member.address.clone(),
                role: if *role == Role::Voter { "voter" } else { "learner" }.to_owned(),
                leader: leader == Some(member.id),
                lag: members::lag(&status, found),
                reachable: member.id == status.id || heard_ms.is_some_and(|ms| ms < HEARD_MS),
                replaces: waited(member.id).map(replaces).unwrap_or_default(),
            }
        });
        let admitted =
            records.iter().filter(|record| name_of(record.id).is_none()).map(|record| Controller {
                id: record.id,
                name: record.name.clone(),
                address: record.address.clone(),
                role: ADMITTED.to_owned(),
                replaces: replaces(record),
                ..Controller::default()
            });
        ControllerList { items: known.chain(admitted).collect(), advice: self.advice(0) }
    }

    fn member(&self, name: &str) -> Option<Member> {
        let members = self.0.raft.status().members;
        members.into_iter().map(|found| found.member).find(|member| member.name == name)
    }

    fn find(&self, name: &str) -> Result<Member, Status> {
        self.member(name).ok_or_else(|| unknown(name))
    }

    /// A membership change as an answer; a leader that handed over sends the caller on.
    fn changed<T>(&self, changed: Result<T, ChangeError>) -> Result<T, Status> {
        changed.map_err(|error| match error {
            ChangeError::NotLeader { .. } => self.0.not_leader(),
            other => status_from_problem(&other.problem()),
        })
    }

    /// Whose place the new one takes, and whether there may be a new one at all.
    fn place(&self, ask: &AdmitControllerRequest) -> Result<Option<Member>, Status> {
        let old = if ask.replaces.is_empty() { None } else { Some(self.find(&ask.replaces)?) };
        let others = self.0.raft.status().members;
        for MemberStatus { member, .. } in &others {
            if old.as_ref().is_some_and(|old| old.id == member.id) {
                continue;
            }
            let what = if member.name == ask.name {
                "is a member already"
            } else if member.address == ask.address {
                "has this address"
            } else {
                continue;
            };
            return Err(refused(ask, format!("controller `{}` {what}", member.name)));
        }
        let voters = others.iter().filter(|member| member.role == Role::Voter).count();
        if old.is_none() && voters >= MOST_VOTERS {
            return Err(refused(
                ask,
                format!("there are {voters}, which stand the loss of two; more only make writes slower"),
            ));
        }
        Ok(old)
    }

    fn certify(&self, ask: &AdmitControllerRequest) -> Result<Issued, Status> {
        let name: Result<NodeName, _> = ask.name.parse();
        let name = name.map_err(|error: holdfast_types::NameError| {
            status_from_problem(&invalid_request(error.to_string()))
        })?;
        let address: Result<Endpoint, _> = ask.address.parse();
        address.map_err(|error: holdfast_identity::NameFault| {
            status_from_problem(&invalid_request(error.to_string()))
        })?;
        let principal = Principal::Controller { name };
        let issued = self.0.ca.issue(&ask.csr_pem, &principal, CONTROLLER_VALIDITY, now());
        issued.map_err(|error| status_from_problem(&error.problem()))
    }

    async fn settle_removed(&self, id: u64, name: &str, actor: String, reason: &str) -> Result<(), Status> {
        let body = SettleController {
            id,
            name: name.to_owned(),
            phase: REMOVED.to_owned(),
            reason: if reason.is_empty() { "removed".to_owned() } else { reason.to_owned() },
        };
        let command = system(command::Body::SettleController(body));
        self.0.propose(holdfast_api::store::Command { actor, ..command }).await.map(drop)
    }
}

fn unknown(name: &str) -> Status {
    let problem = Problem::new(1270, ProblemKind::NotFound, format!("there is no controller `{name}`"));
    status_from_problem(&problem.next("holdfast controller list"))
}

fn refused(ask: &AdmitControllerRequest, because: String) -> Status {
    let name = ask.name.escape_debug();
    let problem = Problem::new(1272, ProblemKind::Conflict, format!("controller `{name}` is not let in"));
    status_from_problem(&problem.because(because).next("holdfast controller list"))
}

#[tonic::async_trait]
impl Controllers for Service {
    async fn list(
        &self,
        request: Request<ListControllersRequest>,
    ) -> Result<Response<ControllerList>, Status> {
        caller::operator(&request)?;
        self.0.barrier(false).await?;
        Ok(Response::new(self.list()))
    }

    async fn admit(
        &self,
        request: Request<AdmitControllerRequest>,
    ) -> Result<Response<AdmittedController>, Status> {
        let operator = caller::admin(&request)?;
        let ask = request.into_inner();
        self.0.barrier(false).await?;
        let old = self.place(&ask)?;
        let issued = self.certify(&ask)?;
        let status = self.0.raft.status();
        let body = AdmitController {
            name: ask.name.clone(),
            address: ask.address.clone(),
            certificate_serial: issued.serial.to_string(),
            replaces: old.as_ref().map_or(0, |old| old.id),
            greatest: status.members.iter().map(|found| found.member.id).max().unwrap_or(0),
        };
        // Without a key: each try has a certificate of its own, and the newest admission of a name is the one that holds.
        let dry_run = ask.options.as_ref().is_some_and(|options| options.dry_run);
        let options = WriteOptions { dry_run, ..WriteOptions::default() };
        let write = Write::new(operator.actor(), Some(options), &ask);
        let outcome = self.0.execute(write, command::Body::AdmitController(body)).await?;
        let outcome::Result::Controller(record) = outcome else {
            return Err(Status::internal("the outcome is not that of an admission"));
        };
        let config = &self.0.config;
        Ok(Response::new(AdmittedController {
            id: record.id,
            chain_pem: if dry_run { String::new() } else { issued.chain_pem },
            cluster_id: config.cluster.clone(),
            cluster_name: config.cluster_name.clone(),
            incarnation: self.0.incarnation(),
            lease_ms: config.lease_ms,
            controllers: self.list().items.into_iter().filter(|other| other.role != ADMITTED).collect(),
            advice: self.advice(usize::from(old.is_none())),
        }))
    }

    async fn remove(
        &self,
        request: Request<RemoveControllerRequest>,
    ) -> Result<Response<ControllerList>, Status> {
        let operator = caller::admin(&request)?;
        let ask = request.into_inner();
        self.0.barrier(false).await?;
        let named = |record: &&ControllerRecord| record.phase == ADMITTED && record.name == ask.name;
        let admitted = self.0.with(|state| state.controllers().find(named).map(|record| record.id));
        let member = self.member(&ask.name);
        let Some(id) = member.as_ref().map(|member| member.id).or(admitted) else {
            return Err(unknown(&ask.name));
        };
        if ask.options.as_ref().is_some_and(|options| options.dry_run) {
            return Ok(Response::new(self.list()));
        }
        // The record first where it only waits: the leader would bring it in again.
        if admitted == Some(id) {
            self.settle_removed(id, &ask.name, operator.actor(), &ask.reason).await?;
        }
        if member.is_some() {
            self.changed(self.0.raft.remove(id).await)?;
        }
        if admitted != Some(id) {
            self.settle_removed(id, &ask.name, operator.actor(), &ask.reason).await?;
        }
        Ok(Response::new(self.list()))
    }

    async fn transfer(&self, request: Request<TransferRequest>) -> Result<Response<ControllerList>, Status> {
        let operator = caller::admin(&request)?;
        let ask = request.into_inner();
        self.0.barrier(false).await?;
        let to = if ask.name.is_empty() { None } else { Some(self.find(&ask.name)?.id) };
        let leader = self.changed(self.0.raft.transfer_leader(to).await)?;
        tracing::info!(operator = %operator.name, leader = leader.name, "leadership was handed over as asked");
        let mut list = self.list();
        for controller in &mut list.items {
            controller.leader = controller.id == leader.id;
            controller.lag = None;
        }
        Ok(Response::new(list))
    }
}
