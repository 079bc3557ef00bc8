//! A change as it goes over the wire, encoded once however many watch it. A leaf.

use std::sync::Arc;

use holdfast_api::v1;
use holdfast_state::WatchItem;
use prost::Message;
use prost::bytes::Bytes;
use prost::encoding::{self, WireType};

/// A change whose message is longer than this is sent without its resource: who watches asks for that by name.
const MAX_EVENT_BYTES: usize = 8 << 20;
/// `partial = true` as it is on the wire. Messages that are concatenated are merged, so one encoding serves both.
const PARTIAL: &[u8] = &[9 << 3, 1];

/// The kinds that can be watched.
pub(crate) const KINDS: [&str; 5] = ["Job", "Node", "Queue", "Artifact", "Reservation"];
/// The fields of `WatchEvent` that these are.
const FIELDS: [u32; 5] = [3, 4, 5, 6, 10];

/// The kinds a watcher asked for, as bits in the order of [`KINDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kinds(u8);

impl Kinds {
    /// These kinds, or all where none is named. The first that does not exist is the error.
    pub(crate) fn of(names: &[String]) -> Result<Self, &str> {
        let mut bits = 0;
        for name in names {
            bits |= bit(name).ok_or(name.as_str())?;
        }
        Ok(Self(if bits == 0 { u8::MAX } else { bits }))
    }

    pub(crate) fn has(self, kind: &str) -> bool {
        bit(kind).is_some_and(|bit| self.0 & bit != 0)
    }
}

/// The field that a kind is.
fn field(kind: &str) -> Option<u32> {
    KINDS.iter().zip(FIELDS).find_map(|(name, field)| (*name == kind).then_some(field))
}

fn bit(kind: &str) -> Option<u8> {
    KINDS.iter().position(|name| *name == kind).map(|place| 1 << place)
}

/// A change ready to be sent.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    /// The message, without `partial`.
    pub(crate) bytes: Bytes,
}

impl Event {
    /// Encodes a change.
    pub(crate) fn of(item: &WatchItem) -> Self {
        Self::new(item.revision, item.kind, &item.name, item.resource.as_deref())
    }

    /// Encodes a resource, of which these are the bytes, as it is at a revision.
    pub(crate) fn present(revision: u64, kind: &'static str, name: &str, resource: &[u8]) -> Self {
        Self::new(revision, kind, name, Some(resource))
    }

    fn new(revision: u64, kind: &'static str, name: &str, resource: Option<&[u8]>) -> Self {
        Self { revision, kind, name: name.to_owned(), bytes: encode(revision, kind, name, resource) }
    }
}

/// What one watcher is sent at once.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    /// A change; `partial` where more of the same revision follow for this watcher.
    Change { event: Arc<Event>, partial: bool },
    /// Everything up to this revision has been sent.
    Bookmark(u64),
}

impl Frame {
    /// The message, in two parts of which the second may be empty.
    pub(crate) fn parts(&self) -> (Bytes, &'static [u8]) {
        match self {
            Self::Change { event, partial } => (event.bytes.clone(), if *partial { PARTIAL } else { &[] }),
            Self::Bookmark(revision) => {
                let (revision, change) = (*revision, "bookmark".to_owned());
                let message = v1::WatchEvent { revision, r#type: change, ..v1::WatchEvent::default() };
                (message.encode_to_vec().into(), &[])
            }
        }
    }

    /// The message as bytes of its own.
    #[cfg(test)]
    pub(crate) fn message(&self) -> v1::WatchEvent {
        let (head, tail) = self.parts();
        v1::WatchEvent::decode([head.as_ref(), tail].concat().as_slice()).unwrap()
    }
}

/// Changes for one watcher, of which those that share a revision with the next are marked.
pub(crate) fn frames(events: Vec<Arc<Event>>) -> Vec<Frame> {
    let revisions: Vec<u64> = events.iter().skip(1).map(|e| e.revision).collect();
    let next = revisions.into_iter().map(Some).chain([None]);
    events
        .into_iter()
        .zip(next)
        .map(|(event, next)| Frame::Change { partial: next == Some(event.revision), event })
        .collect()
}

/// A `WatchEvent` as prost would write it, around a resource that is encoded already; without one it was deleted.
fn encode(revision: u64, kind: &str, name: &str, resource: Option<&[u8]>) -> Bytes {
    let mut out = Vec::new();
    if revision > 0 {
        encoding::uint64::encode(1, &revision, &mut out);
    }
    let change = if resource.is_some() { "put" } else { "delete" };
    delimited(2, change.as_bytes(), &mut out);
    let sent = resource.filter(|bytes| bytes.len() <= MAX_EVENT_BYTES);
    // Whichever it is, it is written where the first of them would be.
    if let (Some(field), Some(bytes)) = (field(kind), sent) {
        delimited(field, bytes, &mut out);
    }
    delimited(7, kind.as_bytes(), &mut out);
    delimited(8, name.as_bytes(), &mut out);
    out.into()
}

/// A field that is a text or a message.
fn delimited(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encoding::encode_key(field, WireType::LengthDelimited, out);
    encoding::encode_varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX), out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::watch_event;

    fn item(revision: u64, kind: &'static str, resource: Option<Vec<u8>>) -> WatchItem {
        WatchItem { revision, kind, name: "gold".to_owned(), resource: resource.map(Into::into) }
    }

    #[test]
    fn an_event_is_the_message_that_prost_writes() {
        let queue = v1::Queue {
            spec: Some(v1::QueueSpec { priority: 7, ..Default::default() }),
            ..Default::default()
        };
        let expected = |kind: &str, resource| v1::WatchEvent {
            revision: 3,
            r#type: "put".to_owned(),
            resource: Some(resource),
            kind: kind.to_owned(),
            name: "gold".to_owned(),
            partial: false,
        };
        let others = [
            ("Job", watch_event::Resource::Job(v1::Job::default())),
            ("Node", watch_event::Resource::Node(v1::Node::default())),
            ("Artifact", watch_event::Resource::Artifact(v1::Artifact::default())),
            ("Reservation", watch_event::Resource::Reservation(v1::Reservation::default())),
        ];
        for (kind, resource) in others {
            let put = Event::of(&item(3, kind, Some(Vec::new())));
            assert_eq!(put.bytes, expected(kind, resource).encode_to_vec());
        }
        let put = Event::of(&item(3, "Queue", Some(queue.encode_to_vec())));
        let expected = expected("Queue", watch_event::Resource::Queue(queue));
        assert_eq!(put.bytes, expected.encode_to_vec());
        let marked = Frame::Change { event: Arc::new(put), partial: true }.message();
        assert_eq!(marked, v1::WatchEvent { partial: true, ..expected });
        let bookmark = Frame::Bookmark(9).message();
        assert_eq!((bookmark.revision, bookmark.r#type.as_str()), (9, "bookmark"));
    }

    #[test]
    fn only_the_last_change_of_a_revision_can_be_resumed_from() {
        let event = |revision| Arc::new(Event::of(&item(revision, "Queue", None)));
        let marks: Vec<bool> = frames(vec![event(1), event(2), event(2), event(3)])
            .iter()
            .map(|frame| frame.message().partial)
            .collect();
        assert_eq!(marks, [false, true, false, false]);
        assert!(frames(Vec::new()).is_empty());
    }

    #[test]
    fn kinds_are_checked_and_none_means_all() {
        let kinds = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            Kinds::of(&names).map_err(str::to_owned)
        };
        assert!(KINDS.iter().all(|kind| kinds(&[]).unwrap().has(kind)));
        let jobs = kinds(&["Job"]).unwrap();
        assert!(jobs.has("Job") && !jobs.has("Node"));
        assert_eq!(kinds(&["Job", "Pod"]), Err("Pod".to_owned()));
    }

    #[test]
    fn a_resource_too_large_to_send_is_only_named() {
        let mut node = v1::Node::default();
        node.metadata.get_or_insert_default().name = "n".repeat(MAX_EVENT_BYTES + 1);
        let event = Event::present(1, "Node", "n1", &node.encode_to_vec());
        let message = v1::WatchEvent::decode(event.bytes.as_ref()).unwrap();
        assert_eq!((message.name.as_str(), message.resource), ("n1", None));
        let event = Event::of(&item(1, "Node", Some(node.encode_to_vec())));
        assert_eq!(v1::WatchEvent::decode(event.bytes.as_ref()).unwrap().resource, None);
    }
}
