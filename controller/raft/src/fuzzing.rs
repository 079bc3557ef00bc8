//! Entries for the fuzzers of `tests/fuzz`: every function takes any bytes and must come back, whatever they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::raft::{AppendEntriesRequest, VoteRequest};
use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::codec;
use crate::digest::StateHash;
use crate::log::fuzz;
use crate::offline;
use crate::snapshot::{Position, Reader, write};
use crate::types::{Batch, Entry, LogId, Membership, Peer, StoredMembership, Vote, log_id};
use crate::wire::{
    ChunkAnswerMessage, ChunkMessage, Envelope, HandoverMessage, IdentityMessage, VoteRequestMessage,
    VoteResponseMessage,
};

/// A record of the log, and the search for a later one.
#[must_use]
pub fn log_record(bytes: &[u8]) -> String {
    fuzz::record(bytes)
}

/// The recovery of a log of one segment. Whatever was damaged, no entry is served that was not written.
#[must_use]
pub fn log_segment(bytes: &[u8]) -> String {
    static WRITTEN: LazyLock<Vec<(LogId, Bytes)>> = LazyLock::new(|| {
        // With the entries that a later truncation hides: a log that is cut before it still has them.
        let whole = fuzz::seed();
        (0..=whole.len()).flat_map(|end| fuzz::segment(whole.get(..end).unwrap_or_default()).1).collect()
    });
    let (way, entries) = fuzz::segment(bytes);
    assert!(entries.iter().all(|entry| WRITTEN.contains(entry)), "damage is served");
    way
}

/// The same with every checksum put right, so that the damage reaches the records.
#[must_use]
pub fn log_segment_chained(bytes: &[u8]) -> String {
    fuzz::segment(&fuzz::chained(bytes.to_vec())).0
}

/// A snapshot. Whatever was damaged, none is taken that was not written.
#[must_use]
pub fn snapshot(bytes: &[u8]) -> String {
    static WRITTEN: LazyLock<Vec<u8>> = LazyLock::new(|| snapshots().0);
    let way = read_snapshot(bytes);
    assert!(way != WHOLE || bytes == *WRITTEN, "damage is served");
    way
}

const WHOLE: &str = "whole";

fn read_snapshot(bytes: &[u8]) -> String {
    match Reader::open(bytes).and_then(|mut reader| reader.check()) {
        Ok(()) => WHOLE.to_owned(),
        Err(error) => said(&error),
    }
}

/// The same with every checksum put right: bytes are the header and the blocks, each behind its length of two bytes.
#[must_use]
pub fn snapshot_framed(bytes: &[u8]) -> String {
    let mut out = b"HFRAFTSN".to_vec();
    let mut rest = bytes;
    while let Some((length, more)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(more.len());
        let (block, more) = more.split_at(length);
        frame(&mut out, block);
        rest = more;
    }
    frame(&mut out, &[]);
    let digest = Sha256::digest(&out);
    out.extend_from_slice(&digest);
    let inspected = offline::inspect(out.as_slice()).is_ok();
    let way = read_snapshot(&out);
    assert_eq!(inspected, way == WHOLE, "two readers of a snapshot agree");
    way
}

fn frame(out: &mut Vec<u8>, block: &[u8]) {
    out.extend_from_slice(&u32::try_from(block.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(block).to_le_bytes());
    out.extend_from_slice(block);
}

fn said(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Every message between members, and every one inside a record or a snapshot. A call that is read is written and read
/// again, and stays the same.
#[must_use]
pub fn message(bytes: &[u8]) -> String {
    let body = Bytes::copy_from_slice(bytes);
    let envelope: Result<Envelope, _> = codec::decode("envelope", body.clone());
    let inner = envelope.map(|envelope| envelope.body).unwrap_or_default();
    let kept = codec::decode::<IdentityMessage>("identity", body.clone()).is_ok();
    let position = Position::decode(&body).is_ok();
    let entry = codec::entry_in(log_id(1, 1, 1), body.clone()).is_ok();
    let ways = [body, inner].map(|body| calls(&body));
    let [outer, inner] = ways;
    format!("kept: {kept} {position} {entry}, outer: {outer}, inner: {inner}")
}

fn calls(body: &Bytes) -> String {
    let append = codec::append_request_in(body.clone());
    if let Ok(request) = &append {
        let again = codec::append_request_in(codec::append_request_out(request).encode_to_vec().into());
        assert!(
            again.is_ok_and(|again| again.entries == request.entries),
            "a call is not written as it was read"
        );
    }
    let answer = codec::vote_response_in(body);
    if let Ok(answer) = &answer {
        drop(codec::vote_response_out(answer));
    }
    let probe = codec::decode::<VoteResponseMessage>("probe", body.clone());
    let points = probe.is_ok_and(|probe| !codec::points_in(&probe.points).is_empty());
    let oks = [
        codec::append_response_in(body).is_ok(),
        codec::vote_request_in(body.clone()).is_ok(),
        answer.is_ok(),
        codec::decode::<ChunkMessage>("piece", body.clone()).is_ok(),
        codec::decode::<ChunkAnswerMessage>("answer", body.clone()).is_ok(),
        points,
    ];
    let oks: String = oks.map(|ok| if ok { '+' } else { '-' }).iter().collect();
    format!("{}{oks}", append.err().map(|error| said(&error)).unwrap_or_default())
}

/// Bytes that each of these functions reads without an error, to begin from.
#[must_use]
pub fn seeds() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let segment = fuzz::seed();
    let record = segment.get(32..).unwrap_or_default().to_vec();
    let (whole, framed) = snapshots();
    BTreeMap::from([
        ("log_record", vec![record]),
        ("log_segment", vec![segment]),
        ("snapshot", vec![whole]),
        ("snapshot_framed", vec![framed]),
        ("message", messages()),
    ])
}

fn membership() -> Membership {
    let peer = |id: u64| (id, Peer { address: format!("node-{id}:7001"), name: format!("node-{id}") });
    let sets = vec![BTreeSet::from([1, 2, 3]), BTreeSet::from([1, 2, 4])];
    Membership::new(sets, (1..=4).map(peer).collect::<BTreeMap<_, _>>())
}

fn snapshots() -> (Vec<u8>, Vec<u8>) {
    let records = vec![(b"a".to_vec(), b"one".to_vec()), (b"b".to_vec(), vec![7; 40])];
    let stored = StoredMembership::new(Some(log_id(1, 1, 3)), membership());
    let mut position = Position {
        applied: Some(log_id(2, 1, 9)),
        membership: stored,
        time_ms: 5,
        hash: StateHash::default(),
    };
    // Written twice: the first time tells the hash.
    let first = write("c", &position, 2, records.clone().into_iter(), Vec::new());
    position.hash = first.map(|written| written.sum.hash()).unwrap_or_default();
    let mut whole = Vec::new();
    drop(write("c", &position, 2, records.into_iter(), &mut whole));
    let mut framed = Vec::new();
    let mut rest = whole.get(8..).unwrap_or_default();
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(0);
        let Some(block) = more.get(4..4 + length).filter(|block| !block.is_empty()) else { break };
        framed.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_le_bytes());
        framed.extend_from_slice(block);
        rest = more.get(4 + length..).unwrap_or_default();
    }
    (whole, framed)
}

fn messages() -> Vec<Vec<u8>> {
    let vote = Vote::new_committed(3, 1);
    let entry = |index, payload| Entry { log_id: log_id(3, 1, index), payload };
    let batch = Batch { time_ms: 1, commands: vec![Bytes::from_static(b"command"); 3].into() };
    let append = AppendEntriesRequest {
        vote,
        prev_log_id: Some(log_id(2, 1, 4)),
        entries: vec![
            entry(5, EntryPayload::Blank),
            entry(6, EntryPayload::Normal(batch)),
            entry(7, EntryPayload::Membership(membership())),
        ],
        leader_commit: Some(log_id(2, 1, 4)),
    };
    let ask = VoteRequest::new(Vote::new(4, 2), Some(log_id(3, 1, 7)));
    let probe = VoteRequestMessage {
        probe: true,
        compare: true,
        handover: Some(HandoverMessage { step: 2, vote: Some(codec::vote_out(&Vote::new(4, 2))) }),
        verdict: Some(codec::point_out(&(256, StateHash::default()))),
        ..VoteRequestMessage::default()
    };
    let piece = ChunkMessage {
        vote: Some(codec::vote_out(&vote)),
        snapshot_id: "s".to_owned(),
        offset: 0,
        total: 3,
        data: Bytes::from_static(b"abc"),
    };
    let bodies = [
        codec::append_request_out(&append).encode_to_vec(),
        codec::vote_request_out(&ask).encode_to_vec(),
        probe.encode_to_vec(),
        piece.encode_to_vec(),
        codec::payload_out(&EntryPayload::Membership(membership())).to_vec(),
    ];
    let wrap = |body: Vec<u8>| Envelope {
        version: 1,
        cluster_id: "c".to_owned(),
        from: 1,
        to: 2,
        body: body.into(),
        voter: true,
        configured: 7,
    };
    bodies.into_iter().flat_map(|body| [body.clone(), wrap(body).encode_to_vec()]).collect()
}
