//! A machine that was started from the medium: the installer runs in place of services, on every console, and where they ask also for
//! who sits elsewhere. Once one of them has installed the machine starts again.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::machine::Network;
use serde_json::json;

use crate::consoles::consoles;
use crate::event::{event, power_off, restart, say};
use crate::medium;
use crate::network::{self, Asks};
use crate::signals::{End, Signals, reap};
use crate::watchdog::Watchdog;

const INSTALLER: &str = "/usr/bin/holdfast-installer";
/// What it is told that is to be spoken with over the network.
const LISTEN: &str = "listen";
/// Is there while the consoles ask because no configuration was found.
const ASKED: &str = "/run/holdfast-installer.asked";
/// How an installer ends that has installed.
const DONE: &str = "exit code 0";
const TICK: Duration = Duration::from_millis(500);
/// How long a volume with a configuration may take to be connected before it is looked for again.
const AGAIN: Duration = Duration::from_secs(60);

/// The installer on one console, or on the network.
struct Place {
    console: Option<Utf8PathBuf>,
    runs: Option<u32>,
    next: Instant,
}

impl Place {
    /// Starts it where it does not run and it is time.
    fn keep(&mut self) {
        let is_wanted = self.console.is_some() || Utf8Path::new(ASKED).exists();
        if self.runs.is_some() || !is_wanted || Instant::now() < self.next {
            return;
        }
        match start(self.console.as_deref()) {
            Ok(pid) => {
                event("service.started", &json!({ "service": "installer", "console": self.console }));
                self.runs = Some(pid);
            }
            Err(error) => {
                say(error);
                self.next = Instant::now() + AGAIN;
            }
        }
    }
}

/// Installs until the machine ends.
pub(crate) fn live(signals: &Signals, watchdog: &mut Watchdog) -> Result<(), String> {
    medium::bring()?;
    let _told = network::bring_up(&Network::default(), "holdfast", Asks::Network);
    let began = Instant::now();
    let place = |console| Place { console, runs: None, next: began };
    let mut places: Vec<Place> = consoles().into_iter().map(Some).chain([None]).map(place).collect();
    loop {
        watchdog.feed();
        match signals.wait(TICK) {
            Some(End::Restart) => restart(),
            Some(End::Off) => power_off(),
            None => {}
        }
        for (pid, how) in reap() {
            let own = |place: &&mut Place| place.runs.is_some_and(|own| i64::from(own) == i64::from(pid));
            if let Some(place) = places.iter_mut().find(own) {
                event("service.stopped", &json!({ "service": "installer", "how": how }));
                // It is done: the firmware knows which disk comes first from now on.
                if how == DONE {
                    restart();
                }
                place.runs = None;
                place.next = Instant::now() + AGAIN;
            }
        }
        places.iter_mut().for_each(Place::keep);
    }
}

fn start(on: Option<&Utf8Path>) -> Result<u32, String> {
    let failed = |error: std::io::Error| match on {
        Some(on) => format!("start the installer on {on}: {error}"),
        None => format!("start the installer on the network: {error}"),
    };
    let console = || match on {
        Some(on) => File::options().read(true).write(true).open(on).map(Stdio::from),
        None => Ok(Stdio::null()),
    };
    let mut command = Command::new(INSTALLER);
    command.args(on.is_none().then_some(LISTEN));
    command.env_clear().env("PATH", "/usr/bin:/usr/sbin").env("TERM", "linux").env("HOME", "/");
    command.stdin(console().map_err(failed)?);
    command.stdout(console().map_err(failed)?).stderr(console().map_err(failed)?);
    Ok(command.spawn().map_err(failed)?.id())
}
