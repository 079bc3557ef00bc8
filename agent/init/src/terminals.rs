//! Where somebody can type before there is anything but the kernel: its consoles, line by line and without an echo.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::consoles::consoles;

/// The longest line that is read.
const LONGEST: usize = 512;
const TURN: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
/// How long a machine without a terminal waits for one.
const PATIENCE: Duration = Duration::from_millis(500);

/// The terminals.
#[derive(Debug)]
pub(crate) struct Terminals {
    all: Vec<(File, Zeroizing<Vec<u8>>)>,
}

impl Terminals {
    /// The consoles of the kernel. What is typed on them is not shown.
    pub(crate) fn open() -> Self {
        let opened = consoles().into_iter().filter_map(|path| terminal(&path));
        // A line grows to its longest without leaving pieces of it behind.
        Self { all: opened.map(|file| (file, Zeroizing::new(Vec::with_capacity(LONGEST)))).collect() }
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

fn terminal(path: &Utf8Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // It must not become the terminal that ends process 1.
    let flags = i32::try_from(OFlags::NOCTTY.bits()).ok()?;
    let file = File::options().read(true).write(true).custom_flags(flags).open(path).ok()?;
    if let Ok(mut modes) = tcgetattr(&file) {
        modes.local_modes.remove(LocalModes::ECHO);
        modes.local_modes.insert(LocalModes::ICANON | LocalModes::ECHONL);
        let _ = tcsetattr(&file, OptionalActions::Now, &modes);
        let _ = tcflush(&file, QueueSelector::IFlush);
    }
    Some(file)
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
        assert_eq!(taken(&mut typed, &[b'c'; 9_999]), None);
        assert_eq!(taken(&mut typed, b"\n").unwrap().len(), LONGEST);
    }
}
