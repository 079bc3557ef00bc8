//! The reading side of a call, for the fuzzers.

use prost_reflect::MessageDescriptor;

use super::message::{Given, answer, request};
use super::query::pairs;
use crate::fields::Mask;

/// Reads a call as the gateway does: with its body, and as one that has none. Says how that went. What is read can be
/// written.
pub(crate) fn fuzz(input: &MessageDescriptor, query: &str, body: &[u8]) -> String {
    let query = match pairs(query) {
        Ok(query) => query,
        Err(refusal) => return refusal.problem.to_string(),
    };
    let path = [("name".to_owned(), "a".to_owned())];
    let mut way = String::new();
    for path in [&[] as &[(String, String)], &path] {
        for has_body in [true, false] {
            let given = Given { has_body, body, query: &query, path, key: None };
            match request(input, &given) {
                Ok(bytes) => {
                    assert!(answer(input, &bytes, None).is_ok(), "a request that was read is not written");
                    way.push('+');
                }
                Err(refusal) => {
                    assert!(refusal.status.is_client_error(), "{} for {:?}", refusal.status, refusal.problem);
                    way = format!("{way}-{}", refusal.problem.because.join(" "));
                }
            }
        }
    }
    let fields: Vec<String> = query.into_iter().map(|(_, value)| value).collect();
    let mask = Mask::of_answer(input, &fields).is_ok();
    format!("{way}, mask: {mask}")
}
