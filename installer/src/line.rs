//! A terminal that is written to and never asked: on a serial line nobody may be there yet, and a question about the cursor would
//! wait in vain.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

/// A terminal of a known size at the other end of `W`.
pub(crate) struct Line<W: Write> {
    below: CrosstermBackend<W>,
    cursor: Position,
    size: Size,
}

impl<W: Write> Line<W> {
    /// A terminal of this size.
    pub(crate) fn new(out: W, (columns, rows): (u16, u16)) -> Self {
        let below = CrosstermBackend::new(out);
        Self { below, cursor: Position::ORIGIN, size: Size::new(columns, rows) }
    }
}

impl<W: Write> Backend for Line<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        self.below.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.below.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.below.show_cursor()
    }

    /// Where it was put at last: what is drawn is drawn at places, so where it is now matters to nobody.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.cursor = position.into();
        self.below.set_cursor_position(self.cursor)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.below.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.below.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut self.below)
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::{Terminal, TerminalOptions, Viewport};

    use super::*;

    /// `ESC [ 6 n` asks a terminal where its cursor is (ECMA-48, DSR).
    #[test]
    fn a_screen_is_cleared_and_drawn_and_nothing_is_asked() {
        let mut out = Vec::new();
        let viewport = Viewport::Fixed(Rect::new(0, 0, 20, 3));
        let options = TerminalOptions { viewport };
        let mut terminal = Terminal::with_options(Line::new(&mut out, (20, 3)), options).unwrap();
        for _ in 0..2 {
            terminal.clear().unwrap();
            terminal.draw(|frame| frame.render_widget("words", frame.area())).unwrap();
        }
        drop(terminal);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("words") && !text.contains("\u{1b}[6n"), "{text:?}");
    }
}
