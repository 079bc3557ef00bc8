//! What will go wrong, and when: drawn from the seed before anything runs.

use crate::chance::Chance;
use crate::disk::{Cut, Trouble};
use crate::net::Weather;
use crate::operator::Errand;
use crate::tally::Kind;

/// Something that goes wrong, or is put right again.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// A member ends, and its disk keeps what the cut leaves.
    Crash(u64, Cut),
    /// A member that is off starts.
    Boot(u64),
    /// The links between two sides are cut both ways.
    Part(Vec<u64>, Vec<u64>),
    /// The links from one member to another are cut, in that direction only.
    OneWay(u64, u64),
    /// Every link is whole again and the weather is good.
    Heal,
    /// The links become worse.
    Weather(Weather),
    /// A member stands still, as one that was stopped.
    Sleep(u64),
    /// It goes on.
    Wake(u64),
    /// The wall clock of a member jumps to so many milliseconds off.
    Skew(u64, i64),
    /// The clock of a member runs faster by so many millionths.
    Drift(u64, i64),
    /// A disk has a trouble.
    Disk(u64, Trouble),
    /// Every sync of a member takes so long.
    SlowSync(u64, u64),
    /// A member takes a snapshot.
    Snapshot(u64),
    /// The operator asks for something.
    Errand(Errand),
    /// The disk of a member is lost, and a new member is to take its place.
    Lose(u64, u64),
    /// The state of a member, if it does not lead, goes wrong in its memory.
    Spoil(u64),
}

impl Act {
    /// What it is counted as, where what comes of it does not tell by itself.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Part(..) => Some(Kind::Parted),
            Self::OneWay(from, to) if from != to => Some(Kind::OneWay),
            Self::Skew(..) => Some(Kind::ClockJumped),
            Self::Drift(..) => Some(Kind::ClockDrifted),
            Self::SlowSync(_, slow) if *slow > 0 => Some(Kind::SlowSync),
            _ => None,
        }
    }
}

/// The whole day.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// How many members.
    pub(crate) members: u64,
    /// How many clients.
    pub(crate) clients: u64,
    /// Entries between two snapshots.
    pub(crate) snapshot_every: u64,
    /// When every fault is healed.
    pub(crate) until_ms: u64,
    /// What happens when.
    pub(crate) acts: Vec<(u64, Act)>,
}

/// Founding takes this long in good weather.
const CALM_MS: u64 = 1_200;
const HOUR_MS: i64 = 3_600_000;
/// How many kinds of faults there are.
const KINDS: u64 = 15;
/// Days of a hundred on which nothing happens but that one state goes wrong by itself: what its member answered before it
/// was caught would break every promise, so nothing may make it lead.
const SPOILED_DAYS: u64 = 5;

/// Draws a day.
#[must_use]
pub(crate) fn draw(chance: &mut Chance) -> Plan {
    let members = if chance.percent(70) { 3 } else { 5 };
    let until_ms = CALM_MS + chance.between(2_500, 5_500);
    let mut plan = Plan {
        members,
        clients: chance.between(3, 5),
        snapshot_every: chance.pick(&[15, 40, 120]).unwrap_or(40),
        until_ms,
        acts: Vec::new(),
    };
    if chance.percent(SPOILED_DAYS) {
        plan.acts.push((CALM_MS + 200, Act::Spoil(chance.between(1, members))));
        return plan;
    }
    people(&mut plan, chance);
    // Some days have every kind of fault, others a few kinds often: those find what needs two of the same.
    let kinds: Vec<u64> =
        if chance.percent(50) { (0..KINDS).collect() } else { (0..3).map(|_| chance.below(KINDS)).collect() };
    for _ in 0..chance.between(3, 10) {
        let at = chance.between(CALM_MS, until_ms);
        let kind = chance.pick(&kinds).unwrap_or(0);
        let mut fault = Fault { plan: &mut plan, chance: &mut *chance, at };
        fault.draw(kind);
    }
    plan.acts.sort_by_key(|(at, _)| *at);
    plan
}

/// Draws what the operator does: at most one member goes, so that what is left is a quorum again once all is healed.
fn people(plan: &mut Plan, chance: &mut Chance) {
    let (calm, until, members) = (CALM_MS, plan.until_ms, plan.members);
    let mut at = |chance: &mut Chance, act| plan.acts.push((chance.between(calm, until), act));
    for _ in 0..chance.below(3) {
        at(chance, Act::Errand(Errand::HandOver));
    }
    if chance.percent(20) {
        at(chance, Act::Errand(Errand::Join(members + 1)));
    }
    let leaver = chance.between(1, members);
    match chance.below(10) {
        0 => at(chance, Act::Errand(Errand::Remove(leaver))),
        1 => at(chance, Act::Lose(leaver, members + 2)),
        _ => {}
    }
}

struct Fault<'a> {
    plan: &'a mut Plan,
    chance: &'a mut Chance,
    at: u64,
}

impl Fault<'_> {
    fn now(&mut self, act: Act) {
        self.plan.acts.push((self.at, act));
    }

    fn later(&mut self, least_ms: u64, most_ms: u64, act: Act) {
        let at = self.at + self.chance.between(least_ms, most_ms);
        self.plan.acts.push((at, act));
    }

    fn anyone(&mut self) -> u64 {
        self.chance.between(1, self.plan.members)
    }

    fn cut(&mut self) -> Cut {
        self.chance.pick(&[Cut::Nothing, Cut::Unsynced, Cut::Torn, Cut::Torn]).unwrap_or(Cut::Torn)
    }

    fn draw(&mut self, kind: u64) {
        let one = self.anyone();
        match kind {
            0 => {
                let cut = self.cut();
                self.now(Act::Crash(one, cut));
                self.later(50, 1_500, Act::Boot(one));
            }
            1 => {
                let acts = self.chance.below(60);
                self.now(Act::Disk(one, Trouble::PowerAfter(acts)));
                self.later(100, 1_500, Act::Boot(one));
            }
            2 => self.everybody(),
            3 => self.part(),
            4 => {
                let other = self.anyone();
                self.now(Act::OneWay(one, other));
                self.later(200, 2_000, Act::Heal);
            }
            5 => {
                let weather = Weather {
                    lost: self.chance.below(30),
                    doubled: self.chance.below(20),
                    delay_ms: self.chance.pick(&[5, 40, 150]).unwrap_or(40),
                };
                self.now(Act::Weather(weather));
                self.later(500, 3_000, Act::Heal);
            }
            6 => {
                self.now(Act::Sleep(one));
                self.later(100, 2_500, Act::Wake(one));
            }
            7 => {
                let off = i64::try_from(self.chance.below(7_200_000)).unwrap_or(0) - HOUR_MS;
                self.now(Act::Skew(one, off));
            }
            8 => {
                let ppm = i64::try_from(self.chance.below(400_000)).unwrap_or(0) - 200_000;
                self.now(Act::Drift(one, ppm));
            }
            9 => {
                let room = self.chance.below(40_000);
                self.now(Act::Disk(one, Trouble::Room(Some(room))));
                self.later(200, 2_500, Act::Disk(one, Trouble::Room(None)));
            }
            10 => self.now(Act::Disk(one, Trouble::FailSync)),
            11 => self.now(Act::Disk(one, Trouble::FailWrite)),
            12 => self.now(Act::Errand(Errand::HandOver)),
            13 => {
                let (sync, other) = (self.chance.percent(50), self.anyone());
                let trouble = if sync { Trouble::FailSync } else { Trouble::FailWrite };
                self.now(Act::Disk(one, trouble));
                self.now(Act::Disk(other, trouble));
            }
            _ => {
                let slow = self.chance.pick(&[5, 30, 200]).unwrap_or(5);
                self.now(Act::SlowSync(one, slow));
                self.later(300, 2_000, Act::SlowSync(one, 0));
                self.now(Act::Snapshot(one));
            }
        }
    }

    /// The power of the whole site fails.
    fn everybody(&mut self) {
        let cut = self.cut();
        for id in 1..=self.plan.members {
            self.now(Act::Crash(id, cut));
            self.later(50, 900, Act::Boot(id));
        }
    }

    /// Some members, the leader perhaps among them, lose the others; clients stay with all.
    fn part(&mut self) {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for id in 1..=self.plan.members {
            if self.chance.percent(50) { left.push(id) } else { right.push(id) }
        }
        self.now(Act::Part(left, right));
        self.later(300, 2_500, Act::Heal);
    }
}
