//! End to end: the real binaries, real sockets, real disks, bad days included.
//!
//! What the tests share lies here: namespaces, controllers in them, clients that remember what they were told, and the
//! checks of what they remember.

#![forbid(unsafe_code)]

pub mod chance;
pub mod cli;
pub mod controllers;
pub mod founding;
pub mod history;
pub mod linear;
pub mod load;
pub mod network;
pub mod page;
pub mod watching;
pub mod world;
