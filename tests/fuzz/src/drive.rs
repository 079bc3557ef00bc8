//! Runs a target many times and watches it: for panics, for time, and for memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::target::Target;
use crate::watch::{LONGEST, MOST_KIB, Watch, peak_kib};

/// How often the memory is looked at.
const LOOK_EVERY: u64 = 256;
/// The longest description of an outcome.
const WORDS: usize = 160;

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What the inputs follow from.
    pub seed: u64,
    /// How many times the inputs that each target asks for.
    pub times: f64,
    /// The number of the one input that is wanted again.
    pub only: Option<u64>,
}

/// What became of a target.
#[derive(Debug, Clone)]
pub struct Done {
    /// How many inputs it took, those of the corpus included.
    pub inputs: u64,
    /// How long that took.
    pub took: Duration,
    /// Every way that an input went, with the shortest that went it.
    pub ways: BTreeMap<String, Vec<u8>>,
}

/// An input that a target did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The name of the target.
    pub target: &'static str,
    /// The seed it follows from.
    pub seed: u64,
    /// Its number; none for an input of the corpus.
    pub number: Option<u64>,
    /// What happened.
    pub why: String,
    /// The input.
    pub input: Vec<u8>,
}

/// Runs a target: first the inputs that are kept, then as many as it wants.
///
/// # Errors
///
/// The first input that it did not take.
pub fn fuzz(target: &Target, settings: Settings) -> Result<Done, Box<Failure>> {
    let begun = Instant::now();
    let watch = Watch::start(target.name, settings.seed);
    let mut done = Done { inputs: 0, took: Duration::ZERO, ways: BTreeMap::new() };
    let mut take = |number: Option<u64>, input: Vec<u8>| match attempt(target, &input, done.inputs) {
        Ok(way) => {
            done.inputs += 1;
            let kept = done.ways.entry(way).or_insert_with(|| input.clone());
            if input.len() < kept.len() {
                *kept = input;
            }
            Ok(())
        }
        Err(why) => Err(Box::new(Failure { target: target.name, seed: settings.seed, number, why, input })),
    };
    let wanted = settings.only.map_or(0..times(target.inputs, settings.times), |only| only..only + 1);
    if settings.only.is_none() {
        for seed in &target.seeds {
            take(None, seed.clone())?;
        }
    }
    for number in wanted {
        watch.at(number);
        take(Some(number), input(target, settings.seed, number))?;
    }
    done.took = begun.elapsed();
    Ok(done)
}

/// Every input follows from its number alone, so that one can be made again without those before it.
#[must_use]
pub fn input(target: &Target, seed: u64, number: u64) -> Vec<u8> {
    let named = target.name.bytes().fold(seed, |sum, byte| sum.rotate_left(9) ^ u64::from(byte));
    let mut chance = Chance::new(Chance::new(named ^ number.rotate_left(32)).draw());
    (target.make)(&mut chance, &target.seeds)
}

/// Gives a target one input.
///
/// # Errors
///
/// What it did instead of taking it.
pub fn attempt(target: &Target, input: &[u8], so_far: u64) -> Result<String, String> {
    quiet();
    let begun = Instant::now();
    PANIC.set(Some(String::new()));
    let taken = catch_unwind(AssertUnwindSafe(|| (target.take)(input)));
    let panic = PANIC.take().unwrap_or_default();
    match taken {
        Err(_) => Err(format!("it panicked: {panic}")),
        Ok(_) if begun.elapsed() > LONGEST => Err(format!("it took {:?}", begun.elapsed())),
        Ok(_) if so_far.is_multiple_of(LOOK_EVERY) && peak_kib() > MOST_KIB => {
            Err(format!("{} KiB of memory were taken by now", peak_kib()))
        }
        Ok(way) => Ok(plain(&way)),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a count of inputs"
)]
fn times(inputs: u64, times: f64) -> u64 {
    ((inputs as f64 * times) as u64).max(1)
}

thread_local! {
    /// Text and place of the panic of this thread's target; none while no target runs.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps what a target's panic says for the report instead of printing it.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if PANIC.with_borrow(Option::is_some) {
                PANIC.set(Some(info.to_string()));
            } else {
                usual(info);
            }
        }));
    });
}

/// Without what differs between inputs that go the same way: numbers, and what is quoted.
fn plain(way: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    for c in way.chars() {
        if c == '`' || c == '"' {
            quoted = !quoted;
        } else if !quoted && !c.is_ascii_digit() && !c.is_control() {
            out.push(c);
        }
        if out.len() > WORDS {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_input_is_named_and_can_be_made_again() {
        let mut target = Target::damaged("t", 10_000, Vec::new(), |bytes| {
            assert!(bytes != [77], "seventy-seven");
            String::new()
        });
        target.make = Box::new(|chance, _| vec![chance.draw().to_le_bytes()[0]]);
        let settings = Settings { seed: 5, times: 1.0, only: None };
        let failed = fuzz(&target, settings).unwrap_err();
        assert!(failed.why.contains("seventy-seven") && failed.input == [77], "{failed:?}");
        assert_eq!(fuzz(&target, settings).unwrap_err(), failed);
        let number = failed.number.unwrap();
        assert_eq!(input(&target, 5, number), [77], "the number alone makes it");
        target.inputs = number;
        assert_eq!(fuzz(&target, settings).unwrap().inputs, number, "none before it fails");
        assert_eq!(fuzz(&target, Settings { only: Some(number), ..settings }).unwrap_err(), failed);
    }

    #[test]
    fn ways_do_not_differ_by_numbers_and_names() {
        assert_eq!(plain("read `a b` at 17: cut"), plain("read `c` at 2: cut"));
        assert_ne!(plain("cut"), plain("torn"));
    }
}
