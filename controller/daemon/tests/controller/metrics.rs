//! What a controller counts, and whether Prometheus can read it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::http::ask;
use crate::world::World;

/// Runs `promtool` with these arguments on this text, where it is there or has to be.
fn promtool(arguments: &[&str], text: &str) {
    let started = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if std::env::var_os("HOLDFAST_WANTS_PROMTOOL").is_none() => {
            println!("promtool is not asked: {error}");
            return;
        }
        Err(error) => panic!("promtool: {error}"),
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    // A metric that misses the conventions is a finding as well, although the exit status is that of a finding only.
    assert!(ended.status.success(), "{arguments:?}: {said}\n{text}");
}

/// Each sample with a time behind it, as Prometheus wants what it takes in from a file.
fn dated(text: &str) -> String {
    let line = |line: &str| match line.starts_with('#') {
        true => format!("{line}\n"),
        false => format!("{line} 1700000000\n"),
    };
    text.lines().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_say_what_was_done_and_prometheus_reads_them() {
    let world = World::new();
    world.up().await;
    let body = r#"{"spec":{"priority":1}}"#;
    let put = ask(&world, "PUT /v1/queues/counted HTTP/1.1\r\ncontent-type: application/json", body).await;
    assert_eq!(put.status, 200, "{}", put.body);

    let older = ask(&world, "GET /metrics HTTP/1.1\r\naccept: text/plain", "").await;
    assert!(older.headers["content-type"].contains("text/plain; version=0.0.4"));
    promtool(&["check", "metrics"], &older.text);

    let newer = ask(&world, "GET /metrics HTTP/1.1\r\naccept: application/openmetrics-text", "").await;
    assert!(newer.headers["content-type"].contains("application/openmetrics-text; version=1.0.0"));
    let text = newer.text;
    let directory = tempfile::tempdir().unwrap();
    let (file, blocks) = (directory.path().join("text"), directory.path().join("blocks"));
    std::fs::write(&file, dated(&text)).unwrap();
    let import =
        ["tsdb", "create-blocks-from", "openmetrics", file.to_str().unwrap(), blocks.to_str().unwrap()];
    promtool(&import, "");

    let value = |series: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.and_then(|value| value.parse::<f64>().ok()).unwrap_or_else(|| panic!("{series} in\n{text}"))
    };
    for at_least_one in [
        "holdfast_raft_proposals_total",
        "holdfast_raft_leading",
        "holdfast_raft_commit_seconds_count",
        "holdfast_raft_apply_seconds_count",
        "holdfast_log_sync_seconds_count",
        "holdfast_log_size_bytes",
        "holdfast_raft_leader_changes_total",
        "holdfast_disk_free_bytes",
        "holdfast_process_resident_bytes",
        "holdfast_commands_accepted_total{command=\"put_queue\"}",
        "holdfast_calls_answer_seconds_count{call=\"holdfast.v1.Queues/Apply\"}",
    ] {
        assert!(value(at_least_one) >= 1.0, "{at_least_one}");
    }
    for none in ["holdfast_disk_alarm", "holdfast_raft_refusing", "holdfast_watch_watchers"] {
        assert!(value(none).abs() < 1e-9, "{none}");
    }
}
