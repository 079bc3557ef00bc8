//! Three real controllers that are killed, paused, cut off and lied to about the time, while clients work with them.
//!
//! Whatever the clients were told has to be what one single machine could have told them, and watchers miss nothing. The
//! seed of a run is printed; `HOLDFAST_CHAOS_SEED` repeats its choices, `HOLDFAST_CHAOS_CYCLES` says how often
//! controllers are killed. A run that fails keeps its history and what the controllers said; `HOLDFAST_CHAOS_HISTORY`
//! names a history that is to be checked once more.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, ensure};
use camino::Utf8Path;
use holdfast_e2e::chance::Chance;
use holdfast_e2e::controllers::{Controllers, Disk, PATIENCE, faketime};
use holdfast_e2e::history::{self, Operation};
use holdfast_e2e::linear;
use holdfast_e2e::load::Load;
use holdfast_e2e::network::{Cut, obstacle};
use holdfast_e2e::watching::Watchers;
use parking_lot::Mutex;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

/// How many clients follow the leader.
const CLIENTS: u32 = 5;
/// How often controllers are killed where nobody says otherwise.
const CYCLES: u64 = 6;
/// After so many kills something else goes wrong as well.
const MIXED: u64 = 8;
/// So many writes have to be acknowledged before the next misfortune.
const PROGRESS: u64 = 10;
/// How long a misfortune lasts: several elections.
const LASTING: Duration = Duration::from_secs(3);
/// How long a leader is paused: much longer than its lease.
const PAUSED: Duration = Duration::from_secs(5);
/// How long the longest down time of a killed controller is, in milliseconds.
const DOWN: u64 = 600;
/// How long a cut and the time without it last while it flaps.
const FLAP: Duration = Duration::from_millis(300);
const FLAPS: u32 = 5;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const LOOK: Duration = Duration::from_millis(20);

/// One cluster at a time: two at once would only show how slow this machine is.
static ALONE: Mutex<()> = Mutex::new(());

/// A cluster with its clients and watchers.
struct Chaos {
    controllers: Controllers,
    load: Load,
    watchers: Watchers,
    chance: Chance,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs a test where there can be namespaces; says so where there cannot.
fn run(days: impl AsyncFnOnce(&mut Chaos) -> Result<()>) -> Result<()> {
    if let Some(obstacle) = obstacle() {
        println!("skipped: {obstacle}");
        return Ok(());
    }
    let _alone = ALONE.lock();
    let drawn = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let seed = number("HOLDFAST_CHAOS_SEED").unwrap_or(drawn);
    println!("HOLDFAST_CHAOS_SEED={seed}");
    // The controllers are tied to this thread, which drives the test.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let test = async {
        let mut chaos = Chaos::begin(Chance::new(seed), CLIENTS).await?;
        let days = days(&mut chaos).await;
        chaos.finish(days).await
    };
    runtime.block_on(test).with_context(|| format!("HOLDFAST_CHAOS_SEED={seed}"))
}

impl Chaos {
    async fn begin(mut chance: Chance, clients: u32) -> Result<Self> {
        let mut controllers = Controllers::new(3, Disk::Real)?;
        let leader = controllers.leader().await?;
        // From the first change on; 0 would ask for the present state instead. The leader founds the cluster first.
        let from = loop {
            let revision = controllers.status(leader).await.map_or(0, |status| status.revision);
            controllers.check()?;
            if revision > 0 {
                break revision;
            }
            sleep(LOOK).await;
        };
        let watchers = Watchers::start(&controllers, from);
        let load = Load::start(&controllers, clients, &mut chance)?;
        let mut chaos = Self { controllers, load, watchers, chance };
        chaos.progress("the beginning").await?;
        Ok(chaos)
    }

    /// Waits until the clients get somewhere, and turns their page.
    async fn progress(&mut self, after: &str) -> Result<()> {
        let record = self.load.record();
        let (begun, goal) = (Instant::now(), record.acknowledged() + PROGRESS);
        while record.acknowledged() < goal {
            self.controllers.check()?;
            if begun.elapsed() > PATIENCE {
                let mut said = format!("{after}: no {PROGRESS} writes within {PATIENCE:?}");
                for index in 0..self.controllers.count() {
                    said +=
                        &format!("\n{}:\n{}", self.controllers.name(index)?, self.controllers.said(index));
                }
                return Err(anyhow!(said));
            }
            sleep(LOOK).await;
        }
        println!(
            "{after}: {} writes acknowledged, back at work after {:?}",
            record.acknowledged(),
            begun.elapsed()
        );
        record.turn_page();
        Ok(())
    }

    /// Some controller that does not lead.
    async fn follower(&mut self) -> Result<usize> {
        let leader = self.controllers.leader().await?;
        Ok((leader + 1 + self.chance.index(2)) % 3)
    }

    /// Kills some controllers at once, and starts them again.
    async fn kill(&mut self) -> Result<()> {
        let (what, victims) = match self.chance.below(3) {
            0 => ("a follower", vec![self.follower().await?]),
            1 => ("the leader", vec![self.controllers.leader().await?]),
            _ => ("all", vec![0, 1, 2]),
        };
        for victim in &victims {
            self.controllers.kill(*victim)?;
        }
        sleep(Duration::from_millis(self.chance.below(DOWN))).await;
        for victim in &victims {
            self.controllers.start(*victim)?;
        }
        self.progress(&format!("kill -9 of {what}")).await
    }

    async fn pause_leader(&mut self) -> Result<()> {
        let leader = self.controllers.leader().await?;
        self.controllers.signal(leader, Signal::STOP)?;
        sleep(PAUSED).await;
        self.controllers.signal(leader, Signal::CONT)?;
        self.progress("SIGSTOP of the leader").await
    }

    async fn cut_leader(&mut self, cut: Cut) -> Result<()> {
        let leader = self.controllers.leader().await?;
        self.controllers.network().cut(leader, cut)?;
        sleep(LASTING).await;
        let next = self.controllers.leader().await?;
        ensure!(next != leader, "one that reaches or hears nobody ({cut:?}) still leads");
        self.controllers.network().heal()?;
        self.progress(&format!("a cut of the leader ({cut:?})")).await
    }

    async fn flap(&mut self) -> Result<()> {
        for _ in 0..FLAPS {
            let victim = self.chance.index(3);
            self.controllers.network().cut(victim, Cut::Both)?;
            sleep(FLAP).await;
            self.controllers.network().heal()?;
            sleep(FLAP).await;
        }
        self.progress("a network that comes and goes").await
    }

    async fn lose_packets(&mut self) -> Result<()> {
        for index in 0..3 {
            self.controllers.network().lose(index, 5)?;
        }
        sleep(LASTING).await;
        self.progress("5 % of the packets lost").await?;
        self.controllers.network().heal()
    }

    async fn jump(&mut self, seconds: i64) -> Result<()> {
        if faketime().is_none() {
            println!("skipped: no clock jumps without libfaketime: apt-get install libfaketime");
            return Ok(());
        }
        let victim = match self.chance.below(2) {
            0 => self.controllers.leader().await?,
            _ => self.follower().await?,
        };
        self.controllers.set_clock(victim, seconds)?;
        sleep(LASTING).await;
        // It also begins with a wrong clock, and says so in its log.
        self.controllers.kill(victim)?;
        self.controllers.start(victim)?;
        self.progress("kill -9 of one with a wrong clock").await?;
        let off = self.controllers.clock_is_off(victim)?;
        ensure!((off - seconds).abs() < MINUTE, "the clock should be off by {seconds} s, it is by {off} s");
        self.progress(&format!("a clock that jumped by {seconds} s")).await?;
        self.controllers.set_clock(victim, 0)?;
        self.progress("and back").await
    }

    /// Anything that is not a kill.
    async fn misfortune(&mut self) -> Result<()> {
        match self.chance.below(7) {
            0 => self.pause_leader().await,
            1 => self.cut_leader(Cut::Both).await,
            2 => self.cut_leader(Cut::Sent).await,
            3 => self.cut_leader(Cut::Received).await,
            4 => self.flap().await,
            5 => self.lose_packets().await,
            _ => {
                let seconds = if self.chance.below(2) == 0 { HOUR } else { -HOUR };
                self.jump(seconds).await
            }
        }
    }

    /// Ends the clients and checks everything that they and the watchers were told, whatever else went wrong.
    async fn finish(self, days: Result<()>) -> Result<()> {
        let Self { mut controllers, load, watchers, .. } = self;
        let days = match days {
            Ok(()) => controllers.leader().await.map(|_| ()),
            failed => failed,
        };
        let history = load.finish().await;
        let Err(error) = days.and(judge(&history)) else {
            return watched(watchers, &history).await.or_else(|error| keep(&controllers, &history, error));
        };
        keep(&controllers, &history, error)
    }
}

fn judge(history: &[Operation]) -> Result<()> {
    linear::check(history).map_err(|fault| anyhow!("{fault}"))?;
    linear::revisions(history).map_err(|fault| anyhow!("{fault}"))?;
    let unknown = history.iter().filter(|o| o.ended == history::NEVER).count();
    println!("{} operations are linearizable, {unknown} of them without an answer", history.len());
    Ok(())
}

async fn watched(watchers: Watchers, history: &[Operation]) -> Result<()> {
    let seen = watchers.finish(history).await?;
    println!("watchers saw {seen} changes, none of them twice, and missed none");
    ensure!(seen > 0, "the watchers saw nothing");
    Ok(())
}

/// Keeps what is needed to see what went wrong.
fn keep(controllers: &Controllers, history: &[Operation], error: anyhow::Error) -> Result<()> {
    let place = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{}", std::process::id()));
    std::fs::create_dir_all(&place)?;
    for index in 0..controllers.count() {
        std::fs::copy(controllers.log(index)?, place.join(format!("{}.log", controllers.name(index)?)))?;
    }
    let path = place.join("history");
    std::fs::write(&path, history::to_text(history))?;
    // Also where the error is of something else, the history may show why.
    let verdict = judge(history).err().map_or("it is linearizable".to_owned(), |fault| fault.to_string());
    Err(error.context(format!("HOLDFAST_CHAOS_HISTORY={path}: {verdict}")))
}

#[test]
fn a_history_that_was_kept_is_checked_once_more() -> Result<()> {
    let Some(path) = std::env::var_os("HOLDFAST_CHAOS_HISTORY") else { return Ok(()) };
    judge(&history::from_text(&std::fs::read_to_string(path)?)?)
}

#[test]
fn kill_9_of_one_of_the_leader_and_of_all_loses_nothing() -> Result<()> {
    run(async |chaos| {
        for cycle in 1..=number("HOLDFAST_CHAOS_CYCLES").unwrap_or(CYCLES) {
            println!("cycle {cycle}");
            chaos.kill().await?;
            if cycle % MIXED == 0 {
                chaos.misfortune().await?;
            }
        }
        Ok(())
    })
}

#[test]
fn pauses_and_cuts_and_clock_jumps_leave_histories_linearizable() -> Result<()> {
    run(async |chaos| {
        chaos.pause_leader().await?;
        for cut in [Cut::Both, Cut::Sent, Cut::Received] {
            chaos.cut_leader(cut).await?;
        }
        chaos.flap().await?;
        chaos.lose_packets().await?;
        chaos.jump(HOUR).await?;
        chaos.jump(-HOUR).await?;
        Ok(())
    })
}
