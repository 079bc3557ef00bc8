//! Figures of the runtime on this machine; run with `--ignored --nocapture`, release build for honest ones.

use std::time::{Duration, Instant};

use holdfast_runtime::LogPolicy;
use holdfast_types::Bytes;

use crate::support::Bench;

fn middle(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[0], times[times.len() / 2])
}

#[test]
#[ignore = "a measurement, not a check"]
fn start_and_exit() {
    let bench = Bench::new();
    let (mut starts, mut wholes) = (Vec::new(), Vec::new());
    for n in 0..100 {
        let spec = bench.sh(&format!("t{n}"), "exit 0");
        let begin = Instant::now();
        bench.start(&spec);
        starts.push(begin.elapsed());
        bench.wait(spec.id.as_str());
        wholes.push(begin.elapsed());
        bench.runtime.remove(&spec.id).unwrap();
    }
    println!("start: min, median {:?}", middle(starts));
    println!("start to exit: min, median {:?}", middle(wholes));
}

#[test]
#[ignore = "a measurement, not a check"]
fn output_throughput_and_memory_of_a_shim() {
    let bench = Bench::new();
    let mut spec = bench.probe("t", &["flood", "2000000"]);
    spec.log = LogPolicy { max_bytes: Bytes(16 << 20), files: 4 };
    let begin = Instant::now();
    let exit = bench.run(&spec);
    let seconds = begin.elapsed().as_secs_f64();
    println!("output: {:.0} MB/s", exit.log_end as f64 / 1e6 / seconds);
    bench.start(&bench.sh("s", "exec sleep 1000"));
    for name in ["holdfast-shim", "holdfast-init", "holdfast-zygote"] {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let comm = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            let rollup = std::fs::read_to_string(entry.path().join("smaps_rollup")).unwrap_or_default();
            let sizes =
                rollup.lines().filter(|line| line.starts_with("Pss:") || line.starts_with("Private_Dirty"));
            if name.starts_with(comm.trim()) && !comm.trim().is_empty() {
                println!("{name}: {}", sizes.collect::<Vec<_>>().join(" "));
            }
        }
    }
}
