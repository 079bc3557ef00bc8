//! The query of a URL: names and values, decoded.

use super::refusal::{Refusal, bad_request};

/// The most parameters of one request.
const MAX_PAIRS: usize = 128;

/// Names and values in the order they stand.
pub(crate) type Pairs = Vec<(String, String)>;

/// Reads a query.
pub(crate) fn pairs(query: &str) -> Result<Pairs, Refusal> {
    let pairs: Result<Pairs, Refusal> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .take(MAX_PAIRS + 1)
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((percent_decode(key)?, percent_decode(value)?))
        })
        .collect();
    let pairs = pairs?;
    if pairs.len() > MAX_PAIRS {
        return Err(bad_request(format!("query: more than {MAX_PAIRS} parameters")));
    }
    Ok(pairs)
}

/// Takes a parameter that may stand once.
pub(crate) fn take_once(pairs: &mut Pairs, name: &str) -> Result<Option<String>, Refusal> {
    let Some(place) = pairs.iter().position(|(key, _)| key == name) else { return Ok(None) };
    let (_, value) = pairs.remove(place);
    if pairs.iter().any(|(key, _)| key == name) {
        return Err(bad_request(format!("query: `{name}` stands twice")));
    }
    Ok(Some(value))
}

/// RFC 3986 percent-decoding, with `+` for a space as forms write it.
fn percent_decode(text: &str) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |d: Option<u8>| d.and_then(|d| char::from(d).to_digit(16));
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let value = high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                value.ok_or_else(|| bad_request(format!("query: `{text}` is not percent-encoded")))?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| bad_request(format!("query: `{text}` is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_it_is_written_and_what_is_not_one_is_refused() {
        let read = pairs("a=1&b=x%20y+z&&c&a=%C3%A4").unwrap();
        let expected = [("a", "1"), ("b", "x y z"), ("c", ""), ("a", "ä")];
        assert_eq!(read, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", &"a&".repeat(MAX_PAIRS + 1)] {
            assert_eq!(pairs(bad).unwrap_err().status, 400, "{bad}");
        }
        let mut once = pairs("a=1&b=2&a=3").unwrap();
        assert_eq!(take_once(&mut once, "b").unwrap().as_deref(), Some("2"));
        assert!(take_once(&mut once, "a").is_err());
        assert_eq!(take_once(&mut once, "c").unwrap(), None);
    }
}
