//! Where somebody is, and what a key does there. Nothing in here reads or writes anything.

use holdfast_release::machine::Machine;
use holdfast_seal::RecoveryKey;
use holdfast_tui::{Form, Key};

use crate::brain::{Check, Confirmed, Consent, Detected, Disk, Planned, checks};
use crate::ui::answers::{Role, machine, network};

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A key.
    Key(Key),
    /// What somebody has to know to install it from his desk; nothing where that is not possible.
    Desk(Vec<String>),
    /// The work is so far.
    Progress(Work),
    /// The work ended, or failed and why.
    Ended(Result<Installed, String>),
}

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Write it.
    Write(Box<Confirmed>),
    /// Start the machine again.
    Restart,
}

/// How far the writing is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Work {
    /// What is being written.
    pub(crate) what: String,
    /// Bytes that are right.
    pub(crate) done: u64,
    /// Bytes of all.
    pub(crate) total: u64,
    /// Seconds since it began.
    pub(crate) seconds: u64,
}

/// A machine that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installed {
    /// Its name.
    pub(crate) machine: String,
    /// What opens its volumes, where they are encrypted.
    pub(crate) recovery: Option<RecoveryKey>,
}

/// The steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// What was found.
    Hardware,
    /// What the machine is to be.
    Role,
    /// The disk.
    Disk,
    /// Its network.
    Network,
    /// Its cluster.
    Cluster,
    /// The disk's serial number is typed.
    Review(Box<Planned>, String),
    /// It is being written.
    Writing(Work),
    /// It is done.
    Done(Installed),
    /// It failed, and why.
    Failed(String),
}

/// All that is known and was said.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) detected: Detected,
    pub(crate) step: Step,
    /// What somebody has to know at his desk.
    pub(crate) desk: Vec<String>,
    /// The number of the chosen role.
    pub(crate) role: usize,
    /// The number of the chosen disk.
    pub(crate) disk: usize,
    pub(crate) network: Form,
    pub(crate) cluster: Form,
    /// What is wrong with the last answer.
    pub(crate) wrong: Option<String>,
}

impl Model {
    /// At the first step.
    pub(crate) fn new(detected: Detected) -> Self {
        let cluster = Role::First.cluster();
        let desk = Vec::new();
        Self {
            detected,
            step: Step::Hardware,
            desk,
            role: 0,
            disk: 0,
            network: network(),
            cluster,
            wrong: None,
        }
    }

    pub(crate) fn chosen_role(&self) -> Role {
        Role::ALL.get(self.role).copied().unwrap_or(Role::First)
    }

    /// The disks that can be chosen.
    pub(crate) fn disks(&self) -> Vec<&Disk> {
        self.detected.facts.disks.iter().filter(|disk| disk.kept.is_none()).collect()
    }

    /// What the machine lacks in the chosen role.
    pub(crate) fn checks(&self) -> Vec<Check> {
        let role = match self.chosen_role() {
            Role::Agent => holdfast_release::machine::Role::Agent,
            Role::First | Role::Controller => holdfast_release::machine::Role::Controller,
        };
        checks(&self.detected.facts, &self.detected.release, role)
    }

    /// What a key does here.
    pub(crate) fn key(&mut self, key: Key) -> Vec<Effect> {
        self.wrong = None;
        match &mut self.step {
            Step::Hardware => self.step = if key == Key::Enter { Step::Role } else { Step::Hardware },
            Step::Role => match key {
                Key::Enter => {
                    self.cluster = self.chosen_role().cluster();
                    self.step = Step::Disk;
                }
                Key::Esc => self.step = Step::Hardware,
                other => self.role = moved(self.role, Role::ALL.len(), other),
            },
            Step::Disk => match key {
                Key::Enter if self.disks().is_empty() => {
                    self.wrong = Some("there is no disk to install on".to_owned())
                }
                Key::Enter => self.step = Step::Network,
                Key::Esc => self.step = Step::Role,
                other => self.disk = moved(self.disk, self.disks().len(), other),
            },
            Step::Network => match key {
                Key::Esc => self.step = Step::Disk,
                Key::Enter if self.network.is_last() => self.step = Step::Cluster,
                Key::Enter => drop(self.network.key(Key::Down)),
                other => drop(self.network.key(other)),
            },
            Step::Cluster => match key {
                Key::Esc => self.step = Step::Network,
                Key::Enter if self.cluster.is_last() => self.plan(),
                Key::Enter => drop(self.cluster.key(Key::Down)),
                other => drop(self.cluster.key(other)),
            },
            Step::Review(..) => return self.review(key),
            Step::Writing(_) => {}
            Step::Done(_) => return if key == Key::Enter { vec![Effect::Restart] } else { Vec::new() },
            Step::Failed(_) => self.step = if key == Key::Enter { Step::Hardware } else { self.step.clone() },
        }
        Vec::new()
    }

    /// Makes a plan of all answers, or says what is wrong with them.
    fn plan(&mut self) {
        let Some(disk) = self.disks().get(self.disk).copied().cloned() else { return };
        let made: Result<Machine, _> = machine(self.chosen_role(), &disk, &self.network, &self.cluster);
        let planned = match made {
            Ok(machine) => self.detected.clone().plan(machine).map_err(|refusal| refusal.to_string()),
            Err(error) => Err(error.reason),
        };
        match planned {
            Ok(planned) => self.step = Step::Review(Box::new(planned), String::new()),
            Err(why) => self.wrong = Some(why),
        }
    }

    fn review(&mut self, key: Key) -> Vec<Effect> {
        let Step::Review(planned, typed) = &mut self.step else { return Vec::new() };
        match key {
            Key::Esc => self.step = Step::Cluster,
            Key::Char(char) => typed.push(char),
            Key::Backspace => drop(typed.pop()),
            Key::Enter => match planned.clone().confirm(&Consent::Typed(typed.clone())) {
                Ok(confirmed) => {
                    self.step = Step::Writing(Work::default());
                    return vec![Effect::Write(Box::new(confirmed))];
                }
                Err(refusal) => {
                    typed.clear();
                    self.wrong = Some(refusal.to_string());
                }
            },
            Key::Up | Key::Down | Key::Left | Key::Right | Key::Tab | Key::BackTab | Key::Redraw => {}
        }
        Vec::new()
    }
}

/// The number of the chosen one after a key.
fn moved(at: usize, count: usize, key: Key) -> usize {
    match key {
        Key::Up | Key::BackTab => at.saturating_sub(1),
        Key::Down | Key::Tab => (at + 1).min(count.saturating_sub(1)),
        _ => at,
    }
}
