//! A sign of life for whoever looks after this process: until when it counts as healthy. It means that this controller hears a
//! leader and that its disk takes what it is given, not only that a process runs.

use std::io;

use camino::Utf8Path;
use rustix::time::{ClockId, clock_gettime};

use crate::app::App;

/// How long a sign holds; a few rounds of [`crate::health::ASK_EVERY`].
const HOLDS_MS: u64 = 20_000;
const NAME: &str = "alive";

/// Gives the sign, or takes it back. Where it cannot be written it runs out by itself.
pub(crate) fn tell(app: &App) {
    let status = app.raft.status();
    let healthy = status.leader.is_some() && status.failure.is_none() && status.space.refusing.is_none();
    let told = if healthy { renew(&app.config.directory) } else { withdraw(&app.config.directory) };
    if let Err(error) = told {
        tracing::debug!(%error, "the sign of life is not written");
    }
}

/// Gives the sign for a controller that is not up yet and works on its disk.
pub(crate) fn works(directory: &Utf8Path) {
    if let Err(error) = renew(directory) {
        tracing::debug!(%error, "the sign of life is not written");
    }
}

/// `BOOT-ID DEADLINE`, the deadline in milliseconds of the boot clock: a sign of an earlier boot means nothing.
fn renew(directory: &Utf8Path) -> io::Result<()> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let now = clock_gettime(ClockId::Boottime);
    let milliseconds = now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000);
    let deadline = u64::try_from(milliseconds).unwrap_or(0).saturating_add(HOLDS_MS);
    let temporary = directory.join(".alive.new");
    std::fs::write(&temporary, format!("{} {deadline}\n", boot.trim()))?;
    std::fs::rename(&temporary, directory.join(NAME))
}

fn withdraw(directory: &Utf8Path) -> io::Result<()> {
    match std::fs::remove_file(directory.join(NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_names_this_boot_and_a_time_to_come_and_can_be_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        withdraw(dir).unwrap();
        renew(dir).unwrap();
        let text = std::fs::read_to_string(dir.join(NAME)).unwrap();
        let (boot, deadline) = text.trim().split_once(' ').unwrap();
        assert_eq!(boot, std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim());
        let now = u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap() * 1_000;
        assert!(
            (now + HOLDS_MS / 2..now + 2 * HOLDS_MS).contains(&deadline.parse::<u64>().unwrap()),
            "{text}"
        );
        withdraw(dir).unwrap();
        assert!(!dir.join(NAME).exists());
    }
}
