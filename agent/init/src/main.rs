//! Process 1 of the appliance.
//!
//! In the first archive of the kernel it finds the root that the signed command line names, proves it with dm-verity and goes
//! over to it; there it runs again, brings the machine up and looks after what runs. It decides nothing about slots itself:
//! that is [`holdfast_release`]'s. It must not know what the agent or the controller do.

#![deny(unsafe_op_in_unsafe_fn)]

mod cmdline;
mod disks;
mod dm;
mod event;
mod glob;
mod modules;
mod mounts;
mod slot;
mod stage1;
mod stage2;

use std::process::ExitCode;

fn main() -> ExitCode {
    if rustix::process::getpid() != rustix::process::Pid::INIT {
        eprintln!("holdfast-init is process 1 of the appliance and does nothing anywhere else");
        return ExitCode::from(2);
    }
    let reached_root = std::env::args().nth(1).as_deref() == Some(stage1::SECOND);
    let ended = if reached_root { stage2::run() } else { stage1::run() };
    // Process 1 must not end: the kernel would panic without a word of why.
    if let Err(failure) = ended {
        event::failed(&failure);
    }
    event::restart()
}
