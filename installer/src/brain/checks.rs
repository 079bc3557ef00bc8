//! What a machine should have before a release is put on it: each with what was found and what to do.

use holdfast_release::Profile;
use holdfast_release::machine::Role;

use crate::brain::bytes::{amount, clock};
use crate::brain::facts::{Facts, Firmware, Release, SecureBoot};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// What the kernel and the firmware keep for themselves of the memory that is plugged in.
const KEPT: u64 = 128 * MIB;
/// A clock further ahead of the release than this is wrong.
const MOST_YEARS: u64 = 20;
const YEAR: u64 = 365 * 86_400;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// How the machine starts.
    Firmware,
    /// Its processors.
    Processor,
    /// Its memory.
    Memory,
    /// Its network.
    Network,
    /// Its TPM.
    Tpm,
    /// Whether what it starts is checked.
    SecureBoot,
    /// Its clock.
    Clock,
}

impl Topic {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Firmware => "firmware",
            Self::Processor => "processor",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Tpm => "TPM",
            Self::SecureBoot => "secure boot",
            Self::Clock => "clock",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// It works, and this would make it better.
    Warn(String),
    /// It cannot work until this is done.
    Fail(String),
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// At what.
    pub topic: Topic,
    /// What was found.
    pub found: String,
    /// What came of it.
    pub verdict: Verdict,
}

impl Check {
    /// Whether nothing can be installed.
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        matches!(self.verdict, Verdict::Fail(_))
    }

    /// In a line: a word for the verdict, never colour alone.
    #[must_use]
    pub fn line(&self) -> String {
        let (word, todo) = match &self.verdict {
            Verdict::Pass => ("[ok]", ""),
            Verdict::Warn(todo) => ("[..]", todo.as_str()),
            Verdict::Fail(todo) => ("[!!]", todo.as_str()),
        };
        let line = format!("{word} {:<11} {}", self.topic.name(), self.found);
        if todo.is_empty() { line } else { format!("{line}: {todo}") }
    }
}

/// Looks at a machine that is to run `release` in `role`.
#[must_use]
pub fn checks(facts: &Facts, release: &Release, role: Role) -> Vec<Check> {
    let looks = [
        (Topic::Firmware, firmware(facts)),
        (Topic::Processor, processor(facts, release)),
        (Topic::Memory, memory(facts, release)),
        (Topic::Network, network(facts, role)),
        (Topic::Tpm, tpm(facts)),
        (Topic::SecureBoot, secure_boot(facts)),
        (Topic::Clock, time(facts, release)),
    ];
    looks.into_iter().map(|(topic, (found, verdict))| Check { topic, found, verdict }).collect()
}

type Look = (String, Verdict);

fn pass(found: impl Into<String>) -> Look {
    (found.into(), Verdict::Pass)
}

fn warn(found: impl Into<String>, todo: &str) -> Look {
    (found.into(), Verdict::Warn(todo.to_owned()))
}

fn fail(found: impl Into<String>, todo: &str) -> Look {
    (found.into(), Verdict::Fail(todo.to_owned()))
}

fn firmware(facts: &Facts) -> Look {
    match facts.firmware {
        Firmware::Uefi(_) => pass("UEFI"),
        Firmware::Other => warn("not started by UEFI", "an installed disk starts with UEFI alone"),
    }
}

fn processor(facts: &Facts, release: &Release) -> Look {
    let found = format!("{} threads", facts.threads);
    if release.profile == Profile::Metal && facts.threads < 4 {
        warn(found, "a server has 4 or more")
    } else {
        pass(found)
    }
}

fn memory(facts: &Facts, release: &Release) -> Look {
    let (least, good) = match release.profile {
        Profile::Small => (512 * MIB, GIB),
        Profile::Metal => (2 * GIB, 8 * GIB),
    };
    let found = amount(facts.memory);
    if facts.memory + KEPT < least {
        fail(found, &format!("{} are needed", amount(least)))
    } else if facts.memory + KEPT < good {
        warn(found, &format!("{} are better", amount(good)))
    } else {
        pass(found)
    }
}

fn network(facts: &Facts, role: Role) -> Look {
    let linked: Vec<&str> = facts.nics.iter().filter(|nic| nic.link).map(|nic| nic.name.as_str()).collect();
    match (facts.nics.len(), linked.as_slice(), role) {
        (0, _, Role::Agent) => fail("no network card", "an agent needs one; is its driver in this profile?"),
        (0, ..) => warn("no network card", "nobody can reach this controller"),
        (_, [], _) => warn(format!("{} cards, none with a link", facts.nics.len()), "plug in a cable"),
        (_, linked, _) => pass(format!("link on {}", linked.join(", "))),
    }
}

fn tpm(facts: &Facts) -> Look {
    if facts.tpm {
        pass("2.0")
    } else {
        warn(
            "none",
            "the node counts as unattested, and nothing is encrypted unless the configuration says so",
        )
    }
}

fn secure_boot(facts: &Facts) -> Look {
    match facts.firmware {
        Firmware::Uefi(SecureBoot::On) => pass("on"),
        Firmware::Uefi(SecureBoot::Setup) => {
            warn("in setup mode", "the site's keys are enrolled at the next start")
        }
        Firmware::Uefi(SecureBoot::Off) => {
            warn("off", "put the firmware into setup mode to have the site's keys enrolled")
        }
        Firmware::Other => warn("unknown", "there is no UEFI to ask"),
    }
}

fn time(facts: &Facts, release: &Release) -> Look {
    let found = clock(facts.clock);
    if facts.clock < release.epoch {
        warn(found, "it is older than the release; services start once a time server was heard")
    } else if facts.clock > release.epoch.saturating_add(MOST_YEARS * YEAR) {
        warn(found, "it is far ahead; services start once a time server was heard")
    } else {
        pass(found)
    }
}
