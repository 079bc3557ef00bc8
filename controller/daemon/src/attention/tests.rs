//! What is said of clusters in trouble.

use holdfast_api::timestamp;
use holdfast_api::v1::Attention;

use super::*;

const NOW: Time = Time(1_800_000_000_000);

fn health(name: &str) -> ControllerHealth {
    ControllerHealth {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        leader: "c1".to_owned(),
        applied_index: 10,
        state_hash: "aa".to_owned(),
        certificate_expires: Some(timestamp(Time(NOW.0 + 86_400_000))),
        ..ControllerHealth::default()
    }
}

fn member(name: &str) -> Member {
    Member {
        name: name.to_owned(),
        role: "voter".to_owned(),
        reachable: true,
        health: Some(health(name)),
        ..Member::default()
    }
}

fn said(own: &ControllerHealth, members: &[Member]) -> String {
    let mut out = Findings::default();
    of_controllers(&View { own, members, now: NOW }, &mut out);
    let line = |a: Attention| format!("{}: {}; {}; {}\n", a.severity, a.what, a.why, a.next);
    out.sorted().into_iter().map(line).collect()
}

/// What is said where this is done to a healthy cluster of three.
fn said_after(spoil: impl FnOnce(&mut ControllerHealth, &mut Vec<Member>)) -> String {
    let mut own = health("c1");
    let mut members: Vec<Member> = ["c1", "c2", "c3"].into_iter().map(member).collect();
    spoil(&mut own, &mut members);
    said(&own, &members)
}

#[test]
fn a_healthy_cluster_needs_nothing() {
    assert_eq!(said_after(|_, _| {}), "");
    assert_eq!(said_after(|_, members| members.truncate(1)), "", "one controller is what was asked for");
}

#[test]
fn failures_are_counted_against_the_quorum() {
    let silent = |count: usize| {
        said_after(|_, members| {
            for member in members.iter_mut().rev().take(count) {
                member.reachable = false;
                member.trouble = "connection refused".to_owned();
            }
        })
    };
    assert_eq!(
        silent(1),
        "critical: 2 of 3 controllers answer; one more failure stops writes; \
         no answer from c3 (c3: connection refused); holdfast doctor\n"
    );
    assert!(silent(2).starts_with(
        "critical: 1 of 3 controllers answer and 2 are needed: nothing can be written; no answer from c2, c3"
    ));
    let five = said_after(|_, members| {
        members.extend(["c4", "c5"].map(member));
        members[4].reachable = false;
    });
    assert!(five.starts_with("warning: 4 of 5 controllers answer; 1 more may fail"), "{five}");
    let even = said_after(|_, members| members.push(member("c4")));
    assert!(even.starts_with("warning: 4 controllers vote, which is an even number"), "{even}");
    let headless = said_after(|own, _| own.leader.clear());
    assert!(headless.starts_with("critical: no leader"), "{headless}");
}

#[test]
fn every_trouble_of_one_controller_is_named() {
    for (spoil, expected) in [
        (
            (|h| h.refuses = "no space left on device".to_owned()) as fn(&mut ControllerHealth),
            "critical: controller c2 refuses writes; no space left on device",
        ),
        (|h| h.alarm = "the quota is nearly used".to_owned(), "warning: controller c2 runs out of space"),
        (|h| h.excluded = "removed".to_owned(), "critical: controller c2 takes no part; removed"),
        (
            |h| h.version = "0.2.0".to_owned(),
            "warning: the controllers run different versions; c1 0.1.0, c2 0.2.0",
        ),
        (
            |h| h.state_hash = "bb".to_owned(),
            "critical: the controllers do not have the same state; at entry 10: c1 aa, c2 bb, c3 aa",
        ),
        (
            |h| h.applied_index = 200_000,
            "warning: controller c2 has taken no snapshot for long; 200000 entries",
        ),
        (|h| h.leader_changes = 9, "warning: controller c2 saw 9 leaders in the last hour"),
        (
            |h| h.fsync_p99_us = 80_000,
            "warning: the disk of controller c2 is slow; one sync in a hundred takes 80 ms",
        ),
        (
            |h| h.certificate_expires = Some(timestamp(Time(NOW.0 + 600_000))),
            "critical: the certificate of controller c2 ends in 10m",
        ),
        (
            |h| h.certificate_expires = Some(timestamp(Time(NOW.0 + 7_200_000))),
            "warning: the certificate of controller c2 ends in 2h",
        ),
    ] {
        let text = said_after(|_, members| {
            if let Some(health) = &mut members[1].health {
                spoil(health);
            }
        });
        assert!(text.starts_with(expected), "{text}\nis not\n{expected}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn members_that_lag_or_have_another_time_are_named() {
    let lags = said_after(|_, members| {
        members[2].lag = Some(12_345);
        members[2].behind_since = Some(timestamp(NOW));
    });
    assert!(lags.starts_with("warning: controller c3 is 12345 entries behind; since 2027-"), "{lags}");
    let skewed = said_after(|_, members| members[2].clock_ahead_ms = -700);
    assert!(skewed.starts_with("warning: the clock of controller c3 is 700 ms behind"), "{skewed}");
    let own = said_after(|_, members| members.iter_mut().skip(1).for_each(|m| m.clock_ahead_ms = -700));
    assert!(own.starts_with("warning: the clock of controller c1 is 700 ms ahead"), "{own}");
    assert_eq!(own.lines().count(), 1, "the others are right: {own}");
    let silent = said_after(|_, members| {
        members[1].health = None;
        members[2].clock_ahead_ms = 700;
    });
    assert!(silent.starts_with("warning: the clock of controller c3 is 700 ms ahead"), "{silent}");
}
