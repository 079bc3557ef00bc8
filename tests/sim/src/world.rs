//! One schedule: the members, the network, the clients and the watchers, moved on together in small steps of time, and
//! the plan carried out on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;

use crate::chance::Chance;
use crate::clients::{Clients, Desk};
use crate::commands::{job_made, queue_made};
use crate::disk::{Drive, Image, Trouble};
use crate::event::{Ending, Hash, Seen};
use crate::host::{Host, Shared, member};
use crate::net::Net;
use crate::plan::{Act, Plan, draw};
use crate::plant::Plant;
use crate::trace::{Trace, note};
use crate::watchers::Watcher;
use crate::witness::{Breach, Witness};

/// How far the world moves at once.
const STEP_MS: u64 = 2;
/// How often the members are looked at.
const LOOK_MS: u64 = 20;
/// Whoever failed is started again after this.
const RESTART_MS: u64 = 300;
/// How long after the last fault everything must be well again; a piece of a snapshot that is lost is waited for for a
/// minute.
const SETTLE_MS: u64 = 90_000;
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
    /// The last lines.
    pub last: Vec<String>,
}

/// Everything there is.
struct World {
    shared: Shared,
    chance: Chance,
    plan: Plan,
    hosts: Vec<Host>,
    clients: Option<Clients>,
    watchers: Vec<Watcher>,
    agenda: BTreeMap<(u64, usize), Act>,
    now_ms: u64,
    leads: BTreeMap<u64, u64>,
    founded: bool,
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
    while world.now_ms < world.plan.until_ms && witness.breach().is_none() {
        world.step()?;
    }
    let ending = world.settle()?;
    witness.end(&ending);
    drop(world);
    Ok(Report { seed, digest: trace.digest(), breach: witness.breach(), last: trace.last() })
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

    fn host(&mut self, id: u64) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|host| host.id == id)
    }

    fn step(&mut self) -> Result<()> {
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
        if self.now_ms % LOOK_MS == 0 {
            self.look();
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
    fn look(&mut self) {
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
                continue;
            }
            let Some(node) = host.node().filter(|_| !host.asleep) else { continue };
            let status = node.status();
            if let Some(index) = status.applied {
                let hash: Hash = status.state_hash.to_bytes();
                self.shared.witness.tell(&Seen::Stands { member: host.id, index, hash });
            }
            if node.is_leader() && self.leads.insert(host.id, status.term) != Some(status.term) {
                note!(self.shared.trace, "member {} leads term {}", host.id, status.term);
                let log = node.log_terms();
                let (member, term, purged) = (host.id, status.term, status.purged.unwrap_or(0));
                self.shared.witness.tell(&Seen::Leads { member, term, purged, log });
            }
        }
    }

    /// Puts everything right, and waits until it is.
    fn settle(&mut self) -> Result<Ending> {
        note!(self.shared.trace, "-- everything is put right");
        self.agenda.clear();
        self.shared.net.heal();
        for host in &mut self.hosts {
            host.drive.trouble(Trouble::Over);
            host.sync_ms.store(0, Ordering::Relaxed);
            host.drift_ppm = 0;
            host.asleep = false;
            if !host.is_on() {
                host.boot()?;
            }
        }
        if let Some(clients) = &self.clients {
            clients.stop(&mut self.chance);
        }
        let deadline = self.now_ms + SETTLE_MS;
        let mut stuck = self.unsettled();
        while stuck.is_some() && self.now_ms < deadline && self.shared.witness.breach().is_none() {
            self.step()?;
            if self.now_ms % LOOK_MS == 0 {
                stuck = self.unsettled();
            }
        }
        Ok(self.ending(stuck))
    }

    /// What is not well yet.
    fn unsettled(&self) -> Option<String> {
        let busy = self.clients.as_ref().map_or(0, Clients::busy);
        if busy > 0 {
            return Some(format!("{busy} clients wait for an answer"));
        }
        let mut places = BTreeSet::new();
        for host in &self.hosts {
            let Some(node) = host.node() else { return Some(format!("member {} is not open", host.id)) };
            let status = node.status();
            places.insert((
                status.applied,
                status.state_hash.to_bytes(),
                status.leader.map(|leader| leader.id),
            ));
        }
        (places.len() > 1).then(|| "the members differ in leader or state".to_owned())
    }

    fn ending(&self, stuck: Option<String>) -> Ending {
        let mut ending = Ending { stuck, ..Ending::default() };
        for node in self.hosts.iter().filter_map(Host::node) {
            let status = node.status();
            ending.members.push((status.id, status.applied.unwrap_or(0), status.state_hash.to_bytes()));
            if !node.is_leader() {
                continue;
            }
            node.with(|machine| {
                ending.revision = machine.state.revision();
                let jobs = machine.state.jobs().map(job_made);
                for (made, revision) in jobs.chain(machine.state.queues().map(queue_made)) {
                    ending.resources.insert(made.name, (made.mark, revision));
                }
            });
        }
        ending
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
