//! Process 1 of the sandbox: builds it, starts the workload as process 2, reaps everything, and reports how it ended.

use std::ffi::CString;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, PidfdFlags, Resource, Rlimit, Signal, WaitOptions};
use serde::{Deserialize, Serialize};

use super::{confine, root};
use crate::spec::{DEFAULT_PATH, Limits, TaskSpec};
use crate::status::{AtStep, StartFailure, StartStep};
use crate::sys::{self, Side, SingleThreaded};
use crate::wire::{self, Received};

const MAX_OPEN_FILES: u64 = 1 << 20;
const MAX_REPORT: u64 = 16 * 1024;

/// What process 1 tells the shim, in this order; a failure ends it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum InitReport {
    /// The workload runs; its pidfd comes along. Names walls that could not be built.
    Started { missing: Vec<String> },
    /// A step failed.
    Failed(StartFailure),
    /// The workload ended with this status of `wait`.
    Ended { code: Option<i32>, signal: Option<i32> },
}

/// What process 1 is given.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) spec: &'a TaskSpec,
    /// The empty directory on which the root is built.
    pub(crate) staging: Utf8PathBuf,
    /// Limits no cgroup holds, which resource limits hold as far as they go.
    pub(crate) by_rlimit: Limits,
}

/// Runs as process 1. Never returns to the shim's code, of which this is a copy.
pub(crate) fn run(one_thread: SingleThreaded, plan: &Plan<'_>, shim: &OwnedFd, output: OwnedFd) -> ! {
    let attempt = std::panic::AssertUnwindSafe(|| start(one_thread, plan, shim, output));
    let outcome = std::panic::catch_unwind(attempt)
        .unwrap_or_else(|_| Err(StartFailure::new(StartStep::Handshake, "internal error: panic inside")));
    let code = match outcome {
        Ok(worker) => reap(worker, shim),
        Err(failure) => {
            let _ = wire::send(shim, &InitReport::Failed(failure), None);
            1
        }
    };
    sys::leave(code)
}

fn start(
    one_thread: SingleThreaded,
    plan: &Plan<'_>,
    shim: &OwnedFd,
    output: OwnedFd,
) -> Result<rustix::process::Pid, StartFailure> {
    let spec = plan.spec;
    // The task dies with its shim: without a shim nobody would fence it or keep its exit status.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(StartStep::Handshake, "shim")?;
    match wire::receive::<()>(shim) {
        Ok(Received::Message((), _)) => {}
        _ => return Err(StartFailure::new(StartStep::Handshake, "the shim is gone")),
    }
    give_output(&output)?;
    drop(output);
    sys::close_all_but(shim.as_fd());
    let _ = rustix::process::setsid();
    become_inner_root()?;
    // After the shim has moved us into our cgroup, so that it is the root of what we see.
    let _ = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWCGROUP);
    nix::unistd::sethostname(&spec.hostname).at(StartStep::Hostname, spec.hostname.as_str())?;
    let missing = root::enter(spec, &plan.staging)?;
    set_limits(&plan.by_rlimit)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    rustix::process::chdir(spec.cwd.as_std_path()).at(StartStep::Cwd, spec.cwd.as_str())?;
    // Nobody inside may look into this process: its memory and its program are the agent's.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).at(StartStep::Confine, "init")?;
    confine::confine()?;
    let _ = rustix::thread::set_name(c"holdfast-init");
    spawn(one_thread, spec, shim, missing)
}

/// Standard input is nothing, output and errors go to the log.
fn give_output(output: &OwnedFd) -> Result<(), StartFailure> {
    let null = std::fs::File::open("/dev/null").at(StartStep::Log, "/dev/null")?;
    nix::unistd::dup2_stdin(&null).at(StartStep::Log, "standard input")?;
    nix::unistd::dup2_stdout(output).at(StartStep::Log, "standard output")?;
    nix::unistd::dup2_stderr(output).at(StartStep::Log, "standard error")
}

/// Becomes user 0 of the new user namespace with no other groups.
fn become_inner_root() -> Result<(), StartFailure> {
    use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
    // Where an ordinary user made the namespace, groups may not be dropped; they were this user's before, too.
    let _ = setgroups(&[]);
    let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(group, group, group).at(StartStep::UserNamespace, "group 0")?;
    setresuid(user, user, user).at(StartStep::UserNamespace, "user 0")?;
    // A change of user may clear it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(StartStep::Handshake, "shim")
}

fn set_limits(by_rlimit: &Limits) -> Result<(), StartFailure> {
    let set = |resource: Resource, value: Option<u64>| {
        let hard = rustix::process::getrlimit(resource).maximum;
        // A hard limit can only be lowered without privilege.
        let value = match (value, hard) {
            (Some(value), Some(hard)) => Some(value.min(hard)),
            (value, hard) => value.or(hard),
        };
        rustix::process::setrlimit(resource, Rlimit { current: value, maximum: value })
            .at(StartStep::Limits, format!("{resource:?}"))
    };
    set(Resource::Core, Some(0))?;
    set(Resource::Nofile, Some(MAX_OPEN_FILES))?;
    // Drivers of accelerators and networks lock memory; the cgroup bounds what a task can have.
    set(Resource::Memlock, None)?;
    if let Some(memory) = by_rlimit.memory {
        set(Resource::Data, Some(memory.0))?;
    }
    if let Some(pids) = by_rlimit.pids {
        set(Resource::Nproc, Some(pids.saturating_add(1)))?;
    }
    Ok(())
}

/// Starts the workload and tells the shim as soon as it has executed its program.
fn spawn(
    one_thread: SingleThreaded,
    spec: &TaskSpec,
    shim: &OwnedFd,
    missing: Vec<String>,
) -> Result<rustix::process::Pid, StartFailure> {
    let step = StartStep::Exec;
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).at(step, "pipe")?;
    let pid = match sys::fork(one_thread).at(step, "fork")? {
        Side::Child => {
            let failure = execute(spec);
            let _ = std::fs::File::from(write).write_all(&serde_json::to_vec(&failure).unwrap_or_default());
            sys::leave(127)
        }
        Side::Parent(pid) => pid,
    };
    drop(write);
    let mut text = Vec::new();
    std::fs::File::from(read).take(MAX_REPORT).read_to_end(&mut text).at(step, "pipe")?;
    if !text.is_empty() {
        let broken = |_| StartFailure::new(step, "internal error: unreadable report");
        return Err(serde_json::from_slice(&text).unwrap_or_else(broken));
    }
    let pid = rustix::process::Pid::from_raw(pid).ok_or_else(|| StartFailure::new(step, "no process"))?;
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).at(step, "pidfd")?;
    wire::send(shim, &InitReport::Started { missing }, Some(pidfd.as_fd()))
        .at(StartStep::Handshake, "shim")?;
    Ok(pid)
}

/// Executes the program; returns only a failure.
fn execute(spec: &TaskSpec) -> StartFailure {
    let name = spec.argv.first().cloned().unwrap_or_default();
    let texts = |texts: Vec<String>| -> Vec<CString> {
        texts.into_iter().filter_map(|text| CString::new(text).ok()).collect()
    };
    let arguments = texts(spec.argv.clone());
    let environment = texts(spec.env.0.iter().map(|(name, value)| format!("{name}={value}")).collect());
    let _ = rustix::process::setsid();
    sys::reset_signals();
    let mut errno = nix::errno::Errno::ENOENT;
    for candidate in candidates(spec, &name) {
        let Ok(path) = CString::new(candidate) else { continue };
        let Err(error) = nix::unistd::execve(&path, &arguments, &environment);
        // Like a shell: a file that may not be executed is worth telling of, later directories may still have one.
        if !matches!(error, nix::errno::Errno::ENOENT | nix::errno::Errno::ENOTDIR) {
            errno = error;
        }
    }
    StartFailure { step: StartStep::Exec, errno: errno as i32, detail: name }
}

fn candidates(spec: &TaskSpec, name: &str) -> Vec<String> {
    if name.contains('/') {
        return vec![name.to_owned()];
    }
    let path = spec.env.0.iter().find(|(name, _)| name == "PATH").map_or(DEFAULT_PATH, |(_, value)| value);
    path.split(':')
        .filter(|dir| !dir.is_empty())
        .map(|dir| Utf8Path::new(dir).join(name).into_string())
        .collect()
}

/// Reaps every process of the sandbox until the workload itself ends; then this process ends and the kernel kills the
/// rest.
fn reap(worker: rustix::process::Pid, shim: &OwnedFd) -> i32 {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == worker => {
                let report =
                    InitReport::Ended { code: status.exit_status(), signal: status.terminating_signal() };
                let _ = wire::send(shim, &report, None);
                return 0;
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return 1,
        }
    }
}
