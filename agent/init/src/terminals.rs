//! Where somebody can type with nothing but the kernel: its consoles, line by line, and without an echo unless it is asked for.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, tcflush, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use crate::consoles::consoles;

/// The longest line that is read.
const LONGEST: usize = 512;
const TURN: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
/// How long a machine without a terminal waits for one.
const PATIENCE: Duration = Duration::from_millis(500);
/// The key that ends a line at once, and stays in it.
pub(crate) const ESC: char = '\u{1b}';
const BACKSPACE: u8 = 8;

/// Whether what is typed can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Not: it may be a key, and a line that sends back what it gets must not be answered for ever.
    Hidden,
    /// It can: somebody is known to be there.
    Shown,
}

/// The terminals.
#[derive(Debug)]
pub(crate) struct Terminals {
    all: Vec<(File, Zeroizing<Vec<u8>>)>,
}

impl Terminals {
    /// The consoles of the kernel. What is typed on them is not shown.
    pub(crate) fn open() -> Self {
        Self { all: consoles().iter().filter_map(|path| opened(path)).collect() }
    }

    /// The same, each by itself.
    pub(crate) fn each() -> Vec<Self> {
        consoles().iter().filter_map(|path| opened(path)).map(|one| Self { all: vec![one] }).collect()
    }

    /// Shows or hides what is typed from now on. What was typed before is forgotten.
    pub(crate) fn set(&mut self, typed: Typed) {
        for (terminal, line) in &mut self.all {
            set(terminal, typed);
            line.clear();
        }
    }

    /// Says something on all of them, and nowhere else.
    pub(crate) fn say(&mut self, text: &str) {
        for (terminal, _) in &mut self.all {
            drop(terminal.write_all(text.as_bytes()));
        }
    }

    /// The next line that somebody types on one of them, within `limit`; `wait` is called meanwhile.
    pub(crate) fn line(
        &mut self,
        limit: Option<Duration>,
        wait: &mut dyn FnMut(),
    ) -> Option<Zeroizing<String>> {
        let began = Instant::now();
        loop {
            wait();
            if limit.is_some_and(|limit| began.elapsed() >= limit) {
                return None;
            }
            if self.all.is_empty() {
                std::thread::park_timeout(PATIENCE);
                continue;
            }
            let mut polled: Vec<PollFd<'_>> =
                self.all.iter().map(|(terminal, _)| PollFd::new(terminal, PollFlags::IN)).collect();
            if poll(&mut polled, Some(&TURN)).is_err() {
                continue;
            }
            let ready: Vec<bool> = polled.iter().map(|polled| !polled.revents().is_empty()).collect();
            if let Some(line) = self.heard(&ready) {
                return Some(line);
            }
        }
    }

    fn heard(&mut self, ready: &[bool]) -> Option<Zeroizing<String>> {
        let mut gone = Vec::new();
        let mut line = None;
        for (at, (terminal, typed)) in self.all.iter_mut().enumerate() {
            if !ready.get(at).copied().unwrap_or(false) {
                continue;
            }
            let mut bytes = Zeroizing::new([0; LONGEST]);
            match terminal.read(bytes.as_mut()) {
                Ok(count) if count > 0 => {
                    line = line.or(taken(typed, bytes.get(..count).unwrap_or_default()))
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => gone.push(at),
            }
        }
        for at in gone.into_iter().rev() {
            self.all.remove(at);
        }
        line
    }
}

/// The line that `more` ends, if it does. What is too long is cut: no key is so long.
fn taken(typed: &mut Zeroizing<Vec<u8>>, more: &[u8]) -> Option<Zeroizing<String>> {
    for byte in more {
        if u32::from(*byte) == u32::from(ESC) {
            typed.clear();
            return Some(Zeroizing::new(ESC.to_string()));
        }
        if *byte == BACKSPACE {
            // Half of the terminals send it where the kernel awaits DEL.
            let _ = typed.pop();
            continue;
        }
        if matches!(byte, b'\n' | b'\r') {
            let line = Zeroizing::new(String::from_utf8_lossy(typed).into_owned());
            typed.clear();
            return Some(line);
        }
        if typed.len() < LONGEST {
            typed.push(*byte);
        }
    }
    None
}

/// A terminal, and what was typed on it: a line grows to its longest without leaving pieces of it behind.
fn opened(path: &Utf8Path) -> Option<(File, Zeroizing<Vec<u8>>)> {
    Some((terminal(path)?, Zeroizing::new(Vec::with_capacity(LONGEST))))
}

fn terminal(path: &Utf8Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // It must not become the terminal that ends process 1.
    let flags = i32::try_from(OFlags::NOCTTY.bits()).ok()?;
    let file = File::options().read(true).write(true).custom_flags(flags).open(path).ok()?;
    set(&file, Typed::Hidden);
    Some(file)
}

fn set(terminal: &File, typed: Typed) {
    if let Ok(mut modes) = tcgetattr(terminal) {
        modes.local_modes.set(LocalModes::ECHO | LocalModes::ECHOE, typed == Typed::Shown);
        modes.local_modes.insert(LocalModes::ICANON | LocalModes::ECHONL);
        modes.special_codes[SpecialCodeIndex::VEOL] = if typed == Typed::Shown { 0x1b } else { 0 };
        let _ = tcsetattr(terminal, OptionalActions::Now, &modes);
        let _ = tcflush(terminal, QueueSelector::IFlush);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_in_pieces_and_ends_once() {
        let mut typed = Zeroizing::new(Vec::new());
        assert_eq!(taken(&mut typed, b"cbde"), None);
        assert_eq!(taken(&mut typed, b"fg\r").unwrap().as_str(), "cbdefg");
        assert_eq!(taken(&mut typed, b"\n").unwrap().as_str(), "");
        assert_eq!(taken(&mut typed, b"10.0.0.8\x089\n").unwrap().as_str(), "10.0.0.9");
        assert_eq!(
            taken(&mut typed, b"cb\x1b").unwrap().as_str(),
            "\x1b",
            "what stood before it does not count"
        );
        assert_eq!(taken(&mut typed, &[b'c'; 9_999]), None);
        assert_eq!(taken(&mut typed, b"\n").unwrap().len(), LONGEST);
    }
}
