//! The calls between members, as far as an observer reads them. The messages are the ones of the raft crate, which keeps
//! them to itself; a field that changes its meaning there fails the invariants here.

use bytes::Bytes;
use prost::Message;

/// The place of an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Message)]
pub(crate) struct Place {
    /// The term of the leader that proposed it.
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    /// That leader.
    #[prost(uint64, tag = "2")]
    pub(crate) node: u64,
    /// Where in the log.
    #[prost(uint64, tag = "3")]
    pub(crate) index: u64,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Envelope {
    #[prost(bytes = "bytes", tag = "5")]
    body: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Vote {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    node: u64,
    #[prost(bool, tag = "3")]
    committed: bool,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Entry {
    #[prost(message, optional, tag = "1")]
    log_id: Option<Place>,
    #[prost(bytes = "bytes", tag = "2")]
    payload: Bytes,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Append {
    #[prost(message, optional, tag = "1")]
    vote: Option<Vote>,
    #[prost(message, optional, tag = "2")]
    previous: Option<Place>,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    entries: Vec<Bytes>,
    #[prost(message, optional, tag = "4")]
    commit: Option<Place>,
}

/// An entry on its way, and the checksum of what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Its place.
    pub(crate) place: Place,
    /// The place before it.
    pub(crate) previous: Option<Place>,
    /// The checksum of its payload.
    pub(crate) crc: u32,
}

/// Entries or a heartbeat from a leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Appended {
    /// The term it leads.
    pub(crate) term: u64,
    /// The leader as the call names it.
    pub(crate) leader: u64,
    /// What it knows to be committed.
    pub(crate) commit: Option<Place>,
    /// The entries.
    pub(crate) entries: Vec<Carried>,
}

/// Reads a call that carries entries; `None` where it is no such call.
#[must_use]
pub(crate) fn appended(call: &[u8]) -> Option<Appended> {
    let append = Append::decode(Envelope::decode(call).ok()?.body).ok()?;
    let vote = append.vote?;
    let mut previous = append.previous;
    let mut entries = Vec::new();
    for bytes in append.entries {
        let entry = Entry::decode(bytes).ok()?;
        let place = entry.log_id?;
        entries.push(Carried { place, previous, crc: crc32c::crc32c(&entry.payload) });
        previous = Some(place);
    }
    Some(Appended { term: vote.term, leader: vote.node, commit: append.commit, entries })
}

/// The same call with one bit of the last entry's payload turned over: what a network without checksums may do.
#[must_use]
pub(crate) fn spoiled(call: &[u8]) -> Option<Vec<u8>> {
    #[derive(Clone, PartialEq, Eq, Message)]
    struct Whole {
        #[prost(uint32, tag = "1")]
        version: u32,
        #[prost(string, tag = "2")]
        cluster_id: String,
        #[prost(uint64, tag = "3")]
        from: u64,
        #[prost(uint64, tag = "4")]
        to: u64,
        #[prost(bytes = "bytes", tag = "5")]
        body: Bytes,
    }
    let mut whole = Whole::decode(call).ok()?;
    let mut append = Append::decode(whole.body.clone()).ok()?;
    let mut entry = Entry::decode(append.entries.pop()?).ok()?;
    let mut payload = entry.payload.to_vec();
    *payload.last_mut()? ^= 1;
    entry.payload = payload.into();
    append.entries.push(entry.encode_to_vec().into());
    whole.body = append.encode_to_vec().into();
    Some(whole.encode_to_vec())
}
