//! The shim: the one process that owns a task. It builds the sandbox and then watches, until the task has ended and
//! its exit status is on disk.

mod doors;
mod guard;
mod isolate;
pub(crate) mod protocol;

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use camino::Utf8Path;
use rustix::fs::Mode;
use rustix::pipe::PipeFlags;

use crate::cgroup::TaskCgroup;
use crate::files::{self, SOCKET, TaskFiles};
use crate::id::TaskId;
use crate::lease::LeaseWatch;
use crate::lock::{self, TaskLock};
use crate::log::LogWriter;
use crate::process::{ProcessMark, boottime_ms, wall_clock};
use crate::sandbox::{self, InitReport};
use crate::spec::{Limits, Network, RendezvousRole, SPEC_VERSION, TaskSpec};
use crate::status::{AtStep, ExitReason, ExitStatus, Outcome, StartFailure, StartStep, StoredState};
use crate::sys::{self, Side, SingleThreaded};
use crate::wire::{self, Received};
use guard::{Guard, Inside};
use protocol::StartReport;

/// How long the process inside may take to build the sandbox; a hanging network mount must not hang the shim.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const PIPE_BYTES: usize = 1 << 20;

/// Where a shim works.
#[derive(Debug)]
struct Place<'a> {
    state_dir: &'a Utf8Path,
    cgroup_root: &'a Utf8Path,
    files: TaskFiles,
}

/// Runs the shim of one task until the task has ended.
pub(crate) fn run(
    one_thread: SingleThreaded,
    state_dir: &Utf8Path,
    cgroup_root: &Utf8Path,
    id: &TaskId,
    report: OwnedFd,
) {
    let _ = rustix::thread::set_name(c"holdfast-shim");
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let place = Place { state_dir, cgroup_root, files: TaskFiles::new(state_dir, id) };
    let lock = match take_lock(&place.files) {
        Ok(lock) => lock,
        // Somebody else decides about this task: its files are not ours to write.
        Err(failure) => {
            let _ = wire::send(&report, &StartReport::Failed(failure), None);
            return;
        }
    };
    let mut cgroup = TaskCgroup::Missing;
    match start(one_thread, &place, &mut cgroup) {
        Ok((guard, inside)) => {
            let _ = wire::send(&report, &StartReport::Started, None);
            drop(report);
            guard.watch(inside, &cgroup, &place.files);
        }
        Err(failure) => {
            cgroup.kill();
            cgroup.remove();
            let exit = ExitStatus {
                outcome: Outcome::NotStarted(failure.clone()),
                reason: ExitReason::StartFailed,
                at: wall_clock(),
                log_end: 0,
                log_dropped: 0,
            };
            let _ = files::write_json(&place.files.exit(), &exit);
            let _ = wire::send(&report, &StartReport::Failed(failure), None);
        }
    }
    drop(lock);
}

fn take_lock(files: &TaskFiles) -> Result<TaskLock, StartFailure> {
    let step = StartStep::Lock;
    let _ = rustix::process::chdir("/");
    let null = std::fs::File::open("/dev/null").at(step, "/dev/null")?;
    nix::unistd::dup2_stdin(&null).at(step, "standard input")?;
    let lock = lock::try_lock(files).map_err(|e| StartFailure::new(step, format!("{e}: {}", e.source)))?;
    let mut lock = lock.ok_or_else(|| StartFailure::new(step, "another process has the task"))?;
    if files.lost().exists() || files.exit().exists() {
        return Err(StartFailure::new(step, "the task was given up before it started"));
    }
    let signed = lock::sign(files, &mut lock, own_mark()?);
    signed.map_err(|e| StartFailure::new(step, format!("{e}: {}", e.source)))?;
    Ok(lock)
}

fn own_mark() -> Result<ProcessMark, StartFailure> {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    ProcessMark::of(pid).ok_or_else(|| StartFailure::new(StartStep::Lock, "own process"))
}

fn start(
    one_thread: SingleThreaded,
    place: &Place<'_>,
    cgroup: &mut TaskCgroup,
) -> Result<(Guard, Inside), StartFailure> {
    let spec: TaskSpec = files::read_json(&place.files.spec())
        .map_err(|e| StartFailure::new(StartStep::Spec, format!("{e}: {}", e.source)))?
        .ok_or_else(|| StartFailure::new(StartStep::Spec, "there is none"))?;
    spec.validate().map_err(|e| StartFailure::new(StartStep::Spec, e.to_string()))?;
    let lease = spec.fenced.then(|| LeaseWatch::new(place.state_dir));
    if lease.as_ref().is_some_and(|lease| !lease.holds(boottime_ms())) {
        return Err(StartFailure::new(
            StartStep::Lease,
            "the lease of this node has passed or was never given",
        ));
    }
    let (made, mut unenforced) =
        TaskCgroup::create(place.cgroup_root, place.state_dir, &spec.id, &spec.limits);
    *cgroup = made;
    isolate::isolate()?;
    let listener = match spec.network {
        Network::Rendezvous { port, role: RendezvousRole::Connect } => Some(isolate::listen(port)?),
        Network::Rendezvous { .. } | Network::None => None,
    };
    let control = wire::listen(&place.files.dir, SOCKET).at(StartStep::ControlSocket, SOCKET)?;
    let log = LogWriter::create(place.files.log(), spec.log).at(StartStep::Log, "log")?;
    let inside = launch(one_thread, place, &spec, cgroup, &unenforced)?;
    unenforced.extend(inside.missing.iter().cloned());
    let state =
        StoredState { version: SPEC_VERSION, init: inside.mark, unenforced, started_at: wall_clock() };
    files::write_json(&place.files.state(), &state)
        .map_err(|e| StartFailure::new(StartStep::State, format!("{e}: {}", e.source)))?;
    Ok((Guard::new(&spec, control, listener, log, lease), inside))
}

/// Starts the process inside and hears it out until the workload runs.
fn launch(
    one_thread: SingleThreaded,
    place: &Place<'_>,
    spec: &TaskSpec,
    cgroup: &TaskCgroup,
    unenforced: &[String],
) -> Result<Inside, StartFailure> {
    let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
    let (output, write) = rustix::pipe::pipe_with(flags).at(StartStep::Log, "pipe")?;
    // The workload must find an ordinary blocking pipe; only our end is asked without waiting.
    rustix::fs::fcntl_setfl(&write, rustix::fs::OFlags::empty()).at(StartStep::Log, "pipe")?;
    // A big pipe spares switches; where the user's share is used up, the default size does too.
    let _ = rustix::pipe::fcntl_setpipe_size(&output, PIPE_BYTES);
    let (ours, theirs) = wire::pair().at(StartStep::Handshake, "socket pair")?;
    let lacks = |name: &str| unenforced.iter().any(|n| n == name);
    let plan = sandbox::Plan {
        spec,
        staging: place.files.root(),
        by_rlimit: Limits {
            memory: spec.limits.memory.filter(|_| lacks("memory")),
            cpu: None,
            pids: spec.limits.pids.filter(|_| lacks("pids")),
        },
    };
    let cloned = match sys::clone_into_namespaces(one_thread).at(StartStep::Namespaces, "clone") {
        Ok(Side::Child) => {
            drop(ours);
            sandbox::run(one_thread, &plan, &theirs, write)
        }
        Ok(Side::Parent(cloned)) => cloned,
        Err(failure) if matches!(failure.errno, libc::EPERM | libc::ENOSPC | libc::EUSERS) => {
            return Err(StartFailure { step: StartStep::UserNamespace, ..failure });
        }
        Err(failure) => return Err(failure),
    };
    drop((theirs, write));
    let mut inside = Inside {
        init: cloned.pidfd,
        mark: ProcessMark::of(cloned.pid)
            .ok_or_else(|| StartFailure::new(StartStep::Handshake, "the process inside is gone"))?,
        worker: None,
        reports: ours,
        output,
        missing: Vec::new(),
    };
    admit(&mut inside, cgroup).inspect_err(|_| inside.kill_and_reap())?;
    Ok(inside)
}

fn admit(inside: &mut Inside, cgroup: &TaskCgroup) -> Result<(), StartFailure> {
    let step = StartStep::Handshake;
    isolate::map_ids(inside.mark.pid)?;
    cgroup.add(inside.mark.pid).at(StartStep::Cgroup, "move the task in")?;
    wire::send(&inside.reports, &(), None).at(step, "process inside")?;
    if !wire::wait_readable(inside.reports.as_fd(), Some(START_TIMEOUT)).at(step, "process inside")? {
        return Err(StartFailure::new(step, format!("no answer within {} s", START_TIMEOUT.as_secs())));
    }
    match wire::receive(&inside.reports).at(step, "process inside")? {
        Received::Message(InitReport::Started { missing }, Some(worker)) => {
            inside.worker = Some(worker);
            inside.missing = missing;
            Ok(())
        }
        Received::Message(InitReport::Failed(failure), _) => Err(failure),
        Received::Message(InitReport::Started { .. } | InitReport::Ended { .. }, _) => {
            Err(StartFailure::new(step, "internal error: unexpected report"))
        }
        Received::Closed if cgroup.oom_kills() > 0 => {
            Err(StartFailure::new(step, "killed for memory: the limit is too small to start anything"))
        }
        Received::Closed => Err(StartFailure::new(step, "the process inside died")),
    }
}
