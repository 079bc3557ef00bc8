//! `holdfast cluster recover --server`: a controller that runs is ordered to go on alone, over the network. Nobody needs its
//! disk or a shell on its machine.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::problem_from_status;
use holdfast_api::v1::recovery_client::RecoveryClient;
use holdfast_api::v1::{ClusterStatus, RecoverRequest, RecoveryPlan, RestorePiece};
use holdfast_controller::{Told, check, sealed_problem};
use holdfast_identity::{BackupKey, Context, Endpoint, SealedReader};
use holdfast_types::{AsProblem as _, Problem, ProblemKind};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::backup::metered;
use super::context::point_context;
use super::keys;
use crate::answers::{ask_all, ask_one};
use crate::commands::confirm::confirm;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::session::{Session, context_path};
use crate::transfer::Progress;

/// How long is waited for the controller to go on where no `--timeout` is given: it replays its log, and leads then.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);
/// The size of a piece that is sent, and how many wait for the network.
const PIECE: usize = 256 << 10;
const AHEAD: usize = 4;

/// A backup, and what opens it.
pub(super) struct Backup<'a> {
    pub(super) file: &'a Utf8Path,
    pub(super) key: &'a Utf8Path,
}

/// Which controller is to go on alone, and without whom.
pub(super) struct Alone<'a> {
    pub(super) server: &'a Endpoint,
    pub(super) lost: &'a [String],
    pub(super) backup: Option<Backup<'a>>,
}

/// Has the controller go on alone, and returns when it does.
pub(super) async fn run(globals: &Globals, alone: &Alone<'_>) -> Result<(), Failure> {
    let session = Session::open(globals)?;
    let path = context_path(globals.context.as_deref())?;
    let cluster_id = Context::load(&path).map_err(|error| error.problem())?.cluster.to_string();
    let ask = RecoverRequest { cluster_id, lost: alone.lost.to_vec() };
    let server = alone.server.as_str();
    let mut client = client(&session, server)?;
    let planned = client.plan(ask.clone()).await.map_err(|status| problem_from_status(&status))?.into_inner();
    refuse_where_it_works(&session, &planned).await?;
    let key = match &alone.backup {
        Some(Backup { file, key }) => {
            let key = keys::load(key)?;
            prove(&session, file, &key)?;
            Some(key)
        }
        None => None,
    };
    warn(&session, &planned);
    if globals.dry_run {
        return show(&session, &planned, None);
    }
    confirm(&session, &act(&planned, alone))?;
    let ordered = match (&alone.backup, key) {
        (Some(Backup { file, .. }), Some(key)) => send(&mut client, &ask, file, key).await,
        _ => client.force_single(ask.clone()).await.map(drop).map_err(|status| problem_from_status(&status)),
    };
    // Where the answer was lost the order may be kept all the same: the controller says so by what it becomes.
    if let Err(problem) = ordered
        && problem.kind != ProblemKind::Unreachable
    {
        return Err(problem.into());
    }
    let status = until_begun(&session, server, &ask, &planned).await?;
    if let Err(problem) = point_context(globals, &planned.cluster_id, &planned.address) {
        let text = format!("the context file still names other controllers: {}", problem.summary);
        session.printer.note(text);
    }
    show(&session, &planned, Some(&status))
}

type Client = RecoveryClient<holdfast_client::TaggedChannel>;

fn client(session: &Session, server: &str) -> Result<Client, Problem> {
    let channel = session.controller(server)?;
    Ok(RecoveryClient::new(channel).max_decoding_message_size(holdfast_client::MAX_MESSAGE))
}

/// The controller knows whom it hears; from here others may be heard.
async fn refuse_where_it_works(session: &Session, planned: &RecoveryPlan) -> Result<(), Problem> {
    let answers = ask_all(session).await;
    let healths = answers.iter().filter_map(|answer| answer.status.as_ref().ok()?.answered_by.as_ref());
    for health in healths.filter(|health| health.name != planned.controller) {
        if health.quorum {
            let problem =
                Problem::new(5151, ProblemKind::Refused, "the cluster works without that controller");
            return Err(problem
                .because(format!("{} answers from here, and leads with a quorum", health.name))
                .next(format!("mend the network of {}", planned.controller)));
        }
        let (name, index) = (&health.name, health.last_index);
        session
            .printer
            .note(format!("{name} answers from here as well: {}", compared(index, planned.last_index)));
    }
    Ok(())
}

/// Who has more of the log.
fn compared(theirs: u64, ours: u64) -> &'static str {
    match theirs.cmp(&ours) {
        std::cmp::Ordering::Greater => "it has more of the log, so recover that one instead",
        std::cmp::Ordering::Equal => "it has as much of the log",
        std::cmp::Ordering::Less => "it has less of the log",
    }
}

/// Reads all of a backup before anybody is asked to confirm anything.
fn prove(session: &Session, file: &Utf8Path, key: &BackupKey) -> Result<(), Problem> {
    let checked = metered("prove", file, 2, |told: &Told| check(file, key, told))?;
    let facts = checked.facts.unwrap_or_default();
    session.printer.note(format!(
        "the backup is of cluster {}, revision {}, state {}",
        facts.cluster_id, facts.revision, checked.state_hash
    ));
    Ok(())
}

fn names(planned: &RecoveryPlan) -> String {
    let names: Vec<&str> = planned.lost.iter().map(|lost| lost.name.as_str()).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// What cannot be taken back, said before it is done.
fn warn(session: &Session, planned: &RecoveryPlan) {
    let RecoveryPlan { controller, revision, state_hash, last_index, .. } = planned;
    let lost = names(planned);
    session.printer.note(format!(
        "{controller} has revision {revision}, entry {last_index}, state {state_hash}.\n\
         What {lost} had and {controller} has not is lost. A controller that {controller} cannot reach may still run: if the others \
         reach each other the cluster works, and going on alone makes a second one, to which the agents go over.\n\
         Go to their machines first. Afterwards destroy their directories: they are refused for good."
    ));
}

fn act(planned: &RecoveryPlan, alone: &Alone<'_>) -> String {
    let RecoveryPlan { cluster_name, cluster_id, controller, .. } = planned;
    let from = alone.backup.as_ref().map(|backup| format!(" with the state of `{}`", backup.file));
    format!(
        "make {controller} the only controller of cluster {cluster_name} ({cluster_id}){}, and give up {} for good",
        from.unwrap_or_default(),
        names(planned)
    )
}

/// Sends what is in a backup: the key that opens it stays here.
async fn send(
    client: &mut Client,
    ask: &RecoverRequest,
    file: &Utf8Path,
    key: BackupKey,
) -> Result<(), Problem> {
    let (sender, receiver) = mpsc::channel::<RestorePiece>(AHEAD);
    let (path, ask): (Utf8PathBuf, RecoverRequest) = (file.to_owned(), ask.clone());
    let reading = tokio::task::spawn_blocking(move || read(&path, &key, ask, &sender));
    let answered = client.from_backup(ReceiverStream::new(receiver)).await;
    let read = reading.await.map_err(|error| unread(file, error.to_string()))?;
    // What the controller says comes first: where it refuses it stops listening.
    answered.map_err(|status| problem_from_status(&status)).map(drop).and(read)
}

fn unread(file: &Utf8Path, because: String) -> Problem {
    Problem::new(5152, ProblemKind::Failed, format!("backup `{file}` cannot be sent")).because(because)
}

fn read(
    path: &Utf8Path,
    key: &BackupKey,
    ask: RecoverRequest,
    sender: &mpsc::Sender<RestorePiece>,
) -> Result<(), Problem> {
    let fault = |error: std::io::Error| unread(path, error.to_string());
    let file = std::fs::File::open(path).map_err(fault)?;
    let meter = Arc::new(Progress::new("send", file.metadata().map_or(0, |file| file.len())));
    let mut content = SealedReader::new(std::io::BufReader::with_capacity(PIECE, file), key)
        .map_err(|error| sealed_problem(&error))?;
    let mut ask = Some(ask);
    loop {
        let mut data = Vec::with_capacity(PIECE);
        let most = u64::try_from(PIECE).unwrap_or(u64::MAX);
        content.by_ref().take(most).read_to_end(&mut data).map_err(fault)?;
        let bytes = u64::try_from(data.len()).unwrap_or(0);
        let sent = sender.blocking_send(RestorePiece { ask: ask.take(), data });
        if bytes == 0 || sent.is_err() {
            meter.end();
            return Ok(());
        }
        meter.add(bytes);
    }
}

/// Waits until the controller leads the next incarnation.
async fn until_begun(
    session: &Session,
    server: &str,
    ask: &RecoverRequest,
    planned: &RecoveryPlan,
) -> Result<ClusterStatus, Problem> {
    let patience = session.globals.timeout.map_or(PATIENCE, holdfast_types::Span::as_duration);
    let deadline = Instant::now() + patience;
    session.printer.note(format!("{} begins again", planned.controller));
    loop {
        let answer = ask_one(session, server).await;
        match answer.status {
            Ok(status) if status.incarnation > planned.incarnation && status.leader == planned.controller => {
                return Ok(status);
            }
            Ok(_) => not_failed(session, server, ask).await?,
            Err(_) => {}
        }
        if Instant::now() + LOOK > deadline {
            let summary = format!("{} did not go on in time", planned.controller);
            return Err(Problem::new(5150, ProblemKind::Unreachable, summary)
                .because(format!("{} s have passed; its order holds for ten minutes", patience.as_secs()))
                .next("holdfast cluster status"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A problem where the controller says that it did not carry the order out.
async fn not_failed(session: &Session, server: &str, ask: &RecoverRequest) -> Result<(), Problem> {
    let Ok(planned) = client(session, server)?.plan(ask.clone()).await else { return Ok(()) };
    let why = planned.into_inner().failed;
    if why.is_empty() {
        return Ok(());
    }
    let summary = "the controller did not go on alone: it is what it was";
    Err(Problem::new(5150, ProblemKind::Failed, summary).because(why).next("repeat the command"))
}

fn show(session: &Session, planned: &RecoveryPlan, begun: Option<&ClusterStatus>) -> Result<(), Failure> {
    let RecoveryPlan { cluster_id, controller, address, state_hash, .. } = planned;
    let number = begun.map_or(planned.incarnation, |status| status.incarnation);
    if matches!(session.printer.format(), Format::Json | Format::Yaml) {
        let lost: Vec<&str> = planned.lost.iter().map(|lost| lost.name.as_str()).collect();
        return session.printer.value(&json!({
            "clusterId": cluster_id, "incarnation": number.to_string(), "controller": controller, "address": address,
            "stateHash": state_hash, "lost": lost, "dryRun": begun.is_none(),
        }));
    }
    session.printer.text(&match begun {
        None => format!("{controller} would go on alone (dry run: nothing was changed)\n"),
        Some(status) => format!(
            "cluster {cluster_id} begins incarnation {number} at {address}, revision {}\n\
             {controller} is its only controller: add others, and keep {} off.\n",
            status.revision,
            names(planned)
        ),
    })
}
