//! What this process takes of the machine, as Linux counts it.

use holdfast_telemetry::{Family, Gauge, MetricError, Registry, Seconds};

use super::number::number;

/// `/proc/self/stat` counts processor time in these, whatever the kernel's own clock is (proc(5), `sysconf(_SC_CLK_TCK)`).
const TICKS_PER_SECOND: u64 = 100;

pub(super) struct Metrics {
    resident: Family<Gauge>,
    cpu: Family<Seconds>,
    files: Family<Gauge>,
    threads: Family<Gauge>,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, MetricError> {
        let gauge = |name, help| registry.gauge(name, help, &[]);
        Ok(Self {
            resident: gauge("holdfast_process_resident_bytes", "Memory of the process.")?,
            cpu: registry.seconds(
                "holdfast_process_cpu_seconds_total",
                "Time that processors worked for the process.",
                &[],
            )?,
            files: gauge("holdfast_process_open_files", "Files and connections the process has open.")?,
            threads: gauge("holdfast_process_running_threads", "Threads of the process.")?,
        })
    }

    pub(super) fn read(&self) {
        // Where /proc is not to be had, the values stay where they are.
        if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
            if let Some(kib) = field(&status, "VmRSS:") {
                self.resident.with(&[]).set(number(kib.saturating_mul(1_024)));
            }
            if let Some(threads) = field(&status, "Threads:") {
                self.threads.with(&[]).set(number(threads));
            }
        }
        if let Some(ticks) = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| ticks(&stat)) {
            self.cpu.with(&[]).raise_to_us(ticks.saturating_mul(1_000_000 / TICKS_PER_SECOND));
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.files.with(&[]).set(i64::try_from(files.count()).unwrap_or(i64::MAX));
        }
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time: the 14th and 15th field, counted after the name, which may hold spaces and parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user.saturating_add(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_read_as_it_writes() {
        let status = "Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t7\n";
        assert_eq!((field(status, "VmRSS:"), field(status, "Threads:")), (Some(1_234), Some(7)));
        assert_eq!(field(status, "VmSwap:"), None);
        let stat = "42 (a (b) c) S 1 1 1 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 7 0 12345 1 2";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("42 (x"), None);
        assert!(ticks(&std::fs::read_to_string("/proc/self/stat").unwrap()).is_some());
    }
}
