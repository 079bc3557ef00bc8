//! The screens on a terminal: keys in, pictures out, the writing beside it. What is drawn is what changed; on a serial line a
//! whole picture takes half a second.

use std::io::{Stdout, stdin, stdout};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use holdfast_tui::{Decoder, Key, Theme, turn};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::brain::{Confirmed, Detected};
use crate::line::Line;
use crate::notice;
use crate::ui::{Effect, Event, Installed, Model, Work};

/// How long a turn waits for a key; also how long an escape may be the beginning of another key.
const TURN: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Steps of the work that wait to be drawn.
const WAITING: usize = 64;
/// What a terminal has that does not say how large it is.
const SIZE: (u16, u16) = (80, 24);
const TOLD: Duration = Duration::from_millis(250);

/// What writes a confirmed plan; it is told where it tells how far it is.
pub(crate) type Writer = fn(Confirmed, &mut dyn FnMut(Work)) -> anyhow::Result<Installed>;

/// Asks on this terminal until a machine is installed. Comes back when it is to be started again.
pub(crate) fn ask(detected: Detected, write: Writer) -> anyhow::Result<()> {
    let raw = Raw::begin()?;
    let (columns, rows) = match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => SIZE,
    };
    let viewport = Viewport::Fixed(Rect::new(0, 0, columns, rows));
    let mut terminal =
        Terminal::with_options(Line::new(stdout(), (columns, rows)), TerminalOptions { viewport })?;
    terminal.clear()?;
    let theme = if std::env::var_os("NO_COLOR").is_some() { Theme::mono() } else { Theme::colours() };
    let ended = turns(&mut Model::new(detected), &mut terminal, theme, write);
    drop(raw);
    ended
}

fn turns(
    model: &mut Model,
    terminal: &mut Terminal<Line<Stdout>>,
    theme: Theme,
    write: Writer,
) -> anyhow::Result<()> {
    let (send, receive) = sync_channel(WAITING);
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    loop {
        let done = turn(model, events.drain(..), terminal, &theme)?;
        for effect in done.effects {
            match effect {
                Effect::Restart => return Ok(()),
                Effect::Write(confirmed) => begin(*confirmed, write, send.clone()),
            }
        }
        events = heard(&mut decoder, &receive)?;
        let desk = notice::read();
        if desk != model.desk {
            events.push(Event::Desk(desk));
        }
        let lines_of_others =
            |event: &Event| matches!(event, Event::Key(Key::Redraw) | Event::Ended(_) | Event::Desk(_));
        if events.iter().any(lines_of_others) {
            terminal.clear()?;
        }
    }
}

/// What happened since, or within a turn.
fn heard(decoder: &mut Decoder, work: &Receiver<Event>) -> anyhow::Result<Vec<Event>> {
    let input = stdin();
    let mut waited = [PollFd::new(&input, PollFlags::IN)];
    let ready = match poll(&mut waited, Some(&TURN)) {
        Ok(count) => count > 0,
        Err(rustix::io::Errno::INTR) => false,
        Err(error) => return Err(error).context("wait for a key"),
    };
    let mut events: Vec<Event> = work.try_iter().collect();
    if !ready {
        events.extend(decoder.quiet().map(Event::Key));
        return Ok(events);
    }
    let mut bytes = [0; 256];
    let count = rustix::io::read(&input, &mut bytes).context("read a key")?;
    if count == 0 {
        anyhow::bail!("the terminal is gone");
    }
    events.extend(decoder.feed(bytes.get(..count).unwrap_or_default()).into_iter().map(Event::Key));
    Ok(events)
}

/// Writes beside the screen. The thread ends with the work, and the screen stays until then.
fn begin(confirmed: Confirmed, write: Writer, send: SyncSender<Event>) {
    std::thread::spawn(move || {
        let mut told: Option<Instant> = None;
        let ended = write(confirmed, &mut |work| {
            if told.is_none_or(|at| at.elapsed() >= TOLD) {
                told = Some(Instant::now());
                // A screen that is behind misses a step and nothing else.
                drop(send.try_send(Event::Progress(work)));
            }
        });
        drop(send.send(Event::Ended(ended.map_err(|error| format!("{error:#}")))));
    });
}

/// A terminal that gives every key as it comes, until this goes.
struct Raw {
    before: Termios,
}

impl Raw {
    fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(stdin()).context("the standard input is no terminal")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw).context("set up the terminal")?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}
