//! The configurations of this machine, one file each. `current` names the newest that worked; `trial` names one that has yet to,
//! and has one start to do it. A trial that ends by a loss of power ends all the same: its start is counted before it is used.
//!
//! Both slots start from them, and the releases in them may know different forms. A file stays as it was written, each
//! release starts with the newest that worked and that it can read, and none takes `current` from the other.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::machine::{Machine, Support, parse};

use crate::durable;
use crate::event::say;

/// Starts that a trial has.
const STARTS: u32 = 1;

/// The configuration of this start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Its number.
    pub(crate) number: u64,
    /// What it says.
    pub(crate) machine: Machine,
    /// Whether it has yet to show that it works.
    pub(crate) trial: bool,
    /// A trial that was given up at this start, and why.
    pub(crate) reverted: Option<(u64, String)>,
}

/// What there is for a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// This one.
    One(Box<Chosen>),
    /// Nobody has configured this machine.
    Nothing,
    /// This release can read none of those that are there; why it cannot read the newest.
    Unreadable(String),
}

/// Which forms are read: those of a release.
type Forms = fn(&str) -> Result<Machine, String>;

/// The forms of this release.
fn own(text: &str) -> Result<Machine, String> {
    parse(text).map_err(|error| error.to_string())
}

/// The forms of a release before `support` was among the words: what a test of going back starts.
fn before_support(text: &str) -> Result<Machine, String> {
    let machine = own(text)?;
    if machine.spec.support == Support::default() {
        Ok(machine)
    } else {
        Err("unknown field `support`".to_owned())
    }
}

/// The directory with them.
#[derive(Debug, Clone)]
pub(crate) struct Generations {
    dir: Utf8PathBuf,
    forms: Forms,
}

impl Generations {
    /// Those below `dir`.
    pub(crate) fn new(dir: &Utf8Path) -> Self {
        Self { dir: dir.to_owned(), forms: own }
    }

    /// The same as a release takes them that is older than this one.
    pub(crate) fn older(self) -> Self {
        Self { forms: before_support, ..self }
    }

    fn file(&self, number: u64) -> Utf8PathBuf {
        self.dir.join(format!("generation-{number}.toml"))
    }

    /// Where one is kept that did not work.
    fn failed(&self, number: u64) -> Utf8PathBuf {
        self.dir.join(format!("generation-{number}.failed"))
    }

    /// The file of a generation.
    pub(crate) fn path(&self, number: u64) -> Utf8PathBuf {
        self.file(number)
    }

    fn read(&self, number: u64) -> Result<Machine, String> {
        let path = self.file(number);
        let text = fs::read_to_string(&path).map_err(|error| format!("read `{path}`: {error}"))?;
        (self.forms)(&text).map_err(|error| format!("`{path}`: {error}"))
    }

    fn current(&self) -> Option<u64> {
        fs::read_to_string(self.dir.join("current")).ok()?.trim_end().parse().ok()
    }

    /// The trial, and how many starts it had.
    fn trial(&self) -> Option<(u64, u32)> {
        let text = fs::read_to_string(self.dir.join("trial")).ok()?;
        let (number, starts) = text.trim_end().split_once(' ')?;
        Some((number.parse().ok()?, starts.parse().ok()?))
    }

    /// All that may be used, newest first.
    fn all(&self) -> Vec<u64> {
        self.named(".toml")
    }

    fn named(&self, end: &str) -> Vec<u64> {
        let entries = self.dir.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
        let number = |name: &str| name.strip_prefix("generation-")?.strip_suffix(end)?.parse().ok();
        let mut all: Vec<u64> = entries.filter_map(|entry| number(entry.file_name())).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }

    /// Which one this start uses. A start of a trial is counted before.
    pub(crate) fn choose(&self) -> Result<Found, String> {
        let mut reverted = None;
        if let Some((number, starts)) = self.trial() {
            let why = match self.read(number) {
                Ok(machine) if starts < STARTS => {
                    durable::write(&self.dir.join("trial"), format!("{number} {}\n", starts + 1).as_bytes())?;
                    return Ok(Found::One(Box::new(Chosen { number, machine, trial: true, reverted: None })));
                }
                Ok(_) => "it did not work before the machine started again".to_owned(),
                Err(error) => error,
            };
            self.revert()?;
            reverted = Some((number, why));
        }
        let current = self.current();
        let others = self.all().into_iter().filter(|number| Some(*number) != current);
        let mut newest = None;
        for number in current.into_iter().chain(others) {
            match self.read(number) {
                Ok(machine) => {
                    return Ok(Found::One(Box::new(Chosen { number, machine, trial: false, reverted })));
                }
                Err(error) => {
                    say(format_args!("configuration {number} is left out: {error}"));
                    newest = newest.or(Some(error));
                }
            }
        }
        Ok(newest.map_or(Found::Nothing, Found::Unreadable))
    }

    /// Takes a configuration in as a trial; its number. It is used from the next start on.
    pub(crate) fn propose(&self, text: &str) -> Result<u64, String> {
        (self.forms)(text)?;
        // A number is given once, whatever became of who had it.
        let last = [self.all(), self.named(".failed")].concat().into_iter().max();
        let number = last.unwrap_or(0).saturating_add(1);
        durable::write(&self.file(number), text.as_bytes())?;
        durable::write(&self.dir.join("trial"), format!("{number} 0\n").as_bytes())?;
        Ok(number)
    }

    /// The start with this one was good: a trial is the newest that worked from now on. Where another one could not be read,
    /// that stays for the release that can.
    pub(crate) fn bless(&self, chosen: &Chosen) -> Result<(), String> {
        if chosen.trial || self.current().is_none() {
            durable::write(&self.dir.join("current"), format!("{}\n", chosen.number).as_bytes())?;
        }
        durable::remove(&self.dir.join("trial"))
    }

    /// Gives the trial up: no start takes it again, whichever release it is of.
    pub(crate) fn revert(&self) -> Result<(), String> {
        if let Some((number, _)) = self.trial() {
            durable::rename(&self.file(number), &self.failed(number))?;
        }
        durable::remove(&self.dir.join("trial"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> String {
        format!(
            "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"{name}\"\n\
             spec = {{ role = \"controller\", first = true, cluster = {{ name = \"c\", jurisdiction = \"DE\" }} }}\n"
        )
    }

    fn table(name: &str) -> String {
        format!(
            "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"{name}\"\n[spec]\nrole = \"controller\"\n\
             first = true\ncluster = {{ name = \"c\", jurisdiction = \"DE\" }}\n"
        )
    }

    fn world() -> (tempfile::TempDir, Generations) {
        let dir = tempfile::tempdir().unwrap();
        let generations = Generations::new(Utf8Path::from_path(dir.path()).unwrap());
        (dir, generations)
    }

    fn one(all: &Generations) -> Chosen {
        match all.choose().unwrap() {
            Found::One(chosen) => *chosen,
            other => panic!("{other:?}"),
        }
    }

    /// Writes and blesses one.
    fn worked(all: &Generations, text: &str) -> u64 {
        let number = all.propose(text).unwrap();
        let chosen = one(all);
        assert_eq!((chosen.number, chosen.trial), (number, true));
        all.bless(&chosen).unwrap();
        number
    }

    #[test]
    fn a_trial_has_one_start_and_a_loss_of_power_ends_it() {
        let (_dir, all) = world();
        assert_eq!(all.choose().unwrap(), Found::Nothing);
        fs::write(all.file(1), text("one")).unwrap();
        let chosen = one(&all);
        assert_eq!((chosen.number, chosen.trial), (1, false), "without `current` the newest counts");
        all.bless(&chosen).unwrap();
        assert_eq!(all.propose(&text("two")).unwrap(), 2);
        let chosen = one(&all);
        assert_eq!((chosen.number, chosen.trial, chosen.reverted), (2, true, None));
        // The power goes before anybody blessed it.
        let chosen = one(&all);
        assert_eq!((chosen.number, chosen.trial), (1, false));
        assert_eq!(chosen.reverted.unwrap().0, 2);
        assert_eq!(one(&all).reverted, None, "it is told once");
        assert_eq!(worked(&all, &text("three")), 3);
        assert_eq!(one(&all).number, 3);
    }

    #[test]
    fn what_cannot_be_read_is_not_used() {
        let (_dir, all) = world();
        assert_eq!(worked(&all, &text("one")), 1);
        assert!(all.propose("rack = 7").unwrap_err().contains("line 1, column 1"));
        // A trial that rots on the disk.
        all.propose(&text("two")).unwrap();
        fs::write(all.file(2), "rot").unwrap();
        let chosen = one(&all);
        assert_eq!((chosen.number, chosen.reverted.unwrap().0), (1, 2));
        // The current one rots.
        fs::write(all.file(3), text("three")).unwrap();
        fs::write(all.file(1), "rot").unwrap();
        assert_eq!(one(&all).number, 3);
        fs::write(all.file(3), "rot").unwrap();
        assert!(matches!(all.choose().unwrap(), Found::Unreadable(why) if why.contains("generation-1")));
    }

    /// Check 33: a release takes over what the one before the last wrote, and that one goes on with what it can read.
    #[test]
    fn each_release_starts_with_the_newest_that_it_can_read_and_takes_none_from_the_other() {
        let (_dir, new) = world();
        let old = new.clone().older();
        let later = |name: &str| format!("{}support.to = [\"holdfast-backup-1-x\"]\n", table(name));
        assert_eq!(worked(&old, &text("one")), 1);
        assert_eq!(one(&new).number, 1, "what the old one wrote is read");
        let written = fs::read(new.file(1)).unwrap();
        new.bless(&one(&new)).unwrap();
        assert_eq!(fs::read(new.file(1)).unwrap(), written, "and stays as it was written");
        // One that did not work is nobody's way out, although the old one could read it.
        assert_eq!(new.propose(&text("bad")).unwrap(), 2);
        one(&new);
        assert_eq!(one(&new).number, 1);
        assert_eq!(worked(&new, &later("three")), 3);
        assert!(old.propose(&later("four")).unwrap_err().contains("support"));
        for _ in 0..2 {
            let chosen = one(&old);
            assert_eq!((chosen.number, chosen.trial), (1, false));
            old.bless(&chosen).unwrap();
        }
        assert_eq!(one(&new).number, 3, "it is there again for whoever can read it");
        // What is changed while the old one runs is the newest for both.
        assert_eq!(worked(&old, &text("four")), 4);
        assert_eq!(one(&new).number, 4);
    }
}
