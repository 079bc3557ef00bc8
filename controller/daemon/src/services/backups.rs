//! Making a backup while the cluster goes on, and to whose keys.

use std::io::{self, BufWriter, Write};
use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use holdfast_api::status_from_problem;
use holdfast_api::store::{BackupFacts, DecisionRecord, SetRecipients, command};
use holdfast_api::v1::backups_server::Backups;
use holdfast_api::v1::{
    BackupPiece, CreateBackupRequest, ListRecipientsRequest, RecipientList, SetRecipientsRequest,
};
use holdfast_identity::{Recipient, SealedError};
use holdfast_types::{AsProblem as _, Problem, ProblemKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tonic::{Request, Response, Status};

use crate::app::{App, now};
use crate::write::Write as Asked;
use crate::{backup, caller, material};

/// The size of a message of the stream.
const MESSAGE: usize = 256 << 10;
/// How many of them wait for a slow reader.
const AHEAD: usize = 4;

pub(crate) struct Service {
    app: Arc<App>,
    /// One at a time: each reads the whole state.
    one: Arc<Semaphore>,
}

impl Service {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app, one: Arc::new(Semaphore::new(1)) }
    }

    fn list(&self) -> RecipientList {
        RecipientList { items: self.app.with(|state| state.recipients().map(str::to_owned).collect()) }
    }

    /// The keys of the cluster, or those of them that are asked for.
    fn chosen(&self, asked: &[String]) -> Result<Vec<Recipient>, Status> {
        let known = self.list().items;
        if let Some(foreign) = asked.iter().find(|key| !known.contains(key)) {
            let text = foreign.chars().take(48).collect::<String>();
            let problem = Problem::new(1277, ProblemKind::Refused, "backups are not made for this key");
            let problem = problem.because(format!("`{text}` is none of the keys of the cluster"));
            return Err(status_from_problem(&problem.next("holdfast cluster backup-key --list")));
        }
        let chosen = if asked.is_empty() { &known } else { asked };
        if chosen.is_empty() {
            let none = SealedError::Recipients { found: 0, most: holdfast_state::MOST_RECIPIENTS };
            return Err(status_from_problem(&backup::sealed_problem(&none)));
        }
        parse(chosen)
    }

    fn facts(&self, made_by: String) -> BackupFacts {
        let app = &self.app;
        let members = app.raft.status().members;
        let greatest = members.iter().map(|found| found.member.id).max().unwrap_or(0);
        app.with(|state| {
            let count = |many: usize| u64::try_from(many).unwrap_or(u64::MAX);
            let (audit_size, root) = state.audit_root();
            let admitted = state.controllers().map(|record| record.id).max().unwrap_or(0);
            BackupFacts {
                cluster_id: app.config.cluster.clone(),
                cluster_name: app.config.cluster_name.clone(),
                incarnation: state.cluster().map_or(1, |cluster| cluster.incarnation.max(1)),
                revision: state.revision(),
                time_ms: now().0,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                lease_ms: app.config.lease_ms,
                made_by,
                nodes: count(state.nodes().count()),
                jobs: count(state.jobs().count()),
                artifacts: count(state.artifact_count()),
                audit_size,
                audit_root: root.to_string(),
                greatest_controller: greatest.max(admitted),
                feature_level: state.cluster().map_or(1, |cluster| cluster.feature_level.max(1)),
            }
        })
    }
}

fn parse(keys: &[String]) -> Result<Vec<Recipient>, Status> {
    let parsed: Result<Vec<Recipient>, SealedError> = keys.iter().map(|key| key.parse()).collect();
    parsed.map_err(|error| status_from_problem(&backup::sealed_problem(&error)))
}

/// Hands what is written to a stream of messages; blocks where nobody reads.
struct Pieces(mpsc::Sender<Result<BackupPiece, Status>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.chunks(MESSAGE) {
            let sent = self.0.blocking_send(Ok(BackupPiece { data: piece.to_vec() }));
            sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "whoever asked is gone"))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type PieceStream = Pin<Box<dyn Stream<Item = Result<BackupPiece, Status>> + Send>>;

#[tonic::async_trait]
impl Backups for Service {
    async fn recipients(
        &self,
        request: Request<ListRecipientsRequest>,
    ) -> Result<Response<RecipientList>, Status> {
        caller::admin(&request)?;
        self.app.barrier(false).await?;
        Ok(Response::new(self.list()))
    }

    async fn set_recipients(
        &self,
        request: Request<SetRecipientsRequest>,
    ) -> Result<Response<RecipientList>, Status> {
        let operator = caller::admin(&request)?;
        let ask = request.into_inner();
        parse(&ask.recipients)?;
        let write = Asked::new(operator.actor(), ask.options.clone(), &ask);
        let body = SetRecipients { recipients: ask.recipients };
        self.app.execute(write, command::Body::SetRecipients(body)).await?;
        Ok(Response::new(self.list()))
    }

    type CreateStream = PieceStream;

    async fn create(&self, request: Request<CreateBackupRequest>) -> Result<Response<PieceStream>, Status> {
        let operator = caller::admin(&request)?;
        let ask = request.into_inner();
        self.app.barrier(false).await?;
        let recipients = self.chosen(&ask.recipients)?;
        let busy = || {
            let problem = Problem::new(1281, ProblemKind::Exhausted, "another backup is being made");
            status_from_problem(&problem.next("try again when it is done"))
        };
        let place: OwnedSemaphorePermit = Arc::clone(&self.one).try_acquire_owned().map_err(|_| busy())?;
        let keys: Vec<String> = recipients.iter().map(Recipient::fingerprint).collect();
        // A backup holds the keys of the cluster: that it was made is recorded before a byte of it leaves.
        let decision = DecisionRecord {
            action: "backup".to_owned(),
            object: format!("cluster/{} for keys {}", self.app.config.cluster_name, keys.join(" ")),
            verdict: "allow".to_owned(),
            actor: operator.actor(),
            ..DecisionRecord::default()
        };
        self.app.record(decision).await?;
        let facts = self.facts(operator.actor());
        let (sender, receiver) = mpsc::channel(AHEAD);
        let app = Arc::clone(&self.app);
        tokio::task::spawn_blocking(move || {
            let made = make(&app, facts, &recipients, sender.clone());
            if let Err(problem) = made {
                tracing::warn!(%problem, "a backup was not finished");
                // Whoever asked may be gone; then there is nobody to tell.
                let _ = sender.blocking_send(Err(status_from_problem(&problem)));
            }
            drop(place);
        });
        let stream = futures::stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        Ok(Response::new(Box::pin(stream)))
    }
}

fn make(
    app: &App,
    facts: BackupFacts,
    recipients: &[Recipient],
    sender: mpsc::Sender<Result<BackupPiece, Status>>,
) -> Result<(), Problem> {
    let files = material::read(&app.config.directory, &app.config.law())?;
    let export = |out: &mut dyn Write| app.raft.export(out).map_err(|error| error.problem());
    let out = BufWriter::with_capacity(MESSAGE, Pieces(sender));
    backup::write(backup::Source { facts, files, export }, recipients, out)
}
