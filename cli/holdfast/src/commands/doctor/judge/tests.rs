//! One trouble at a time, and what is said of it.

use std::time::Duration;

use super::*;

fn health(name: &str) -> ControllerHealth {
    ControllerHealth {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        used_bytes: 1 << 20,
        quota_bytes: 1 << 30,
        free_bytes: 1 << 40,
        fsync_p99_us: 2_000,
        audit_size: 5,
        audit_root: "aa".to_owned(),
        ..ControllerHealth::default()
    }
}

/// A healthy cluster of three, all of which answer.
struct Cluster {
    status: ClusterStatus,
    answers: Vec<Answer>,
    names: Names,
}

impl Cluster {
    fn new() -> Self {
        let names = ["c1", "c2", "c3"];
        let member = |name: &str| Member {
            name: name.to_owned(),
            address: format!("{name}:1"),
            leader: name == "c1",
            lag: (name != "c1").then_some(3),
            reachable: true,
            role: "voter".to_owned(),
            health: Some(health(name)),
            ..Member::default()
        };
        let status = ClusterStatus {
            leader: "c1".to_owned(),
            term: 4,
            members: names.into_iter().map(member).collect(),
            nodes_by_phase: [("Ready".to_owned(), 9)].into(),
            ..ClusterStatus::default()
        };
        let answer = |name: &str| Answer {
            endpoint: format!("{name}:1"),
            status: Ok(ClusterStatus { answered_by: Some(health(name)), ..ClusterStatus::default() }),
            ahead_ms: 2,
            took: Duration::from_millis(6),
        };
        let known = names.into_iter().map(|name| (format!("{name}:1"), name.to_owned()));
        Self { status, answers: names.into_iter().map(answer).collect(), names: known.collect() }
    }

    fn report(&self) -> Report {
        let mut report = Report::default();
        judge(&self.status, &self.answers, &self.names, &mut report);
        report
    }

    fn own(&mut self, place: usize) -> &mut ControllerHealth {
        self.answers[place].status.as_mut().unwrap().answered_by.as_mut().unwrap()
    }
}

#[test]
fn a_healthy_cluster_is_well_in_every_respect() {
    let report = Cluster::new().report();
    assert_eq!(
        report.text(),
        "\
ok    clock        c1 0 ms ahead of this machine, c2 0 ms ahead of this machine, c3 0 ms ahead of this machine
ok    versions     0.1.0 everywhere
ok    quorum       3 of 3 controllers answer, 2 are needed; 1 may fail
ok    leader       c1 in term 4
ok    replication  c2 3 entries behind, c3 3 entries behind
ok    disk         c1 1 MiB of 1 GiB, 1 TiB free, c2 1 MiB of 1 GiB, 1 TiB free, c3 1 MiB of 1 GiB, 1 TiB free
ok    sync         c1 p99 within 2 ms, c2 p99 within 2 ms, c3 p99 within 2 ms
ok    stability    0 changes of leader in the last hour
ok    audit        5 entries, one head on the 3 that have them
ok    agents       9 nodes, 0 lost, 0 silent

10 checks: 10 ok, 0 warn, 0 fail
"
    );
    assert_eq!(report.json()["healthy"], true);
}

#[test]
fn each_trouble_fails_or_warns_in_its_own_line() {
    type Spoil = fn(&mut Cluster);
    let cases: [(Spoil, &str, Verdict, &str); 15] = [
        (
            |c| c.status.members[2].reachable = false,
            "quorum",
            Verdict::Fail,
            "2 of 3 controllers answer, 2 are needed; silent: c3",
        ),
        (
            |c| c.status.members.iter_mut().skip(1).for_each(|m| m.reachable = false),
            "quorum",
            Verdict::Fail,
            "1 of 3 controllers answer, 2 are needed: nothing can be written; silent: c2, c3",
        ),
        (|c| c.status.leader.clear(), "leader", Verdict::Fail, "none is elected"),
        (
            |c| c.status.members[1].behind_since = Some(holdfast_api::timestamp(holdfast_types::Time(1))),
            "replication",
            Verdict::Warn,
            "c2 3 entries behind",
        ),
        (|c| c.answers[1].ahead_ms = -2_000, "clock", Verdict::Warn, "c2 1997 ms behind this machine"),
        (|c| c.answers[1].ahead_ms = 40_000, "clock", Verdict::Fail, "c2 39997 ms ahead of this machine"),
        (
            |c| c.status.members[0].health.as_mut().unwrap().version = "9.9.9".to_owned(),
            "versions",
            Verdict::Warn,
            "c1 9.9.9, c2 0.1.0, c3 0.1.0, this program 0.1.0",
        ),
        (
            |c| c.status.members[0].health.as_mut().unwrap().refuses = "no space".to_owned(),
            "disk",
            Verdict::Fail,
            "c1 1 MiB of 1 GiB, 1 TiB free: refuses writes: no space",
        ),
        (
            |c| c.status.members[0].health.as_mut().unwrap().alarm = "90 % used".to_owned(),
            "disk",
            Verdict::Warn,
            "c1 1 MiB of 1 GiB, 1 TiB free: 90 % used",
        ),
        (
            |c| c.status.members[1].health.as_mut().unwrap().fsync_p99_us = 20_000,
            "sync",
            Verdict::Warn,
            "c2 p99 within 20 ms",
        ),
        (
            |c| c.status.members[1].health.as_mut().unwrap().fsync_p99_us = 99_500,
            "sync",
            Verdict::Fail,
            "c2 p99 within 100 ms",
        ),
        (
            |c| c.status.members[1].health.as_mut().unwrap().leader_changes = 3,
            "stability",
            Verdict::Warn,
            "3 changes of leader in the last hour",
        ),
        (
            |c| c.own(2).audit_root = "bb".to_owned(),
            "audit",
            Verdict::Fail,
            "at 5 entries the controllers have different heads: c1 and c2 aa, c3 bb",
        ),
        (|c| c.status.silent_nodes = 2, "agents", Verdict::Warn, "9 nodes, 0 lost, 2 silent"),
        (
            |c| drop(c.names.insert("c2:1".to_owned(), "c9".to_owned())),
            "names",
            Verdict::Fail,
            "c2:1 is c9, and the cluster knows c2 there",
        ),
    ];
    for (spoil, name, verdict, found) in cases {
        let mut cluster = Cluster::new();
        spoil(&mut cluster);
        let report = cluster.report();
        let bad: Vec<&super::super::report::Check> =
            report.0.iter().filter(|c| c.verdict != Verdict::Ok).collect();
        assert_eq!(bad.len(), 1, "{}", report.text());
        assert_eq!((bad[0].name, bad[0].verdict, bad[0].found.as_str()), (name, verdict, found));
        assert!(!bad[0].next.is_empty(), "{name} says what to do");
        assert_eq!(report.fails(), verdict == Verdict::Fail);
    }
}

#[test]
fn heads_of_different_sizes_are_looked_at_again() {
    let mut cluster = Cluster::new();
    assert!(comparable(&cluster.answers));
    cluster.own(1).audit_size = 6;
    assert!(!comparable(&cluster.answers));
}
