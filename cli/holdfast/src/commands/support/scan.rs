//! What looks like a secret, taken out of a text. A leaf. It takes too much rather than too little: who reads a bundle misses
//! a value sooner than its owner misses a key.

/// What takes the place of a secret.
const REMOVED: &str = "[removed]";
/// Keys and certificates of PEM (RFC 7468) begin and end so; only private keys are secret.
const PEM: (&str, &str, &str) = ("-----BEGIN ", "PRIVATE KEY-----", "-----END ");
/// What our own secrets begin with: join tokens, backup keys.
const OURS: [&str; 2] = ["hft1-", "HOLDFAST-BACKUP-SECRET-"];
/// What a name ends with whose value is secret, in lower case, without `_` and `-`.
const NAMES: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credentials",
];

/// The text without what looks like a secret, and how often there was such a thing.
pub(super) fn without_secrets(text: &str) -> (String, usize) {
    let (mut clean, mut count) = (String::with_capacity(text.len()), 0);
    let mut rest = text;
    while let Some((at, length)) = next_secret(rest) {
        let (before, from) = rest.split_at(at);
        clean.push_str(before);
        clean.push_str(REMOVED);
        count += 1;
        rest = from.get(length..).unwrap_or_default();
    }
    clean.push_str(rest);
    (clean, count)
}

/// Where the next one begins and how long it is.
fn next_secret(text: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        if length == 0 {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let (word, after) = rest.split_at(length);
        if let Some((begin, length)) = key_in(word, rest) {
            return Some((at + begin, length));
        }
        if let Some((begin, length)) = value_of(word, after) {
            return Some((at + word.len() + begin, length));
        }
        at += length;
    }
    None
}

/// Where in the word, with which `rest` begins, a key begins, and how long that is. It need not be where the word begins: in
/// JSON an `n` is before it that was the end of a line.
fn key_in(word: &str, rest: &str) -> Option<(usize, usize)> {
    let mut begins: Vec<usize> =
        [PEM.0.trim_end()].iter().chain(&OURS).filter_map(|prefix| word.find(prefix)).collect();
    begins.sort_unstable();
    begins.into_iter().find_map(|begin| {
        let key = rest.get(begin..)?;
        Some((begin, private_key(key).or_else(|| own_secret(key))?))
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// The length of the private key that the text begins with. One without an end reaches to the end of the text.
fn private_key(text: &str) -> Option<usize> {
    let (begin, private, end) = PEM;
    let label = text.strip_prefix(begin)?;
    let kind = label.find("-----").and_then(|dashes| label.get(..dashes + 5))?;
    if !kind.ends_with(private) {
        return None;
    }
    let Some(ending) = text.find(end) else { return Some(text.len()) };
    let after = text.get(ending + end.len()..)?;
    Some(after.find("-----").map_or(text.len(), |dashes| ending + end.len() + dashes + 5))
}

/// The length of the secret of ours that the text begins with.
fn own_secret(text: &str) -> Option<usize> {
    OURS.iter().find(|prefix| text.starts_with(**prefix))?;
    Some(text.find(|c: char| !is_word(c)).unwrap_or(text.len()))
}

/// Where the value of a secret name is, after the name: `name=value`, `"name": "value"`, `"--name", "value"`.
fn value_of(name: &str, after: &str) -> Option<(usize, usize)> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_ascii_lowercase();
    if !NAMES.iter().any(|ending| plain.ends_with(ending)) {
        return None;
    }
    let is_option = name.starts_with('-');
    let between = |c: char| {
        c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '\\' | ':' | '=') || (is_option && c == ',')
    };
    let begin = after.find(|c: char| !between(c)).unwrap_or(after.len());
    let gap = after.get(..begin)?;
    let separated = gap.contains([':', '=']) || (is_option && gap.contains([',', ' ']));
    // An empty value in quotes is followed by what is no value.
    if !separated || gap.matches('"').count() > 3 {
        return None;
    }
    let value = after.get(begin..)?;
    let end =
        |c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '\\' | ',' | ';' | '}' | ']' | '&');
    let length = value.find(end).unwrap_or(value.len());
    (length > 0).then_some((begin, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let key = "-----BEGIN EC PRIVATE KEY-----\\nMHcC\\n-----END EC PRIVATE KEY-----";
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
        let token = format!("hft1-{}", "0a".repeat(72));
        for (text, clean) in [
            (format!("{{\"pem\": \"{key}\", \"next\": 1}}"), "{\"pem\": \"[removed]\", \"next\": 1}"),
            ("-----BEGIN PRIVATE KEY-----\ncut off".to_owned(), "[removed]"),
            (format!("joined with {token}, it said"), "joined with [removed], it said"),
            (format!("joined\\n{token}\\n{}", "end"), "joined\\n[removed]\\nend"),
            (format!("it was\\n{key}"), "it was\\n[removed]"),
            ("HOLDFAST-BACKUP-SECRET-1-abc_d\n".to_owned(), "[removed]\n"),
            ("DB_PASSWORD=hunter2 next".to_owned(), "DB_PASSWORD=[removed] next"),
            ("\"apiKey\": \"x y\"".to_owned(), "\"apiKey\": \"[removed] y\""),
            ("[\"--token\", \"abc\", \"b\"]".to_owned(), "[\"--token\", \"[removed]\", \"b\"]"),
            ("--password hunter2".to_owned(), "--password [removed]"),
            ("{\\\"secret\\\": \\\"abc\\\"}".to_owned(), "{\\\"secret\\\": \\\"[removed]\\\"}"),
            ("AWS_SECRET_ACCESS_KEY: abc".to_owned(), "AWS_SECRET_ACCESS_KEY: [removed]"),
        ] {
            assert_eq!(without_secrets(&text), (clean.to_owned(), 1), "{text}");
        }
        for text in [
            certificate,
            "the token was refused: it has ended",
            "\"nextPageToken\": \"\", \"items\": []",
            "secretary=anna",
            "tokens per second",
            "ü token",
            "",
        ] {
            assert_eq!(without_secrets(text).0, text);
        }
    }
}
