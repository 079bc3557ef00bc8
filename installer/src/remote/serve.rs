//! The port: who connects is spoken with beside all others, and it closes once the machine is installed from anywhere.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use holdfast_maintenance::Presented;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::remote::addresses::addresses;
use crate::remote::desk::{Desk, Ended};
use crate::remote::session::converse;
use crate::remote::shown::Notice;

/// How long nobody connects before the rest is looked at.
const TURN: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// Listens until the machine is installed from here, or `is_over` says that nothing is to be done here any more. `show` is told what
/// people have to know, each time that it is something else.
///
/// # Errors
///
/// The port breaks.
pub fn serve(
    listener: &TcpListener,
    presented: &Presented,
    desk: &Arc<Desk>,
    is_over: &dyn Fn() -> bool,
    show: &mut dyn FnMut(&Notice),
) -> anyhow::Result<Option<Ended>> {
    listener.set_nonblocking(true).context("set up the port")?;
    let port = listener.local_addr().context("find the port")?.port();
    let mut said = Vec::new();
    loop {
        if let Some(ended) = desk.ended(Instant::now()) {
            return Ok(Some(ended));
        }
        // Whoever installs from here is in the way of himself.
        if !desk.is_used() && is_over() {
            return Ok(None);
        }
        let (addresses, code, is_used) = (addresses(port), desk.code(), desk.is_used());
        let notice = Notice { addresses, fingerprint: presented.fingerprint, code, is_used };
        let lines = notice.lines();
        if lines != said && !notice.addresses.is_empty() {
            show(&notice);
            said = lines;
        }
        match poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&TURN)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => accept(listener, presented, desk),
            Err(error) => return Err(error).context("wait for who connects"),
        }
    }
}

fn accept(listener: &TcpListener, presented: &Presented, desk: &Arc<Desk>) {
    // Who has hung up already is not waited for.
    let Ok((stream, peer)) = listener.accept() else { return };
    if !desk.enter(peer.ip()) {
        return;
    }
    let (config, desk) = (Arc::clone(&presented.config), Arc::clone(desk));
    let speaks = {
        let desk = Arc::clone(&desk);
        move || {
            converse(&desk, config, stream, peer);
            desk.go(peer.ip());
        }
    };
    if std::thread::Builder::new().name("desk".to_owned()).spawn(speaks).is_err() {
        desk.go(peer.ip());
    }
}
