//! The installer: puts a release on one disk of a machine and makes it the machine that its configuration describes.
//!
//! The brain decides and is pure; the hands look, write and read back; the faces ask and show. It must not know what the
//! installed system does once it runs.

#![forbid(unsafe_code)]

pub mod brain;
pub mod hands;
mod line;
pub mod remote;

mod command;
mod console;
mod event;
mod file;
mod listening;
mod medium;
mod notice;
mod scratch;
mod sources;
mod ui;

pub use command::run;
