//! The tasks of this node: what should run against what runs, level-triggered.
//!
//! One entry for each start of a task. An entry leaves only when the task is over, the controller has heard so, and no
//! longer wants it here; so nothing is forgotten and nothing runs unseen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use holdfast_api::internal::{AgentDecision, CheckpointReport, OutputReport, TaskAssignment, TaskReport};
use holdfast_runtime::{ExitReason, ExitStatus, Outcome, Runtime, TaskId, TaskStatus};
use holdfast_types::{AsProblem as _, Problem, Span, TaskPhase, Time};
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::clock::Running;
use crate::gang::Gang;
use crate::library::blocking;
use crate::place::Place;
use crate::share;
use crate::start;

/// How long a task has between SIGTERM and SIGKILL.
const GRACE: Span = Span::from_secs(10);
/// How often ends of tasks are looked for.
const LOOK: Duration = Duration::from_millis(200);
/// The pause before what could not be fetched is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How many ended tasks keep their logs.
const KEPT_LOGS: usize = 50;

/// What is known of one start of a task.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) assignment: TaskAssignment,
    pub(crate) phase: TaskPhase,
    pub(crate) reason: String,
    exit_code: i32,
    unenforced: Vec<String>,
    output: Option<OutputReport>,
    cancel: CancellationToken,
    /// SIGTERM was sent, and why.
    stopping: Option<String>,
    runs: Option<Running>,
    /// The controller has heard how it ended.
    heard: bool,
}

/// The shared parts of the supervisor.
pub(crate) struct Tasks {
    runtime: Arc<Runtime>,
    place: Place,
    news: Arc<Notify>,
    entries: Mutex<BTreeMap<TaskId, Entry>>,
    checkpoints: Mutex<BTreeMap<(TaskId, u64), CheckpointReport>>,
}

/// The name of a start of a task on this node.
pub(crate) fn task_id(job_uid: &str, fence: u64, rank: u32) -> Option<TaskId> {
    format!("{job_uid}.{fence}.{rank}").parse().ok()
}

fn id_of(assignment: &TaskAssignment) -> Option<TaskId> {
    task_id(&assignment.job_uid, assignment.fence, assignment.rank)
}

impl Tasks {
    pub(crate) fn new(runtime: Arc<Runtime>, place: Place, news: Arc<Notify>) -> Self {
        Self { runtime, place, news, entries: Mutex::default(), checkpoints: Mutex::default() }
    }

    /// Takes over what an earlier agent left running or ended: nothing is started or stopped by a restart itself.
    pub(crate) fn adopt(&self) -> Result<(), Problem> {
        for state in self.runtime.scan().map_err(|error| error.problem())? {
            let Some(assignment) = self.load(&state.id) else { continue };
            let mut entry = new_entry(assignment);
            match state.status {
                TaskStatus::Running | TaskStatus::Exited(_) => entry.phase = TaskPhase::Running,
                TaskStatus::LostUnknown => {
                    end(&mut entry, TaskPhase::Failed, "its shim is gone".to_owned(), -1)
                }
            }
            entry.unenforced = state.unenforced;
            entry.runs = state.started_at.map(Running::since);
            tracing::info!(task = %state.id, "task adopted");
            self.entries.lock().insert(state.id, entry);
        }
        Ok(())
    }

    fn file(&self, id: &TaskId) -> Utf8PathBuf {
        self.place.directory.join("assignments").join(id.as_str())
    }

    fn load(&self, id: &TaskId) -> Option<TaskAssignment> {
        TaskAssignment::decode(std::fs::read(self.file(id)).ok()?.as_slice()).ok()
    }

    /// Makes what runs follow what should run.
    pub(crate) fn follow(self: &Arc<Self>, desired: &[TaskAssignment]) {
        let wanted: BTreeMap<TaskId, &TaskAssignment> =
            desired.iter().filter_map(|a| Some((id_of(a)?, a))).collect();
        let mut entries = self.entries.lock();
        for (id, assignment) in &wanted {
            if let Some(entry) = entries.get_mut(id) {
                if Gang::of(&entry.assignment) != Gang::of(assignment) {
                    entry.assignment = (*assignment).clone();
                    self.regroup(id, entry);
                }
                continue;
            }
            let entry = new_entry((*assignment).clone());
            let cancel = entry.cancel.clone();
            entries.insert(id.clone(), entry);
            let (tasks, id, assignment) = (Arc::clone(self), id.clone(), (*assignment).clone());
            let span = tracing::info_span!("task", request = assignment.request_id);
            tokio::spawn(async move { tasks.begin(id, assignment, cancel).await }.instrument(span));
        }
        let unwanted: Vec<TaskId> = entries.keys().filter(|id| !wanted.contains_key(*id)).cloned().collect();
        for id in unwanted {
            let Some(entry) = entries.get_mut(&id) else { continue };
            if entry.phase.is_terminal() {
                if entry.heard {
                    entries.remove(&id);
                    self.forget(&id);
                }
                continue;
            }
            entry.cancel.cancel();
            if entry.phase == TaskPhase::Running && entry.stopping.is_none() {
                entry.stopping = Some("its gang was stopped".to_owned());
                self.stop(id);
            }
        }
    }

    /// Leaves on disk who is in the gang of a task that runs, for the relay and a later agent: tasks of it are elsewhere by now.
    fn regroup(&self, id: &TaskId, entry: &Entry) {
        if entry.phase != TaskPhase::Running {
            return;
        }
        if let Err(error) = start::write_gang(&self.place.directory, id, &entry.assignment) {
            tracing::warn!(task = %id, %error, "the new places of its gang cannot be written down");
        }
    }

    /// The gang of a task may have changed while it was prepared.
    fn catch_up(&self, id: &TaskId, prepared: &TaskAssignment) {
        let entries = self.entries.lock();
        if let Some(entry) = entries.get(id)
            && Gang::of(&entry.assignment) != Gang::of(prepared)
        {
            self.regroup(id, entry);
        }
    }

    fn stop(self: &Arc<Self>, id: TaskId) {
        let tasks = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = tasks.runtime.stop(&id, Some(GRACE)) {
                tracing::warn!(task = %id, %error, "the task could not be told to stop");
            }
        });
    }

    /// Fetches, lays out and starts, trying again until it runs or is no longer wanted.
    async fn begin(self: Arc<Self>, id: TaskId, assignment: TaskAssignment, cancel: CancellationToken) {
        loop {
            let prepared = tokio::select! {
                () = cancel.cancelled() => None,
                prepared = start::prepare(&self.place, &id, &assignment) => Some(prepared),
            };
            let problem = match prepared {
                None => return self.over(&id, TaskPhase::Stopped, "was not started".to_owned(), 0),
                Some(Ok(spec)) => match self.start(&id, spec).await {
                    Ok(()) => return self.catch_up(&id, &assignment),
                    Err(problem) => return self.over(&id, TaskPhase::Failed, problem.to_string(), -1),
                },
                Some(Err(problem)) => problem,
            };
            if problem.kind == holdfast_types::ProblemKind::Refused {
                return self.over(&id, TaskPhase::Failed, one_line(&problem), -1);
            }
            tracing::warn!(task = %id, problem = one_line(&problem), "the task cannot be prepared yet");
            if let Some(entry) = self.entries.lock().get_mut(&id) {
                entry.reason = one_line(&problem);
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    async fn start(self: &Arc<Self>, id: &TaskId, spec: holdfast_runtime::TaskSpec) -> Result<(), Problem> {
        let runtime = Arc::clone(&self.runtime);
        let handle = blocking(move || runtime.start_task(&spec).map_err(|error| error.problem())).await?;
        let mut entries = self.entries.lock();
        let Some(entry) = entries.get_mut(id) else { return Ok(()) };
        let request = entry.assignment.request_id.clone();
        entry.phase = TaskPhase::Running;
        entry.reason = "runs".to_owned();
        entry.unenforced = handle.unenforced;
        entry.runs = Some(Running::from_now());
        // It was called off between the preparation and now: what runs unwanted is stopped.
        if entry.cancel.is_cancelled() && entry.stopping.is_none() {
            entry.stopping = Some("its gang was stopped".to_owned());
            self.stop(id.clone());
        }
        drop(entries);
        self.news.notify_one();
        tracing::info!(task = %id, request, "task runs");
        Ok(())
    }

    fn over(&self, id: &TaskId, phase: TaskPhase, reason: String, code: i32) {
        if let Some(entry) = self.entries.lock().get_mut(id) {
            let request = &entry.assignment.request_id;
            tracing::info!(task = %id, request, %phase, reason, "task over");
            end(entry, phase, reason, code);
        }
        self.news.notify_one();
    }

    /// Looks for ends, limits and checkpoints until it is cancelled.
    pub(crate) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            self.enforce_run_time();
            let runtime = Arc::clone(&self.runtime);
            let exits = blocking(move || runtime.poll_exits().map_err(|error| error.problem())).await;
            self.take_checkpoints().await;
            match exits {
                Ok(exits) => {
                    for (id, exit) in exits {
                        self.exited(&id, exit).await;
                    }
                }
                Err(problem) => tracing::warn!(%problem, "ends of tasks cannot be read"),
            }
            self.find_lost().await;
        }
    }

    /// Ends the entries whose shim is gone without a word: nobody else can tell that they are over.
    async fn find_lost(&self) {
        let running: Vec<TaskId> = {
            let entries = self.entries.lock();
            entries.iter().filter(|(_, e)| e.phase == TaskPhase::Running).map(|(id, _)| id.clone()).collect()
        };
        let runtime = Arc::clone(&self.runtime);
        let lost = blocking(move || {
            let is_lost =
                |id: &TaskId| matches!(runtime.state(id).map(|s| s.status), Ok(TaskStatus::LostUnknown));
            Ok(running.into_iter().filter(is_lost).collect::<Vec<_>>())
        });
        for id in lost.await.unwrap_or_default() {
            self.over(&id, TaskPhase::Failed, "its shim is gone".to_owned(), -1);
        }
    }

    fn enforce_run_time(self: &Arc<Self>) {
        for (id, entry) in self.entries.lock().iter_mut() {
            let limit = entry.assignment.spec.as_ref().map_or(0, |s| s.max_run_time_ms);
            let Some(runs) = entry.runs.filter(|_| limit > 0 && entry.phase == TaskPhase::Running) else {
                continue;
            };
            if runs.so_far().0 > limit && entry.stopping.is_none() {
                entry.stopping = Some(format!("ran longer than maxRunTime {}", Span(limit)));
                self.stop(id.clone());
            }
        }
    }

    async fn exited(self: &Arc<Self>, id: &TaskId, exit: ExitStatus) {
        let Some(entry) = self.entries.lock().get(id).cloned() else { return };
        if entry.phase.is_terminal() {
            return;
        }
        let (phase, reason, code) = judge(&exit, entry.stopping.as_deref());
        if phase == TaskPhase::Succeeded && entry.assignment.rank == 0 && wants_output(&entry.assignment) {
            match self.place.library.keep(self.place.work(id).join("output")).await {
                Ok((manifest, bytes, files)) => {
                    let output = OutputReport { manifest: manifest.to_string(), bytes, files };
                    if let Some(entry) = self.entries.lock().get_mut(id) {
                        entry.output = Some(output);
                    }
                }
                Err(problem) => {
                    let reason = format!("its output cannot be kept: {}", one_line(&problem));
                    return self.over(id, TaskPhase::Failed, reason, code);
                }
            }
        }
        self.over(id, phase, reason, code);
    }

    async fn take_checkpoints(&self) {
        let writers: Vec<(TaskId, TaskAssignment)> = {
            let entries = self.entries.lock();
            let writes = |e: &&Entry| {
                e.phase == TaskPhase::Running
                    && e.assignment.rank == 0
                    && e.assignment.spec.as_ref().is_some_and(|s| s.checkpoint.is_some())
            };
            entries
                .iter()
                .filter(|(_, e)| writes(e))
                .map(|(id, e)| (id.clone(), e.assignment.clone()))
                .collect()
        };
        for (id, assignment) in writers {
            let place = self.place.work(&id).join("checkpoint");
            for (step, directory) in start::steps(&place) {
                if self.checkpoints.lock().contains_key(&(id.clone(), step)) {
                    continue;
                }
                match self.place.library.keep(directory).await {
                    Ok((manifest, bytes, files)) => {
                        let report = CheckpointReport {
                            job: assignment.job.clone(),
                            job_uid: assignment.job_uid.clone(),
                            fence: assignment.fence,
                            step,
                            manifest: manifest.to_string(),
                            bytes,
                            files,
                        };
                        tracing::info!(task = %id, step, "checkpoint kept");
                        self.checkpoints.lock().insert((id.clone(), step), report);
                        self.news.notify_one();
                    }
                    Err(problem) => tracing::warn!(task = %id, step, %problem, "a checkpoint cannot be kept"),
                }
            }
        }
    }

    /// What the controller is to hear: tasks, checkpoints, decisions.
    pub(crate) fn reports(&self) -> (Vec<TaskReport>, Vec<CheckpointReport>, Vec<AgentDecision>) {
        let tasks = self.entries.lock().values().map(report).collect();
        let checkpoints = self.checkpoints.lock().values().cloned().collect();
        (tasks, checkpoints, self.place.decisions.waiting())
    }

    /// The controller has taken these reports over.
    pub(crate) fn heard(&self, tasks: &[TaskReport], decisions_recorded: u64) {
        let mut entries = self.entries.lock();
        for task in tasks {
            let over = TaskPhase::from_word(&task.phase).is_some_and(TaskPhase::is_terminal);
            if over
                && let Some(id) = task_id(&task.job_uid, task.fence, task.rank)
                && let Some(entry) = entries.get_mut(&id)
            {
                entry.heard = true;
            }
        }
        drop(entries);
        self.place.decisions.recorded(decisions_recorded);
    }

    /// Removes what a start left but its log, and the logs of the oldest starts.
    fn forget(&self, id: &TaskId) {
        self.checkpoints.lock().retain(|(task, _), _| task != id);
        self.place.decisions.forget(id);
        for path in [self.file(id), self.place.directory.join("gangs").join(id.as_str())] {
            let _ = std::fs::remove_file(path);
        }
        let _ = std::fs::remove_dir_all(self.place.work(id));
        let Ok(states) = self.runtime.scan() else { return };
        let mut ended: Vec<(Time, TaskId)> = states
            .into_iter()
            .filter(|s| self.load(&s.id).is_none())
            .filter_map(|s| match s.status {
                TaskStatus::Exited(exit) => Some((exit.at, s.id)),
                TaskStatus::Running | TaskStatus::LostUnknown => None,
            })
            .collect();
        ended.sort();
        let surplus = ended.len().saturating_sub(KEPT_LOGS);
        for (_, old) in ended.into_iter().take(surplus) {
            if let Err(error) = self.runtime.remove(&old) {
                tracing::warn!(task = %old, %error, "an old log could not be removed");
            }
        }
    }
}

fn new_entry(assignment: TaskAssignment) -> Entry {
    Entry {
        assignment,
        phase: TaskPhase::Fetching,
        reason: "fetches image and data".to_owned(),
        exit_code: 0,
        unenforced: Vec::new(),
        output: None,
        cancel: CancellationToken::new(),
        stopping: None,
        runs: None,
        heard: false,
    }
}

fn end(entry: &mut Entry, phase: TaskPhase, reason: String, code: i32) {
    (entry.phase, entry.reason, entry.exit_code) = (phase, reason, code);
}

fn wants_output(assignment: &TaskAssignment) -> bool {
    assignment.spec.as_ref().is_some_and(|s| !s.output.is_empty())
}

/// What an exit means for the gang.
fn judge(exit: &ExitStatus, stopping: Option<&str>) -> (TaskPhase, String, i32) {
    let (text, code) = match (&exit.outcome, exit.reason) {
        (_, ExitReason::Oom) => ("out of memory".to_owned(), -1),
        (_, ExitReason::Fenced) => ("fenced: its node lost its lease".to_owned(), -1),
        (Outcome::Code(code), _) => (format!("exit code {code}"), *code),
        (Outcome::Signal(signal), _) => (format!("killed by signal {signal}"), 128 + signal),
        (Outcome::NotStarted(failure), _) => (format!("could not be started: {}", failure.detail), -1),
    };
    match (stopping, &exit.outcome) {
        (Some(why), _) if why.starts_with("ran longer") => (TaskPhase::Failed, why.to_owned(), code),
        (Some(why), _) => (TaskPhase::Stopped, why.to_owned(), code),
        (None, Outcome::Code(0)) if exit.reason == ExitReason::Exited => {
            (TaskPhase::Succeeded, "ended well".to_owned(), 0)
        }
        (None, _) if matches!(exit.reason, ExitReason::Fenced) => (TaskPhase::Stopped, text, code),
        (None, _) => (TaskPhase::Failed, text, code),
    }
}

fn report(entry: &Entry) -> TaskReport {
    let assignment = &entry.assignment;
    TaskReport {
        job: assignment.job.clone(),
        job_uid: assignment.job_uid.clone(),
        fence: assignment.fence,
        rank: assignment.rank,
        phase: entry.phase.to_string(),
        reason: entry.reason.clone(),
        exit_code: entry.exit_code,
        unenforced: entry.unenforced.iter().cloned().chain(share::unenforced(assignment)).collect(),
        output: entry.output.clone(),
    }
}

fn one_line(problem: &Problem) -> String {
    problem.because.iter().fold(problem.summary.clone(), |text, cause| format!("{text}: {cause}"))
}
