//! The control plane beside etcd: three processes of ours and three of etcd 3.4 on this machine, real fsync on the same disk
//! and mTLS on both sides, one client that speaks the same calls to both leaders.
//!
//! etcd keeps its versions in a B-tree on disk besides, which our members do not: see `docs/promises.md`.

mod agents;
pub(crate) mod arena;
mod certs;
mod etcd;
mod fleet;
mod frames;
mod gap;
pub(crate) mod host;
mod large;
mod load;
mod log;
mod member;
mod named;
mod ours;
mod peers;
mod product;
mod rows;
pub(crate) mod served;
mod side;
mod watch;
mod wire;

pub use host::load;
pub(crate) use rows::rows;

/// Runs a process of a race, where this program was started as one.
#[must_use]
pub fn part(arguments: &[String]) -> Option<anyhow::Result<()>> {
    let (verb, arguments) = arguments.split_first()?;
    match verb.as_str() {
        "__member" => Some(member::run(arguments)),
        "__controller" => Some(product::run(arguments)),
        "__large" => Some(large::run(arguments)),
        crate::scheduler::PART => Some(crate::scheduler::told(arguments)),
        "__spin" => {
            host::spin();
            Some(Ok(()))
        }
        _ => None,
    }
}
