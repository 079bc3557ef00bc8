//! A few lines to fill in.

use crate::keys::Key;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What it asks for.
    pub label: &'static str,
    /// What was typed.
    pub value: String,
    /// What it is for, shown while it is chosen.
    pub help: &'static str,
}

/// Lines, one of them chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// The lines.
    pub fields: Vec<Field>,
    /// The number of the chosen one.
    pub at: usize,
}

/// More than any address or name has.
const LONGEST: usize = 512;

impl Form {
    /// These lines, empty.
    #[must_use]
    pub fn new(fields: &[(&'static str, &'static str)]) -> Self {
        let field =
            |(label, help): &(&'static str, &'static str)| Field { label, value: String::new(), help };
        Self { fields: fields.iter().map(field).collect(), at: 0 }
    }

    /// What was typed into a line.
    #[must_use]
    pub fn value(&self, label: &str) -> &str {
        let field = self.fields.iter().find(|field| field.label == label);
        field.map_or("", |field| field.value.trim())
    }

    /// Takes a key; whether it was one for a form.
    pub fn key(&mut self, key: Key) -> bool {
        let last = self.fields.len().saturating_sub(1);
        match key {
            Key::Up | Key::BackTab => self.at = self.at.saturating_sub(1),
            Key::Down | Key::Tab => self.at = (self.at + 1).min(last),
            Key::Char(char) => {
                if let Some(field) = self.fields.get_mut(self.at).filter(|field| field.value.len() < LONGEST)
                {
                    field.value.push(char);
                }
            }
            Key::Backspace => {
                if let Some(field) = self.fields.get_mut(self.at) {
                    field.value.pop();
                }
            }
            Key::Enter | Key::Esc | Key::Left | Key::Right | Key::Redraw => return false,
        }
        true
    }

    /// Whether the chosen line is the last one.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.at + 1 >= self.fields.len()
    }
}
