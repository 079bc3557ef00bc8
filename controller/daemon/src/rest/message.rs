//! From a URL and a JSON body to a request message, and from an answer to JSON: the canonical JSON mapping of proto3.

use holdfast_types::{Problem, ProblemKind};
use prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, SerializeOptions, Value,
};

/// A request that is not a message of its type.
pub(crate) fn bad_request(cause: impl Into<String>) -> Problem {
    Problem::new(1002, ProblemKind::Invalid, "the HTTP request cannot be read").because(cause.into())
}

/// The request message: the body's fields, then the query's, then the path's.
pub(crate) fn request(
    descriptor: &MessageDescriptor,
    body: &[u8],
    query: &[(String, String)],
    path: &[(String, String)],
) -> Result<Vec<u8>, Problem> {
    let mut message = if body.iter().all(u8::is_ascii_whitespace) {
        DynamicMessage::new(descriptor.clone())
    } else {
        let mut json = serde_json::Deserializer::from_slice(body);
        let message = DynamicMessage::deserialize(descriptor.clone(), &mut json)
            .map_err(|error| bad_request(format!("body: {error}")))?;
        json.end().map_err(|error| bad_request(format!("body: {error}")))?;
        message
    };
    for (name, text) in query.iter().chain(path) {
        set(&mut message, name, text)?;
    }
    Ok(message.encode_to_vec())
}

/// Sets a field by its JSON name; fields of `list` and `options` may be named without that prefix.
fn set(message: &mut DynamicMessage, name: &str, text: &str) -> Result<(), Problem> {
    let descriptor = message.descriptor();
    if let Some(field) = descriptor.get_field_by_json_name(name) {
        return set_field(message, &field, text);
    }
    for inner in ["list", "options"] {
        let Some(outer) = descriptor.get_field_by_json_name(inner) else { continue };
        let Kind::Message(nested) = outer.kind() else { continue };
        let Some(field) = nested.get_field_by_json_name(name) else { continue };
        if let Value::Message(nested) = message.get_field_mut(&outer) {
            return set_field(nested, &field, text);
        }
    }
    Err(bad_request(format!("query: `{name}` is not a parameter of this operation")))
}

fn set_field(message: &mut DynamicMessage, field: &FieldDescriptor, text: &str) -> Result<(), Problem> {
    let value = scalar(&field.kind(), text).ok_or_else(|| {
        bad_request(format!("query: `{text}` is not a value of `{}` ({:?})", field.json_name(), field.kind()))
    })?;
    if field.is_list() {
        if let Value::List(list) = message.get_field_mut(field) {
            list.push(value);
        }
    } else {
        message.set_field(field, value);
    }
    Ok(())
}

fn scalar(kind: &Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Bool => text.parse().ok().map(Value::Bool),
        Kind::Uint32 | Kind::Fixed32 => text.parse().ok().map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => text.parse().ok().map(Value::U64),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => text.parse().ok().map(Value::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => text.parse().ok().map(Value::I64),
        Kind::Double | Kind::Float | Kind::Bytes | Kind::Message(_) | Kind::Enum(_) => None,
    }
}

/// An answer as JSON, with fields that are at their defaults, so that a reader sees every field there is.
pub(crate) fn answer(descriptor: &MessageDescriptor, bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let failed = |error: String| {
        Problem::new(1003, ProblemKind::Failed, "the answer cannot be written as JSON").because(error)
    };
    let message = DynamicMessage::decode(descriptor.clone(), bytes).map_err(|e| failed(e.to_string()))?;
    let mut out = Vec::new();
    let mut json = serde_json::Serializer::new(&mut out);
    let options = SerializeOptions::new().skip_default_fields(false).stringify_64_bit_integers(true);
    message.serialize_with_options(&mut json, &options).map_err(|e| failed(e.to_string()))?;
    Ok(out)
}

/// A problem as RFC 9457 problem details.
pub(crate) fn problem_details(problem: &Problem, status: u16, request_id: &str) -> serde_json::Value {
    serde_json::json!({
        "type": format!("/errors/{}", problem.code),
        "title": problem.summary,
        "status": status,
        "detail": problem.because.join("; "),
        "instance": format!("/requests/{request_id}"),
        "code": problem.code.to_string(),
        "because": problem.because,
        "next": problem.next,
    })
}

/// The HTTP status of a problem.
pub(crate) fn http_status(kind: ProblemKind) -> u16 {
    match kind {
        ProblemKind::Failed => 500,
        ProblemKind::Invalid => 400,
        ProblemKind::NotFound => 404,
        ProblemKind::Refused | ProblemKind::Unauthorised => 403,
        ProblemKind::Unreachable => 503,
        ProblemKind::Conflict => 409,
        ProblemKind::Exhausted => 429,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1;

    fn descriptor(name: &str) -> MessageDescriptor {
        holdfast_api::pool().unwrap().get_message_by_name(&format!("holdfast.v1.{name}")).unwrap()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_request_is_body_query_and_path_together() {
        let bytes = request(
            &descriptor("ListJobsRequest"),
            b"",
            &pairs(&[("queue", "gold"), ("pageSize", "7"), ("stale", "true")]),
            &[],
        );
        let list = v1::ListJobsRequest::decode(bytes.unwrap().as_slice()).unwrap();
        let inner = list.list.unwrap();
        assert_eq!((list.queue.as_str(), inner.page_size, inner.stale), ("gold", 7, true));

        let body = br#"{"spec": {"kind": "train", "maxRunTimeMs": "5"}, "labels": {"a": "b"}}"#;
        let bytes = request(&descriptor("SubmitJobRequest"), body, &[], &pairs(&[("name", "x")])).unwrap();
        let submit = v1::SubmitJobRequest::decode(bytes.as_slice()).unwrap();
        assert_eq!((submit.name.as_str(), submit.spec.unwrap().max_run_time_ms), ("x", 5));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let submit = descriptor("SubmitJobRequest");
        for (body, query, expected) in [
            (&b"{\"nmae\": 1}"[..], &[][..], "nmae"),
            (b"{", &[], "body: EOF"),
            (b"{} x", &[], "trailing"),
            (b"", &[("colour", "red")], "`colour` is not a parameter"),
            (b"", &[("dryRun", "perhaps")], "`perhaps` is not a value of `dryRun`"),
        ] {
            let problem = request(&submit, body, &pairs(query), &[]).unwrap_err();
            assert!(problem.to_string().contains(expected), "{problem}");
        }
    }

    #[test]
    fn an_answer_shows_every_field() {
        let node = v1::Node { spec: Some(v1::NodeSpec::default()), ..v1::Node::default() };
        let json = answer(&descriptor("Node"), &node.encode_to_vec()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["spec"]["jurisdiction"], "");
        assert_eq!(json["spec"]["cordoned"], false);
    }
}
