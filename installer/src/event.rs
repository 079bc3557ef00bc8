//! What happens, told where programs hear it: one line of JSON each, on the kernel's log or on the standard output.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use anyhow::Context as _;
use camino::Utf8Path;
use rustix::termios::tcdrain;
use serde_json::Value;

/// The kernel cuts lines that are longer.
const LONGEST: usize = 900;
/// What stands before every event.
const MARK: &str = "HOLDFAST-EVENT ";

const CONSOLES: &str = "/sys/class/tty/console/active";

/// Which lines of the kernel's log go to the consoles.
const LEVEL: &str = "/proc/sys/kernel/printk";

/// Shows a secret to whoever stands before this machine: on its consoles, once, and not in the log of the kernel, which is read by
/// others and kept.
pub(crate) fn shown(name: &str, fields: &Value) -> anyhow::Result<()> {
    let event = serde_json::json!({ "event": name, "fields": fields });
    let line = format!("\r\nholdfast: {MARK}{event}\r\n");
    // The kernel says nothing meanwhile: nobody copies a key with a line across it.
    let level = std::fs::read_to_string(LEVEL).with_context(|| format!("read `{LEVEL}`"))?;
    drop(std::fs::write(LEVEL, "1"));
    let names = std::fs::read_to_string(CONSOLES).with_context(|| format!("read `{CONSOLES}`"))?;
    for name in names.split_whitespace() {
        let path = Utf8Path::new("/dev").join(name);
        let Ok(mut console) = OpenOptions::new().write(true).open(&path) else { continue };
        drop(console.write_all(line.as_bytes()));
        let _ = tcdrain(&console);
    }
    drop(std::fs::write(LEVEL, level.trim_end()));
    Ok(())
}

/// Where events go.
#[derive(Debug)]
pub(crate) enum Events {
    /// The kernel's log, which goes to every console.
    Log(Option<File>),
    /// The standard output.
    Output,
}

impl Events {
    /// The kernel's log; nowhere, where it cannot be written.
    pub(crate) fn log() -> Self {
        Self::Log(OpenOptions::new().write(true).open("/dev/kmsg").ok())
    }

    /// Says an event.
    pub(crate) fn say(&mut self, name: &str, fields: &Value) {
        let event = serde_json::json!({ "event": name, "fields": fields });
        self.line(&format!("{MARK}{event}"));
    }

    /// Says a line for people.
    pub(crate) fn line(&mut self, text: &str) {
        let text = text.replace('\n', " ");
        match self {
            Self::Log(None) => {}
            Self::Log(Some(log)) => {
                // One write is one line there, and without its end the kernel waits for the rest.
                let mut line: String = format!("<5>holdfast: {text}").chars().take(LONGEST).collect();
                line.push('\n');
                drop(log.write_all(line.as_bytes()));
            }
            Self::Output => drop(writeln!(std::io::stdout().lock(), "{text}")),
        }
    }
}
