//! The installer for people: one screen for each step, on a virtual terminal or a serial line.

mod answers;
mod model;
mod view;
mod wizard;

pub(crate) use model::{Effect, Event, Installed, Model, Work};

#[cfg(test)]
mod tests;
