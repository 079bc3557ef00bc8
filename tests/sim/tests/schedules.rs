//! Bad days of three and five controllers: none breaks a promise, each replays, and every promise notices when it is broken.

use camino::Utf8PathBuf;
use holdfast_sim::{Fleet, Plant, Summary, too_rare};

/// So many schedules in the usual run; `HOLDFAST_SIM_SCHEDULES` asks for more.
const SCHEDULES: u64 = 100;
/// A planted bug is found within so many schedules.
const PATIENCE: u64 = 60;

fn fleet(plant: Plant, schedules: u64) -> Fleet {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let program = Utf8PathBuf::from(env!("CARGO_BIN_EXE_holdfast-sim"));
    Fleet { program, from: 0, schedules, workers: cores, plant, first: plant != Plant::None }
}

fn said(summary: &Summary) -> String {
    summary.failed.iter().map(|(seed, said)| format!("seed {seed}:\n{said}\n")).collect()
}

#[test]
fn no_bad_day_breaks_a_promise() {
    let asked = std::env::var("HOLDFAST_SIM_SCHEDULES").ok().and_then(|asked| asked.parse().ok());
    let summary = fleet(Plant::None, asked.unwrap_or(SCHEDULES)).run().unwrap();
    println!("{} schedules ran, seeds 0 to {}: {:?}", summary.ran, summary.ran - 1, summary.counts);
    assert!(summary.failed.is_empty(), "{}", said(&summary));
    assert_eq!(too_rare(&summary.counts, summary.ran), Vec::<String>::new());
}

/// Seed 1000: a leader that had been cut off with one other member sent it the next leader's entries from its own log, which
/// were there by then, behind a predecessor that they do not have. Found by 10,000 days.
#[test]
fn a_day_that_broke_a_promise_once_breaks_none() {
    let summary = Fleet { from: 1_000, ..fleet(Plant::None, 1) }.run().unwrap();
    assert!(summary.failed.is_empty(), "{}", said(&summary));
}

#[test]
fn a_seed_is_the_same_day_twice() {
    let fleet = fleet(Plant::None, 3);
    let (once, twice) = (fleet.run().unwrap(), fleet.run().unwrap());
    assert!(once.digests.iter().all(|(_, digest)| !digest.is_empty()), "{}", said(&once));
    assert_eq!(once.digests, twice.digests);
}

/// Runs schedules with a bug until one fails, and expects it to fail for breaking this promise.
fn finds(plant: Plant, promises: &[&str]) {
    let summary = fleet(plant, PATIENCE).run().unwrap_or_default();
    let breaks: Vec<&str> = summary
        .failed
        .iter()
        .filter_map(|(_, said)| said.lines().find_map(|line| line.split(" breaks ").nth(1)))
        .collect();
    assert!(!breaks.is_empty(), "{plant:?} was planted in {} schedules and not found", summary.ran);
    for broken in breaks {
        assert!(promises.iter().any(|promise| broken.starts_with(promise)), "{plant:?}: {broken}");
    }
}

#[test]
fn two_leaders_of_a_term_are_seen() {
    finds(
        Plant::Forgetful,
        // Members that ask whether it is known under its old id keep it out, and then nobody has a quorum.
        &["election-safety", "leader-completeness", "acknowledged-writes", "lease-safety", "liveness"],
    );
}

#[test]
fn an_entry_that_differs_is_seen() {
    finds(Plant::Spoiler, &["log-matching"]);
}

#[test]
fn a_disk_that_lies_is_seen() {
    let promises = [
        "acknowledged-writes",
        "leader-completeness",
        "election-safety",
        "lease-safety",
        "state-machine-safety",
        // A member that finds a hole in its log does not start rather than serve what it lost.
        "liveness",
    ];
    finds(Plant::LyingDisk, &promises);
}

#[test]
fn a_member_that_drops_a_command_is_seen() {
    finds(Plant::Dropper, &["state-machine-safety"]);
}

#[test]
fn a_key_with_two_winners_is_seen() {
    finds(Plant::Keyless, &["one-winner"]);
}

#[test]
fn a_read_without_the_barrier_is_seen() {
    finds(Plant::StaleRead, &["lease-safety"]);
}

#[test]
fn a_revision_that_goes_back_is_seen() {
    finds(Plant::Rewind, &["revision-monotone"]);
}

#[test]
fn a_watch_with_a_gap_is_seen() {
    finds(Plant::GapWatch, &["watch-complete"]);
}

#[test]
fn a_cluster_that_never_comes_back_is_seen() {
    finds(Plant::NeverHeals, &["liveness"]);
}
