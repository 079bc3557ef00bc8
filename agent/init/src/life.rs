//! The life of a machine that is up: its services run, its start is judged, and in the end it goes down in order.

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_firmware::Variables;
use holdfast_release::machine::{Health, Machine, Role, write};
use rustix::mount::{UnmountFlags, unmount};
use serde_json::json;

use crate::bless::{self, Places};
use crate::clock::{self, Known};
use crate::event::{event, power_off, restart, say};
use crate::generations::{Chosen, Generations};
use crate::health::{self, Gate, Verdict};
use crate::network::{self, Asks};
use crate::service::{self, Service};
use crate::signals::{End, Signals, reap};
use crate::storage::{DATA, RAFT, STATE};
use crate::supervise::{Act, Now, Supervisor};
use crate::support::Support;
use crate::told::{self, Told};
use crate::unlock::By;
use crate::watchdog::Watchdog;
use crate::words::{Asked, Words};
use crate::{extensions, firmware, memory, reset};

/// The directory of the configurations on STATE.
pub(crate) const CONFIG: &str = "machine";
const PROGRAM: &str = "/usr/bin/holdfast";
/// How often everything is looked at.
const TICK: Duration = Duration::from_millis(250);
/// A configuration that is tried has at most so long, in seconds.
const TRIAL: u32 = 120;
/// Going down takes at most so long.
const DOWN: Duration = Duration::from_secs(90);
/// A machine that is about to forget everything stays so long, for its agent to tell the controllers.
const FAREWELL: Duration = Duration::from_secs(15);

/// What the beginning of a machine's life leaves.
#[derive(Debug)]
pub(crate) struct Begun {
    /// What others tell it.
    pub(crate) signals: Signals,
    /// What is fed.
    pub(crate) watchdog: Watchdog,
    /// Where its start is written down.
    pub(crate) places: Places,
    /// Its configuration; without one it waits to be given one.
    pub(crate) chosen: Option<Chosen>,
    /// The directory of the configuration.
    pub(crate) state: Option<Utf8PathBuf>,
    /// What opened it, where it was locked.
    pub(crate) unlocked: Option<By>,
}

struct Life {
    begun: Begun,
    began: Instant,
    supervisor: Supervisor,
    services: Vec<Service>,
    gate: Option<Gate>,
    health: Health,
    known: Known,
    told: Told,
    support: Support,
    words: Words,
    /// When a machine goes down that was told to forget everything.
    leaves: Option<Instant>,
}

/// Lives until the machine ends.
pub(crate) fn live(begun: Begun) -> Result<(), String> {
    let mut life = Life {
        began: Instant::now(),
        supervisor: Supervisor::default(),
        services: Vec::new(),
        gate: None,
        health: Health::default(),
        known: Known::default(),
        told: Told::new(begun.places.slot, begun.places.meta.as_deref(), begun.unlocked),
        support: Support::default(),
        words: Words::listen(begun.chosen.as_ref().map(|chosen| &chosen.machine)),
        leaves: None,
        begun,
    };
    life.begin();
    loop {
        life.begun.watchdog.feed();
        if let Some(end) = life.begun.signals.wait(TICK) {
            life.end(end);
        }
        life.gather();
        life.carry_out();
        life.judge();
        match life.words.heard() {
            Some(Asked::Support) => life.support(),
            Some(Asked::Configuration(machine)) => life.try_configuration(&machine),
            None => {}
        }
        if told::restart_asked() {
            say("starts again, as a service asks");
            life.end(End::Restart);
        }
        if life.forgets() {
            life.end(End::Restart);
        }
    }
}

/// What runs on a machine. The machine of a controller has an agent too, through which its system is updated and reset.
fn services(role: Role, file: &Utf8Path, state: &Utf8Path) -> Vec<Service> {
    let words = [PROGRAM, "__machine", "--machine", file.as_str(), "--state", state.as_str()];
    let places = ["--raft", RAFT.at, "--data", DATA.at];
    let command: Vec<String> = words.into_iter().chain(places).map(str::to_owned).collect();
    // The signs of life are those of `controller/daemon` and `agent/runtime`.
    let lease = Utf8Path::new(DATA.at).join("agent/runtime/lease");
    let mut agent =
        Service { name: "agent".to_owned(), command: command.clone(), sign: lease, matters: true };
    if role == Role::Agent {
        return vec![agent];
    }
    agent.command.push("--agent".to_owned());
    // Before it has joined, whether it can is not for the release to show: the others may not have begun yet.
    agent.matters = state.join("agent/identity/chain.pem").exists();
    let sign = state.join("controller/alive");
    vec![Service { name: "controller".to_owned(), command, sign, matters: true }, agent]
}

impl Life {
    fn now(&self) -> Now {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn begin(&mut self) {
        self.tell(false);
        let Some(chosen) = &self.begun.chosen else { return };
        let spec = &chosen.machine.spec;
        let told = network::bring_up(&spec.network, &chosen.machine.metadata.name.to_string(), Asks::Network);
        self.known = clock::keep(spec, &told);
        self.health = spec.health.clone();
        if chosen.trial {
            self.health.deadline_seconds = self.health.deadline_seconds.min(TRIAL);
        }
        self.gate = Some(Gate::new(0, &self.health));
        let state = self.begun.state.clone().unwrap_or_else(|| STATE.at.into());
        let file = Generations::new(&state.join(CONFIG)).path(chosen.number);
        for service in services(spec.role, &file, &state) {
            self.supervisor.add(&service.name, service.matters);
            self.services.push(service);
        }
    }

    /// Takes in what happened.
    fn gather(&mut self) {
        let now = self.now();
        for (pid, how) in reap() {
            if self.support.ended(pid) {
                continue;
            }
            if let Some((name, ends)) = self.supervisor.ended(pid, now) {
                event("service.failed", &json!({ "service": name, "how": how, "ends": ends }));
            }
        }
        for service in self.services.iter().filter(|service| service.alive()) {
            self.supervisor.beat(&service.name, now);
        }
    }

    /// Does what is due. Before the time is known nothing starts that would put it down in writing.
    fn carry_out(&mut self) {
        let now = self.now();
        if !self.known.get() {
            return;
        }
        for act in self.supervisor.tick(now) {
            match act {
                Act::Start(name) => self.start(&name, now),
                Act::Stop(name, pid) => service::stop(&name, pid),
                Act::Kill(name, pid) => service::kill(&name, pid),
            }
        }
    }

    fn start(&mut self, name: &str, now: Now) {
        let Some(service) = self.services.iter().find(|service| service.name == name) else { return };
        match service.start() {
            Ok(pid) => {
                self.supervisor.started(name, pid, now);
                event("service.started", &json!({ "service": name }));
            }
            Err(error) => {
                self.supervisor.refused(name, now);
                event("service.failed", &json!({ "service": name, "how": error }));
            }
        }
    }

    fn judge(&mut self) {
        let now = self.now();
        let ailing = if self.known.get() {
            // What is not there is the better reason: services may suffer from it.
            let (sys, cards) = (Utf8Path::new("/sys"), network::cards().len());
            let missing = health::missing(&self.health, sys, cards, &extensions::names());
            missing.or_else(|| self.supervisor.ailing(now))
        } else {
            Some("the time is not known".to_owned())
        };
        let Some(gate) = &mut self.gate else { return };
        match gate.judge(now, ailing) {
            Verdict::Wait => {}
            Verdict::Good => self.good(),
            Verdict::Bad(why) => self.bad(&why),
        }
    }

    fn generations(&self) -> Option<Generations> {
        self.begun.state.as_ref().map(|state| Generations::new(&state.join(CONFIG)))
    }

    /// Tells the services what runs.
    fn tell(&mut self, healthy: bool) {
        if let Err(error) = self.told.tell(healthy) {
            say(format_args!("tell what runs: {error}"));
        }
    }

    fn good(&mut self) {
        match bless::good(&self.begun.places) {
            // A start that is not written down is counted again: nobody may give up the other slot for it.
            Err(error) => say(format_args!("write down that the start was good: {error}")),
            Ok(()) => {
                let opened = self.begun.places.esp.as_deref().map_or(Ok(()), told::open_loader);
                match opened {
                    Ok(()) => self.tell(true),
                    Err(error) => say(format_args!("without the loader's partition: {error}")),
                }
            }
        }
        if let Some(disk) = &self.begun.places.disk
            && let Err(error) = firmware::listed(&Variables::machine(), disk)
        {
            say(format_args!("the firmware finds this disk by itself: {error}"));
        }
        let generation = self.begun.chosen.as_ref().map(|chosen| chosen.number);
        let (slot, resident) = (self.begun.places.slot.to_string(), memory::resident("/proc".into()));
        event("boot.healthy", &json!({ "slot": slot, "generation": generation, "resident": resident }));
        let (Some(all), Some(chosen)) = (self.generations(), &self.begun.chosen) else { return };
        match all.bless(chosen) {
            Ok(()) if chosen.trial => event("config.blessed", &json!({ "generation": chosen.number })),
            Ok(()) => {}
            Err(error) => say(format_args!("keep the configuration: {error}")),
        }
    }

    /// The start was not good. A configuration that was tried is given up; otherwise it is the slot's fault.
    fn bad(&mut self, why: &str) {
        let trial = self.begun.chosen.as_ref().filter(|chosen| chosen.trial).map(|chosen| chosen.number);
        if let (Some(number), Some(all)) = (trial, self.generations()) {
            let reverted = all.revert().and_then(|()| bless::pardon(&self.begun.places));
            event("config.reverted", &json!({ "generation": number, "why": why, "error": reverted.err() }));
        } else {
            if let Err(error) = bless::bad(&self.begun.places, why) {
                say(format_args!("write down that the start was bad: {error}"));
            }
            event("boot.failed", &json!({ "why": why }));
        }
        self.end(End::Restart);
    }

    /// Takes a configuration in that somebody at a console made, and starts again with it.
    fn try_configuration(&mut self, machine: &Machine) {
        let text = write(machine).map_err(|error| error.to_string());
        let all = self.generations().ok_or_else(|| "there is no STATE to keep it on".to_owned());
        match all.and_then(|all| all.propose(&text?)) {
            Ok(number) => {
                event("config.proposed", &json!({ "generation": number, "by": "console" }));
                self.end(End::Restart);
            }
            Err(why) => event("config.failed", &json!({ "why": why })),
        }
    }

    /// Makes what somebody at a console asks for to help this machine.
    fn support(&mut self) {
        let now = self.now();
        let services: Vec<serde_json::Value> = self
            .services
            .iter()
            .map(|one| json!({ "name": one.name, "command": one.command, "alive": one.alive() }))
            .collect();
        let services = json!({ "services": services, "ailing": self.supervisor.ailing(now) });
        self.support.make(self.generations().as_ref(), self.begun.chosen.as_ref(), &services);
    }

    /// Whether it is time to go down and forget everything, as somebody asks.
    fn forgets(&mut self) -> bool {
        if self.leaves.is_none()
            && let Some(scope) = reset::asked()
        {
            let meta = self.begun.places.meta.as_deref().ok_or("there is no META on this disk".to_owned());
            match meta.and_then(|meta| reset::begin(meta, scope)) {
                Ok(scope) => {
                    let seconds = FAREWELL.as_secs();
                    event("machine.resets", &json!({ "seconds": seconds, "forgets": scope.word() }));
                    self.leaves = Some(Instant::now() + FAREWELL);
                    if let Err(error) = self.told.resets() {
                        say(format_args!("tell that this machine is reset: {error}"));
                    }
                }
                Err(why) => {
                    reset::refuse();
                    event("machine.reset-failed", &json!({ "why": why }));
                }
            }
        }
        self.leaves.is_some_and(|when| Instant::now() >= when)
    }

    /// Goes down: the services one by one, then what is mounted. A watchdog that is not fed ends what hangs here.
    fn end(&mut self, how: End) -> ! {
        event("machine.ends", &json!({ "restarts": how == End::Restart }));
        self.supervisor.stop();
        let began = Instant::now();
        while !self.supervisor.stopped() && began.elapsed() < DOWN {
            self.begun.watchdog.feed();
            for act in self.supervisor.tick(self.now()) {
                match act {
                    Act::Start(_) => {}
                    Act::Stop(name, pid) => service::stop(&name, pid),
                    Act::Kill(name, pid) => service::kill(&name, pid),
                }
            }
            let _ = self.begun.signals.wait(TICK);
            for (pid, how) in reap() {
                if let Some((name, _)) = self.supervisor.ended(pid, self.now()) {
                    event("service.stopped", &json!({ "service": name, "how": how }));
                    service::sweep(&name);
                }
            }
        }
        told::close_loader();
        rustix::fs::sync();
        for place in [DATA, RAFT, STATE] {
            let _ = unmount(place.at, UnmountFlags::empty());
        }
        match how {
            End::Restart => restart(),
            End::Off => power_off(),
        }
    }
}
