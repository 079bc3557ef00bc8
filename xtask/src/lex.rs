//! A small lexer for Rust text: enough to tell code from comments, literals and tests.
//!
//! It keeps byte offsets, so that a finding can name its line. It must not know what is checked.

/// One word, number or mark of masked Rust text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// The text of the token; `::` is one token, a lifetime is one token, every other mark is one character.
    pub(crate) text: &'a str,
    /// The byte offset of its first byte.
    pub(crate) at: usize,
}

/// The same text with comments and the insides of literals blanked, byte for byte, lines kept.
pub(crate) fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        let next = bytes.get(i + 1).copied();
        i = match (byte, next) {
            (b'/', Some(b'/')) => blank(&mut out, i, line_end(bytes, i)),
            (b'/', Some(b'*')) => blank(&mut out, i, block_comment_end(bytes, i)),
            (b'"', _) => {
                let end = string_end(bytes, i);
                blank(&mut out, i + 1, end.saturating_sub(1));
                end
            }
            (b'r', Some(b'"' | b'#')) if starts_literal(bytes, i) => match raw_string(bytes, i) {
                Some((open, end)) => {
                    blank(&mut out, open, end);
                    end
                }
                None => i + 1,
            },
            (b'\'', _) => match char_end(bytes, i) {
                Some(end) => blank(&mut out, i, end),
                None => i + 1,
            },
            _ => i + 1,
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn blank(out: &mut [u8], from: usize, to: usize) -> usize {
    for byte in out.iter_mut().take(to).skip(from) {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
    to
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes.iter().skip(from).position(|b| *b == b'\n').map_or(bytes.len(), |n| from + n)
}

fn block_comment_end(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut i = from;
    while i < bytes.len() {
        match (bytes.get(i), bytes.get(i + 1)) {
            (Some(b'/'), Some(b'*')) => {
                depth += 1;
                i += 2;
            }
            (Some(b'*'), Some(b'/')) => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut i = open + 1;
    while let Some(byte) = bytes.get(i) {
        match byte {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// Whether the `r` at `at` can begin a raw literal: it stands alone, or after the `b` or `c` of one.
fn starts_literal(bytes: &[u8], at: usize) -> bool {
    let word = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(|b| is_word(*b));
    let prefixed = at.checked_sub(1).and_then(|i| bytes.get(i)).is_some_and(|b| matches!(b, b'b' | b'c'))
        && !word(at.checked_sub(2));
    prefixed || !word(at.checked_sub(1))
}

/// The offsets just after the opening quote and just after the closing hashes of a raw string at `r`.
fn raw_string(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let hashes = bytes.iter().skip(at + 1).take_while(|b| **b == b'#').count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let mut i = open + 1;
    while i < bytes.len() {
        let closes = bytes.get(i) == Some(&b'"')
            && bytes.iter().skip(i + 1).take(hashes).filter(|b| **b == b'#').count() == hashes;
        if closes {
            return Some((open, i + 1 + hashes));
        }
        i += 1;
    }
    Some((open, bytes.len()))
}

/// The end of a character literal at `'`, or none where the quote begins a lifetime.
fn char_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at + 1) == Some(&b'\\') {
        let close = bytes.iter().skip(at + 3).position(|b| *b == b'\'')?;
        return Some(at + 3 + close + 1);
    }
    let width = match bytes.get(at + 1)? {
        0..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
    };
    (bytes.get(at + 1 + width) == Some(&b'\'')).then_some(at + 2 + width)
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// The tokens of masked text.
pub(crate) fn tokens(masked: &str) -> Vec<Token<'_>> {
    let bytes = masked.as_bytes();
    let mut found = Vec::new();
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        if byte.is_ascii_whitespace() {
            i += 1;
            continue;
        }
        let words = |from: usize| bytes.iter().skip(from).take_while(|b| is_word(**b)).count();
        let raw_identifier = byte == b'r' && bytes.get(i + 1) == Some(&b'#') && words(i + 2) > 0;
        let length = if raw_identifier {
            2 + words(i + 2)
        } else if byte == b'\'' {
            1 + words(i + 1)
        } else if byte == b':' && bytes.get(i + 1) == Some(&b':') {
            2
        } else {
            words(i).max(1)
        };
        if let Some(text) = masked.get(i..i + length) {
            found.push(Token { text, at: i });
        }
        i += length;
    }
    found
}

/// The text of the token at `index`, or the empty text past the end.
pub(crate) fn text_at<'a>(tokens: &[Token<'a>], index: usize) -> &'a str {
    tokens.get(index).map_or("", |t| t.text)
}

/// The index of the token that closes the bracket opened at `open`; the last token where nothing closes it.
pub(crate) fn matching(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i;
                }
            }
            _ => {}
        }
    }
    tokens.len().saturating_sub(1)
}

/// Masked text with every test item blanked: `#[cfg(test)]`, `#[test]`, and all of it under `#![cfg(test)]`.
pub(crate) fn without_tests(masked: &str) -> String {
    let tokens = tokens(masked);
    let mut out = masked.as_bytes().to_vec();
    let mut i = 0;
    while i < tokens.len() {
        let inner = text_at(&tokens, i + 1) == "!";
        let bracket = i + if inner { 2 } else { 1 };
        if text_at(&tokens, i) != "#" || text_at(&tokens, bracket) != "[" {
            i += 1;
            continue;
        }
        let close = matching(&tokens, bracket);
        if !is_test_attribute(tokens.get(bracket + 1..close).unwrap_or_default()) {
            i = close + 1;
            continue;
        }
        if inner {
            blank(&mut out, 0, masked.len());
            break;
        }
        let end = item_end(&tokens, close + 1);
        let from = tokens.get(i).map_or(0, |t| t.at);
        let to = tokens.get(end).map_or(masked.len(), |t| t.at);
        blank(&mut out, from, to);
        i = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn is_test_attribute(attribute: &[Token<'_>]) -> bool {
    let has = |word: &str| attribute.iter().any(|t| t.text == word);
    match text_at(attribute, 0) {
        "cfg" => has("test") && !has("not") && !has("any"),
        "cfg_attr" => false,
        _ => attribute.last().is_some_and(|t| t.text == "test"),
    }
}

const ITEM_WORDS: [&str; 15] = [
    "pub", "fn", "struct", "enum", "trait", "impl", "mod", "use", "const", "static", "type", "async",
    "unsafe", "extern", "let",
];

/// The index of the token after the item that begins at `from`.
fn item_end(tokens: &[Token<'_>], from: usize) -> usize {
    let mut i = from;
    while text_at(tokens, i) == "#" && text_at(tokens, i + 1) == "[" {
        i = matching(tokens, i + 1) + 1;
    }
    let is_item = ITEM_WORDS.contains(&text_at(tokens, i));
    while i < tokens.len() {
        match text_at(tokens, i) {
            "{" => return matching(tokens, i) + 1,
            "(" | "[" => i = matching(tokens, i),
            ";" => return i + 1,
            "," if !is_item => return i + 1,
            "}" => return i,
            _ => {}
        }
        i += 1;
    }
    tokens.len()
}

/// The line, counted from one, of a byte offset.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_kept() {
        let text = "let a = \"fn { // no\\\" \"; // fn b() {\nlet c = '{'; /* } /* } */ } */ let d: &'static str = r#\"}\" {\"#;\n";
        let masked = mask(text);
        assert_eq!(masked.len(), text.len());
        assert_eq!(masked.lines().count(), text.lines().count());
        let words: Vec<_> = tokens(&masked).iter().map(|t| t.text).collect();
        assert!(!words.contains(&"{") && !words.contains(&"}"), "{words:?}");
        assert!(words.contains(&"'static") && words.contains(&"d"), "{words:?}");
    }

    #[test]
    fn quotes_in_characters_and_raw_identifiers_do_not_confuse() {
        let words = |text: &str| tokens(&mask(text)).iter().map(|t| t.text.to_owned()).collect::<Vec<_>>();
        assert_eq!(words("a('\"') + b('\\'') + c('é')").iter().filter(|w| w.as_str() == "+").count(), 2);
        assert_eq!(words("r#type::x"), ["r#type", "::", "x"]);
        assert_eq!(words("br\"{\" b\"{\" bar\"{\""), ["br", "b", "\"", "\"", "bar", "\"", "\""]);
    }

    #[test]
    fn tests_are_cut_out_and_the_rest_stays() {
        let text = "use a;\n#[cfg(test)]\nmod tests;\nfn keep() { x[1; 2]; }\n#[cfg(test)]\n#[expect(x)]\nmod more { fn gone() {} }\n#[cfg(not(test))]\nfn stays() {}\n#[tokio::test]\nasync fn lost(a: [u8; 2]) {}\nstruct S { #[cfg(test)] spy: u8, real: u8 }\n";
        let live = without_tests(&mask(text));
        for kept in ["keep", "stays", "real", "use a"] {
            assert!(live.contains(kept), "{kept} in {live}");
        }
        for gone in ["tests", "gone", "lost", "spy"] {
            assert!(!live.contains(gone), "{gone} in {live}");
        }
        assert!(without_tests(&mask("#![cfg(test)]\nfn x() {}")).trim().is_empty());
    }
}
