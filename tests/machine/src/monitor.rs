//! The hands and eyes of somebody who stands before a machine: its keyboard, its buttons, and its screen in text mode. QEMU lends
//! them over a socket (QMP).

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

/// Where a screen in text mode lies in memory, every other byte a character, and how far it may be scrolled through.
const SCREEN: u64 = 0xb8000;
const SCREEN_BYTES: usize = 32 << 10;
const ROW: usize = 160;
/// How often the screen is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How long QEMU may take to listen, and to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who stands before a machine.
#[derive(Debug)]
pub struct Monitor {
    line: BufReader<UnixStream>,
    picture: Utf8PathBuf,
}

impl Monitor {
    /// Arguments for a machine that somebody is to stand before; `place` is a directory for both.
    #[must_use]
    pub fn arguments(place: &Utf8Path) -> [String; 2] {
        ["-qmp".to_owned(), format!("unix:{},server=on,wait=off", place.join("qmp"))]
    }

    /// Steps before a machine that was started with these arguments.
    ///
    /// # Errors
    ///
    /// The machine has ended.
    pub fn new(place: &Utf8Path) -> Result<Self> {
        let (socket, deadline) = (place.join("qmp"), Instant::now() + PATIENCE);
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() >= deadline => {
                    return Err(error).with_context(|| format!("connect to {socket}"));
                }
                // QEMU makes it when it is ready.
                Err(_) => std::thread::park_timeout(LOOK),
            }
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut monitor = Self { line: BufReader::new(stream), picture: place.join("screen") };
        monitor.does("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    /// Has QEMU do something, and waits until it has.
    fn does(&mut self, what: &str, how: &Value) -> Result<()> {
        let command = json!({ "execute": what, "arguments": how });
        self.line.get_mut().write_all(format!("{command}\n").as_bytes())?;
        loop {
            let mut answer = String::new();
            ensure!(self.line.read_line(&mut answer)? > 0, "the machine has ended");
            let answer: Value = serde_json::from_str(&answer)?;
            if let Some(error) = answer.get("error") {
                bail!("{what}: {error}");
            }
            // Greetings and events come in between.
            if answer.get("return").is_some() {
                return Ok(());
            }
        }
    }

    /// Presses keys together, by the names that QEMU gives them.
    ///
    /// # Errors
    ///
    /// There is no such key, or the machine has ended.
    pub fn presses(&mut self, keys: &[&str]) -> Result<()> {
        let keys: Vec<Value> = keys.iter().map(|key| json!({ "type": "qcode", "data": key })).collect();
        self.does("send-key", &json!({ "keys": keys }))
    }

    /// Types on the keyboard.
    ///
    /// # Errors
    ///
    /// A character has no key here, or the machine has ended.
    pub fn types(&mut self, text: &str) -> Result<()> {
        for char in text.chars() {
            let own = char.to_ascii_lowercase().to_string();
            let key = match char {
                '\r' => "ret",
                '\u{1b}' => "esc",
                ' ' => "spc",
                '.' => "dot",
                '/' => "slash",
                '-' => "minus",
                _ if char.is_ascii_alphanumeric() => &own,
                other => bail!("no key is known for {other:?}"),
            };
            if char.is_ascii_uppercase() {
                self.presses(&["shift", key])?;
            } else {
                self.presses(&[key])?;
            }
        }
        Ok(())
    }

    /// Presses the power button.
    ///
    /// # Errors
    ///
    /// The machine has ended.
    pub fn power_button(&mut self) -> Result<()> {
        self.does("system_powerdown", &json!({}))
    }

    /// Waits until the screen has `what` on it, in text mode.
    ///
    /// # Errors
    ///
    /// It does not in time, or the machine ends.
    pub fn shows(&mut self, what: &str, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let screen = self.screen()?;
            if screen.contains(what) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("waited in vain for `{what}` on the screen, which showed at last:\n{screen}");
            }
            std::thread::park_timeout(LOOK);
        }
    }

    /// What the screen shows, and what it was scrolled through.
    fn screen(&mut self) -> Result<String> {
        let place = json!({ "val": SCREEN, "size": SCREEN_BYTES, "filename": self.picture });
        self.does("pmemsave", &place)?;
        let bytes = fs::read(&self.picture)?;
        let rows = bytes.chunks(ROW).map(|row| {
            let text: String = row.iter().step_by(2).map(|byte| char::from(*byte)).collect();
            text.trim_end_matches([' ', '\0']).to_owned()
        });
        Ok(rows.filter(|row| !row.is_empty()).collect::<Vec<_>>().join("\n"))
    }
}
