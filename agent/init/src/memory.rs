//! The memory that programs of ours hold, as the kernel counts it. A leaf.

use std::fs;

use camino::Utf8Path;

/// Bytes of all processes together, this one included. Of what several of them share each has its part, so that nothing counts
/// twice.
pub(crate) fn resident(proc: &Utf8Path) -> u64 {
    let entries = proc.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let processes = entries.filter(|entry| entry.file_name().bytes().all(|byte| byte.is_ascii_digit()));
    processes.filter_map(|entry| of_one(&fs::read_to_string(entry.path().join("smaps_rollup")).ok()?)).sum()
}

/// Of one process; the threads of the kernel have none.
fn of_one(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_added_up_and_threads_of_the_kernel_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let proc = Utf8Path::from_path(dir.path()).unwrap();
        let head = "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:    9000 kB\n";
        for (name, rollup) in [
            ("1", format!("{head}Pss:                3000 kB\nPss_Anon:  1 kB\n")),
            ("70", format!("{head}Pss:               40000 kB\n")),
            ("2", String::new()),
            ("self", format!("{head}Pss:      9 kB\n")),
        ] {
            fs::create_dir(proc.join(name)).unwrap();
            fs::write(proc.join(name).join("smaps_rollup"), rollup).unwrap();
        }
        assert_eq!(resident(proc), 43_000 * 1_024);
    }

    #[test]
    fn the_kernel_counts_so() {
        assert!(resident("/proc".into()) > 1 << 20);
    }
}
