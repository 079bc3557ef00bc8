//! `holdfast cluster status`: what a tired person needs first comes first.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use holdfast_api::v1::{ClusterStatus, Member};
use holdfast_types::Bytes;
use tokio::time::Instant;

use crate::answers::{Answer, CRITICAL, ask_all, merge};
use crate::failure::Failure;
use crate::output::Table;
use crate::session::Session;

/// How long to wait before everybody is asked again.
const PAUSE: Duration = Duration::from_millis(300);

/// Runs the command. An unhealthy cluster is exit code 1, so that a script can ask.
pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    let deadline = Instant::now() + session.patience();
    let mut answers = ask_all(session).await;
    // Controllers that were just started answer soon.
    while answers.iter().all(|answer| answer.status.is_err()) && Instant::now() + PAUSE < deadline {
        tokio::time::sleep(PAUSE).await;
        answers = ask_all(session).await;
    }
    let status = merge(&answers)?;
    session.printer.show(&status, || text(&status, &answers))?;
    if status.attention.iter().any(|attention| attention.severity == CRITICAL) {
        return Err(Failure::Ended(ExitCode::from(1)));
    }
    Ok(())
}

fn text(status: &ClusterStatus, answers: &[Answer]) -> String {
    let mut text = attention(status);
    text += &members(status, answers).to_string();
    text.push('\n');
    let phases = |counts: &std::collections::BTreeMap<String, u32>| {
        let counts = counts.iter().filter(|(_, count)| **count > 0);
        let all: Vec<String> = counts.map(|(phase, count)| format!("{count} {phase}")).collect();
        if all.is_empty() { "none".to_owned() } else { all.join(", ") }
    };
    let short = |hash: &str| hash.chars().take(16).collect::<String>();
    let lines = [
        ("cluster", format!("{} ({}), version {}", status.name, status.cluster_id, status.version)),
        ("nodes", phases(&status.nodes_by_phase) + &silent(status)),
        ("jobs", phases(&status.jobs_by_phase)),
        ("law", format!("bundle {}, {} audit entries", short(&status.bundle), status.audit_size)),
        ("state", state(status, &short(&status.state_hash))),
        ("answers", endpoints(status, answers)),
    ];
    for (name, value) in lines {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{name:<9}{value}");
    }
    text
}

fn silent(status: &ClusterStatus) -> String {
    match status.silent_nodes {
        0 => String::new(),
        count => format!(" ({count} of them silent for half their lease)"),
    }
}

fn state(status: &ClusterStatus, hash: &str) -> String {
    let incarnation = match status.incarnation {
        0 | 1 => String::new(),
        number => format!(", incarnation {number}"),
    };
    format!(
        "revision {}, term {}, applied {}, log {}, hash {hash}, feature level {}{incarnation}",
        status.revision,
        status.term,
        status.applied_index,
        Bytes(status.log_bytes),
        status.feature_level,
    )
}

/// Which endpoints answered, and whose view this is.
fn endpoints(status: &ClusterStatus, answers: &[Answer]) -> String {
    let answered = answers.iter().filter(|answer| answer.status.is_ok()).count();
    let by = status.answered_by.as_ref().map_or("", |own| own.name.as_str());
    let view = match (by == status.leader, status.leader.is_empty()) {
        (true, _) => "as the leader sees it".to_owned(),
        (false, true) => format!("as {by} sees it, without a leader"),
        (false, false) => format!("as {by} sees it: the leader does not answer"),
    };
    format!("{answered} of {} endpoints; {view}", answers.len())
}

fn attention(status: &ClusterStatus) -> String {
    if status.attention.is_empty() {
        return "Nothing needs attention.\n\n".to_owned();
    }
    let mut text = match status.attention.len() {
        1 => "1 thing needs attention:\n".to_owned(),
        count => format!("{count} things need attention, worst first:\n"),
    };
    for item in &status.attention {
        let mark = if item.severity == CRITICAL { "!" } else { " " };
        let _ = writeln!(text, "{mark} {}", item.what);
        if !item.why.is_empty() {
            let _ = writeln!(text, "    because: {}", item.why);
        }
        if !item.next.is_empty() {
            let _ = writeln!(text, "    next:    {}", item.next);
        }
    }
    text + "\n"
}

fn members(status: &ClusterStatus, answers: &[Answer]) -> Table {
    let mut table =
        Table::new(&["CONTROLLER", "ADDRESS", "ROLE", "ANSWERS", "BEHIND", "DISK", "SYNC P99", "VERSION"]);
    for member in &status.members {
        let health = member.health.clone().unwrap_or_default();
        let role = match (member.leader, member.role.as_str()) {
            (true, _) => "leader",
            (false, "learner") => "learner",
            (false, _) => "follower",
        };
        let behind = if member.leader { String::new() } else { lag(member) };
        let disk = match (health.used_bytes, health.quota_bytes) {
            (0, _) => String::new(),
            (used, 0) => Bytes(used).to_string(),
            (used, quota) => format!("{} of {}", Bytes(used), Bytes(quota)),
        };
        let sync = match health.fsync_p99_us {
            0 => String::new(),
            us => format!("{:.1} ms", us as f64 / 1_000.0),
        };
        let (name, address) = (member.name.clone(), member.address.clone());
        let answers = answers_here(member, answers).to_owned();
        table.row([name, address, role.to_owned(), answers, behind, disk, sync, health.version]);
    }
    table
}

fn lag(member: &Member) -> String {
    member.lag.map(|lag| lag.to_string()).unwrap_or_default()
}

fn answers_here(member: &Member, answers: &[Answer]) -> &'static str {
    let asked = answers.iter().find(|answer| answer.endpoint == member.address);
    match asked.map(|answer| answer.status.is_ok()) {
        Some(true) => "yes",
        Some(false) if member.reachable => "not here",
        None if member.reachable => "others",
        Some(false) | None => "NO",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::{Attention, ControllerHealth};

    fn member(name: &str, leader: bool, reachable: bool) -> Member {
        Member {
            name: name.to_owned(),
            address: format!("{name}:7443"),
            leader,
            reachable,
            role: "voter".to_owned(),
            id: 1,
            ..Member::default()
        }
    }

    #[test]
    fn what_is_wrong_comes_first_with_what_to_type() {
        let health = ControllerHealth {
            name: "c1".to_owned(),
            version: "0.1.0".to_owned(),
            used_bytes: 12 << 20,
            quota_bytes: 1 << 30,
            fsync_p99_us: 1_500,
            ..ControllerHealth::default()
        };
        let one = Member { health: Some(health.clone()), ..member("c1", true, true) };
        let two = Member { lag: Some(5_120), ..member("c2", false, false) };
        let status = ClusterStatus {
            name: "demo".to_owned(),
            cluster_id: "demo-1".to_owned(),
            version: "0.1.0".to_owned(),
            leader: "c1".to_owned(),
            members: vec![one, two],
            nodes_by_phase: [("Ready".to_owned(), 2), ("Lost".to_owned(), 1), ("Pending".to_owned(), 0)]
                .into(),
            attention: vec![Attention {
                what: "1 of 2 controllers answer; one more failure stops writes".to_owned(),
                why: "no answer from c2".to_owned(),
                next: "holdfast doctor".to_owned(),
                severity: CRITICAL.to_owned(),
            }],
            bundle: "0123456789abcdef0123".to_owned(),
            log_bytes: 2_048,
            silent_nodes: 1,
            answered_by: Some(health),
            ..ClusterStatus::default()
        };
        let answer = |endpoint: &str, status: Result<ClusterStatus, String>| Answer {
            endpoint: endpoint.to_owned(),
            status,
            ahead_ms: 0,
            took: Duration::ZERO,
        };
        let answers =
            [answer("c1:7443", Ok(ClusterStatus::default())), answer("c2:7443", Err("refused".to_owned()))];
        let expected = "\
1 thing needs attention:
! 1 of 2 controllers answer; one more failure stops writes
    because: no answer from c2
    next:    holdfast doctor

CONTROLLER  ADDRESS  ROLE      ANSWERS  BEHIND  DISK             SYNC P99  VERSION
c1          c1:7443  leader    yes      -       12 MiB of 1 GiB  1.5 ms    0.1.0
c2          c2:7443  follower  NO       5120    -                -         -

cluster  demo (demo-1), version 0.1.0
nodes    1 Lost, 2 Ready (1 of them silent for half their lease)
jobs     none
law      bundle 0123456789abcdef, 0 audit entries
state    revision 0, term 0, applied 0, log 2 KiB, hash , feature level 0
answers  1 of 2 endpoints; as the leader sees it
";
        assert_eq!(text(&status, &answers), expected);
        assert!(text(&ClusterStatus::default(), &[]).starts_with("Nothing needs attention.\n"));
    }
}
