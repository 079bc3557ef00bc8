//! Both sides of a race, started once for all rows that hold one against the other, and how they are held: in turns, round
//! by round, because a shared machine is never equally busy for long. The median of the ratios of the rounds counts.

use std::time::Duration;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use tempfile::TempDir;

use super::certs::Certs;
use super::host::{Children, spinners};
use super::load::{Act, Outcome, PUT, Plan, READ_KEYS, work};
use super::side::{MEMBERS, Side};
use super::{etcd, ours};
use crate::measure::{Bench, quantile};

/// Turns of each side.
const ROUNDS: u32 = 7;
/// A round is at least this long, whatever the budget.
const LEAST_TURN: Duration = Duration::from_millis(50);

/// Both sides and what keeps the machine awake.
pub(crate) struct Arena {
    /// Ours.
    pub(crate) ours: Side,
    /// etcd, or why it is not here.
    pub(crate) theirs: Result<Side, String>,
    _spinners: Children,
    _directory: TempDir,
}

impl Arena {
    /// Starts both sides in a directory of their own and waits for their leaders.
    pub(crate) async fn start(scratch: &Utf8Path) -> Result<Self> {
        let directory = tempfile::tempdir_in(scratch).context("a directory for the race")?;
        let place = Utf8Path::from_path(directory.path()).context("a plain name")?;
        let certs = Certs::create(&place.join("certs"), MEMBERS)?;
        let ours = ours::start(&place.join("ours"), &certs)?;
        let mut theirs = etcd::start(&place.join("etcd"), &certs).map_err(|error| format!("{error:#}"));
        let leader = ours.leader().await.context("our members")?;
        fill(&ours, leader).await?;
        if let Ok(side) = &theirs {
            match side.leader().await {
                Ok(leader) => fill(side, leader).await?,
                Err(error) => theirs = Err(format!("etcd: {error:#}")),
            }
        }
        Ok(Self { ours, theirs, _spinners: spinners()?, _directory: directory })
    }
}

/// Readers find something to read.
async fn fill(side: &Side, leader: usize) -> Result<()> {
    let clients = usize::try_from(READ_KEYS).unwrap_or(1);
    let plan = Plan { clients, act: PUT, time: Duration::ZERO };
    work(&side.target(leader), plan).await.map(drop)
}

/// What one side did in one round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Round {
    /// Calls a second.
    pub(crate) rate: f64,
    /// The middle of the latencies, and what one in a hundred exceeds, in seconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// CPU time of all members for 1,000 calls, in seconds.
    pub(crate) cpu: f64,
}

/// What both sides did.
#[derive(Debug, Clone)]
pub(crate) struct Race {
    /// Ours, round by round.
    pub(crate) ours: Vec<Round>,
    /// Theirs, as many; or why there is none.
    pub(crate) theirs: Result<Vec<Round>, String>,
    /// The latencies of all rounds, ours and theirs.
    pub(crate) latencies: (Vec<Duration>, Vec<Duration>),
}

/// Runs the same plan against both leaders in turns.
pub(crate) async fn race(bench: &Bench, arena: &Arena, clients: usize, act: Act) -> Result<Race> {
    let time = (bench.budget / (2 * ROUNDS)).max(LEAST_TURN);
    let plan = Plan { clients, act, time };
    let leader = arena.ours.leader().await?;
    let their_leader = match &arena.theirs {
        Ok(side) => Ok((side, side.leader().await?)),
        Err(why) => Err(why.clone()),
    };
    let theirs = their_leader.as_ref().map(|_| Vec::new()).map_err(Clone::clone);
    let mut race = Race { ours: Vec::new(), theirs, latencies: Default::default() };
    for number in 0..ROUNDS {
        // Neither side is always the one that goes first.
        for own in [number % 2 == 0, number % 2 != 0] {
            if own {
                let (round, outcome) = turn(&arena.ours, leader, plan).await.context("our members")?;
                race.ours.push(round);
                race.latencies.0.extend(outcome.latencies);
            } else if let (Ok((side, leader)), Ok(rounds)) = (&their_leader, &mut race.theirs) {
                let (round, outcome) = turn(side, *leader, plan).await.context("etcd")?;
                rounds.push(round);
                race.latencies.1.extend(outcome.latencies);
            }
        }
    }
    Ok(race)
}

async fn turn(side: &Side, leader: usize, plan: Plan) -> Result<(Round, Outcome)> {
    let before = side.cpu()?;
    let mut outcome = work(&side.target(leader), plan).await?;
    let cpu = side.cpu()?.saturating_sub(before);
    let share = |samples: &mut Vec<Duration>, q| quantile(samples, q).unwrap_or_default().as_secs_f64();
    let round = Round {
        rate: outcome.rate(),
        p50: share(&mut outcome.latencies, 0.5),
        p99: share(&mut outcome.latencies, 0.99),
        cpu: cpu.as_secs_f64() * 1000.0 / (outcome.latencies.len().max(1)) as f64,
    };
    Ok((round, outcome))
}

impl Race {
    /// The middle of one figure over the rounds of each side, and the middle of the ratios of the rounds.
    pub(crate) fn hold(&self, of: fn(&Round) -> f64) -> (f64, Result<(f64, f64), String>) {
        let own: Vec<f64> = self.ours.iter().map(of).collect();
        let held = self.theirs.as_ref().map_err(Clone::clone).map(|theirs| {
            let theirs: Vec<f64> = theirs.iter().map(of).collect();
            let ratios = own.iter().zip(&theirs).map(|(own, their)| own / their).collect();
            (median(theirs), median(ratios))
        });
        (median(own), held)
    }
}

/// The middle of some numbers, or 0 of none.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_ratios_counts_and_not_the_ratio_of_the_middles() {
        assert_eq!(median(vec![3.0, 1.0, 2.0, 9.0, 0.5]), 2.0);
        assert_eq!(median(Vec::new()), 0.0);
        let rounds = |rates: [f64; 3]| rates.map(|rate| Round { rate, ..Round::default() }).to_vec();
        let race = Race {
            ours: rounds([10.0, 20.0, 30.0]),
            theirs: Ok(rounds([1.0, 20.0, 10.0])),
            latencies: Default::default(),
        };
        assert_eq!(race.hold(|round| round.rate), (20.0, Ok((10.0, 3.0))));
    }
}
