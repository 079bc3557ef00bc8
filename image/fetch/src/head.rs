//! What stands before the bytes of an answer (RFC 9112).

/// Bytes of the longest head.
const LONGEST: usize = 16 << 10;
const END: &[u8] = b"\r\n\r\n";

/// Why a head cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// It does not end.
    #[error("the answer has no head of {LONGEST} bytes at most")]
    TooLong,
    /// It does not begin as one of HTTP/1.
    #[error("the answer is not HTTP/1")]
    NoHttp,
    /// Its length is no number, or there are two that differ.
    #[error("the answer does not say how long it is in a way that can be read")]
    Length,
    /// The bytes come in a form that was not asked for.
    #[error("the answer comes in chunks, which nobody asked for")]
    Chunks,
}

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What became of the request.
    pub status: u16,
    /// Bytes that follow, where it says so.
    pub length: Option<u64>,
}

impl Head {
    /// The head that `bytes` begin with, and how many of them it has; nothing where more of them are needed.
    ///
    /// # Errors
    ///
    /// It is too long, or not in its form.
    pub fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, HeadError> {
        let searched = bytes.get(..LONGEST).unwrap_or(bytes);
        let Some(end) = searched.windows(END.len()).position(|window| window == END) else {
            return if bytes.len() >= LONGEST { Err(HeadError::TooLong) } else { Ok(None) };
        };
        let text = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
        let mut lines = text.split("\r\n");
        let status = status(lines.next().unwrap_or_default()).ok_or(HeadError::NoHttp)?;
        let mut length = None;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(HeadError::Chunks);
            }
            if name.eq_ignore_ascii_case("content-length") {
                let value = number(value.trim()).ok_or(HeadError::Length)?;
                if length.is_some_and(|length| length != value) {
                    return Err(HeadError::Length);
                }
                length = Some(value);
            }
        }
        Ok(Some((Self { status, length }, end + END.len())))
    }
}

fn status(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.")?.strip_prefix(|c: char| c.is_ascii_digit())?.strip_prefix(' ')?;
    let code = rest.split(' ').next().filter(|code| code.len() == 3)?;
    number(code).and_then(|code| u16::try_from(code).ok())
}

/// Digits alone: no sign, no space.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_head_says_what_became_of_it_and_what_follows() {
        let read = |text: &str| Head::read(text.as_bytes());
        let text = "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH: 42\r\n\r\nbody";
        assert_eq!(read(text), Ok(Some((Head { status: 200, length: Some(42) }, text.len() - 4))));
        assert_eq!(read("HTTP/1.0 404\r\n\r\n").unwrap().unwrap().0, Head { status: 404, length: None });
        assert_eq!(read("HTTP/1.1 200 OK\r\nX: y\r\n"), Ok(None));
        assert_eq!(read("SSH-2.0-x\r\n\r\n"), Err(HeadError::NoHttp));
        assert_eq!(read("HTTP/1.1 2000 OK\r\n\r\n"), Err(HeadError::NoHttp));
        for wrong in ["-1", "+1", "1, 1", "99999999999999999999", "", "1\r\nContent-Length: 2"] {
            assert_eq!(
                read(&format!("HTTP/1.1 200 OK\r\nContent-Length: {wrong}\r\n\r\n")),
                Err(HeadError::Length),
                "{wrong}"
            );
        }
        assert_eq!(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Err(HeadError::Chunks));
        assert_eq!(Head::read(&[b'x'; LONGEST]), Err(HeadError::TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_in_bounds(tail in proptest::collection::vec(any::<u8>(), 0..400)) {
            let bytes = [b"HTTP/1.1 200 ".as_slice(), &tail, END].concat();
            if let Ok(Some((head, end))) = Head::read(&bytes) {
                prop_assert!(end <= bytes.len() && head.status < 1_000);
            }
        }
    }
}
