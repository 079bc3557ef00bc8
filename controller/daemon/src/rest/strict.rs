//! Whether a JSON body is of the form that the document says. The canonical mapping takes more than it writes: numbers
//! as text, `null` for nothing, two spellings of a name. Here there is one form for each, so that a misspelt field or
//! a forgotten value is told and not guessed.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;

use super::rules::{breaks, required};

/// Why a body is not a message, naming the place.
pub(crate) fn fault(message: &MessageDescriptor, body: &Value, left_out: &[String]) -> Option<String> {
    let given = |name: &String| body.get(name).is_some();
    if let Some(name) = left_out.iter().find(|name| given(name)) {
        return Some(format!("`{name}` is in the path, and nowhere else"));
    }
    object(message, body, "", left_out).err()
}

/// Writes numbers without a fraction as what they are: `5.0` is the same number as `5`.
pub(crate) fn whole_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Number(number) if number.is_f64() => {
            // Every whole number below 2^64 is written by its digits alone, so the way over text loses nothing.
            let text =
                number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 18e18).map(|n| format!("{n:.0}"));
            if let Some(whole) = text.and_then(|text| serde_json::from_str(&text).ok()) {
                *number = whole;
            }
        }
        _ => {}
    }
}

fn object(
    message: &MessageDescriptor,
    value: &Value,
    place: &str,
    left_out: &[String],
) -> Result<(), String> {
    let fields = value.as_object().ok_or_else(|| wrong(place, "an object", value))?;
    for (name, value) in fields {
        let place = below(place, name);
        let field = message.get_field_by_json_name(name);
        // Names of the .proto file would be taken as well.
        let field = field.filter(|field| field.json_name() == name);
        let field = field.ok_or_else(|| format!("`{place}` is not a field of {}", message.name()))?;
        whole(message, &field, value, &place)?;
        let one_of = field.containing_oneof();
        let other = one_of.iter().flat_map(prost_reflect::OneofDescriptor::fields);
        if let Some(other) = other.into_iter().find(|o| *o != field && fields.contains_key(o.json_name())) {
            return Err(format!("`{place}` and `{}` exclude each other", other.json_name()));
        }
    }
    let missing = required(message.name())
        .find(|name| !fields.contains_key(*name) && !left_out.iter().any(|out| out == name));
    missing.map_or(Ok(()), |name| Err(format!("`{}` is missing", below(place, name))))
}

fn below(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

fn whole(
    message: &MessageDescriptor,
    field: &FieldDescriptor,
    value: &Value,
    place: &str,
) -> Result<(), String> {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { return Ok(()) };
        let kind = entry.map_entry_value_field().kind();
        let entries = value.as_object().ok_or_else(|| wrong(place, "an object", value))?;
        return entries.iter().try_for_each(|(key, value)| one(&kind, value, &format!("{place}.{key}")));
    }
    let check = |value: &Value, place: &str| {
        one(&field.kind(), value, place)?;
        let broken = breaks(message.name(), field.json_name(), value);
        broken.map_or(Ok(()), |why| Err(format!("`{place}` {why}")))
    };
    if !field.is_list() {
        return check(value, place);
    }
    let items = value.as_array().ok_or_else(|| wrong(place, "a list", value))?;
    items.iter().enumerate().try_for_each(|(index, item)| check(item, &format!("{place}[{index}]")))
}

fn one(kind: &Kind, value: &Value, place: &str) -> Result<(), String> {
    let (right, what) = match kind {
        Kind::String => (value.is_string(), "a string"),
        Kind::Bool => (value.is_boolean(), "true or false"),
        Kind::Bytes => (value.as_str().is_some_and(is_base64), "bytes in base64"),
        Kind::Uint32 | Kind::Fixed32 => {
            (integer(value).is_some_and(|n| u32::try_from(n).is_ok()), "a number from 0 to 2^32-1")
        }
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            (integer(value).is_some_and(|n| i32::try_from(n).is_ok()), "a number from -2^31 to 2^31-1")
        }
        Kind::Uint64 | Kind::Fixed64 => {
            (long(value).is_some_and(|n| u64::try_from(n).is_ok()), "a number from 0 to 2^64-1")
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            (long(value).is_some_and(|n| i64::try_from(n).is_ok()), "a number from -2^63 to 2^63-1")
        }
        Kind::Double | Kind::Float => (value.is_number(), "a number"),
        Kind::Enum(_) => (value.is_string(), "a word"),
        Kind::Message(message) if message.full_name().starts_with("google.protobuf.") => {
            (value.is_string(), "a time as RFC 3339 writes it")
        }
        Kind::Message(message) => return object(message, value, place, &[]),
    };
    if right { Ok(()) } else { Err(wrong(place, what, value)) }
}

fn wrong(place: &str, what: &str, value: &Value) -> String {
    let place = if place.is_empty() { "the body".to_owned() } else { format!("`{place}`") };
    let found = match value {
        Value::Null => "null: leave it out",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("{place} must be {what}, found {found}")
}

fn integer(value: &Value) -> Option<i128> {
    let number = value.as_number()?;
    number.as_i128().or_else(|| number.as_u64().map(i128::from))
}

/// 64 bits are written as text, because JavaScript's numbers end at 2^53; both are read.
fn long(value: &Value) -> Option<i128> {
    let Some(text) = value.as_str() else { return integer(value) };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = digits == "0" || !digits.starts_with('0');
    let plain = !digits.is_empty() && digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit());
    (canonical && plain).then(|| text.parse().ok()).flatten()
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    text.len().is_multiple_of(4) && padding <= 2 && body.bytes().all(alphabet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault_of(message: &str, body: &Value) -> String {
        let pool = holdfast_api::pool().unwrap();
        let message = pool.get_message_by_name(&format!("holdfast.v1.{message}")).unwrap();
        fault(&message, body, &[]).unwrap_or_default()
    }

    #[test]
    fn there_is_one_form_for_everything() {
        let good = json!({"name": "a", "labels": {"x": "y"}, "spec": {
            "kind": "train", "maxRunTimeMs": "18446744073709551615", "retries": 4294967295_u32, "priority": -5,
            "groups": [{"count": 2, "resources": {"memoryBytes": 17}}]}});
        assert_eq!(fault_of("SubmitJobRequest", &good), "");
        for (body, expected) in [
            (json!([]), "the body must be an object, found a list"),
            (json!({"name": "a", "spec": null}), "`spec` must be an object, found null: leave it out"),
            (json!({"name": "a"}), "`spec` is missing"),
            (json!({"name": 1, "spec": {}}), "`name` must be a string, found a number"),
            (json!({"nmae": "a"}), "`nmae` is not a field of SubmitJobRequest"),
            (json!({"spec": {"max_run_time_ms": 1}}), "`spec.max_run_time_ms` is not a field of JobSpec"),
            (
                json!({"spec": {"maxRunTimeMs": "007"}}),
                "`spec.maxRunTimeMs` must be a number from 0 to 2^64-1",
            ),
            (json!({"spec": {"maxRunTimeMs": -1}}), "`spec.maxRunTimeMs` must be a number from 0 to 2^64-1"),
            (json!({"spec": {"maxRunTimeMs": "18446744073709551616"}}), "to 2^64-1, found a string"),
            (json!({"spec": {"retries": "4"}}), "`spec.retries` must be a number"),
            (json!({"spec": {"retries": 4294967296_u64}}), "`spec.retries` must be a number"),
            (json!({"spec": {"retries": 1.5}}), "`spec.retries` must be a number"),
            (json!({"spec": {"groups": [{"count": true}]}}), "`spec.groups[0].count` must be a number"),
            (json!({"name": "a", "spec": {}, "labels": {"x": null}}), "`labels.x` must be a string"),
            (json!({"options": {"idempotencyKey": "x".repeat(129)}}), "129 characters"),
        ] {
            let found = fault_of("SubmitJobRequest", &body);
            assert!(found.contains(expected), "{found} for {body}");
        }
    }

    #[test]
    fn what_the_path_says_is_not_said_again() {
        let pool = holdfast_api::pool().unwrap();
        let message = pool.get_message_by_name("holdfast.v1.NodeRequest").unwrap();
        let name = ["name".to_owned()];
        assert_eq!(fault(&message, &json!({"reason": "x"}), &name), None);
        assert!(fault(&message, &json!({"name": "x"}), &name).unwrap().contains("in the path"));
    }

    #[test]
    fn a_step_says_one_thing_whole() {
        let steps = |step: Value| fault_of("TransactionRequest", &json!({ "steps": [step] }));
        assert_eq!(steps(json!({"cancelJob": {"name": "a"}, "expectedRevision": "5"})), "");
        assert!(steps(json!({"cancelJob": {}})).contains("`steps[0].cancelJob.name` is missing"));
        let both = steps(json!({"cancelJob": {"name": "a"}, "deleteJob": {"name": "a"}}));
        assert!(both.contains("exclude each other"), "{both}");
    }

    #[test]
    fn base64_is_whole() {
        for (text, right) in
            [("", true), ("YQ==", true), ("YWI=", true), ("YQ", false), ("Y===", false), ("Y-__", false)]
        {
            assert_eq!(is_base64(text), right, "{text}");
        }
    }
}
