//! The configurations of this machine, one file each. `current` names the one that worked; `trial` names one that has yet to,
//! and has one start to do it. A trial that ends by a loss of power ends all the same: its start is counted before it is used.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::machine::{Machine, parse};

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

/// The directory with them.
#[derive(Debug, Clone)]
pub(crate) struct Generations {
    dir: Utf8PathBuf,
}

impl Generations {
    /// Those below `dir`.
    pub(crate) fn new(dir: &Utf8Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    fn file(&self, number: u64) -> Utf8PathBuf {
        self.dir.join(format!("generation-{number}.toml"))
    }

    /// The file of a generation.
    pub(crate) fn path(&self, number: u64) -> Utf8PathBuf {
        self.file(number)
    }

    fn read(&self, number: u64) -> Result<Machine, String> {
        let path = self.file(number);
        let text = fs::read_to_string(&path).map_err(|error| format!("read `{path}`: {error}"))?;
        parse(&text).map_err(|error| format!("`{path}`: {error}"))
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

    /// All that are there, newest first.
    fn all(&self) -> Vec<u64> {
        let entries = self.dir.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
        let number = |name: &str| name.strip_prefix("generation-")?.strip_suffix(".toml")?.parse().ok();
        let mut all: Vec<u64> = entries.filter_map(|entry| number(entry.file_name())).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }

    /// Which one this start uses; none where there is none that can be read. A start of a trial is counted before.
    pub(crate) fn choose(&self) -> Result<Option<Chosen>, String> {
        let mut reverted = None;
        if let Some((number, starts)) = self.trial() {
            let why = match self.read(number) {
                Ok(machine) if starts < STARTS => {
                    durable::write(&self.dir.join("trial"), format!("{number} {}\n", starts + 1).as_bytes())?;
                    return Ok(Some(Chosen { number, machine, trial: true, reverted: None }));
                }
                Ok(_) => "it did not work before the machine started again".to_owned(),
                Err(error) => error,
            };
            self.revert()?;
            reverted = Some((number, why));
        }
        let current = self.current();
        let failed = reverted.as_ref().map(|(number, _)| *number);
        let others =
            self.all().into_iter().filter(|number| Some(*number) != current && Some(*number) != failed);
        for number in current.into_iter().chain(others) {
            match self.read(number) {
                Ok(machine) => return Ok(Some(Chosen { number, machine, trial: false, reverted })),
                Err(error) => say(format_args!("configuration {number} is left out: {error}")),
            }
        }
        Ok(None)
    }

    /// Takes a configuration in as a trial; its number. It is used from the next start on.
    pub(crate) fn propose(&self, text: &str) -> Result<u64, String> {
        parse(text).map_err(|error| error.to_string())?;
        let number = self.all().first().map_or(0, |number| *number).saturating_add(1);
        durable::write(&self.file(number), text.as_bytes())?;
        durable::write(&self.dir.join("trial"), format!("{number} 0\n").as_bytes())?;
        Ok(number)
    }

    /// The trial works.
    pub(crate) fn bless(&self, number: u64) -> Result<(), String> {
        durable::write(&self.dir.join("current"), format!("{number}\n").as_bytes())?;
        durable::remove(&self.dir.join("trial"))
    }

    /// Gives the trial up.
    pub(crate) fn revert(&self) -> Result<(), String> {
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

    fn world() -> (tempfile::TempDir, Generations) {
        let dir = tempfile::tempdir().unwrap();
        let generations = Generations::new(Utf8Path::from_path(dir.path()).unwrap());
        (dir, generations)
    }

    #[test]
    fn a_trial_has_one_start_and_a_loss_of_power_ends_it() {
        let (_dir, all) = world();
        assert_eq!(all.choose().unwrap(), None);
        fs::write(all.file(1), text("one")).unwrap();
        let chosen = all.choose().unwrap().unwrap();
        assert_eq!((chosen.number, chosen.trial), (1, false), "without `current` the newest counts");
        all.bless(1).unwrap();
        assert_eq!(all.propose(&text("two")).unwrap(), 2);
        let chosen = all.choose().unwrap().unwrap();
        assert_eq!((chosen.number, chosen.trial, chosen.reverted), (2, true, None));
        // The power goes before anybody blessed it.
        let chosen = all.choose().unwrap().unwrap();
        assert_eq!((chosen.number, chosen.trial), (1, false));
        assert_eq!(chosen.reverted.unwrap().0, 2);
        assert_eq!(all.choose().unwrap().unwrap().reverted, None, "it is told once");
        assert_eq!(all.propose(&text("three")).unwrap(), 3);
        all.choose().unwrap();
        all.bless(3).unwrap();
        assert_eq!(all.choose().unwrap().unwrap().number, 3);
    }

    #[test]
    fn what_cannot_be_read_is_not_used() {
        let (_dir, all) = world();
        fs::write(all.file(1), text("one")).unwrap();
        all.bless(1).unwrap();
        assert!(all.propose("rack = 7").unwrap_err().contains("line 1, column 1"));
        // A trial that rots on the disk.
        all.propose(&text("two")).unwrap();
        fs::write(all.file(2), "rot").unwrap();
        let chosen = all.choose().unwrap().unwrap();
        assert_eq!((chosen.number, chosen.reverted.unwrap().0), (1, 2));
        // The current one rots.
        fs::write(all.file(3), text("three")).unwrap();
        fs::write(all.file(1), "rot").unwrap();
        assert_eq!(all.choose().unwrap().unwrap().number, 3);
    }
}
