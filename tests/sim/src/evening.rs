//! The end of a schedule: everything is put right, and then everything must come right.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use anyhow::Result;

use crate::clients::Clients;
use crate::commands::{job_made, queue_made};
use crate::disk::Trouble;
use crate::event::Ending;
use crate::operator::leader;
use crate::trace::note;
use crate::world::{LOOK_MS, World};

/// How long after the last fault everything must be well again; a piece of a snapshot that is lost is waited for for a
/// minute.
const SETTLE_MS: u64 = 90_000;

impl World {
    /// Puts everything right, and waits until it is.
    pub(crate) fn settle(&mut self) -> Result<Ending> {
        note!(self.shared.trace, "-- everything is put right");
        self.agenda.clear();
        self.operator.close();
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
            if self.now_ms.is_multiple_of(LOOK_MS) {
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
        if let Some(errand) = self.operator.busy() {
            return Some(format!("{errand:?} is not done"));
        }
        let Some((_, leader)) = leader(&self.hosts) else { return Some("nobody leads".to_owned()) };
        let members: BTreeSet<u64> = leader.status().members.iter().map(|found| found.member.id).collect();
        let mut places = BTreeSet::new();
        for host in self.hosts.iter().filter(|host| members.contains(&host.id)) {
            let Some(node) = host.node() else { return Some(format!("member {} is not open", host.id)) };
            let status = node.status();
            let leader = status.leader.map(|leader| leader.id);
            places.insert((status.applied, status.state_hash.to_bytes(), leader));
        }
        (places.len() > 1).then(|| format!("members {members:?} differ in leader or state"))
    }

    fn ending(&self, stuck: Option<String>) -> Ending {
        let mut ending = Ending { stuck, ..Ending::default() };
        let Some((_, leader)) = leader(&self.hosts) else { return ending };
        leader.with(|machine| {
            ending.revision = machine.state.revision();
            let jobs = machine.state.jobs().map(job_made);
            for (made, revision) in jobs.chain(machine.state.queues().map(queue_made)) {
                ending.resources.insert(made.name, (made.mark, revision));
            }
        });
        ending
    }
}
