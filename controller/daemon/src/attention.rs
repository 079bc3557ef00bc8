//! What a person should look at, worst first, each with what to type. Made of what the status says anyway: no task, no
//! clock of its own.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::millis;
use holdfast_api::v1::{ControllerHealth, Member};
use holdfast_types::{Bytes, Span, Time};

mod findings;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use findings::{Findings, Severity};
pub(crate) use state::of_state;

/// Clocks that differ by more make times in logs and audit entries hard to follow and certificates begin too late.
const MAX_SKEW_MS: i64 = 500;
/// Certificates are renewed with a third of their day left; less than this means that renewing fails.
const CERTIFICATE_LOW: Span = Span::from_secs(4 * 3_600);
/// And less than this that the controller is about to fall silent.
const CERTIFICATE_OUT: Span = Span::from_secs(3_600);
/// So many entries without a snapshot: one is taken every few thousand.
const MAX_UNSAVED: u64 = 100_000;
/// So many changes of leader in an hour are no maintenance.
const MAX_LEADER_CHANGES: u32 = 5;
/// A disk that needs longer for a sync holds every write up.
const SLOW_SYNC_US: u64 = 50_000;

/// What the controllers are judged by.
pub(crate) struct View<'a> {
    pub(crate) own: &'a ControllerHealth,
    pub(crate) members: &'a [Member],
    pub(crate) now: Time,
}

fn doctor() -> String {
    "holdfast doctor".to_owned()
}

fn names<'a>(members: impl Iterator<Item = &'a Member>) -> String {
    members.map(|member| member.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// What is wrong with the controllers.
pub(crate) fn of_controllers(view: &View<'_>, out: &mut Findings) {
    quorum(view, out);
    let of_others = view.members.iter().filter(|m| m.name != view.own.name);
    for health in std::iter::once(view.own).chain(of_others.filter_map(|m| m.health.as_ref())) {
        one(health, view.now, out);
    }
    for member in view.members {
        behind(member, out);
    }
    clocks(view, out);
    agreement(view, out);
}

/// Who answers, and whether that is enough.
fn quorum(view: &View<'_>, out: &mut Findings) {
    let voters: Vec<&Member> = view.members.iter().filter(|m| m.role == "voter").collect();
    let (count, needed) = (voters.len(), voters.len() / 2 + 1);
    let silent = || voters.iter().filter(|m| !m.reachable).copied();
    let answer = count - silent().count();
    let why = || {
        let troubles: Vec<String> = silent()
            .filter(|m| !m.trouble.is_empty())
            .map(|m| format!("{}: {}", m.name, m.trouble))
            .collect();
        let text = format!("no answer from {}", names(silent()));
        if troubles.is_empty() { text } else { format!("{text} ({})", troubles.join("; ")) }
    };
    if answer < needed {
        let what =
            format!("{answer} of {count} controllers answer and {needed} are needed: nothing can be written");
        out.add(Severity::Critical, what, why(), doctor());
    } else if view.own.leader.is_empty() {
        let why = "an election is under way, or fewer than half of the controllers reach each other";
        out.add(Severity::Critical, "no leader".to_owned(), why, doctor());
    }
    if answer >= needed && answer < count {
        let (severity, end) = if answer == needed {
            (Severity::Critical, "one more failure stops writes".to_owned())
        } else {
            (Severity::Warning, format!("{} more may fail", answer - needed))
        };
        out.add(severity, format!("{answer} of {count} controllers answer; {end}"), why(), doctor());
    }
    if count > 0 && count.is_multiple_of(2) {
        let what = format!("{count} controllers vote, which is an even number");
        let why = format!("they survive no more failures than {} would: have 1, 3 or 5", count - 1);
        out.add(Severity::Warning, what, why, doctor());
    }
}

/// What one controller says of itself.
fn one(health: &ControllerHealth, now: Time, out: &mut Findings) {
    let name = &health.name;
    if !health.excluded.is_empty() {
        let what = format!("controller {name} takes no part");
        out.add(Severity::Critical, what, health.excluded.as_str(), doctor());
    }
    if !health.refuses.is_empty() {
        let what = format!("controller {name} refuses writes");
        out.add(Severity::Critical, what, health.refuses.as_str(), doctor());
    }
    // Who refuses has said so already: one trouble is one line.
    if !health.alarm.is_empty() && health.refuses.is_empty() {
        let what = format!("controller {name} runs out of space");
        let used = format!(
            "{} used of {}, {} free",
            Bytes(health.used_bytes),
            Bytes(health.quota_bytes),
            Bytes(health.free_bytes)
        );
        out.add(Severity::Warning, what, format!("{}; {used}", health.alarm), doctor());
    }
    certificate(health, now, out);
    let unsaved = health.applied_index.saturating_sub(health.snapshot_index);
    if unsaved > MAX_UNSAVED {
        let what = format!("controller {name} has taken no snapshot for long");
        let why =
            format!("{unsaved} entries since the last one, so that its log grows and a restart takes long");
        out.add(Severity::Warning, what, why, doctor());
    }
    if health.leader_changes > MAX_LEADER_CHANGES {
        let what = format!("controller {name} saw {} leaders in the last hour", health.leader_changes);
        let why = "a slow disk, a slow network or a stopped process makes controllers miss their leader";
        out.add(Severity::Warning, what, why, doctor());
    }
    if health.fsync_p99_us > SLOW_SYNC_US {
        let what = format!("the disk of controller {name} is slow");
        let why = format!("one sync in a hundred takes {} ms or longer", health.fsync_p99_us / 1_000);
        out.add(Severity::Warning, what, why, doctor());
    }
}

fn certificate(health: &ControllerHealth, now: Time, out: &mut Findings) {
    let Some(expires) = health.certificate_expires.as_ref().map(|expires| millis(Some(expires))) else {
        return;
    };
    let left = expires.since(now);
    if left < CERTIFICATE_LOW {
        let severity = if left < CERTIFICATE_OUT { Severity::Critical } else { Severity::Warning };
        let what = format!("the certificate of controller {} ends in {left}", health.name);
        let why = "it renews its certificate by itself long before; its log says why it could not";
        out.add(severity, what, why, doctor());
    }
}

/// A member that does not follow.
fn behind(member: &Member, out: &mut Findings) {
    if let (Some(lag), Some(since)) = (member.lag, &member.behind_since) {
        let what = format!("controller {} is {lag} entries behind", member.name);
        let why = format!(
            "since {}; {}",
            millis(Some(since)),
            if member.trouble.is_empty() { "it answers" } else { &member.trouble }
        );
        out.add(Severity::Warning, what, why, doctor());
    }
}

/// Whose clock differs from that of most: where it is the one that was asked, the others are not to blame.
fn clocks(view: &View<'_>, out: &mut Findings) {
    let heard = view.members.iter().filter(|m| m.health.is_some() && m.name != view.own.name);
    let others = heard.map(|m| (m.name.as_str(), m.clock_ahead_ms));
    let mut all: Vec<(&str, i64)> = std::iter::once((view.own.name.as_str(), 0)).chain(others).collect();
    all.sort_by_key(|(_, ahead)| *ahead);
    let lower = all.get(all.len().saturating_sub(1) / 2).map_or(0, |(_, ahead)| *ahead);
    let upper = all.get(all.len() / 2).map_or(0, |(_, ahead)| *ahead);
    // Of an even number none is in the middle: then it is the one that was asked, as far as it can be.
    let middle = 0.clamp(lower, upper);
    for (name, ahead) in all {
        let off = ahead.saturating_sub(middle);
        if off.saturating_abs() > MAX_SKEW_MS {
            let direction = if off > 0 { "ahead" } else { "behind" };
            let what = format!("the clock of controller {name} is {} ms {direction}", off.unsigned_abs());
            let why =
                format!("more than {MAX_SKEW_MS} ms from most of the controllers; is time synchronised?");
            out.add(Severity::Warning, what, why, doctor());
        }
    }
}

/// Whether they are of one mind and one version.
fn agreement(view: &View<'_>, out: &mut Findings) {
    let of_others = view.members.iter().filter(|m| m.name != view.own.name).filter_map(|m| m.health.as_ref());
    let all: Vec<&ControllerHealth> = std::iter::once(view.own).chain(of_others).collect();
    let versions: BTreeSet<&str> = all.iter().map(|health| health.version.as_str()).collect();
    if versions.len() > 1 {
        let each: Vec<String> = all.iter().map(|h| format!("{} {}", h.name, h.version)).collect();
        let what = "the controllers run different versions".to_owned();
        let why = format!("{}; what is new begins when all have it", each.join(", "));
        out.add(Severity::Warning, what, why, "holdfast cluster status".to_owned());
    }
    let mut at: BTreeMap<u64, Vec<&ControllerHealth>> = BTreeMap::new();
    for health in all.iter().filter(|health| health.applied_index > 0) {
        at.entry(health.applied_index).or_default().push(health);
    }
    for (index, same) in at {
        let hashes: BTreeSet<&str> = same.iter().map(|health| health.state_hash.as_str()).collect();
        if hashes.len() > 1 {
            let each: Vec<String> = same.iter().map(|h| format!("{} {}", h.name, h.state_hash)).collect();
            let what = "the controllers do not have the same state".to_owned();
            let why = format!("at entry {index}: {}", each.join(", "));
            out.add(Severity::Critical, what, why, doctor());
        }
    }
}
