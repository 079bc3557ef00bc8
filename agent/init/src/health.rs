//! When a start counts as good: everything that should be well is, for a while, before its time is over.

use std::fs;

use camino::Utf8Path;
use holdfast_release::machine::Health;

use crate::supervise::Now;

/// How long everything must be well without a break.
const STEADY: Now = 5_000;

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not known yet.
    Wait,
    /// The start is good.
    Good,
    /// The time is over, and this was not well.
    Bad(String),
}

/// The gate of one start. Once it is open it stays so: what goes wrong later is not the fault of the start.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    deadline: Now,
    well_since: Option<Now>,
    open: bool,
}

impl Gate {
    /// A gate that closes `health`'s time after `now`.
    pub(crate) fn new(now: Now, health: &Health) -> Self {
        Self { deadline: now + u64::from(health.deadline_seconds) * 1_000, well_since: None, open: false }
    }

    /// Judges with what is not well now; says that the start is good once.
    pub(crate) fn judge(&mut self, now: Now, ailing: Option<String>) -> Verdict {
        if self.open {
            return Verdict::Wait;
        }
        match ailing {
            None => {
                let since = *self.well_since.get_or_insert(now);
                if now >= since + STEADY {
                    self.open = true;
                    return Verdict::Good;
                }
                Verdict::Wait
            }
            Some(why) => {
                self.well_since = None;
                if now >= self.deadline { Verdict::Bad(why) } else { Verdict::Wait }
            }
        }
    }
}

/// The hardware and the extensions that should be there and are not.
pub(crate) fn missing(
    health: &Health,
    sys: &Utf8Path,
    cards: usize,
    extensions: &[String],
) -> Option<String> {
    let short = |what: &str, want: Option<u32>, have: usize| {
        let want = usize::try_from(want?).unwrap_or(usize::MAX);
        (have < want).then(|| format!("{have} of {want} {what}"))
    };
    short("accelerators", health.accelerators, accelerators(sys))
        .or_else(|| short("network cards", health.network_cards, cards))
        .or_else(|| {
            let wanted = health.extensions.iter().map(ToString::to_string);
            let missing = wanted.into_iter().find(|name| !extensions.contains(name))?;
            Some(format!("extension {missing} is not mounted"))
        })
}

/// Devices on PCI whose class is a 3D controller or a processing accelerator.
fn accelerators(sys: &Utf8Path) -> usize {
    let devices = sys.join("bus/pci/devices");
    let entries = devices.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let classes = entries.filter_map(|entry| fs::read_to_string(entry.path().join("class")).ok());
    classes.filter(|class| class.starts_with("0x0302") || class.starts_with("0x12")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_good_once_all_was_well_for_a_while() {
        let mut gate = Gate::new(0, &Health { deadline_seconds: 60, ..Health::default() });
        let ill = || Some("a".to_owned());
        assert_eq!(gate.judge(1_000, ill()), Verdict::Wait);
        assert_eq!(gate.judge(2_000, None), Verdict::Wait);
        assert_eq!(gate.judge(6_000, ill()), Verdict::Wait, "a break begins it anew");
        assert_eq!(gate.judge(56_000, None), Verdict::Wait);
        assert_eq!(gate.judge(60_999, None), Verdict::Wait, "well at the end of its time is not bad");
        assert_eq!(gate.judge(61_000, None), Verdict::Good);
        assert_eq!(gate.judge(99_000, ill()), Verdict::Wait, "later troubles are not the start's");
        let mut gate = Gate::new(0, &Health { deadline_seconds: 60, ..Health::default() });
        assert_eq!(gate.judge(60_000, ill()), Verdict::Bad("a".to_owned()));
    }

    #[test]
    fn accelerators_are_counted_by_their_class() {
        let sys = tempfile::tempdir().unwrap();
        let sys = Utf8Path::from_path(sys.path()).unwrap();
        for (name, class) in [("a", "0x030200\n"), ("b", "0x120000\n"), ("c", "0x020000\n")] {
            let dir = sys.join("bus/pci/devices").join(name);
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("class"), class).unwrap();
        }
        let health = |accelerators| Health { accelerators: Some(accelerators), ..Health::default() };
        assert_eq!(missing(&health(2), sys, 0, &[]), None);
        assert_eq!(missing(&health(8), sys, 0, &[]).unwrap(), "2 of 8 accelerators");
        let cards = Health { network_cards: Some(1), ..Health::default() };
        assert_eq!(missing(&cards, sys, 0, &[]).unwrap(), "0 of 1 network cards");
        let gpu = Health { extensions: vec!["gpu".parse().unwrap()], ..Health::default() };
        assert_eq!(missing(&gpu, sys, 0, &["npu".to_owned()]).unwrap(), "extension gpu is not mounted");
        assert_eq!(missing(&gpu, sys, 0, &["gpu".to_owned()]), None);
    }
}
