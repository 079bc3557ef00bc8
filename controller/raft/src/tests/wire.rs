//! Whatever bytes come in, the decoders answer with a value or an error.

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::raft::AppendEntriesRequest;
use proptest::prelude::*;
use prost::Message;

use crate::codec::{
    append_request_in, append_request_out, append_response_in, entry_in, membership_in, vote_request_in,
    vote_response_in,
};
use crate::types::{Batch, Entry, Vote, log_id};
use crate::wire::{AppendRequestMessage, MembershipMessage, VotersMessage};

fn request(entries: u64) -> AppendEntriesRequest<crate::types::TypeConfig> {
    let entry = |index| Entry {
        log_id: log_id(2, 1, index),
        payload: EntryPayload::Normal(Batch { time_ms: 7, commands: vec![Bytes::from_static(b"x")].into() }),
    };
    AppendEntriesRequest {
        vote: Vote::new_committed(2, 1),
        prev_log_id: Some(log_id(1, 1, 4)),
        entries: (5..5 + entries).map(entry).collect(),
        leader_commit: Some(log_id(1, 1, 3)),
    }
}

#[test]
fn calls_survive_the_wire_and_broken_rules_are_errors() {
    let sent = request(3);
    let message = append_request_out(&sent);
    let received = append_request_in(message.encode_to_vec().into()).unwrap();
    assert_eq!(received.entries, sent.entries);
    assert_eq!((received.vote, received.prev_log_id), (sent.vote, sent.prev_log_id));

    let refuse = |change: fn(&mut AppendRequestMessage)| {
        let mut message = append_request_out(&request(3));
        change(&mut message);
        append_request_in(message.encode_to_vec().into()).unwrap_err().to_string()
    };
    assert!(refuse(|m| m.vote = None).contains("lacks field `vote`"));
    assert!(refuse(|m| m.vote.as_mut().unwrap().committed = false).contains("elected leader"));
    assert!(refuse(|m| drop(m.entries.remove(1))).contains("without a gap"));
    assert!(refuse(|m| m.entries = vec![Bytes::new(); 100_000]).contains("at most"));
    let lost_voter = MembershipMessage { configs: vec![VotersMessage { ids: vec![1] }], peers: vec![] };
    assert!(membership_in(lost_voter).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bent = append_request_out(&request(2)).encode_to_vec();
        let at = at.index(bent.len());
        bent[at] = with;
        for bytes in [bytes, bent] {
            let _ = append_request_in(Bytes::from(bytes.clone()));
            let _ = vote_request_in(Bytes::from(bytes.clone()));
            let _ = append_response_in(&bytes);
            let _ = vote_response_in(&bytes);
            let _ = entry_in(log_id(1, 1, 1), Bytes::from(bytes));
        }
    }
}
