//! The openraft adaptor: segment log, applied state on sled, network, membership, snapshots. It replicates commands to a
//! [`Machine`] and must not know what any command means; no type of openraft leaves this crate, on the wire, on disk or in
//! its interface.

#![forbid(unsafe_code)]

mod applied;
mod asking;
mod barrier;
mod catchup;
mod changes;
mod codec;
mod compare;
mod contacts;
mod digest;
mod disk;
mod election;
mod error;
mod export;
mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handover;
mod house;
mod identity;
mod latency;
mod log;
mod machine;
#[cfg(feature = "measuring")]
#[doc(hidden)]
pub mod measuring;
mod membership;
mod network;
mod node;
pub mod offline;
mod open;
mod options;
mod parts;
mod peer;
mod points;
mod pressure;
mod probe;
mod proposer;
mod replay;
mod rpc;
mod runtime;
mod snapshot;
mod standing;
mod start;
mod status;
mod stop;
#[cfg(test)]
mod tests;
mod tracker;
mod transfer;
mod types;
mod wire;
mod work;

pub use codec::MAX_RPC_BYTES;
pub use digest::StateHash;
pub use disk::{Disk, DiskFile, RealDisk};
pub use error::{ChangeError, ProposeError, RaftError, ReadError};
pub use files::FileError;
pub use latency::LatencyCounts;
pub use machine::{Applied, Change, Frozen, Machine, Record};
pub use membership::Changed;
pub use network::{Inbound, LoopbackLink, LoopbackNetwork, Network, NetworkError, RpcKind};
pub use node::RaftNode;
pub use options::{Clock, Options};
pub use parts::in_order;
pub use proposer::MAX_COMMAND_BYTES;
pub use replay::ReplayStep;
pub use rpc::ServeError;
pub use snapshot::SnapshotInfo;
pub use standing::Exclusion;
pub use start::{Copied, Source, Start};
pub use status::{Latencies, MemberStatus, Role, Space, Status};
pub use tracker::Leadership;
pub use types::Member;
pub use work::{SyncDelay, Work};
