//! The type configuration handed to openraft, and the plain types of it. A leaf: knows no file, no network and no machine.

use std::sync::Arc;

use bytes::Bytes;

use crate::disk::DiskFile;

/// A member of the controller quorum as the operator names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The raft id; never reused, not even by the same machine after its disk was lost.
    pub id: u64,
    /// `host:port` where this member answers raft calls.
    pub address: String,
    /// The name of the node, for people.
    pub name: String,
}

/// What a configuration keeps of a member beside its id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) address: String,
    pub(crate) name: String,
}

impl Peer {
    pub(crate) fn member(&self, id: u64) -> Member {
        Member { id, address: self.address.clone(), name: self.name.clone() }
    }
}

impl From<&Member> for Peer {
    fn from(member: &Member) -> Self {
        Self { address: member.address.clone(), name: member.name.clone() }
    }
}

/// The application payload of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) time_ms: u64,
    pub(crate) commands: Arc<[Bytes]>,
}

/// The results of one entry, one for each command of its batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Responses(pub(crate) Vec<Vec<u8>>);

/// A whole snapshot, open for reading; it stays readable after its file was deleted.
#[derive(Clone)]
pub(crate) struct SnapshotFile {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) len: u64,
}

impl std::fmt::Debug for SnapshotFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotFile").field("len", &self.len).finish_non_exhaustive()
    }
}

/// openraft asks for serde bounds on these types. Nothing of ours goes through serde, so an attempt is an error.
macro_rules! never_through_serde {
    ($($type:ty),*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("raft types have a protobuf form only"))
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
                Err(serde::de::Error::custom("raft types have a protobuf form only"))
            }
        }
    )*};
}

never_through_serde!(Peer, Batch, Responses);

openraft::declare_raft_types!(
    /// The types openraft works on.
    pub(crate) TypeConfig:
        D = Batch,
        R = Responses,
        NodeId = u64,
        Node = Peer,
        Entry = openraft::Entry<TypeConfig>,
        SnapshotData = SnapshotFile,
        AsyncRuntime = crate::runtime::Tokio,
        Responder = openraft::impls::OneshotResponder<TypeConfig>,
);

pub(crate) type Entry = openraft::Entry<TypeConfig>;
pub(crate) type LogId = openraft::LogId<u64>;
pub(crate) type Vote = openraft::Vote<u64>;
pub(crate) type Membership = openraft::Membership<u64, Peer>;
pub(crate) type StoredMembership = openraft::StoredMembership<u64, Peer>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<u64, Peer>;
pub(crate) type Snapshot = openraft::Snapshot<TypeConfig>;
pub(crate) type StorageError = openraft::StorageError<u64>;
pub(crate) type Raft = openraft::Raft<TypeConfig>;

pub(crate) fn log_id(term: u64, node: u64, index: u64) -> LogId {
    LogId::new(openraft::CommittedLeaderId::new(term, node), index)
}
