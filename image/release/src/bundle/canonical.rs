//! Canonical JSON: what is signed has one spelling. Members sorted, no space, whole numbers, and in text nothing escaped but `"` and
//! `\` (the OLPC form, which The Update Framework names).

use serde_json::Value;

/// The one spelling; `None` where the value has none: a number that is not whole.
pub(super) fn canonical(value: &Value) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Some(out)
}

/// The value of bytes that are in the one spelling.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match canonical(&value) {
        Some(spelled) if spelled == bytes => Ok(value),
        _ => Err("it is not spelled canonically".to_owned()),
    }
}

fn write(value: &Value, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(number.as_u64()?.to_string().as_bytes()),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                separate(at, out);
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            // Sorted here, whatever order the map of the parser keeps.
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            out.push(b'{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                separate(at, out);
                string(name, out);
                out.push(b':');
                write(member, out)?;
            }
            out.push(b'}');
        }
    }
    Some(())
}

fn separate(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_spelling() {
        for good in [r#"{"a":[1,true,null],"b":{"c":"\"\\é"}}"#, "[]", "18446744073709551615"] {
            assert_eq!(canonical(&parse(good.as_bytes()).unwrap()).unwrap(), good.as_bytes());
        }
        for bad in [
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":1}"#,
            "[1, 2]",
            "1.5",
            "-1",
            "1e3",
            "[1]\n",
            r#""\u0061""#,
            "{",
            "",
            &"[".repeat(100_000),
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{}", bad.chars().take(20).collect::<String>());
        }
    }
}
