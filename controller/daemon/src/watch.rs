//! Watches: every change, in order, to everybody who asked, without the log ever waiting for a reader. It knows the state
//! and nothing of connections.

mod event;
mod group;
mod groups;
mod hub;
mod list;
#[cfg(test)]
mod tests;
mod watcher;

pub(crate) use event::{Frame, Kinds};
pub(crate) use groups::Filter;
pub(crate) use hub::{Hub, Source, run};
pub(crate) use watcher::{WatchError, Watcher};
