//! The agent's side: starts tasks through the zygote, finds them again, waits for them and removes them.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::Span;
use parking_lot::Mutex;
use tracing::{debug, info, warn};

use crate::cgroup::TaskCgroup;
use crate::control;
use crate::error::RuntimeError;
use crate::files::{self, FileError, OnFile, TaskFiles};
use crate::id::TaskId;
use crate::lease;
use crate::log::{LogChunk, LogCursor};
use crate::shim::protocol::{Request, StartReport};
use crate::spec::TaskSpec;
use crate::status::{ExitStatus, TaskState, TaskStatus};
use crate::wire::{self, Received};
use crate::zygote::{ForkShim, SUBCOMMAND};

/// A little more than the shim itself allows the sandbox.
const START_TIMEOUT: Duration = Duration::from_secs(40);
/// A shim log larger than this is started anew with the next zygote.
const MAX_SHIM_LOG: u64 = 1 << 20;

/// Where a runtime works and what it runs as zygote.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// Where tasks and their state are kept; one agent each.
    pub state_dir: Utf8PathBuf,
    /// The program that calls [`crate::maybe_run_hidden`] first: usually the running one.
    pub exe: Utf8PathBuf,
    /// Where the cgroup file systems are mounted.
    pub cgroup_root: Utf8PathBuf,
}

impl RuntimeOptions {
    /// Options for a state directory and a hosting program, with the usual cgroup root. Whether tasks run rootless
    /// follows from the user: root uses cgroups, an ordinary user what the kernel lets it have.
    #[must_use]
    pub fn new(state_dir: Utf8PathBuf, exe: Utf8PathBuf) -> Self {
        Self { state_dir, exe, cgroup_root: "/sys/fs/cgroup".into() }
    }
}

#[derive(Debug)]
struct Zygote {
    child: Child,
    socket: OwnedFd,
}

/// Runs the tasks of one node. Dropping it ends the zygote and leaves every task running.
#[derive(Debug)]
pub struct Runtime {
    options: RuntimeOptions,
    zygote: Mutex<Option<Zygote>>,
    /// Tasks whose shim may not have its lock yet: looking at one of them now would bury it.
    starting: Mutex<BTreeSet<TaskId>>,
}

/// A started task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskHandle {
    /// The name of the task.
    pub id: TaskId,
    /// Limits and walls this machine could not give: `memory`, `cpu`, `pids`, `proc`.
    pub unenforced: Vec<String>,
}

impl Runtime {
    /// Makes the state directory and starts the zygote.
    pub fn start(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        files::make_state_dir(&options.state_dir)?;
        let canonical = options.state_dir.canonicalize_utf8();
        let state_dir = canonical.on("resolve", &options.state_dir)?;
        let options = RuntimeOptions { state_dir, ..options };
        let zygote = spawn_zygote(&options)?;
        Ok(Self { options, zygote: Mutex::new(Some(zygote)), starting: Mutex::default() })
    }

    /// The directory this runtime works in.
    #[must_use]
    pub fn state_dir(&self) -> &Utf8Path {
        &self.options.state_dir
    }

    /// The process number of the zygote, for diagnostics.
    #[must_use]
    pub fn zygote_pid(&self) -> Option<u32> {
        self.zygote.lock().as_ref().map(|zygote| zygote.child.id())
    }

    fn files(&self, id: &TaskId) -> TaskFiles {
        TaskFiles::new(&self.options.state_dir, id)
    }

    /// Starts a task and returns once its program has been executed. A failed start leaves its reason in the task
    /// directory until [`Runtime::remove`]. Blocks for milliseconds: call it outside the async runtime's threads.
    pub fn start_task(&self, spec: &TaskSpec) -> Result<TaskHandle, RuntimeError> {
        let id = &spec.id;
        spec.validate().map_err(|source| RuntimeError::Spec { id: id.clone(), source })?;
        if !self.starting.lock().insert(id.clone()) {
            return Err(RuntimeError::Exists { id: id.clone() });
        }
        let result = self.prepare(spec).and_then(|()| self.fork_shim(id));
        self.starting.lock().remove(id);
        result?;
        let state = self.state(id)?;
        info!(task_id = %id, "task started");
        Ok(TaskHandle { id: id.clone(), unenforced: state.unenforced })
    }

    fn prepare(&self, spec: &TaskSpec) -> Result<(), RuntimeError> {
        let files = self.files(&spec.id);
        if !files::make_dir(&files.dir)? {
            return Err(RuntimeError::Exists { id: spec.id.clone() });
        }
        files::make_dir(&files.log())?;
        files::make_dir(&files.root())?;
        files::write_json(&files.spec(), spec)?;
        Ok(())
    }

    /// Has the shim forked. A zygote that dies with the request unread is replaced once: that nobody has touched the
    /// lock shows that there never was a shim.
    fn fork_shim(&self, id: &TaskId) -> Result<(), RuntimeError> {
        match self.try_fork_shim(id) {
            Err(RuntimeError::NoAnswer { .. }) if !self.files(id).lock().exists() => self.try_fork_shim(id),
            other => other,
        }
    }

    fn try_fork_shim(&self, id: &TaskId) -> Result<(), RuntimeError> {
        let zygote_error = |source| RuntimeError::Zygote { exe: self.options.exe.to_string(), source };
        let (ours, theirs) = wire::pair().map_err(|e| zygote_error(e.into()))?;
        self.ask_zygote(id, &theirs)?;
        drop(theirs);
        if !wire::wait_readable(ours.as_fd(), Some(START_TIMEOUT)).map_err(zygote_error)? {
            // It may start yet: only the lock and the files tell, not another attempt.
            return Err(RuntimeError::Zygote {
                exe: self.options.exe.to_string(),
                source: std::io::ErrorKind::TimedOut.into(),
            });
        }
        match wire::receive(&ours) {
            Ok(Received::Message(StartReport::Started, _)) => Ok(()),
            Ok(Received::Message(StartReport::Failed(failure), _)) => {
                warn!(task_id = %id, %failure, "task could not be started");
                Err(RuntimeError::Start { id: id.clone(), failure })
            }
            Ok(Received::Closed) | Err(_) => Err(RuntimeError::NoAnswer { id: id.clone() }),
        }
    }

    /// Sends the request; a zygote found dead is replaced once.
    fn ask_zygote(&self, id: &TaskId, report: &OwnedFd) -> Result<(), RuntimeError> {
        let mut zygote = self.zygote.lock();
        let message = ForkShim { id: id.clone() };
        if let Some(zygote) = zygote.as_ref() {
            if wire::send(&zygote.socket, &message, Some(report.as_fd())).is_ok() {
                return Ok(());
            }
            warn!("the zygote is gone, starting another");
        }
        if let Some(mut dead) = zygote.take() {
            let _ = dead.child.wait();
        }
        let fresh = zygote.insert(spawn_zygote(&self.options)?);
        wire::send(&fresh.socket, &message, Some(report.as_fd()))
            .map_err(|source| RuntimeError::Zygote { exe: self.options.exe.to_string(), source })
    }

    /// Finds all tasks of this node from disk: running, exited, or lost. Tasks being started just now are left out.
    pub fn scan(&self) -> Result<Vec<TaskState>, RuntimeError> {
        let starting = self.starting.lock();
        let ids = control::list(&self.options.state_dir)?;
        ids.iter()
            .filter(|id| !starting.contains(*id))
            .map(|id| control::inspect(&self.files(id), id))
            .collect()
    }

    /// Looks at one task.
    pub fn state(&self, id: &TaskId) -> Result<TaskState, RuntimeError> {
        let files = self.files(id);
        let starting = self.starting.lock();
        if starting.contains(id) || !files.dir.is_dir() {
            return Err(RuntimeError::NotFound { id: id.clone() });
        }
        control::inspect(&files, id)
    }

    /// All tasks that have an exit status and are not yet removed. Level-triggered: each is told until it is removed.
    pub fn poll_exits(&self) -> Result<Vec<(TaskId, ExitStatus)>, RuntimeError> {
        let mut exits = Vec::new();
        for id in control::list(&self.options.state_dir)? {
            if let Some(exit) = control::exit_status(&self.files(&id))? {
                exits.push((id, exit));
            }
        }
        Ok(exits)
    }

    /// Waits for a task to end; `Ok(None)` when it has not ended in time.
    pub fn wait(&self, id: &TaskId, limit: Duration) -> Result<Option<ExitStatus>, RuntimeError> {
        let files = self.files(id);
        let end = Instant::now() + limit;
        loop {
            match self.state(id)?.status {
                TaskStatus::Exited(exit) => return Ok(Some(exit)),
                TaskStatus::LostUnknown => return Err(RuntimeError::NotRunning { id: id.clone() }),
                TaskStatus::Running => {}
            }
            let left = end.saturating_duration_since(Instant::now());
            // Between its last breath and the release of its lock a shim takes no connections any more.
            let Ok(shim) = control::attach(&files, id) else {
                if left.is_zero() {
                    return Ok(None);
                }
                std::thread::yield_now();
                continue;
            };
            // The shim closes the connection when the exit status is written; it never says anything unasked.
            let gone = wire::wait_readable(shim.as_fd(), Some(left))
                .map_err(|source| RuntimeError::Act { id: id.clone(), source })?;
            if !gone {
                return Ok(None);
            }
        }
    }

    /// A descriptor that becomes readable when the task has ended, to be waited on with many others; then look with
    /// [`Runtime::state`].
    pub fn watch(&self, id: &TaskId) -> Result<OwnedFd, RuntimeError> {
        control::attach(&self.files(id), id)
    }

    fn ask(&self, id: &TaskId, request: Request) -> Result<(), RuntimeError> {
        let files = self.files(id);
        let shim = control::attach(&files, id)?;
        control::ask(&shim, &files, id, request).map(drop)
    }

    /// Sends a signal to the workload.
    pub fn signal(&self, id: &TaskId, signal: i32) -> Result<(), RuntimeError> {
        self.ask(id, Request::Signal { signal })
    }

    /// Asks the shim to stop its task: SIGTERM now, SIGKILL after the grace. Returns at once; the agent may die
    /// meanwhile. `None` is the grace of the specification.
    pub fn stop(&self, id: &TaskId, grace: Option<Span>) -> Result<(), RuntimeError> {
        let grace = match grace {
            Some(grace) => grace,
            None => self.state(id)?.spec.map_or(Span(0), |spec| spec.stop_grace),
        };
        self.ask(id, Request::Stop { grace_ms: grace.0 })
    }

    /// Whether the shim of a task answers.
    #[must_use]
    pub fn answers(&self, id: &TaskId) -> bool {
        self.ask(id, Request::Ping).is_ok()
    }

    /// Deletes what is left of a task that has ended or is lost: its log, its states, its cgroup.
    pub fn remove(&self, id: &TaskId) -> Result<(), RuntimeError> {
        let files = self.files(id);
        match self.state(id)?.status {
            TaskStatus::Running => return Err(RuntimeError::StillRunning { id: id.clone() }),
            TaskStatus::Exited(_) => {}
            TaskStatus::LostUnknown => {
                let cgroup = TaskCgroup::find(&self.options.cgroup_root, &self.options.state_dir, id);
                cgroup.kill();
                cgroup.remove();
            }
        }
        std::fs::remove_dir_all(&files.dir).on("remove", &files.dir)?;
        debug!(task_id = %id, "task removed");
        Ok(())
    }

    /// Reads output of a task from an offset on.
    pub fn read_log(&self, id: &TaskId, offset: u64, limit: usize) -> Result<LogChunk, RuntimeError> {
        Ok(self.log_cursor(id, offset).read(limit)?)
    }

    /// A cursor that follows the output of a task.
    #[must_use]
    pub fn log_cursor(&self, id: &TaskId, offset: u64) -> LogCursor {
        LogCursor::new(&self.options.state_dir, id, offset)
    }

    /// Renews the lease of the node until a deadline on the boot clock, in milliseconds (`CLOCK_BOOTTIME`). Every
    /// fenced task dies within 200 ms after the deadline unless it is renewed.
    pub fn renew_lease(&self, deadline_boottime_ms: u64) -> Result<(), FileError> {
        lease::renew(&self.options.state_dir, deadline_boottime_ms)
    }

    /// Milliseconds of the boot clock, in which leases are written.
    #[must_use]
    pub fn boottime_ms() -> u64 {
        crate::process::boottime_ms()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(Zygote { mut child, socket }) = self.zygote.lock().take() {
            // The closed socket ends it at once: it never does anything that takes time.
            drop(socket);
            let _ = child.wait();
        }
    }
}

fn spawn_zygote(options: &RuntimeOptions) -> Result<Zygote, RuntimeError> {
    let zygote_error = |source| RuntimeError::Zygote { exe: options.exe.to_string(), source };
    let (ours, theirs) = wire::pair().map_err(|e| zygote_error(e.into()))?;
    let path = options.state_dir.join("shim.log");
    let large = path.metadata().is_ok_and(|metadata| metadata.len() > MAX_SHIM_LOG);
    let mut open = OpenOptions::new();
    open.create(true).mode(0o600);
    // Appending, because the shims of earlier zygotes still hold it.
    let log = if large { open.write(true).truncate(true) } else { open.append(true) };
    let log = log.open(&path).on("open", &path)?;
    let child = Command::new(&options.exe)
        .args([SUBCOMMAND, options.state_dir.as_str(), options.cgroup_root.as_str()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::from(log))
        .spawn()
        .map_err(zygote_error)?;
    Ok(Zygote { child, socket: ours })
}
