//! Giving everything up: capabilities, the way back to them, and the system calls of the filter.

use rustix::thread::{CapabilitySet, CapabilitySets};

use super::seccomp;
use crate::status::{AtStep, StartFailure, StartStep};

/// Drops every capability for this process and all it will ever execute, and loads the filter.
pub(crate) fn confine() -> Result<(), StartFailure> {
    let step = StartStep::Confine;
    for bit in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        match rustix::thread::remove_capability_from_bounding_set(one) {
            // The first number the kernel does not know ends the list.
            Ok(()) => {}
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(error).at(step, "bounding set"),
        }
    }
    rustix::thread::clear_ambient_capability_set().at(step, "ambient set")?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets).at(step, "capabilities")?;
    rustix::thread::set_no_new_privs(true).at(step, "no_new_privs")?;
    let programs = seccomp::programs().map_err(|e| StartFailure::new(step, e.to_string()))?;
    for program in programs {
        seccompiler::apply_filter(&program).map_err(|e| StartFailure::new(step, e.to_string()))?;
    }
    Ok(())
}
