//! Screens for terminals: theme, keys, widgets and the loop.
//!
//! A screen is a model with `update` and `view`, both pure; whoever owns the terminal feeds it events and carries out what it
//! asks for. The crate must not know what the screens are about, nor read a clock, a file or a terminal.

#![forbid(unsafe_code)]

mod form;
mod keys;
mod screen;
mod theme;
mod widgets;

pub use form::{Field, Form};
pub use keys::{Decoder, Key};
pub use screen::{Screen, Turn, turn};
pub use theme::Theme;
pub use widgets::{Hint, Page, bar, choices, text};
