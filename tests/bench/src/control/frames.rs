//! As much of HTTP/2 (RFC 9113, RFC 7541) and gRPC framing as a client needs that makes the same call again and again.
//! Pure. Headers are written without compression state, and those of answers are not read: a call that failed has no
//! message.

/// What a client sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The window of each stream and, after the first update, of the connection.
pub(crate) const WINDOW: u32 = 1 << 30;
/// The bytes before the payload of a frame.
const HEAD: usize = 9;
/// The bytes before a message of gRPC: compressed or not, and its length.
const PREFIX: usize = 5;
/// The longest payload of a frame that either side may send unasked.
pub(crate) const MAX_FRAME: usize = 16 << 10;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// What a frame of the server means to this client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning<'a> {
    /// Bytes of messages, and whether the stream ends with them.
    Data(u32, &'a [u8], bool),
    /// The stream ends, well or badly.
    End(u32),
    /// These bytes are to be sent back.
    Answer(Vec<u8>),
    /// The server closes the connection.
    Away,
    /// Nothing to do.
    Nothing,
}

fn head(kind: u8, flags: u8, stream: u32, length: usize) -> [u8; HEAD] {
    let [_, a, b, c] = u32::try_from(length).unwrap_or(0).to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    [a, b, c, kind, flags, d, e, f, g]
}

/// The first bytes of a connection: no compression table, and windows that never fill.
pub(crate) fn opening() -> Vec<u8> {
    let mut out = PREFACE.to_vec();
    // HEADER_TABLE_SIZE, ENABLE_PUSH and INITIAL_WINDOW_SIZE.
    let settings = [(1_u16, 0_u32), (2, 0), (4, WINDOW)];
    out.extend(head(SETTINGS, 0, 0, settings.len() * 6));
    for (name, value) in settings {
        out.extend(name.to_be_bytes());
        out.extend(value.to_be_bytes());
    }
    out.extend(window_update(WINDOW));
    out
}

/// Lets the server send so much more on the whole connection.
pub(crate) fn window_update(more: u32) -> Vec<u8> {
    let mut out = head(WINDOW_UPDATE, 0, 0, 4).to_vec();
    out.extend(more.to_be_bytes());
    out
}

/// The header block of a call, the same for every call of a path.
pub(crate) fn block(path: &str, authority: &str) -> Vec<u8> {
    let literal = |out: &mut Vec<u8>, text: &str| {
        out.push(u8::try_from(text.len()).unwrap_or(0) & 0x7f);
        out.extend(text.as_bytes());
    };
    // Indexed `:method: POST` and `:scheme: https`, then literals that enter no table.
    let mut out = vec![0x83, 0x87, 0x04];
    literal(&mut out, path);
    out.push(0x01);
    literal(&mut out, authority);
    out.extend([0x0f, 0x10]);
    literal(&mut out, "application/grpc");
    out.push(0x00);
    literal(&mut out, "te");
    literal(&mut out, "trailers");
    out
}

/// Adds a call with one message; `last` where no further message follows on the stream.
pub(crate) fn call(out: &mut Vec<u8>, stream: u32, block: &[u8], message: &[u8], last: bool) {
    out.extend(head(HEADERS, END_HEADERS, stream, block.len()));
    out.extend(block);
    let end = if last { END_STREAM } else { 0 };
    let length = PREFIX + message.len();
    let mut prefix = vec![0];
    prefix.extend(u32::try_from(message.len()).unwrap_or(0).to_be_bytes());
    if length <= MAX_FRAME {
        out.extend(head(DATA, end, stream, length));
        out.extend(prefix);
        out.extend(message);
        return;
    }
    prefix.extend(message);
    let pieces = prefix.chunks(MAX_FRAME);
    let count = pieces.len();
    for (nth, piece) in pieces.enumerate() {
        out.extend(head(DATA, if nth + 1 == count { end } else { 0 }, stream, piece.len()));
        out.extend(piece);
    }
}

/// The first frame of these bytes and how long it is; nothing where it is not whole yet.
pub(crate) fn frame(input: &[u8]) -> Option<(Meaning<'_>, usize)> {
    let (head, rest) = input.split_first_chunk::<HEAD>()?;
    let [a, b, c, kind, flags, d, e, f, g] = *head;
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
    let stream = u32::from_be_bytes([d & 0x7f, e, f, g]);
    let payload = rest.get(..length)?;
    let ends = flags & END_STREAM != 0;
    let meaning = match kind {
        DATA => Meaning::Data(stream, unpadded(payload, flags), ends),
        HEADERS if ends => Meaning::End(stream),
        RST_STREAM => Meaning::End(stream),
        SETTINGS if flags & ACK == 0 => Meaning::Answer(self::head(SETTINGS, ACK, 0, 0).to_vec()),
        PING if flags & ACK == 0 => {
            let mut pong = self::head(PING, ACK, 0, length).to_vec();
            pong.extend(payload);
            Meaning::Answer(pong)
        }
        GOAWAY => Meaning::Away,
        _ => Meaning::Nothing,
    };
    Some((meaning, HEAD + length))
}

fn unpadded(payload: &[u8], flags: u8) -> &[u8] {
    if flags & PADDED == 0 {
        return payload;
    }
    let (pad, rest) = payload.split_first().map_or((0, payload), |(pad, rest)| (usize::from(*pad), rest));
    rest.get(..rest.len().saturating_sub(pad)).unwrap_or_default()
}

/// The first message of the bytes of a stream and how long it is with its prefix.
pub(crate) fn message(data: &[u8]) -> Option<(&[u8], usize)> {
    let (prefix, rest) = data.split_first_chunk::<PREFIX>()?;
    let [_, length @ ..] = *prefix;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    rest.get(..length).map(|message| (message, PREFIX + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_framed_and_its_answer_read() {
        let mut out = Vec::new();
        call(&mut out, 3, &block("/a.B/C", "h:1"), b"hello", true);
        let (meaning, length) = frame(&out).unwrap();
        assert_eq!(meaning, Meaning::Nothing);
        let (meaning, end) = frame(&out[length..]).unwrap();
        assert_eq!(meaning, Meaning::Data(3, b"\0\0\0\0\x05hello", true));
        assert_eq!(length + end, out.len());
        assert_eq!(message(b"\0\0\0\0\x05hello more"), Some((b"hello".as_slice(), 10)));
        assert_eq!(message(b"\0\0\0\0\x05hell"), None);
        assert_eq!(frame(&out[..length - 1]), None);
    }

    #[test]
    fn a_long_message_is_cut_into_frames() {
        let mut out = Vec::new();
        call(&mut out, 1, &[], &vec![7; MAX_FRAME], true);
        let mut lengths = Vec::new();
        let mut rest = out.as_slice();
        while let Some((meaning, length)) = frame(rest) {
            if let Meaning::Data(1, data, ends) = meaning {
                lengths.push((data.len(), ends));
            }
            rest = &rest[length..];
        }
        assert_eq!(lengths, [(MAX_FRAME, false), (PREFIX, true)]);
    }

    #[test]
    fn what_keeps_a_connection_alive_is_answered() {
        let settings = head(SETTINGS, 0, 0, 0);
        let (meaning, _) = frame(&settings).unwrap();
        assert_eq!(meaning, Meaning::Answer(head(SETTINGS, ACK, 0, 0).to_vec()));
        let mut ping = head(PING, 0, 0, 8).to_vec();
        ping.extend(b"12345678");
        let Some((Meaning::Answer(pong), 17)) = frame(&ping) else { panic!() };
        assert_eq!((pong[4], &pong[9..]), (ACK, b"12345678".as_slice()));
        assert_eq!(frame(&head(RST_STREAM, 0, 5, 0)).unwrap().0, Meaning::End(5));
        assert_eq!(unpadded(b"\x02ab\0\0", PADDED), b"ab");
    }
}
