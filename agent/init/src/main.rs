//! Process 1 of the appliance.
//!
//! In the first archive of the kernel it finds the root that the signed command line names, proves it with dm-verity and goes
//! over to it; there it runs again, brings the machine up and looks after what runs. It decides nothing about slots itself:
//! that is [`holdfast_release`]'s. It must not know what the agent or the controller do.

#![deny(unsafe_op_in_unsafe_fn)]

mod bless;
mod buttons;
mod clock;
mod cmdline;
mod consoles;
mod disks;
mod dm;
mod durable;
mod etc;
mod event;
mod extensions;
mod firmware;
mod generations;
mod glob;
mod hardening;
mod health;
mod installing;
mod life;
mod medium;
mod memory;
mod modules;
mod mounts;
mod netboot;
mod network;
mod reset;
mod service;
mod signals;
mod slot;
mod sntp;
mod stage1;
mod stage2;
mod storage;
mod supervise;
mod support;
mod terminals;
mod told;
mod uevents;
mod unlock;
mod watchdog;
mod words;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((service::BECOME, rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest))
    {
        eprintln!("{}", service::become_one(rest));
        return ExitCode::FAILURE;
    }
    // The kernel asks for a module (call_modprobe of kernel/kmod.c of Linux).
    if let [quiet, end, name] = arguments.as_slice()
        && (quiet.as_str(), end.as_str()) == ("-q", "--")
    {
        modules::asked(name, &extensions::modules());
        return ExitCode::SUCCESS;
    }
    if rustix::process::getpid() != rustix::process::Pid::INIT {
        eprintln!("holdfast-init is process 1 of the appliance and does nothing anywhere else");
        return ExitCode::from(2);
    }
    let ended = match arguments.split_first() {
        Some((first, rest)) if first == stage1::SECOND => stage2::run(rest),
        _ => stage1::run(),
    };
    match ended {
        // The kernel panics when process 1 ends: only who asks for that gets it.
        Ok(()) => ExitCode::FAILURE,
        Err(failure) => {
            event::failed(&failure);
            event::restart()
        }
    }
}
