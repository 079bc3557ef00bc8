//! The namespaces of the shim itself. It lives in the network namespace of its task, where it can make sockets without
//! a helper; that namespace belongs to the shim's user namespace, so the workload has no power over it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};

use nix::sched::{CloneFlags, unshare};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::status::{AtStep, StartFailure, StartStep};
use crate::sys;

const BACKLOG: i32 = 1024;

/// Enters a new network namespace with a raised loopback; an ordinary user gets a user namespace around it first.
pub(crate) fn isolate() -> Result<(), StartFailure> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    if !user.is_root() {
        let step = StartStep::UserNamespace;
        unshare(CloneFlags::CLONE_NEWUSER).at(step, "of the shim")?;
        fs::write("/proc/self/setgroups", "deny").at(step, "setgroups")?;
        fs::write("/proc/self/uid_map", format!("0 {} 1", user.as_raw())).at(step, "uid_map")?;
        fs::write("/proc/self/gid_map", format!("0 {} 1", group.as_raw())).at(step, "gid_map")?;
        // Where a security module hollows out user namespaces, this is the first call to notice.
        unshare(CloneFlags::CLONE_NEWNET).at(step, "without privileges inside")?;
    } else {
        unshare(CloneFlags::CLONE_NEWNET).at(StartStep::Network, "network namespace")?;
    }
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .at(StartStep::Network, "socket")?;
    sys::raise_loopback(socket.as_fd()).at(StartStep::Network, "lo")
}

/// Maps user 0 of the task's user namespace to user 0 of ours, which is whoever runs the agent.
pub(crate) fn map_ids(pid: i32) -> Result<(), StartFailure> {
    let step = StartStep::UserNamespace;
    let write = |file: &str, text: &str| fs::write(format!("/proc/{pid}/{file}"), text).at(step, file);
    write("uid_map", "0 0 1")?;
    write("gid_map", "0 0 1")
}

/// Listens on a loopback port of the task.
pub(crate) fn listen(port: u16) -> Result<OwnedFd, StartFailure> {
    let step = StartStep::Rendezvous;
    let socket = tcp_socket().at(step, "socket")?;
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
        .at(step, format!("port {port}"))?;
    rustix::net::listen(&socket, BACKLOG).at(step, format!("port {port}"))?;
    Ok(socket)
}

/// A socket in the task's network namespace.
pub(crate) fn tcp_socket() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
}
