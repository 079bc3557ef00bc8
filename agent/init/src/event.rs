//! What happens, told where it is heard: the kernel's log, which goes to every console. One write is one line there.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use parking_lot::Mutex;

/// How long a failure can be read before the machine starts again.
const READABLE: Duration = Duration::from_secs(3);
/// The kernel cuts lines that are longer.
const LONGEST: usize = 900;

static LOG: Mutex<Option<std::fs::File>> = Mutex::new(None);

/// Says a line. Without a log there is nobody to say it to.
pub(crate) fn say(text: impl Display) {
    write("<5>", text);
}

/// Says what is for the log alone and not for a console.
pub(crate) fn log(text: impl Display) {
    write("<6>", text);
}

fn write(level: &str, text: impl Display) {
    let mut line: String =
        format!("{level}holdfast: {text}").replace('\n', " ").chars().take(LONGEST).collect();
    // Without it the kernel waits for the rest of the line.
    line.push('\n');
    let mut log = LOG.lock();
    if log.is_none() {
        *log = OpenOptions::new().write(true).open("/dev/kmsg").ok();
    }
    if let Some(log) = log.as_mut() {
        drop(log.write_all(line.as_bytes()));
    }
}

/// Says an event that programs read from the console.
pub(crate) fn event(name: &str, fields: &serde_json::Value) {
    say(format_args!("HOLDFAST-EVENT {}", serde_json::json!({ "event": name, "fields": fields })));
}

/// Says why the machine cannot go on.
pub(crate) fn failed(why: &str) {
    event("boot.failed", &serde_json::json!({ "why": why }));
    std::thread::park_timeout(READABLE);
}

/// Starts the machine again; the boot loader and META decide what then is booted.
pub(crate) fn restart() -> ! {
    rustix::fs::sync();
    loop {
        let _ = rustix::system::reboot(rustix::system::RebootCommand::Restart);
        std::thread::park_timeout(READABLE);
    }
}

/// Turns the machine off.
pub(crate) fn power_off() -> ! {
    rustix::fs::sync();
    loop {
        let _ = rustix::system::reboot(rustix::system::RebootCommand::PowerOff);
        std::thread::park_timeout(READABLE);
    }
}
