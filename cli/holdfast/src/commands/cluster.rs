//! `holdfast cluster`: what a tired person needs first comes first.

use std::fmt::Write as _;

use holdfast_api::v1::cluster_client::ClusterClient;
use holdfast_api::v1::{ClusterStatus, ClusterStatusRequest};
use holdfast_types::Bytes;

use crate::failure::Failure;
use crate::globals::Flag;
use crate::output::Table;
use crate::session::{Session, call};

/// What can be asked of the cluster.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// What needs attention and what to type, then how everything is
    #[command(after_help = "Examples:\n  holdfast cluster status\n  holdfast cluster status -o json")]
    Status,
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::Status => ("status", &[]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Status => {
            let status = call!(session, ClusterClient, status, ClusterStatusRequest {})?;
            session.printer.show(&status, || text(&status))
        }
    }
}

fn text(status: &ClusterStatus) -> String {
    let mut text = attention(status);
    let phases = |counts: &std::collections::BTreeMap<String, u32>| {
        let counts = counts.iter().filter(|(_, count)| **count > 0);
        let all: Vec<String> = counts.map(|(phase, count)| format!("{count} {phase}")).collect();
        if all.is_empty() { "none".to_owned() } else { all.join(", ") }
    };
    let short = |hash: &str| hash.chars().take(16).collect::<String>();
    let lines = [
        ("cluster", format!("{} ({}), version {}", status.name, status.cluster_id, status.version)),
        ("nodes", phases(&status.nodes_by_phase)),
        ("jobs", phases(&status.jobs_by_phase)),
        ("law", format!("bundle {}, {} audit entries", short(&status.bundle), status.audit_size)),
        (
            "state",
            format!(
                "revision {}, term {}, applied {}, log {}, hash {}",
                status.revision,
                status.term,
                status.applied_index,
                Bytes(status.log_bytes),
                short(&status.state_hash)
            ),
        ),
    ];
    for (name, value) in lines {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{name:<9}{value}");
    }
    text + "\n" + &members(status)
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
        let _ = writeln!(text, "  {}", item.what);
        if !item.why.is_empty() {
            let _ = writeln!(text, "    because: {}", item.why);
        }
        if !item.next.is_empty() {
            let _ = writeln!(text, "    next:    {}", item.next);
        }
    }
    text + "\n"
}

fn members(status: &ClusterStatus) -> String {
    let mut table = Table::new(&["CONTROLLER", "ADDRESS", "ROLE", "REACHABLE"]);
    for member in &status.members {
        let role = if member.leader { "leader" } else { "follower" };
        let reachable = if member.reachable { "yes" } else { "NO" };
        table.row([member.name.clone(), member.address.clone(), role.to_owned(), reachable.to_owned()]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::{Attention, Member};

    #[test]
    fn what_is_wrong_comes_first_with_what_to_type() {
        let member = |name: &str, leader, reachable| Member {
            name: name.to_owned(),
            address: "127.0.0.1:7443".to_owned(),
            leader,
            reachable,
            id: 1,
        };
        let status = ClusterStatus {
            name: "demo".to_owned(),
            cluster_id: "demo-1".to_owned(),
            version: "0.1.0".to_owned(),
            members: vec![member("c1", true, true), member("c2", false, false)],
            nodes_by_phase: [("Ready".to_owned(), 2), ("Lost".to_owned(), 1), ("Pending".to_owned(), 0)]
                .into(),
            attention: vec![Attention {
                what: "node `n3` is lost".to_owned(),
                why: "no heartbeat for 2m10s".to_owned(),
                next: "holdfast node show n3".to_owned(),
            }],
            bundle: "0123456789abcdef0123".to_owned(),
            log_bytes: 2_048,
            ..ClusterStatus::default()
        };
        let expected = "\
1 thing needs attention:
  node `n3` is lost
    because: no heartbeat for 2m10s
    next:    holdfast node show n3

cluster  demo (demo-1), version 0.1.0
nodes    1 Lost, 2 Ready
jobs     none
law      bundle 0123456789abcdef, 0 audit entries
state    revision 0, term 0, applied 0, log 2 KiB, hash 

CONTROLLER  ADDRESS         ROLE      REACHABLE
c1          127.0.0.1:7443  leader    yes
c2          127.0.0.1:7443  follower  NO
";
        assert_eq!(text(&status), expected);
        assert!(text(&ClusterStatus::default()).starts_with("Nothing needs attention.\n"));
    }
}
