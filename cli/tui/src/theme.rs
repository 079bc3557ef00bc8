//! Styles by what they mean. The sixteen colours of the terminal are used, so its own theme rules; no meaning is in colour alone.

use ratatui::style::{Color, Modifier, Style};

/// The styles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Titles.
    pub title: Style,
    /// What is chosen.
    pub chosen: Style,
    /// What is less important.
    pub dim: Style,
    /// What is wrong.
    pub bad: Style,
}

impl Theme {
    /// With the colours of the terminal.
    #[must_use]
    pub fn colours() -> Self {
        Self {
            title: Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD),
            chosen: Style::new().add_modifier(Modifier::REVERSED),
            dim: Style::new().add_modifier(Modifier::DIM),
            bad: Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        }
    }

    /// Without any.
    #[must_use]
    pub fn mono() -> Self {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        Self {
            title: bold,
            chosen: Style::new().add_modifier(Modifier::REVERSED),
            dim: Style::new(),
            bad: bold,
        }
    }
}
