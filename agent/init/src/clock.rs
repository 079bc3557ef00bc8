//! The clock of this machine: set once before anything trusts it, then kept near to what others say. Controllers tell it on.

use std::net::{IpAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use holdfast_release::machine::{Role, Spec};
use rustix::time::{ClockId, Timespec, clock_settime};
use serde_json::json;

use crate::event::{event, say};
use crate::network::Told;
use crate::sntp::{self, Nanos, Sample};

const PORT: u16 = 123;
const PATIENCE: Duration = Duration::from_secs(2);
/// How long nobody is asked after nobody answered.
const PAUSE: Duration = Duration::from_secs(2);
/// How often it is asked once the time is known.
const EVERY: Duration = Duration::from_secs(256);
/// What is nearer is left.
const NEAR: Nanos = 20_000_000;
/// The clock goes at most so far at once after it was set: what depends on it is not to be torn.
const MOST: Nanos = 500_000_000;
/// How many servers are asked in one round.
const SERVERS: usize = 8;

/// Whether the time is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(Arc<AtomicBool>);

impl Known {
    /// Whether it is.
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Begins to keep the clock. Who has nobody to ask believes the clock of its board.
pub(crate) fn keep(spec: &Spec, told: &Told) -> Known {
    let known = Known::default();
    let mut servers: Vec<String> = spec.time.servers.iter().map(ToString::to_string).collect();
    if servers.is_empty() {
        servers = spec.cluster.controllers.iter().map(|one| one.host.to_string()).collect();
    }
    if spec.role == Role::Controller {
        let tells = known.clone();
        begin("time to others", move || tell(&tells));
    }
    // The first controller without servers would ask itself.
    let alone = spec.first && spec.time.servers.is_empty();
    if alone || spec.time.allow_unsynced {
        event("time.set", &json!({ "from": "the clock of the board" }));
        known.set();
    }
    if alone {
        return known;
    }
    let (follows, told) = (known.clone(), told.clone());
    begin("time", move || follow(&servers, &told, &follows));
    known
}

fn begin(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(work) {
        say(format_args!("begin the thread `{name}`: {error}"));
    }
}

/// Follows what others say, for ever.
fn follow(servers: &[String], told: &Told, known: &Known) {
    let mut set = false;
    loop {
        let offered = told.time();
        let named = servers.iter().flat_map(|server| resolve(server));
        // Who is named in the configuration is asked first; what DHCP offers counts only where nobody is named.
        let ask: Vec<IpAddr> = if servers.is_empty() { offered } else { named.collect() };
        let samples = ask.iter().take(SERVERS).filter_map(|server| ask_one(*server));
        let Some(sample) = samples.min_by_key(|sample| sample.delay) else {
            std::thread::park_timeout(PAUSE);
            continue;
        };
        if !set || sample.offset.abs() > NEAR {
            let offset = if set { sample.offset.clamp(-MOST, MOST) } else { sample.offset };
            step(offset);
        }
        if !set {
            let milliseconds = i64::try_from(sample.offset / 1_000_000).unwrap_or(i64::MAX);
            event("time.set", &json!({ "offset_ms": milliseconds }));
            set = true;
            known.set();
        }
        std::thread::park_timeout(EVERY);
    }
}

fn resolve(server: &str) -> Vec<IpAddr> {
    (server, PORT).to_socket_addrs().into_iter().flatten().map(|address| address.ip()).collect()
}

fn ask_one(server: IpAddr) -> Option<Sample> {
    ask((server, PORT).into())
}

fn ask(server: std::net::SocketAddr) -> Option<Sample> {
    let local = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).ok()?;
    socket.connect(server).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut token = [0; 8];
    rustix::rand::getrandom(&mut token, rustix::rand::GetRandomFlags::empty()).ok()?;
    let token = u64::from_ne_bytes(token);
    let (asked, began) = (sntp::now(), Instant::now());
    socket.send(&sntp::question(token)).ok()?;
    let mut packet = [0; 512];
    let length = socket.recv(&mut packet).ok()?;
    sntp::read(packet.get(..length)?, token, asked, began.elapsed())
}

fn step(offset: Nanos) {
    let to = sntp::now() + offset;
    let seconds = i64::try_from(to.div_euclid(1_000_000_000)).unwrap_or(0);
    let nanos = i64::try_from(to.rem_euclid(1_000_000_000)).unwrap_or(0);
    if let Err(error) = clock_settime(ClockId::Realtime, Timespec { tv_sec: seconds, tv_nsec: nanos }) {
        say(format_args!("set the clock: {error}"));
    }
}

/// Tells others the time, for ever.
fn tell(known: &Known) {
    match UdpSocket::bind(("::", PORT)).or_else(|_| UdpSocket::bind(("0.0.0.0", PORT))) {
        Ok(socket) => serve(&socket, known, |_| true),
        Err(error) => say(format_args!("tell others the time: {error}")),
    }
}

fn serve(socket: &UdpSocket, known: &Known, mut more: impl FnMut(usize) -> bool) {
    let mut packet = [0; 512];
    let mut count = 0;
    while more(count) {
        let Ok((length, from)) = socket.recv_from(&mut packet) else { continue };
        if let Some(reply) = sntp::answer(packet.get(..length).unwrap_or_default(), sntp::now(), known.get())
        {
            drop(socket.send_to(&reply, from));
        }
        count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_asks_the_other() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let known = Known::default();
        known.set();
        let told = std::thread::spawn(move || serve(&socket, &known, |count| count < 1));
        let sample = ask(address).unwrap();
        told.join().unwrap();
        assert!(sample.offset.abs() < 1_000_000_000, "{sample:?}");
    }
}
