//! The inside: what the first process of the new namespaces does until the workload runs, and then as its init.

mod confine;
mod devices;
mod init;
mod mounts;
mod place;
mod proc;
mod root;
mod seccomp;
mod sysfs;

pub(crate) use init::{InitReport, Plan, run};
