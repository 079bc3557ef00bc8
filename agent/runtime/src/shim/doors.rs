//! The doors of a task: the clients of its control socket and the rendezvous connections they ask for.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::SocketFlags;

use super::isolate;
use super::protocol::{Reply, Request};
use crate::spec::{Network, RendezvousRole};
use crate::wire::{self, Received};

const MAX_CLIENTS: usize = 64;
/// Loopback answers at once unless the workload's backlog is full; then the client shall try again.
const CONNECT_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// One connection to the control socket.
#[derive(Debug)]
struct Client {
    socket: OwnedFd,
    subscribed: bool,
}

/// Everything that can be asked of a shim from outside.
#[derive(Debug)]
pub(crate) struct Doors {
    control: OwnedFd,
    network: Network,
    /// The port the shim listens on in place of rank 0.
    listener: Option<OwnedFd>,
    /// A connection no subscriber could take yet.
    held: Option<OwnedFd>,
    clients: Vec<Client>,
}

/// What a client asks of the task itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    Signal(i32),
    Stop { grace_ms: u64 },
}

impl Doors {
    pub(crate) fn new(control: OwnedFd, network: Network, listener: Option<OwnedFd>) -> Self {
        Self { control, network, listener, held: None, clients: Vec::new() }
    }

    /// What to wait for. Connections of the workload are waited for only while somebody wants them: until then they
    /// queue in the kernel.
    pub(crate) fn interests(&self) -> Vec<BorrowedFd<'_>> {
        let wanted = self.clients.iter().any(|client| client.subscribed);
        let listener = self.listener.iter().filter(|_| wanted).map(AsFd::as_fd);
        let clients = self.clients.iter().map(|client| client.socket.as_fd());
        std::iter::once(self.control.as_fd()).chain(listener).chain(clients).collect()
    }

    /// Does what can be done without waiting; `act` carries out what concerns the task itself.
    pub(crate) fn serve(&mut self, act: &mut impl FnMut(Act) -> Result<(), Errno>) {
        let mut clients = std::mem::take(&mut self.clients);
        clients.retain_mut(|client| !readable(client.socket.as_fd()) || self.answer(client, act));
        self.clients = clients;
        while let Ok(socket) = rustix::net::accept_with(&self.control, SocketFlags::CLOEXEC) {
            // A client too many is closed at once; it will find out and try again.
            if self.clients.len() < MAX_CLIENTS {
                self.clients.push(Client { socket, subscribed: false });
            }
        }
        self.hand_over();
    }

    /// Gives the workload's connections to subscribers, the latest first: an older one may be a relay that hangs.
    fn hand_over(&mut self) {
        while self.clients.iter().any(|client| client.subscribed) {
            let accepted = self.held.take().or_else(|| {
                let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
                rustix::net::accept_with(self.listener.as_ref()?, flags).ok()
            });
            let Some(connection) = accepted else { return };
            let Some(index) = self.clients.iter().rposition(|client| client.subscribed) else { return };
            let Some(client) = self.clients.get(index) else { return };
            if wire::send(&client.socket, &Reply::Connection, Some(connection.as_fd())).is_err() {
                self.clients.remove(index);
                self.held = Some(connection);
            }
        }
    }

    /// Answers one request; false when the client is done with.
    fn answer(&self, client: &mut Client, act: &mut impl FnMut(Act) -> Result<(), Errno>) -> bool {
        let Ok(Received::Message(request, _)) = wire::receive(&client.socket) else { return false };
        let mut connection = None;
        let done = |result: Result<(), Errno>| match result {
            Ok(()) => Reply::Done,
            Err(errno) => Reply::Failed { errno: errno.raw_os_error() },
        };
        let reply = match request {
            Request::Ping => Reply::Done,
            Request::Signal { signal } => done(act(Act::Signal(signal))),
            Request::Stop { grace_ms } => done(act(Act::Stop { grace_ms })),
            Request::Accept if self.listener.is_some() => {
                client.subscribed = true;
                Reply::Done
            }
            Request::Accept => Reply::NoRendezvous,
            Request::Connect => match self.network {
                Network::Rendezvous { port, role: RendezvousRole::Serve } => match connect(port) {
                    Ok(fd) => {
                        connection = Some(fd);
                        Reply::Connection
                    }
                    Err(Errno::CONNREFUSED | Errno::INPROGRESS) => Reply::NotListening,
                    Err(errno) => Reply::Failed { errno: errno.raw_os_error() },
                },
                Network::Rendezvous { .. } | Network::None => Reply::NoRendezvous,
            },
        };
        wire::send(&client.socket, &reply, connection.as_ref().map(AsFd::as_fd)).is_ok()
    }
}

fn readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    rustix::event::poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// Connects to a loopback port of the task.
fn connect(port: u16) -> rustix::io::Result<OwnedFd> {
    let socket = isolate::tcp_socket()?;
    match rustix::net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)) {
        Ok(()) => return Ok(socket),
        Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error),
    }
    let mut fds = [PollFd::new(&socket, PollFlags::OUT)];
    if rustix::event::poll(&mut fds, Some(&CONNECT_WAIT))? == 0 {
        return Err(Errno::INPROGRESS);
    }
    rustix::net::sockopt::socket_error(&socket)??;
    Ok(socket)
}
