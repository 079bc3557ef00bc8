//! Machines of QEMU: started with an image, watched over their serial console, cut off from power. Always emulated in
//! software: what is measured is CPU-seconds, which do not depend on who else uses this host.

#![forbid(unsafe_code)]

mod another;
mod capture;
mod disk;
mod esp;
mod extension;
mod images;
mod machine;
mod monitor;
mod network;
mod server;
mod tpm;
mod volume;

pub use another::{Another, netboot_kernel};
pub use capture::{Sent, captured, sent};
pub use disk::{holds, put_state};
pub use esp::{rewrite_esp, write_esp};
pub use extension::extension;
pub use images::{Images, images};
pub use machine::{Firmware, Machine, Setup};
pub use monitor::Monitor;
pub use network::Switch;
pub use server::{FileServer, Site};
pub use tpm::Tpm;
pub use volume::configuration_volume;
