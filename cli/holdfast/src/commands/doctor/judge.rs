//! What the controllers say, judged. Pure, so that every trouble can be tried.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::v1::{ClusterStatus, ControllerHealth, Member};
use holdfast_types::Bytes;

use super::reach::Names;
use super::report::{Report, Verdict};
use crate::answers::{Answer, CRITICAL};

/// Further looks at heads of the audit log that are of different sizes.
pub(super) const LOOKS_AT_AUDIT: usize = 3;
/// Clocks that differ by more make logs hard to read.
const SKEW_WARN_MS: u64 = 1_000;
/// And by more than this new certificates are not valid yet.
const SKEW_FAIL_MS: u64 = 30_000;
/// A sync slower than this, one time in a hundred, slows every write.
const SYNC_WARN_US: u64 = 10_000;
/// And slower than this makes leaders lose their followers.
const SYNC_FAIL_US: u64 = 50_000;
/// More changes of leader in an hour than maintenance makes.
const CHANGES_WARN: u32 = 2;
/// So many are an illness.
const CHANGES_FAIL: u32 = 10;

/// Judges everything that was heard.
pub(super) fn judge(status: &ClusterStatus, answers: &[Answer], names: &Names, report: &mut Report) {
    identities(status, names, report);
    clocks(answers, report);
    versions(status, report);
    quorum(status, report);
    replication(status, report);
    disks(status, report);
    syncs(status, report);
    leaders(status, report);
    audit(answers, report);
    agents(status, report);
    rest(status, report);
}

fn healths(status: &ClusterStatus) -> impl Iterator<Item = &ControllerHealth> {
    status.members.iter().filter_map(|member| member.health.as_ref())
}

/// Adds one line for many controllers: the worst verdict, and each of them.
fn line(report: &mut Report, name: &'static str, parts: Vec<(Verdict, String)>, next: &str) {
    let verdict = parts.iter().map(|(verdict, _)| *verdict).max().unwrap_or(Verdict::Ok);
    let worst: Vec<String> =
        parts.into_iter().filter(|(own, _)| *own == verdict).map(|(_, text)| text).collect();
    if !worst.is_empty() {
        report.add(name, verdict, worst.join(", "), if verdict == Verdict::Ok { "" } else { next });
    }
}

/// Whether who is at an address is who the cluster says is there.
fn identities(status: &ClusterStatus, names: &Names, report: &mut Report) {
    for member in &status.members {
        if let Some(found) = names.get(&member.address).filter(|found| **found != member.name) {
            let text = format!("{} is {found}, and the cluster knows {} there", member.address, member.name);
            report.add("names", Verdict::Fail, text, "holdfast cluster status");
        }
    }
}

fn clocks(answers: &[Answer], report: &mut Report) {
    let parts = answers.iter().filter_map(|answer| {
        let health = answer.status.as_ref().ok()?.answered_by.as_ref()?;
        // What the way took cannot be told from a clock that differs.
        let error = u64::try_from(answer.took.as_millis() / 2).unwrap_or(0);
        let off = answer.ahead_ms.unsigned_abs().saturating_sub(error);
        let verdict = match off {
            off if off > SKEW_FAIL_MS => Verdict::Fail,
            off if off > SKEW_WARN_MS => Verdict::Warn,
            _ => Verdict::Ok,
        };
        let direction = if answer.ahead_ms < 0 { "behind" } else { "ahead of" };
        Some((verdict, format!("{} {off} ms {direction} this machine", health.name)))
    });
    line(report, "clock", parts.collect(), "synchronise time on both machines, such as with chrony");
}

fn versions(status: &ClusterStatus, report: &mut Report) {
    let own = env!("CARGO_PKG_VERSION");
    let known: BTreeSet<&str> = healths(status).map(|h| h.version.as_str()).chain([own]).collect();
    if known.len() <= 1 {
        return report.ok("versions", format!("{own} everywhere"));
    }
    let each: Vec<String> = healths(status).map(|h| format!("{} {}", h.name, h.version)).collect();
    let found = format!("{}, this program {own}", each.join(", "));
    report.add("versions", Verdict::Warn, found, "finish the upgrade, and use the program of the cluster");
}

fn quorum(status: &ClusterStatus, report: &mut Report) {
    let voters: Vec<&Member> = status.members.iter().filter(|m| m.role != "learner").collect();
    let (count, answer) = (voters.len(), voters.iter().filter(|m| m.reachable).count());
    let needed = count / 2 + 1;
    let silent: Vec<&str> = voters.iter().filter(|m| !m.reachable).map(|m| m.name.as_str()).collect();
    let found = format!("{answer} of {count} controllers answer, {needed} are needed");
    let again = format!(
        "start {} again: holdfast controller run --directory DIR; where a machine is gone for good:",
        silent.join(" and ")
    );
    if answer < needed {
        let found = format!("{found}: nothing can be written; silent: {}", silent.join(", "));
        let lost: Vec<String> = silent.iter().map(|name| format!("--lost {name}")).collect();
        let place = voters.iter().find(|m| m.reachable).map_or("HOST:PORT", |m| m.address.as_str());
        let next =
            format!("{again} holdfast cluster recover --force-single --server {place} {}", lost.join(" "));
        report.add("quorum", Verdict::Fail, found, next);
    } else if answer < count {
        let found = format!("{found}; silent: {}", silent.join(", "));
        let gone = silent.first().copied().unwrap_or_default();
        let next = format!("{again} holdfast controller replace {gone} --with NAME --address HOST:PORT");
        report.add("quorum", if answer == needed { Verdict::Fail } else { Verdict::Warn }, found, next);
    } else if count == 1 {
        let next = "for work that matters have 3 or 5 controllers";
        report.add("quorum", Verdict::Warn, "one controller: no failure is survived", next);
    } else if count.is_multiple_of(2) {
        report.add(
            "quorum",
            Verdict::Warn,
            format!("{found}; an even number adds no safety"),
            "have 3 or 5 voters",
        );
    } else {
        report.ok("quorum", format!("{found}; {} may fail", answer - needed));
    }
    if status.leader.is_empty() {
        report.add("leader", Verdict::Fail, "none is elected", "holdfast cluster status");
    } else if answer >= needed {
        // Who was elected leads nobody where no majority answers; the line above says so.
        report.ok("leader", format!("{} in term {}", status.leader, status.term));
    }
}

fn replication(status: &ClusterStatus, report: &mut Report) {
    let parts = status.members.iter().filter(|member| !member.leader).filter_map(|member| {
        let lag = member.lag?;
        let verdict = if member.behind_since.is_some() { Verdict::Warn } else { Verdict::Ok };
        Some((verdict, format!("{} {lag} entries behind", member.name)))
    });
    line(
        report,
        "replication",
        parts.collect(),
        "see the log of the controller that is behind, and its disk",
    );
}

fn disks(status: &ClusterStatus, report: &mut Report) {
    let parts = healths(status).map(|health| {
        let used = format!(
            "{} {} of {}, {} free",
            health.name,
            Bytes(health.used_bytes),
            Bytes(health.quota_bytes),
            Bytes(health.free_bytes)
        );
        if !health.refuses.is_empty() {
            (Verdict::Fail, format!("{used}: refuses writes: {}", health.refuses))
        } else if !health.alarm.is_empty() {
            (Verdict::Warn, format!("{used}: {}", health.alarm))
        } else {
            (Verdict::Ok, used)
        }
    });
    line(report, "disk", parts.collect(), "free space on the disk of that controller; it goes on by itself");
}

fn syncs(status: &ClusterStatus, report: &mut Report) {
    let parts = healths(status).filter(|health| health.fsync_p99_us > 0).map(|health| {
        let verdict = match health.fsync_p99_us {
            us if us > SYNC_FAIL_US => Verdict::Fail,
            us if us > SYNC_WARN_US => Verdict::Warn,
            _ => Verdict::Ok,
        };
        (verdict, format!("{} p99 within {} ms", health.name, health.fsync_p99_us.div_ceil(1_000)))
    });
    line(
        report,
        "sync",
        parts.collect(),
        "give the controller a disk of its own, best an SSD that keeps what it says",
    );
}

fn leaders(status: &ClusterStatus, report: &mut Report) {
    let most = healths(status).map(|health| health.leader_changes).max().unwrap_or(0);
    let found = format!("{most} changes of leader in the last hour");
    let verdict = match most {
        most if most > CHANGES_FAIL => Verdict::Fail,
        most if most > CHANGES_WARN => Verdict::Warn,
        _ => return report.ok("stability", found),
    };
    report.add(
        "stability",
        verdict,
        found,
        "look for slow disks, a slow network or machines without a free core",
    );
}

/// The heads of the audit log by size, and who has each.
fn heads(answers: &[Answer]) -> BTreeMap<u64, BTreeMap<&str, Vec<&str>>> {
    let mut out: BTreeMap<u64, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    let given = answers.iter().filter_map(|answer| answer.status.as_ref().ok()?.answered_by.as_ref());
    for health in given {
        let roots = out.entry(health.audit_size).or_default();
        roots.entry(&health.audit_root).or_default().push(&health.name);
    }
    out
}

/// Whether all who answered have heads of one size.
pub(super) fn comparable(answers: &[Answer]) -> bool {
    heads(answers).len() <= 1
}

fn audit(answers: &[Answer], report: &mut Report) {
    let heads = heads(answers);
    let forked = heads.iter().find(|(_, roots)| roots.len() > 1);
    if let Some((size, roots)) = forked {
        let each: Vec<String> =
            roots.iter().map(|(root, who)| format!("{} {root}", who.join(" and "))).collect();
        let found = format!("at {size} entries the controllers have different heads: {}", each.join(", "));
        report.add("audit", Verdict::Fail, found, "holdfast audit export DIR, and holdfast audit verify DIR");
    } else if let Some((size, roots)) = heads.last_key_value() {
        let who: usize = roots.values().map(Vec::len).sum();
        report.ok("audit", format!("{size} entries, one head on the {who} that have them"));
    }
}

fn agents(status: &ClusterStatus, report: &mut Report) {
    let of = |phase: &str| status.nodes_by_phase.get(phase).copied().unwrap_or(0);
    let (all, lost) = (status.nodes_by_phase.values().sum::<u32>(), of("Lost"));
    let found = format!("{all} nodes, {lost} lost, {} silent", status.silent_nodes);
    if lost > 0 || status.silent_nodes > 0 {
        let next = "start the agents that are silent again; which they are says: holdfast node list";
        report.add("agents", Verdict::Warn, found, next);
    } else {
        report.ok("agents", found);
    }
}

/// What the controllers say that no check above has.
fn rest(status: &ClusterStatus, report: &mut Report) {
    for attention in status.attention.iter().filter(|attention| attention.next != "holdfast doctor") {
        let verdict = if attention.severity == CRITICAL { Verdict::Fail } else { Verdict::Warn };
        let found = format!("{}: {}", attention.what, attention.why);
        report.add("attention", verdict, found, attention.next.clone());
    }
    let apart = healths(status).filter(|health| !health.excluded.is_empty());
    for health in apart {
        let found = format!("{} takes no part: {}", health.name, health.excluded);
        report.add("members", Verdict::Fail, found, "holdfast cluster status");
    }
}

#[cfg(test)]
mod tests;
