//! The simulated network: every packet waits for its time to arrive, may arrive twice or never, and links may be cut in
//! one direction or both. Members talk to members over it, and clients to members.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use holdfast_raft::{Member, Network, NetworkError, RpcKind};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::chance::Chance;
use crate::event::Seen;
use crate::plant::Plant;
use crate::tally::Kind;
use crate::trace::{Trace, note};
use crate::wire::{appended, spoiled};
use crate::witness::Witness;

/// What a client asks of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// To commit a command.
    Write(Vec<u8>),
    /// To read a queue through the barrier.
    Read(String),
}

/// What a member tells a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// The command was applied, and this is the machine's answer.
    Outcome(Vec<u8>),
    /// The state's revision, and the queue's.
    Queue(u64, u64),
    /// The command was not taken; this may be the leader.
    Elsewhere(Option<u64>),
    /// Nobody knows whether the command was taken.
    Unknown,
}

/// What a packet carries.
#[derive(Debug)]
pub(crate) enum Load {
    /// A call of another member.
    Call(RpcKind, Vec<u8>),
    /// The answer to one.
    Reply(Result<Vec<u8>, NetworkError>),
    /// A question of a client.
    Ask(Ask),
    /// The answer to one.
    Told(Told),
}

/// Something on its way.
#[derive(Debug)]
pub(crate) struct Packet {
    /// From whom; 0 is the clients' machine.
    pub(crate) from: u64,
    /// To whom.
    pub(crate) to: u64,
    /// Which call it belongs to.
    pub(crate) call: u64,
    /// What.
    pub(crate) load: Load,
}

/// How bad the links are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    /// Packets of a hundred that are lost.
    pub(crate) lost: u64,
    /// Packets of a hundred that arrive twice.
    pub(crate) doubled: u64,
    /// The longest that a packet takes beyond the usual.
    pub(crate) delay_ms: u64,
}

/// What a caller waits on.
enum Waiting {
    Reply(oneshot::Sender<Result<Vec<u8>, NetworkError>>),
    Told(oneshot::Sender<Told>),
}

struct Wires {
    now_ms: u64,
    next: u64,
    chance: Chance,
    weather: Weather,
    cut: BTreeSet<(u64, u64)>,
    air: BTreeMap<(u64, u64), Packet>,
    /// The newest packet that arrived on each link.
    newest: BTreeMap<(u64, u64), u64>,
    waiting: BTreeMap<u64, Waiting>,
    plant: Plant,
}

/// The network; cheap to clone.
#[derive(Clone)]
pub(crate) struct Net {
    wires: Arc<Mutex<Wires>>,
    trace: Trace,
    witness: Witness,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").field("cut", &self.wires.lock().cut).finish_non_exhaustive()
    }
}

impl Wires {
    /// Puts a packet on its way, unless it is lost at once.
    fn send(&mut self, packet: Packet, trace: &Trace) {
        let lost = self.chance.percent(self.weather.lost);
        if lost || self.cut.contains(&(packet.from, packet.to)) {
            note!(trace, "{}>{} #{} lost", packet.from, packet.to, packet.call);
            trace.count(Kind::Lost);
            return;
        }
        let late = self.chance.below(self.weather.delay_ms + 1);
        let delay = 1 + self.chance.below(3) + late;
        if late > 0 {
            trace.count(Kind::Late);
        }
        self.next += 1;
        self.air.insert((self.now_ms + delay, self.next), packet);
    }
}

impl Net {
    /// A network in good weather.
    #[must_use]
    pub(crate) fn new(chance: Chance, plant: Plant, trace: Trace, witness: Witness) -> Self {
        let wires = Wires {
            now_ms: 0,
            next: 0,
            chance,
            weather: Weather::default(),
            cut: BTreeSet::new(),
            air: BTreeMap::new(),
            newest: BTreeMap::new(),
            waiting: BTreeMap::new(),
            plant,
        };
        Self { wires: Arc::new(Mutex::new(wires)), trace, witness }
    }

    /// The end of the network that member `id` calls from.
    #[must_use]
    pub(crate) fn link(&self, id: u64) -> Link {
        Link { net: self.clone(), from: id }
    }

    /// Changes the weather.
    pub(crate) fn weather(&self, weather: Weather) {
        self.wires.lock().weather = weather;
    }

    /// Cuts the way from one to another.
    pub(crate) fn cut(&self, from: u64, to: u64) {
        self.wires.lock().cut.insert((from, to));
    }

    /// Good weather, and no link is cut.
    pub(crate) fn heal(&self) {
        let mut wires = self.wires.lock();
        wires.weather = Weather::default();
        if wires.plant != Plant::NeverHeals {
            wires.cut.clear();
        }
    }

    /// Takes what arrives by now; answers go to whoever waits for them, the rest is handed out.
    #[must_use]
    pub(crate) fn arrive(&self, now_ms: u64, asleep: &BTreeSet<u64>) -> Vec<Packet> {
        let mut wires = self.wires.lock();
        wires.now_ms = now_ms;
        let mut arrived = Vec::new();
        let due: Vec<(u64, u64)> = wires.air.range(..=(now_ms, u64::MAX)).map(|(due, _)| *due).collect();
        for due in due {
            let Some(packet) = wires.air.remove(&due) else { continue };
            if wires.cut.contains(&(packet.from, packet.to)) {
                note!(self.trace, "{}>{} #{} cut", packet.from, packet.to, packet.call);
                self.trace.count(Kind::Lost);
                continue;
            }
            if asleep.contains(&packet.to) {
                // It waits in the receiver's socket.
                wires.air.insert((now_ms + 1, due.1), packet);
                continue;
            }
            note!(self.trace, "{}>{} #{} arrives", packet.from, packet.to, packet.call);
            let newest = wires.newest.entry((packet.from, packet.to)).or_default();
            if due.1 < *newest {
                self.trace.count(Kind::Overtaken);
            }
            *newest = due.1.max(*newest);
            match (packet.load, wires.waiting.remove(&packet.call)) {
                // Whoever stopped waiting needs no answer.
                (Load::Reply(reply), Some(Waiting::Reply(waiting))) => drop(waiting.send(reply)),
                (Load::Told(told), Some(Waiting::Told(waiting))) => drop(waiting.send(told)),
                (Load::Reply(_) | Load::Told(_), _) => {}
                (load, waiting) => {
                    if let Some(waiting) = waiting {
                        wires.waiting.insert(packet.call, waiting);
                    }
                    arrived.push(Packet { load, ..packet });
                }
            }
        }
        arrived
    }

    /// Sends an answer back.
    pub(crate) fn answer(&self, from: u64, to: u64, call: u64, load: Load) {
        self.wires.lock().send(Packet { from, to, call, load }, &self.trace);
    }

    fn call(
        &self,
        from: u64,
        to: u64,
        rpc: RpcKind,
        body: Vec<u8>,
    ) -> oneshot::Receiver<Result<Vec<u8>, NetworkError>> {
        let (sender, receiver) = oneshot::channel();
        let body = self.spoil(&mut self.wires.lock(), to, body);
        self.watch(from, rpc, &body);
        let mut wires = self.wires.lock();
        wires.next += 1;
        let call = wires.next;
        note!(self.trace, "{from}>{to} #{call} {rpc:?} {}B {:08x}", body.len(), crc32c::crc32c(&body));
        wires.waiting.insert(call, Waiting::Reply(sender));
        let doubled = wires.weather.doubled;
        if wires.chance.percent(doubled) {
            let load = Load::Call(rpc, body.clone());
            self.trace.count(Kind::Doubled);
            wires.send(Packet { from, to, call, load }, &self.trace);
        }
        wires.send(Packet { from, to, call, load: Load::Call(rpc, body) }, &self.trace);
        receiver
    }

    fn spoil(&self, wires: &mut Wires, to: u64, body: Vec<u8>) -> Vec<u8> {
        if wires.plant != Plant::Spoiler || to != 2 || !wires.chance.percent(2) {
            return body;
        }
        spoiled(&body).unwrap_or(body)
    }

    fn watch(&self, from: u64, rpc: RpcKind, body: &[u8]) {
        if rpc == RpcKind::Append
            && let Some(call) = appended(body)
        {
            self.witness.tell(&Seen::Appended { from, call });
        }
    }

    /// Asks a member in a client's name; `None` where no answer came in time.
    pub(crate) async fn ask(&self, to: u64, ask: Ask, timeout: Duration) -> Option<Told> {
        let (sender, receiver) = oneshot::channel();
        let call = {
            let mut wires = self.wires.lock();
            wires.next += 1;
            let call = wires.next;
            wires.waiting.insert(call, Waiting::Told(sender));
            wires.send(Packet { from: 0, to, call, load: Load::Ask(ask) }, &self.trace);
            call
        };
        let told = tokio::time::timeout(timeout, receiver).await;
        self.wires.lock().waiting.remove(&call);
        told.ok()?.ok()
    }
}

/// One member's end of the network.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    net: Net,
    from: u64,
}

impl Network for Link {
    fn call(
        &self,
        target: &Member,
        rpc: RpcKind,
        body: Vec<u8>,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, NetworkError>> {
        let receiver = self.net.call(self.from, target.id, rpc, body);
        Box::pin(async move {
            match tokio::time::timeout(timeout, receiver).await {
                Ok(Ok(reply)) => reply,
                Ok(Err(_)) | Err(_) => Err(NetworkError::Timeout),
            }
        })
    }
}
