//! Going on without a quorum: the one thing that a controller does for a person alone. What it is asked is checked against what
//! its own disk says and against whom it hears, kept as an order, and carried out when it begins again.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use holdfast_api::v1::recovery_server::Recovery;
use holdfast_api::v1::{Controller, RecoverRequest, RecoveryPlan, RestorePiece};
use holdfast_api::{invalid_request, status_from_problem};
use holdfast_raft::offline::restore;
use holdfast_raft::{MemberStatus, Role, Status as RaftStatus};
use holdfast_state::State;
use holdfast_types::{AsProblem as _, Problem, ProblemKind, Span};
use tokio::sync::{Mutex, mpsc};
use tonic::{Request, Response, Status, Streaming};

use crate::app::{App, now};
use crate::backup::reading::within;
use crate::caller::{self, Operator};
use crate::incarnation::fresh;
use crate::lone::{Confirmed, LONELY, Surroundings, check_alone, check_confirmed};
use crate::orders::{FromBackup, Order, ready_place, remove_ready};
use crate::restore::{begins, failed, plan};
use crate::{health, request_id};

/// How long the next piece of a backup may take.
const PIECE: Duration = Duration::from_secs(30);
/// How many pieces wait for the disk.
const AHEAD: usize = 4;

pub(crate) struct Service {
    app: Arc<App>,
    /// One order at a time.
    one: Mutex<()>,
}

fn status(problem: &Problem) -> Status {
    status_from_problem(problem)
}

impl Service {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app, one: Mutex::default() }
    }

    fn plan_of(&self, ask: &RecoverRequest) -> Result<RecoveryPlan, Problem> {
        let (app, raft) = (&self.app, self.app.raft.status());
        let others: Vec<&MemberStatus> =
            raft.members.iter().filter(|member| member.member.id != raft.id).collect();
        let names: Vec<String> = others.iter().map(|other| other.member.name.clone()).collect();
        let cluster = (ask.cluster_id.as_str(), app.config.cluster.as_str());
        check_confirmed(&Confirmed { cluster, lost: &ask.lost, others: &names })?;
        if app.ordered.is_cancelled() {
            return Err(Problem::new(1300, ProblemKind::Refused, "the controller is not to go on alone")
                .because("it was ordered to already, and begins again")
                .next("holdfast cluster status"));
        }
        check_alone(&surroundings(app, &raft))?;
        let own = app.config.own().cloned();
        let kept = Order::load(&app.config.directory).ok().flatten();
        let (name, address) = own.map(|own| (own.name, own.address)).unwrap_or_default();
        Ok(RecoveryPlan {
            cluster_id: app.config.cluster.clone(),
            cluster_name: app.config.cluster_name.clone(),
            incarnation: app.incarnation(),
            controller: name,
            address,
            revision: app.with(State::revision),
            state_hash: raft.state_hash.to_string(),
            last_index: raft.last_log.unwrap_or(0),
            lost: others.into_iter().map(shown).collect(),
            failed: kept.map(|order| order.failed).unwrap_or_default(),
        })
    }

    /// Who orders it and what is given up, as it will stand in the audit log.
    fn ordered(operator: &Operator, lost: &[String]) -> String {
        let lost = if lost.is_empty() { "nobody".to_owned() } else { lost.join(", ") };
        let id = request_id::current().unwrap_or_default();
        format!(", as {} ordered in request {id}; given up: {lost}", operator.actor())
    }

    /// Keeps the order, then has the controller begin again.
    fn order(&self, operator: &Operator, lost: &[String], backup: Option<FromBackup>) -> Result<(), Problem> {
        let config = &self.app.config;
        let order = Order {
            cluster: config.cluster.clone(),
            id: config.id,
            incarnation: config.incarnation,
            ordered: Self::ordered(operator, lost),
            at_ms: now().0,
            backup,
            failed: String::new(),
        };
        order.save(&config.directory)?;
        tracing::warn!(order = order.ordered, "this controller is to go on alone");
        self.app.ordered.cancel();
        Ok(())
    }
}

fn shown(found: &MemberStatus) -> Controller {
    let MemberStatus { member, role, heard_ms, .. } = found;
    Controller {
        id: member.id,
        name: member.name.clone(),
        address: member.address.clone(),
        role: if *role == Role::Voter { "voter" } else { "learner" }.to_owned(),
        reachable: heard_ms.is_some_and(|ms| Span(ms) < LONELY),
        ..Controller::default()
    }
}

/// What this controller knows of the others, whichever way it heard of them.
fn surroundings(app: &App, raft: &RaftStatus) -> Surroundings {
    let voters: Vec<&MemberStatus> =
        raft.members.iter().filter(|member| member.role == Role::Voter).collect();
    let said = |id: u64| app.vitals.said(id).filter(|said| said.heard.elapsed() < LONELY.as_duration());
    let others = || voters.iter().filter(|voter| voter.member.id != raft.id);
    let answers = |voter: &&&MemberStatus| {
        voter.heard_ms.is_some_and(|ms| Span(ms) < LONELY) || said(voter.member.id).is_some()
    };
    let leads = others().find(|voter| said(voter.member.id).is_some_and(|said| said.health.quorum));
    // One that is too busy to say how it is leads all the same.
    let heard =
        app.raft.heard_leader(LONELY.as_duration()).then(|| "one that it heard within 15 s".to_owned());
    let own = app.config.own().map(|own| own.name.clone()).unwrap_or_default();
    Surroundings {
        voters: voters.len(),
        votes: voters.iter().any(|voter| voter.member.id == raft.id),
        answer: others().filter(answers).map(|voter| voter.member.name.clone()).collect(),
        leads: if app.leads() { Some(own) } else { leads.map(|voter| voter.member.name.clone()).or(heard) },
        excluded: health::own(app).excluded,
        runs: app.vitals.runs(),
    }
}

#[tonic::async_trait]
impl Recovery for Service {
    async fn plan(&self, request: Request<RecoverRequest>) -> Result<Response<RecoveryPlan>, Status> {
        caller::admin(&request)?;
        let planned = self.plan_of(&request.into_inner());
        planned.map(Response::new).map_err(|problem| status(&problem))
    }

    async fn force_single(&self, request: Request<RecoverRequest>) -> Result<Response<RecoveryPlan>, Status> {
        let operator = caller::admin(&request)?;
        let ask = request.into_inner();
        let _one = self.one.lock().await;
        let planned = self.plan_of(&ask).map_err(|problem| status(&problem))?;
        self.order(&operator, &ask.lost, None).map_err(|problem| status(&problem))?;
        Ok(Response::new(planned))
    }

    async fn from_backup(
        &self,
        request: Request<Streaming<RestorePiece>>,
    ) -> Result<Response<RecoveryPlan>, Status> {
        let operator = caller::admin(&request)?;
        let mut pieces = request.into_inner();
        let _one = self.one.lock().await;
        let first = next(&mut pieces).await?.unwrap_or_default();
        let ask = first.ask.ok_or_else(|| status(&invalid_request("ask: the first piece has it")))?;
        let planned = self.plan_of(&ask).map_err(|problem| status(&problem))?;
        let ready = self.lay_ready(first.data, &mut pieces).await?;
        // The others may have come back while it was sent.
        self.plan_of(&ask).and_then(|_| self.order(&operator, &ask.lost, Some(ready))).map_err(
            |problem| {
                if let Err(problem) = remove_ready(&self.app.config.directory) {
                    tracing::warn!(%problem, "the state of a backup is left behind");
                }
                status(&problem)
            },
        )?;
        Ok(Response::new(planned))
    }
}

async fn next(pieces: &mut Streaming<RestorePiece>) -> Result<Option<RestorePiece>, Status> {
    let piece = tokio::time::timeout(PIECE, pieces.message()).await;
    piece.unwrap_or_else(|_| {
        let because = format!("no piece of the backup came within {} s", PIECE.as_secs());
        Err(status(&failed(because)))
    })
}

impl Service {
    /// Takes a backup in: it is proved to its last byte, and laid ready beside the log.
    async fn lay_ready(
        &self,
        first: Vec<u8>,
        pieces: &mut Streaming<RestorePiece>,
    ) -> Result<FromBackup, Status> {
        let (sender, receiver) = mpsc::channel::<Vec<u8>>(AHEAD);
        let app = Arc::clone(&self.app);
        let taking = tokio::task::spawn_blocking(move || {
            lay_ready(&app, Pieces { receiver, piece: first, at: 0 }).map_err(|problem| status(&problem))
        });
        let mut left = self.app.raft.space().free_bytes;
        let fed = loop {
            match next(pieces).await {
                Ok(None) => break Ok(()),
                Err(status) => break Err(status),
                Ok(Some(piece)) => {
                    let bytes = u64::try_from(piece.data.len()).unwrap_or(u64::MAX);
                    let Some(rest) = left.checked_sub(bytes) else {
                        break Err(status(&failed("the backup is larger than what is free on the disk")));
                    };
                    left = rest;
                    // Nobody takes it any more: why not is what the other end says.
                    if sender.send(piece.data).await.is_err() {
                        break Ok(());
                    }
                }
            }
        };
        drop(sender);
        let taken = taking.await.map_err(|error| Status::internal(format!("take a backup in: {error}")))?;
        if fed.is_err() {
            remove_ready(&self.app.config.directory).map_err(|problem| status(&problem))?;
        }
        fed.and(taken)
    }
}

fn lay_ready(app: &App, input: Pieces) -> Result<FromBackup, Problem> {
    let config = &app.config;
    remove_ready(&config.directory)?;
    let own =
        config.own().cloned().ok_or_else(|| failed("the configuration does not name this controller"))?;
    let mut ready = FromBackup { begins: 0, revision: 0 };
    let laid = within(input, |content, state| {
        let facts = &content.facts;
        if facts.cluster_id != config.cluster {
            return Err(Problem::new(1278, ProblemKind::Refused, "the backup is of another cluster")
                .because(format!("it is of `{}`, this is `{}`", facts.cluster_id, config.cluster)));
        }
        let before = facts.incarnation.max(app.incarnation()).max(config.incarnation);
        ready = FromBackup { begins: fresh(before, now()).map_err(failed)?, revision: facts.revision };
        let wanted = plan(&begins(config, own, ready.begins, String::new()));
        restore(&ready_place(&config.directory), state, &wanted).map_err(|error| error.problem())
    });
    match laid {
        Ok(_) => Ok(ready),
        Err(problem) => {
            remove_ready(&config.directory)?;
            Err(problem)
        }
    }
}

/// What is sent, as it comes.
struct Pieces {
    receiver: mpsc::Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.receiver.blocking_recv() {
                Some(piece) => (self.piece, self.at) = (piece, 0),
                None => return Ok(0),
            }
        }
        let mut left = self.piece.get(self.at..).unwrap_or_default();
        let count = left.read(out)?;
        self.at += count;
        Ok(count)
    }
}
