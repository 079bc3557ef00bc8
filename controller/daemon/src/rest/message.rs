//! From a URL and a JSON body to a request message, and from an answer to JSON: the canonical JSON mapping of proto3.

use holdfast_types::{Problem, ProblemKind};
use prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, SerializeOptions, Value,
};

use super::query::Pairs;
use super::refusal::{Refusal, bad_request};
use super::rules::breaks;
use super::strict;
use crate::fields::Mask;

/// What a request gives beside its method.
#[derive(Debug, Default)]
pub(crate) struct Given<'a> {
    /// Where there is a body the fields are in it, and the query has only those of `options`.
    pub(crate) has_body: bool,
    pub(crate) body: &'a [u8],
    pub(crate) query: &'a [(String, String)],
    pub(crate) path: &'a [(String, String)],
    /// The idempotency key from its header.
    pub(crate) key: Option<String>,
}

/// The request message: the body's fields, then the query's, then the path's.
pub(crate) fn request(descriptor: &MessageDescriptor, given: &Given<'_>) -> Result<Vec<u8>, Refusal> {
    let path: Vec<String> = given.path.iter().map(|(name, _)| name.clone()).collect();
    let mut message = DynamicMessage::new(descriptor.clone());
    if given.has_body {
        message = body(descriptor, given.body, &path)?;
    }
    let mut seen = Pairs::new();
    for (name, text) in given.query {
        if path.contains(name) {
            return Err(bad_request(format!("query: `{name}` is in the path, and nowhere else")));
        }
        let field = set(
            &mut message,
            name,
            text,
            if given.has_body { &["options"] } else { &["", "list", "options"] },
        )?;
        if !field.is_list() && seen.iter().any(|(known, _)| known == name) {
            return Err(bad_request(format!("query: `{name}` stands twice")));
        }
        seen.push((name.clone(), text.clone()));
    }
    for (name, text) in given.path {
        set(&mut message, name, text, &[""])?;
    }
    if let Some(key) = &given.key {
        set_key(&mut message, key)?;
    }
    Ok(message.encode_to_vec())
}

fn body(descriptor: &MessageDescriptor, body: &[u8], path: &[String]) -> Result<DynamicMessage, Refusal> {
    // No body says as much as an empty one.
    let text = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    let mut json: serde_json::Value =
        serde_json::from_slice(text).map_err(|error| bad_request(format!("body: {error}")))?;
    strict::whole_numbers(&mut json);
    if let Some(fault) = strict::fault(descriptor, &json, path) {
        return Err(bad_request(format!("body: {fault}")));
    }
    DynamicMessage::deserialize(descriptor.clone(), json)
        .map_err(|error| bad_request(format!("body: {error}")))
}

/// Sets a field by its JSON name, in the first of the places that has it: the message itself, or one of its fields.
fn set(
    message: &mut DynamicMessage,
    name: &str,
    text: &str,
    places: &[&str],
) -> Result<FieldDescriptor, Refusal> {
    let descriptor = message.descriptor();
    for place in places {
        if place.is_empty() {
            if let Some(field) = plain(&descriptor, name) {
                set_field(message, &field, text)?;
                return Ok(field);
            }
            continue;
        }
        let Some(outer) = descriptor.get_field_by_json_name(place) else { continue };
        let Kind::Message(nested) = outer.kind() else { continue };
        let Some(field) = plain(&nested, name) else { continue };
        if let Value::Message(nested) = message.get_field_mut(&outer) {
            set_field(nested, &field, text)?;
            return Ok(field);
        }
    }
    Err(bad_request(format!("query: `{name}` is not a parameter of this operation")))
}

/// A field that one word can say.
fn plain(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    let field = message.get_field_by_json_name(name).filter(|field| field.json_name() == name)?;
    (!matches!(field.kind(), Kind::Message(_))).then_some(field)
}

fn set_key(message: &mut DynamicMessage, key: &str) -> Result<(), Refusal> {
    let Some(options) = message.descriptor().get_field_by_json_name("options") else {
        return Err(bad_request("Idempotency-Key: this operation changes nothing"));
    };
    let Value::Message(options) = message.get_field_mut(&options) else { return Ok(()) };
    let Some(field) = options.descriptor().get_field_by_json_name("idempotencyKey") else { return Ok(()) };
    let given = options.get_field(&field).as_str().unwrap_or_default().to_owned();
    if !given.is_empty() && given != key {
        let because = "Idempotency-Key: `idempotencyKey` of the query or the body is another key";
        return Err(Refusal::from(holdfast_api::invalid_request(because)));
    }
    options.set_field(&field, Value::String(key.to_owned()));
    Ok(())
}

fn set_field(message: &mut DynamicMessage, field: &FieldDescriptor, text: &str) -> Result<(), Refusal> {
    let value = scalar(&field.kind(), text).ok_or_else(|| {
        bad_request(format!("query: `{text}` is not a value of `{}` ({:?})", field.json_name(), field.kind()))
    })?;
    if let Some(why) = breaks(message.descriptor().name(), field.json_name(), &text.into()) {
        return Err(bad_request(format!("query: `{}` {why}", field.json_name())));
    }
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
    // A number is written in digits alone: `+5` and `007` are other texts.
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits == "0" || digits.starts_with(|c: char| ('1'..='9').contains(&c));
    let number = Some(text).filter(|_| plain);
    match kind {
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Bool => text.parse().ok().map(Value::Bool),
        Kind::Uint32 | Kind::Fixed32 => number?.parse().ok().map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => number?.parse().ok().map(Value::U64),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => number?.parse().ok().map(Value::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => number?.parse().ok().map(Value::I64),
        Kind::Double | Kind::Float | Kind::Bytes | Kind::Message(_) | Kind::Enum(_) => None,
    }
}

/// An answer as JSON, with fields that are at their defaults, so that a reader sees every field there is; or with those
/// alone that the mask names.
pub(crate) fn answer(
    descriptor: &MessageDescriptor,
    bytes: &[u8],
    mask: Option<&Mask>,
) -> Result<Vec<u8>, Refusal> {
    let failed = |error: String| {
        Problem::new(1003, ProblemKind::Failed, "the answer cannot be written as JSON").because(error)
    };
    let message = DynamicMessage::decode(descriptor.clone(), bytes).map_err(|e| failed(e.to_string()))?;
    let options = SerializeOptions::new().skip_default_fields(false).stringify_64_bit_integers(true);
    let Some(mask) = mask else {
        let mut out = Vec::new();
        let mut json = serde_json::Serializer::new(&mut out);
        message.serialize_with_options(&mut json, &options).map_err(|e| failed(e.to_string()))?;
        return Ok(out);
    };
    let whole = message.serialize_with_options(serde_json::value::Serializer, &options);
    let mut whole = whole.map_err(|e| failed(e.to_string()))?;
    mask.cut_json(&mut whole);
    serde_json::to_vec(&whole).map_err(|e| failed(e.to_string()).into())
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
        let query = pairs(&[("queue", "gold"), ("pageSize", "7"), ("stale", "true")]);
        let bytes = request(&descriptor("ListJobsRequest"), &Given { query: &query, ..Given::default() });
        let list = v1::ListJobsRequest::decode(bytes.unwrap().as_slice()).unwrap();
        let inner = list.list.unwrap();
        assert_eq!((list.queue.as_str(), inner.page_size, inner.stale), ("gold", 7, true));

        let body = br#"{"spec": {"priority": 5.0}, "options": {"expectedRevision": "9"}}"#;
        let (query, path) = (pairs(&[("dryRun", "true")]), pairs(&[("name", "x")]));
        let given = Given { has_body: true, body, query: &query, path: &path, key: Some("k".to_owned()) };
        let bytes = request(&descriptor("ApplyQueueRequest"), &given).unwrap();
        let apply = v1::ApplyQueueRequest::decode(bytes.as_slice()).unwrap();
        assert_eq!((apply.name.as_str(), apply.spec.unwrap().priority), ("x", 5));
        let options = apply.options.unwrap();
        assert_eq!(
            (options.dry_run, options.expected_revision, options.idempotency_key.as_str()),
            (true, 9, "k")
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let apply = descriptor("ApplyQueueRequest");
        let path = pairs(&[("name", "x")]);
        for (body, query, expected) in [
            (&b"{\"nmae\": 1}"[..], &[][..], "nmae"),
            (b"{\"name\": \"y\"}", &[], "`name` is in the path"),
            (b"{", &[], "body: EOF"),
            (b"{} x", &[], "trailing"),
            (b"", &[("colour", "red")], "`colour` is not a parameter"),
            (b"", &[("priority", "5")], "`priority` is not a parameter"),
            (b"", &[("name", "y")], "`name` is in the path"),
            (b"", &[("dryRun", "perhaps")], "`perhaps` is not a value of `dryRun`"),
            (b"", &[("expectedRevision", "007")], "`007` is not a value"),
            (b"", &[("dryRun", "true"), ("dryRun", "true")], "`dryRun` stands twice"),
            (b"{\"options\": {\"idempotencyKey\": \"other\"}}", &[], "another key"),
            (b"{\"spec\": {\"priority\": 5.5}}", &[], "found a number"),
        ] {
            let query = pairs(query);
            let given = Given { has_body: true, body, query: &query, path: &path, key: Some("k".to_owned()) };
            let refusal = request(&apply, &given).unwrap_err();
            assert_eq!(refusal.status, if expected == "another key" { 422 } else { 400 });
            assert!(refusal.problem.to_string().contains(expected), "{}", refusal.problem);
        }
    }

    #[test]
    fn an_answer_shows_every_field() {
        let node = v1::Node { spec: Some(v1::NodeSpec::default()), ..v1::Node::default() };
        let json = answer(&descriptor("Node"), &node.encode_to_vec(), None).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["spec"]["jurisdiction"], "");
        assert_eq!(json["spec"]["cordoned"], false);
    }
}
