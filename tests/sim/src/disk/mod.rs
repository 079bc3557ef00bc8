//! The simulated disk: what is on it and what a power cut leaves of that, and the faults it can have.

mod drive;
mod image;

pub(crate) use drive::{Drive, Trouble};
pub(crate) use image::{Cut, Image, Op};
