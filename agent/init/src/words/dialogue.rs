//! The questions about the network, one after the other, and what each answer does. Nothing in here reads or writes anything.

use holdfast_release::machine::{Interface, Machine, Role};

use super::answers::{self, EVERY, Meant, NONE, addresses, list, name};
use crate::network::Card;
use crate::terminals::ESC;

/// What confirms.
const YES: &str = "yes";
const AS_IT_WAS: &str = "\nAll is as it was.\n";

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Say this and wait for an answer.
    Ask(String),
    /// Say this; nothing is to be done.
    Leave(String),
    /// Try this configuration.
    Try(Box<Machine>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Interface,
    InPlaceOf(Interface),
    Address(usize),
    Gateway(usize),
    Dns,
    Time,
    Controllers,
    Confirm,
}

/// Where somebody is, and what was said.
#[derive(Debug, Clone)]
pub(crate) struct Dialogue {
    cards: Vec<Card>,
    before: Machine,
    after: Machine,
    step: Step,
}

impl Dialogue {
    /// The first question.
    pub(crate) fn begin(machine: Machine, cards: Vec<Card>) -> (Self, String) {
        let mut words = format!(
            "\nThe network of {}. Enter keeps what stands in [ ], `{NONE}` empties it,\n\
             Esc leaves all as it was.\n",
            machine.metadata.name
        );
        for card in &cards {
            let mac = card.mac.map(|mac| mac.to_string()).unwrap_or_default();
            words.push_str(&format!("  card {:<15} {mac:<17} {}\n", card.name, card.state));
        }
        let dialogue = Self { cards, before: machine.clone(), after: machine, step: Step::Interface };
        words.push_str(&dialogue.question());
        (dialogue, words)
    }

    /// What an answer leads to. One that is refused is asked for again.
    pub(crate) fn answer(&mut self, line: &str) -> Next {
        if line.contains(ESC) {
            return Next::Leave(AS_IT_WAS.to_owned());
        }
        let plain: String = line.chars().filter(|char| !char.is_control()).collect();
        let answer = plain.trim();
        if self.step == Step::Confirm {
            return self.confirmed(answer);
        }
        let kept = self.after.clone();
        // What is kept was checked when it was said.
        let step = if answer.is_empty() { Ok(self.keep()) } else { self.take(answer) };
        match step.and_then(|step| answers::check(&self.after).map(|()| step)) {
            Ok(step) => {
                self.step = self.without_questions(step);
                if self.step == Step::Confirm && self.after == self.before {
                    return Next::Leave("\nNothing is changed.\n".to_owned());
                }
                Next::Ask(self.question())
            }
            Err(why) => {
                self.after = kept;
                Next::Ask(format!("  {why}\n{}", self.question()))
            }
        }
    }

    fn confirmed(&self, answer: &str) -> Next {
        if answer == YES {
            Next::Try(Box::new(self.after.clone()))
        } else {
            Next::Leave(AS_IT_WAS.to_owned())
        }
    }

    /// Leaves out what this machine is not asked.
    fn without_questions(&self, step: Step) -> Step {
        match step {
            // Without an address of its own it gets its router from DHCP.
            Step::Gateway(at) if self.at(at).is_none_or(|one| one.addresses.is_empty()) => Step::Dns,
            // Controllers know each other from the cluster.
            Step::Controllers if self.after.spec.role == Role::Controller => Step::Confirm,
            other => other,
        }
    }

    fn at(&self, at: usize) -> Option<&Interface> {
        self.after.spec.network.interfaces.get(at)
    }

    /// The step after one that stays as it is.
    fn keep(&mut self) -> Step {
        match self.step.clone() {
            Step::Interface if self.after.spec.network.interfaces.is_empty() => Step::Dns,
            Step::Interface => Step::Address(0),
            Step::InPlaceOf(new) => self.put(self.in_place(), new),
            Step::Address(at) => Step::Gateway(at),
            Step::Gateway(_) => Step::Dns,
            Step::Dns => Step::Time,
            Step::Time => Step::Controllers,
            Step::Controllers | Step::Confirm => Step::Confirm,
        }
    }

    /// Takes an answer in; the step after it.
    fn take(&mut self, answer: &str) -> Result<Step, String> {
        let step = self.step.clone();
        let spec = &mut self.after.spec;
        match step {
            Step::Interface => return self.interface(answer),
            Step::InPlaceOf(new) if answer == NONE => return Ok(self.put(None, new)),
            Step::InPlaceOf(new) => {
                let meant = answers::interface(&spec.network, &self.cards, answer)?;
                return match meant {
                    Meant::Described(at) if answers::replaceable(&spec.network).contains(&at) => {
                        Ok(self.put(Some(at), new))
                    }
                    Meant::Described(_) => {
                        Err(format!("`{answer}` is made of others or carries a VLAN, and is kept"))
                    }
                    Meant::New(_) => {
                        Err(format!("`{answer}` is not described, so nothing comes in its place"))
                    }
                };
            }
            Step::Address(at) => {
                let interface = spec.network.interfaces.get_mut(at).ok_or("there is no such interface")?;
                answers::give(interface, answer)?;
            }
            Step::Gateway(at) => {
                let interface = spec.network.interfaces.get_mut(at).ok_or("there is no such interface")?;
                interface.gateway = answers::router(answer)?;
            }
            Step::Dns => spec.network.dns = answers::numbers(answer)?,
            Step::Time => spec.time.servers = answers::listed(answer)?,
            Step::Controllers => spec.cluster.controllers = answers::listed(answer)?,
            Step::Confirm => {}
        }
        Ok(self.keep())
    }

    fn interface(&mut self, answer: &str) -> Result<Step, String> {
        match answers::interface(&self.after.spec.network, &self.cards, answer)? {
            Meant::Described(at) => Ok(Step::Address(at)),
            Meant::New(new) if answers::replaceable(&self.after.spec.network).is_empty() => {
                Ok(self.put(None, new))
            }
            Meant::New(new) => Ok(Step::InPlaceOf(new)),
        }
    }

    /// The interface in whose place another card comes where nothing is said: the only one it can be.
    fn in_place(&self) -> Option<usize> {
        match answers::replaceable(&self.after.spec.network).as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Puts a card in the place of another one, whose addresses it gets, or beside all.
    fn put(&mut self, place: Option<usize>, new: Interface) -> Step {
        let interfaces = &mut self.after.spec.network.interfaces;
        match place.and_then(|at| interfaces.get_mut(at).map(|old| (at, old))) {
            Some((at, old)) => {
                (old.name, old.mac) = (new.name, new.mac);
                Step::Address(at)
            }
            None => {
                interfaces.push(new);
                Step::Address(interfaces.len() - 1)
            }
        }
    }

    /// The question, with what is there now.
    fn question(&self) -> String {
        let spec = &self.after.spec;
        let names = || spec.network.interfaces.iter().map(name).collect::<Vec<_>>();
        let (what, now) = match &self.step {
            Step::Interface if spec.network.interfaces.len() > 1 => {
                let what = format!("Interface ({})", list(&names()));
                (what, names().first().cloned().unwrap_or_default())
            }
            Step::Interface => ("Interface".to_owned(), names().first().cloned().unwrap_or(EVERY.to_owned())),
            Step::InPlaceOf(new) => {
                let now = self.in_place().and_then(|at| self.at(at)).map_or(NONE.to_owned(), name);
                (format!("{} comes in place of", name(new)), now)
            }
            Step::Address(at) => (
                "Address, such as 10.0.0.11/24, or dhcp".to_owned(),
                self.at(*at).map(addresses).unwrap_or_default(),
            ),
            Step::Gateway(at) => {
                let now = self.at(*at).and_then(|one| one.gateway);
                ("Gateway".to_owned(), now.map_or(NONE.to_owned(), |router| router.to_string()))
            }
            Step::Dns => ("DNS servers".to_owned(), list(&spec.network.dns)),
            Step::Time => ("Time servers".to_owned(), list(&spec.time.servers)),
            Step::Controllers => ("Controllers, as host:port".to_owned(), list(&spec.cluster.controllers)),
            Step::Confirm => return self.review(),
        };
        format!("{what} [{now}]: ")
    }

    /// What was and what will be, where they differ.
    fn review(&self) -> String {
        let (before, after) = (rows(&self.before), rows(&self.after));
        let mut words = "\n".to_owned();
        let value = |rows: &[(String, String)], what: &str| {
            let found = rows.iter().find(|(name, _)| name == what);
            found.map_or("-".to_owned(), |(_, value)| value.clone())
        };
        let gone = before.iter().filter(|(what, _)| !after.iter().any(|(name, _)| name == what));
        for (what, _) in gone.chain(&after) {
            let (was, is) = (value(&before, what), value(&after, what));
            if was != is {
                words.push_str(&format!("  {what}\n    now    {was}\n    after  {is}\n"));
            }
        }
        words.push_str(&format!(
            "All else stays. The machine restarts to try it, and goes back by itself where\n\
             it does not get healthy. Type `{YES}` to go on; anything else changes nothing: "
        ));
        words
    }
}

/// What is asked for, by name.
fn rows(machine: &Machine) -> Vec<(String, String)> {
    let spec = &machine.spec;
    let mut rows = Vec::new();
    if spec.network.interfaces.is_empty() {
        rows.push(("interfaces".to_owned(), EVERY.to_owned()));
    }
    for one in &spec.network.interfaces {
        rows.push((format!("addresses of {}", name(one)), addresses(one)));
        if let Some(router) = one.gateway {
            rows.push((format!("gateway of {}", name(one)), router.to_string()));
        }
    }
    rows.push(("DNS servers".to_owned(), list(&spec.network.dns)));
    rows.push(("time servers".to_owned(), list(&spec.time.servers)));
    rows.push(("controllers".to_owned(), list(&spec.cluster.controllers)));
    rows
}

#[cfg(test)]
mod tests;
