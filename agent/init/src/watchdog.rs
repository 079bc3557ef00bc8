//! The watchdog of the machine: who does not feed it in time is started again by it.

use std::fs::File;
use std::io::Write as _;

use crate::event::say;

/// The kernel's default is a minute at most; feeding comes every second.
const DEVICE: &str = "/dev/watchdog";

/// A watchdog that was woken.
#[derive(Debug, Default)]
pub(crate) struct Watchdog(Option<File>);

impl Watchdog {
    /// Wakes it. A machine without one goes on without.
    pub(crate) fn wake() -> Self {
        match File::options().write(true).open(DEVICE) {
            Ok(file) => Self(Some(file)),
            Err(error) => {
                say(format_args!("no watchdog: {error}"));
                Self(None)
            }
        }
    }

    /// Feeds it. It is never put to sleep: a machine that goes down and hangs is started again as well.
    pub(crate) fn feed(&mut self) {
        if let Some(file) = &mut self.0 {
            drop(file.write_all(b"\0"));
        }
    }
}
