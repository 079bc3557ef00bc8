//! What screens are put together of. Everything is readable at 80 columns and 24 lines, and in plain characters.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::form::Form;
use crate::theme::Theme;

/// Below this a screen asks for more room.
const LEAST: (u16, u16) = (60, 18);
/// Columns of the names of a form's lines.
const LABEL: usize = 16;

/// A key and what it does.
pub type Hint = (&'static str, &'static str);

/// A page: where one is, what it says, and which keys do what.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// Where one is.
    pub title: String,
    /// Beside the title.
    pub place: String,
    /// What it says.
    pub lines: Vec<Line<'a>>,
    /// What is wrong, just above the keys.
    pub wrong: Option<String>,
    /// The keys.
    pub hints: Vec<Hint>,
}

impl Page<'_> {
    /// Draws it.
    pub fn draw(self, frame: &mut Frame<'_>, theme: &Theme) {
        let area = frame.area();
        if area.width < LEAST.0 || area.height < LEAST.1 {
            let need = format!("needs {}x{}", LEAST.0, LEAST.1);
            return frame.render_widget(Paragraph::new(need), area);
        }
        let row = |y: u16, height: u16| Rect { x: area.x + 1, y: area.y + y, width: area.width - 2, height };
        let width = usize::from(area.width - 2);
        let space = width.saturating_sub(self.title.chars().count() + self.place.chars().count());
        let head = vec![
            Span::styled(self.title, theme.title),
            Span::raw(" ".repeat(space)),
            Span::styled(self.place, theme.dim),
        ];
        frame.render_widget(Paragraph::new(Line::from(head)), row(0, 1));
        frame.render_widget(Paragraph::new("-".repeat(width)), row(1, 1));
        frame.render_widget(Paragraph::new(self.lines), row(2, area.height - 6));
        if let Some(wrong) = self.wrong {
            frame.render_widget(Paragraph::new(wrapped(&wrong, width, theme.bad)), row(area.height - 4, 2));
        }
        frame.render_widget(Paragraph::new("-".repeat(width)), row(area.height - 2, 1));
        let hints: Vec<String> = self.hints.iter().map(|(key, does)| format!("{key} {does}")).collect();
        frame.render_widget(Paragraph::new(hints.join("   ")), row(area.height - 1, 1));
    }
}

fn wrapped(text: &str, width: usize, style: Style) -> Vec<Line<'static>> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let length = lines.last().map_or(0, |line| line.chars().count());
        if length > 0 && length + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.into_iter().map(|line| Line::styled(line, style)).collect()
}

/// Plain lines.
pub fn text<'a>(lines: impl IntoIterator<Item = String>) -> Vec<Line<'a>> {
    lines.into_iter().map(Line::raw).collect()
}

/// A list to choose from, `>` before the chosen one.
#[must_use]
pub fn choices<'a>(names: &[String], at: usize, theme: &Theme) -> Vec<Line<'a>> {
    let lines = names.iter().enumerate().map(|(number, name)| {
        if number == at {
            Line::styled(format!("> {name}"), theme.chosen)
        } else {
            Line::raw(format!("  {name}"))
        }
    });
    lines.collect()
}

impl Form {
    /// The lines of the form, and what the chosen one is for.
    #[must_use]
    pub fn lines<'a>(&self, theme: &Theme) -> Vec<Line<'a>> {
        let mut lines = Vec::new();
        for (number, field) in self.fields.iter().enumerate() {
            let (mark, cursor) = if number == self.at { (">", "_") } else { (" ", "") };
            let line = format!("{mark} {:<LABEL$} {}{cursor}", field.label, field.value);
            lines.push(if number == self.at { Line::styled(line, theme.chosen) } else { Line::raw(line) });
        }
        let help = self.fields.get(self.at).map_or("", |field| field.help);
        lines.extend([Line::raw(""), Line::styled(format!("  {help}"), theme.dim)]);
        lines
    }
}

/// A bar of so many columns, with how much of it is done.
#[must_use]
pub fn bar(done: u64, total: u64, columns: u64) -> String {
    let part = |of: u64| done.min(total).saturating_mul(of).checked_div(total).unwrap_or(0);
    let full = usize::try_from(part(columns)).unwrap_or(0);
    let rest = usize::try_from(columns).unwrap_or(0).saturating_sub(full);
    format!("[{}{}] {:>3} %", "#".repeat(full), ".".repeat(rest), part(100))
}
