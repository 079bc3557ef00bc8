//! The few system calls that no safe crate wraps. All `unsafe` of the crate is here.

use std::ffi::CStr;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::signal::{SigHandler, Signal};
use nix::unistd::ForkResult;

/// Proof that this process has one thread, so that a forked child may run ordinary code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SingleThreaded(());

impl SingleThreaded {
    /// Counts the threads of this process.
    pub(crate) fn prove() -> Option<Self> {
        let threads = std::fs::read_dir("/proc/self/task").ok()?.count();
        (threads == 1).then_some(Self(()))
    }
}

/// Which side of a fork this is.
#[derive(Debug)]
pub(crate) enum Side<P> {
    Parent(P),
    Child,
}

/// Forks an ordinary child.
pub(crate) fn fork(_one_thread: SingleThreaded) -> std::io::Result<Side<i32>> {
    // SAFETY: the token proves that no other thread can hold a lock that the child would find locked for ever.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Side::Parent(child.as_raw())),
        ForkResult::Child => Ok(Side::Child),
    }
}

/// The first process of new user, mount, process, IPC and host name spaces.
#[derive(Debug)]
pub(crate) struct Cloned {
    pub(crate) pid: i32,
    pub(crate) pidfd: OwnedFd,
}

/// Forks a child into new namespaces and returns a pidfd of it.
pub(crate) fn clone_into_namespaces(_one_thread: SingleThreaded) -> std::io::Result<Side<Cloned>> {
    let spaces = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_PIDFD;
    let mut pidfd: RawFd = -1;
    // SAFETY: clone_args is plain integers, for which zero is a value.
    let mut args: libc::clone_args = unsafe { mem::zeroed() };
    args.flags = u64::from(spaces.unsigned_abs());
    args.pidfd = (&raw mut pidfd).expose_provenance() as u64;
    args.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
    // SAFETY: without CLONE_VM and without a stack this is a fork: the child gets a copy of this thread's stack, and
    // the token proves there is no other thread. `args` and `pidfd` outlive the call.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match pid {
        -1 => Err(std::io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => {
            // SAFETY: the kernel stored a new descriptor in `pidfd` that nothing else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Side::Parent(Cloned { pid: i32::try_from(pid).unwrap_or(-1), pidfd }))
        }
    }
}

/// Ends this process at once, without running destructors or exit handlers that belong to the process it was forked
/// from.
pub(crate) fn leave(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Takes the descriptor this process was started with as standard input.
pub(crate) fn take_stdin() -> OwnedFd {
    // SAFETY: called once, first thing in a process started for this; nothing else in it uses standard input.
    unsafe { OwnedFd::from_raw_fd(0) }
}

/// Closes every descriptor from 3 up but one.
pub(crate) fn close_all_but(kept: BorrowedFd<'_>) {
    let kept = kept.as_raw_fd().unsigned_abs();
    close_range(3, kept.saturating_sub(1));
    close_range(kept.max(2) + 1, u32::MAX);
}

fn close_range(first: u32, last: u32) {
    if first <= last {
        // SAFETY: only called first thing in a fresh program, or in a forked child that never returns to the code whose
        // descriptors these were: no owner of a closed descriptor runs again.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// Gives every signal its default action and unblocks all: an ignored signal would stay ignored in the workload.
pub(crate) fn reset_signals() {
    for signal in Signal::iterator() {
        // SAFETY: the default action involves no code of ours. SIGKILL and SIGSTOP refuse, which is no matter.
        let _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) };
    }
    let _ = nix::sys::signal::SigSet::empty().thread_set_mask();
}

/// Adds attributes to a mount and all mounts below it. Attributes are only added, never taken, so this works where
/// the mount came locked from a parent namespace.
pub(crate) fn restrict_mount(path: &CStr, attributes: u64) -> std::io::Result<()> {
    let attr = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_RECURSIVE.unsigned_abs();
    // SAFETY: the path is NUL-terminated and `attr` has the size that is passed; both outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Raises the loopback interface of the network namespace the socket belongs to.
pub(crate) fn raise_loopback(socket: BorrowedFd<'_>) -> std::io::Result<()> {
    // SAFETY: ifreq is plain bytes and integers, for which zero is a value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short | libc::IFF_RUNNING as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads one ifreq, which outlives the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
