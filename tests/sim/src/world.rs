//! One schedule: the members, the network, the clients and the watchers, moved on together in small steps of time, and
//! the plan carried out on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use holdfast_raft::Exclusion;

use crate::chance::Chance;
use crate::clients::{Clients, Desk};
use crate::disk::{Drive, Image, Trouble};
use crate::event::{Hash, Seen};
use crate::host::{Host, Shared, member};
use crate::net::Net;
use crate::operator::{Errand, Operator, leader};
use crate::plan::{Act, Plan, draw};
use crate::plant::Plant;
use crate::tally::Kind;
use crate::trace::{Trace, note};
use crate::watchers::Watcher;
use crate::witness::{Breach, Witness};

/// How far the world moves at once.
const STEP_MS: u64 = 2;
/// How often the members are looked at.
pub(crate) const LOOK_MS: u64 = 20;
/// Whoever failed is started again after this.
const RESTART_MS: u64 = 300;
/// A state that went wrong is noticed at the next entry that is compared; the clients need this long to write so many.
const NOTICE_MS: u64 = 20_000;
const WATCHERS: u64 = 2;

/// How a schedule ended.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The hash and number of its lines.
    pub digest: (u64, u64),
    /// What broke.
    pub breach: Option<Breach>,
    /// How often each kind of thing happened.
    pub counts: BTreeMap<Kind, u64>,
    /// The last lines.
    pub last: Vec<String>,
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) shared: Shared,
    pub(crate) chance: Chance,
    pub(crate) plan: Plan,
    pub(crate) hosts: Vec<Host>,
    pub(crate) clients: Option<Clients>,
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) agenda: BTreeMap<(u64, usize), Act>,
    pub(crate) now_ms: u64,
    pub(crate) leads: BTreeMap<u64, u64>,
    pub(crate) purged: BTreeMap<u64, u64>,
    pub(crate) excluded: BTreeSet<u64>,
    pub(crate) operator: Operator,
    pub(crate) founded: bool,
}

/// Runs the schedule of a seed.
///
/// # Errors
///
/// No runtime can be had.
pub fn run(seed: u64, plant: Plant, print: bool) -> Result<Report> {
    let trace = Trace::new(print);
    let witness = Witness::new(trace.clone());
    let mut world = World::new(seed, plant, &trace, &witness);
    world.open()?;
    while world.goes_on() && witness.breach().is_none() {
        world.step()?;
    }
    let ending = world.settle()?;
    witness.end(&ending);
    drop(world);
    Ok(Report {
        seed,
        digest: trace.digest(),
        breach: witness.breach(),
        counts: trace.counts(),
        last: trace.last(),
    })
}

impl World {
    fn new(seed: u64, plant: Plant, trace: &Trace, witness: &Witness) -> Self {
        let mut chance = Chance::new(seed);
        let plan = draw(&mut chance);
        note!(
            trace,
            "seed {seed}: {} members, {} clients, until {}",
            plan.members,
            plan.clients,
            plan.until_ms
        );
        let net = Net::new(chance.split(), plant, trace.clone(), witness.clone());
        let shared = Shared {
            net,
            witness: witness.clone(),
            trace: trace.clone(),
            plant,
            snapshot_every: plan.snapshot_every,
            now_ms: Arc::new(AtomicU64::new(0)),
        };
        let hosts = (1..=plan.members).map(|id| {
            let drive = Drive::new(&format!("disk {id}"), Image::default(), chance.split(), trace.clone());
            if plant == Plant::LyingDisk {
                drive.trouble(Trouble::Lies);
            }
            Host::new(id, drive, shared.clone())
        });
        let hosts = hosts.collect();
        let agenda = plan.acts.iter().enumerate().map(|(nth, (at, act))| ((*at, nth), act.clone())).collect();
        let watchers = (1..=WATCHERS).map(|id| Watcher::new(id, chance.split(), plant)).collect();
        Self {
            shared,
            chance,
            plan,
            hosts,
            clients: None,
            watchers,
            agenda,
            now_ms: 0,
            leads: BTreeMap::new(),
            purged: BTreeMap::new(),
            excluded: BTreeSet::new(),
            operator: Operator::default(),
            founded: false,
        }
    }

    fn open(&mut self) -> Result<()> {
        for host in &mut self.hosts {
            host.boot()?;
        }
        let desk = Desk {
            net: self.shared.net.clone(),
            witness: self.shared.witness.clone(),
            trace: self.shared.trace.clone(),
            now_ms: Arc::clone(&self.shared.now_ms),
            members: self.plan.members,
        };
        self.clients = Some(Clients::start(desk, self.plan.clients, &mut self.chance)?);
        Ok(())
    }

    /// Whether the day is not over: a state that went wrong has to be noticed before.
    fn goes_on(&self) -> bool {
        let unnoticed = self.hosts.iter().any(|host| host.spoiled && !host.wiped);
        self.now_ms < self.plan.until_ms || unnoticed && self.now_ms < self.plan.until_ms + NOTICE_MS
    }

    fn host(&mut self, id: u64) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|host| host.id == id)
    }

    /// Moves everything on.
    pub(crate) fn step(&mut self) -> Result<()> {
        self.now_ms += STEP_MS;
        self.shared.now_ms.store(self.now_ms, Ordering::Relaxed);
        self.shared.trace.at(self.now_ms);
        while let Some(entry) = self.agenda.first_entry() {
            if entry.key().0 > self.now_ms {
                break;
            }
            let act = entry.remove();
            self.act(&act)?;
        }
        let asleep: BTreeSet<u64> =
            self.hosts.iter().filter(|host| host.asleep).map(|host| host.id).collect();
        for packet in self.shared.net.arrive(self.now_ms, &asleep) {
            if let Some(host) = self.host(packet.to) {
                host.take(packet);
            }
        }
        for host in &mut self.hosts {
            host.run(STEP_MS);
        }
        self.trips();
        if let Some(clients) = &mut self.clients {
            clients.run(STEP_MS);
        }
        for watcher in &mut self.watchers {
            watcher.step(self.now_ms, &self.hosts, &self.shared);
        }
        if self.now_ms.is_multiple_of(LOOK_MS) {
            self.look()?;
        }
        Ok(())
    }

    /// Members whose power failed by itself.
    fn trips(&mut self) {
        for host in &mut self.hosts {
            if host.is_on() && host.drive.tripped() {
                let cut = self.chance.pick(&[crate::disk::Cut::Unsynced, crate::disk::Cut::Torn]);
                host.crash(cut.unwrap_or(crate::disk::Cut::Torn));
            }
        }
    }

    fn act(&mut self, act: &Act) -> Result<()> {
        note!(self.shared.trace, "-- {act:?}");
        if let Some(kind) = act.kind() {
            self.shared.trace.count(kind);
        }
        let net = self.shared.net.clone();
        match act {
            Act::Part(left, right) => {
                for (from, to) in left.iter().flat_map(|from| right.iter().map(move |to| (*from, *to))) {
                    net.cut(from, to);
                    net.cut(to, from);
                }
            }
            Act::OneWay(from, to) => net.cut(*from, *to),
            Act::Heal => net.heal(),
            Act::Weather(weather) => net.weather(*weather),
            Act::Errand(errand) => {
                if let Errand::Join(id) = errand {
                    self.new_host(*id)?;
                }
                self.operator.add(*errand);
            }
            Act::Lose(old, new) => self.lose(*old, *new)?,
            Act::Spoil(id) => {
                let leads = leader(&self.hosts).map(|(host, _)| host.id);
                if let Some(host) = self.host(*id).filter(|host| Some(host.id) != leads) {
                    host.spoiled = true;
                    host.spoil.store(true, Ordering::Relaxed);
                }
            }
            Act::Crash(id, _)
            | Act::Boot(id)
            | Act::Sleep(id)
            | Act::Wake(id)
            | Act::Skew(id, _)
            | Act::Drift(id, _)
            | Act::Disk(id, _)
            | Act::SlowSync(id, _)
            | Act::Snapshot(id) => {
                if let Some(host) = self.host(*id) {
                    act_on(host, act)?;
                }
            }
        }
        Ok(())
    }

    /// Looks at every member: founds the cluster once all are open, restarts who failed, tells the witness.
    fn look(&mut self) -> Result<()> {
        self.operator.look(&self.hosts, &self.shared.trace);
        if !self.founded && self.hosts.iter().all(|host| host.node().is_some()) {
            self.founded = true;
            if let Some(host) = self.hosts.first() {
                host.found((1..=self.plan.members).map(member).collect());
            }
        }
        for host in &mut self.hosts {
            if let (true, Some(reason)) = (host.is_on(), host.failure()) {
                note!(self.shared.trace, "member {} failed: {reason}", host.id);
                host.crash(crate::disk::Cut::Nothing);
                let nth = usize::try_from(host.id).unwrap_or(0);
                self.agenda.insert((self.now_ms + RESTART_MS, 1_000 + nth), Act::Boot(host.id));
            }
        }
        self.tell();
        self.expel()
    }

    /// Tells the witness where every member stands and who has begun to lead.
    fn tell(&mut self) {
        for host in self.hosts.iter().filter(|host| !host.asleep) {
            let Some(node) = host.node() else { continue };
            let status = node.status();
            if let Some(index) = status.applied {
                let hash: Hash = status.state_hash.to_bytes();
                self.shared.witness.tell(&Seen::Stands { member: host.id, index, hash });
            }
            if status.excluded == Some(Exclusion::LostLog) && self.excluded.insert(host.id) {
                self.shared.trace.count(Kind::Excluded);
            }
            if let Some(purged) = status.purged
                && self.purged.insert(host.id, purged).is_some_and(|before| before < purged)
            {
                self.shared.trace.count(Kind::Purged);
            }
            if node.is_leader() && self.leads.insert(host.id, status.term) != Some(status.term) {
                note!(self.shared.trace, "member {} leads term {}", host.id, status.term);
                self.shared.trace.count(Kind::Elected);
                let log = node.log_terms();
                let (member, term, purged) = (host.id, status.term, status.purged.unwrap_or(0));
                self.shared.witness.tell(&Seen::Leads { member, term, purged, log });
            }
        }
    }

    /// Replaces a member that found its state to be wrong.
    fn expel(&mut self) -> Result<()> {
        let wrong = self.hosts.iter().find(|host| host.spoiled && !host.wiped && host.is_quarantined());
        let Some(old) = wrong.map(|host| host.id) else { return Ok(()) };
        self.shared.trace.count(Kind::Quarantined);
        self.lose(old, self.plan.members + 1)
    }

    /// A machine that was not there before.
    fn new_host(&mut self, id: u64) -> Result<()> {
        let (trace, name) = (self.shared.trace.clone(), format!("disk {id}"));
        let drive = Drive::new(&name, Image::default(), self.chance.split(), trace);
        let mut host = Host::new(id, drive, self.shared.clone());
        host.boot()?;
        self.hosts.push(host);
        Ok(())
    }

    /// A member loses its disk and comes back under its old name without it; a new one is to take its place.
    fn lose(&mut self, old: u64, new: u64) -> Result<()> {
        if let Some(host) = self.host(old) {
            host.crash(crate::disk::Cut::Nothing);
            host.wipe();
            host.boot()?;
        }
        self.new_host(new)?;
        self.operator.add(Errand::Replace(old, new));
        Ok(())
    }
}

fn act_on(host: &mut Host, act: &Act) -> Result<()> {
    match act {
        Act::Crash(_, cut) if host.is_on() => host.crash(*cut),
        Act::Boot(_) if !host.is_on() => host.boot()?,
        Act::Sleep(_) => host.asleep = host.is_on(),
        Act::Wake(_) => host.asleep = false,
        Act::Skew(_, off) => host.skew_ms.store(*off, Ordering::Relaxed),
        Act::Drift(_, ppm) => host.drift_ppm = *ppm,
        Act::Disk(_, trouble) => host.drive.trouble(*trouble),
        Act::SlowSync(_, slow) => host.sync_ms.store(*slow, Ordering::Relaxed),
        Act::Snapshot(_) => host.spawn(|node, trace| async move {
            if let Err(error) = node.trigger_snapshot().await {
                note!(trace, "no snapshot: {error}");
            }
        }),
        _ => {}
    }
    Ok(())
}
