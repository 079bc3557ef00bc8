//! A machine that was started from the medium: the installer runs in place of services, and once it has installed the machine
//! starts again.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use holdfast_release::machine::Network;
use serde_json::json;

use crate::event::{event, power_off, restart, say};
use crate::signals::{End, Signals, reap};
use crate::watchdog::Watchdog;
use crate::{medium, network};

const INSTALLER: &str = "/usr/bin/holdfast-installer";
/// Where people are spoken to: the line first, which every server in a rack has.
const CONSOLE: &str = "/dev/console";
/// How an installer ends that has installed.
const DONE: &str = "exit code 0";
const TICK: Duration = Duration::from_millis(500);
/// How long a volume with a configuration may take to be connected before it is looked for again.
const AGAIN: Duration = Duration::from_secs(60);

/// Installs until the machine ends.
pub(crate) fn live(signals: &Signals, watchdog: &mut Watchdog) -> Result<(), String> {
    medium::bring()?;
    let _told = network::bring_up(&Network::default(), "holdfast");
    let mut runs: Option<u32> = None;
    let mut next = Instant::now();
    loop {
        watchdog.feed();
        match signals.wait(TICK) {
            Some(End::Restart) => restart(),
            Some(End::Off) => power_off(),
            None => {}
        }
        for (pid, how) in reap() {
            if runs.is_some_and(|own| i64::from(own) == i64::from(pid)) {
                event("service.stopped", &json!({ "service": "installer", "how": how }));
                // It is done: the firmware knows which disk comes first from now on.
                if how == DONE {
                    restart();
                }
                runs = None;
                next = Instant::now() + AGAIN;
            }
        }
        if runs.is_none() && Instant::now() >= next {
            match start() {
                Ok(pid) => {
                    event("service.started", &json!({ "service": "installer" }));
                    runs = Some(pid);
                }
                Err(error) => {
                    say(error);
                    next = Instant::now() + AGAIN;
                }
            }
        }
    }
}

fn start() -> Result<u32, String> {
    let failed = |error: std::io::Error| format!("start the installer: {error}");
    let console = || File::options().read(true).write(true).open(CONSOLE).map(Stdio::from);
    let mut command = Command::new(INSTALLER);
    command.env_clear().env("PATH", "/usr/bin:/usr/sbin").env("TERM", "linux").env("HOME", "/");
    command.stdin(console().map_err(failed)?);
    command.stdout(console().map_err(failed)?).stderr(console().map_err(failed)?);
    Ok(command.spawn().map_err(failed)?.id())
}
