//! When services are started, started again and stopped: decisions alone, with the time given. What carries them out is elsewhere.

/// How long a service that ended waits at first before it starts again; each further end doubles it.
const FIRST_PAUSE: u64 = 1_000;
const LONGEST_PAUSE: u64 = 30_000;
/// A service that ran so long has shown that it can.
const SETTLED: u64 = 60_000;
/// How long a service may take to end by itself.
const GRACE: u64 = 20_000;
/// A service that has given no sign of life for so long hangs.
const SILENT: u64 = 60_000;
/// A sign of life that held within this time is good.
const FRESH: u64 = 5_000;

/// Milliseconds of a clock that never goes back.
pub(crate) type Now = u64;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Start the service.
    Start(String),
    /// Ask it to end.
    Stop(String, i32),
    /// End it and all it started.
    Kill(String, i32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting { until: Now },
    Starting,
    Running { pid: i32, since: Now },
    Stopping { pid: i32, until: Now },
    Stopped,
}

#[derive(Debug, Clone)]
struct Service {
    name: String,
    state: State,
    /// Ends in a row without having settled.
    ends: u32,
    /// When its sign of life last held.
    beat: Option<Now>,
    /// Whether all is well only where this is.
    matters: bool,
}

/// All services, in the order in which they start; they stop in the opposite one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Supervisor {
    services: Vec<Service>,
    stopping: bool,
}

impl Supervisor {
    /// Looks after one more. One that does not matter may be ill while all is well.
    pub(crate) fn add(&mut self, name: &str, matters: bool) {
        let state = State::Waiting { until: 0 };
        self.services.push(Service { name: name.to_owned(), state, ends: 0, beat: None, matters });
    }

    /// What is due.
    pub(crate) fn tick(&mut self, now: Now) -> Vec<Act> {
        if self.stopping {
            return self.next_stop(now);
        }
        self.services.iter_mut().filter_map(|service| service.due(now)).collect()
    }

    /// One after the other, the last one first: what depends on others ends before them.
    fn next_stop(&mut self, now: Now) -> Vec<Act> {
        for service in self.services.iter_mut().rev() {
            match service.state {
                State::Stopped => {}
                State::Waiting { .. } => service.state = State::Stopped,
                State::Running { pid, .. } => {
                    service.state = State::Stopping { pid, until: now + GRACE };
                    return vec![Act::Stop(service.name.clone(), pid)];
                }
                State::Stopping { pid, until } if now >= until => {
                    service.state = State::Stopping { pid, until: now + GRACE };
                    return vec![Act::Kill(service.name.clone(), pid)];
                }
                State::Starting | State::Stopping { .. } => return Vec::new(),
            }
        }
        Vec::new()
    }

    /// A service was started.
    pub(crate) fn started(&mut self, name: &str, pid: i32, now: Now) {
        if let Some(service) = self.services.iter_mut().find(|service| service.name == name) {
            service.state = State::Running { pid, since: now };
            service.beat = None;
        }
    }

    /// A service could not be started.
    pub(crate) fn refused(&mut self, name: &str, now: Now) {
        if let Some(service) = self.services.iter_mut().find(|service| service.name == name) {
            service.wait(now);
        }
    }

    /// A process ended; the service it was, and how often it ended in a row.
    pub(crate) fn ended(&mut self, pid: i32, now: Now) -> Option<(String, u32)> {
        let stopping = self.stopping;
        let service = self.services.iter_mut().find(|service| service.pid() == Some(pid))?;
        if let State::Running { since, .. } = service.state
            && now.saturating_sub(since) >= SETTLED
        {
            service.ends = 0;
        }
        if stopping {
            service.state = State::Stopped;
        } else {
            service.wait(now);
        }
        Some((service.name.clone(), service.ends))
    }

    /// A service gives a sign of life.
    pub(crate) fn beat(&mut self, name: &str, now: Now) {
        if let Some(service) = self.services.iter_mut().find(|service| service.name == name) {
            service.beat = Some(now);
        }
    }

    /// Begins to stop all of them.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
    }

    /// Whether none runs any more.
    pub(crate) fn stopped(&self) -> bool {
        self.stopping && self.services.iter().all(|service| service.state == State::Stopped)
    }

    /// The services that are not well, in a few words; none when all are.
    pub(crate) fn ailing(&self, now: Now) -> Option<String> {
        let ill = |service: &&Service| service.matters && !service.well(now);
        let ill: Vec<&str> = self.services.iter().filter(ill).map(|service| service.name.as_str()).collect();
        (!ill.is_empty()).then(|| format!("not well: {}", ill.join(", ")))
    }
}

impl Service {
    fn pid(&self) -> Option<i32> {
        match self.state {
            State::Running { pid, .. } | State::Stopping { pid, .. } => Some(pid),
            State::Waiting { .. } | State::Starting | State::Stopped => None,
        }
    }

    fn wait(&mut self, now: Now) {
        let pause = FIRST_PAUSE.checked_shl(self.ends).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
        self.state = State::Waiting { until: now + pause };
        self.ends = self.ends.saturating_add(1).min(16);
    }

    fn due(&mut self, now: Now) -> Option<Act> {
        match self.state {
            State::Waiting { until } if now >= until => {
                self.state = State::Starting;
                Some(Act::Start(self.name.clone()))
            }
            // One that never beat may be one that is on its way up: the gate of the boot judges it.
            State::Running { pid, .. } if self.beat.is_some_and(|beat| now >= beat + SILENT) => {
                self.state = State::Stopping { pid, until: now + GRACE };
                Some(Act::Stop(self.name.clone(), pid))
            }
            State::Stopping { pid, until } if now >= until => {
                self.state = State::Stopping { pid, until: now + GRACE };
                Some(Act::Kill(self.name.clone(), pid))
            }
            _ => None,
        }
    }

    fn well(&self, now: Now) -> bool {
        matches!(self.state, State::Running { .. }) && self.beat.is_some_and(|beat| now < beat + FRESH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Supervisor {
        let mut supervisor = Supervisor::default();
        supervisor.add("a", true);
        supervisor.add("b", true);
        supervisor
    }

    #[test]
    fn a_service_that_ends_again_and_again_waits_longer_each_time() {
        let mut all = Supervisor::default();
        all.add("a", true);
        let (mut now, mut pauses) = (0, Vec::new());
        for pid in 1..=8 {
            let began = now;
            while all.tick(now).is_empty() {
                now += 100;
            }
            pauses.push(now - began);
            assert_eq!(all.tick(now), [], "it is started once");
            all.started("a", pid, now);
            assert_eq!(all.ended(pid, now).unwrap().0, "a");
        }
        assert_eq!(pauses, [0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        // Once it has run for a while, an end is a first one again.
        all.tick(now + 40_000);
        all.started("a", 9, now + 40_000);
        assert_eq!(all.ended(9, now + 100_000), Some(("a".to_owned(), 1)));
        assert_eq!(all.ended(77, now), None, "a process that is none of ours");
    }

    #[test]
    fn a_service_is_well_while_it_gives_signs_of_life_and_is_ended_when_it_stops() {
        let mut all = Supervisor::default();
        all.add("a", true);
        all.tick(0);
        all.started("a", 1, 0);
        assert_eq!(all.ailing(10), Some("not well: a".to_owned()), "it never beat");
        assert_eq!(all.tick(500_000), [], "one that never beat is not ended for it");
        all.beat("a", 500_000);
        assert_eq!(all.ailing(504_999), None);
        assert!(all.ailing(505_000).is_some());
        assert_eq!(all.tick(559_999), []);
        assert_eq!(all.tick(560_000), [Act::Stop("a".to_owned(), 1)]);
        assert_eq!(all.tick(579_999), []);
        assert_eq!(all.tick(580_000), [Act::Kill("a".to_owned(), 1)]);
        all.ended(1, 580_001);
        assert_eq!(all.tick(581_001), [Act::Start("a".to_owned())]);
        all.refused("a", 581_001);
        assert_eq!(
            all.tick(583_001),
            [Act::Start("a".to_owned())],
            "what could not be started is tried again"
        );
    }

    #[test]
    fn all_is_well_although_a_service_that_does_not_matter_is_ill() {
        let mut all = Supervisor::default();
        all.add("a", true);
        all.add("aside", false);
        assert_eq!(all.tick(0).len(), 2, "it is started as well");
        all.started("a", 1, 0);
        all.beat("a", 0);
        assert_eq!(all.ailing(10), None);
    }

    #[test]
    fn services_stop_one_by_one_from_the_last() {
        let mut all = two();
        assert_eq!(all.tick(0).len(), 2);
        all.started("a", 1, 0);
        all.started("b", 2, 0);
        all.stop();
        assert_eq!(all.tick(10), [Act::Stop("b".to_owned(), 2)]);
        assert_eq!(all.tick(20_009), []);
        assert_eq!(all.tick(20_010), [Act::Kill("b".to_owned(), 2)]);
        assert!(!all.stopped());
        all.ended(2, 20_020);
        assert_eq!(all.tick(20_020), [Act::Stop("a".to_owned(), 1)]);
        all.ended(1, 20_030);
        assert_eq!(all.tick(20_030), []);
        assert!(all.stopped());
        // One that waits to be started again is not.
        let mut all = two();
        all.stop();
        all.tick(0);
        assert!(all.stopped());
    }
}
