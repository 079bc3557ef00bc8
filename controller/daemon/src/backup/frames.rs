//! The frames of a backup: a kind, a length, and so many bytes. A leaf.

use std::io::{self, Read, Write};

/// The longest frame that is read: a file of a controller, and a little more.
const MAX_FRAME: usize = 2 << 20;

/// What is in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Facts,
    File,
    State,
    End,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Facts => 1,
            Self::File => 2,
            Self::State => 3,
            Self::End => 4,
        }
    }
}

pub(super) fn put(out: &mut impl Write, kind: Kind, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= MAX_FRAME);
    let length = length.ok_or_else(|| io::Error::other("a frame is too long"))?;
    out.write_all(&[kind.code()])?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(body)
}

/// The next frame; nothing at the end.
pub(super) fn next(input: &mut impl Read) -> io::Result<Option<(Kind, Vec<u8>)>> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut code = [0];
    if input.read(&mut code)? == 0 {
        return Ok(None);
    }
    let [code] = code;
    let kinds = [Kind::Facts, Kind::File, Kind::State, Kind::End];
    let kind =
        kinds.into_iter().find(|kind| kind.code() == code).ok_or_else(|| bad("a frame of unknown kind"))?;
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok().filter(|length| *length <= MAX_FRAME);
    let mut body = vec![0; length.ok_or_else(|| bad("a frame is too long"))?];
    input.read_exact(&mut body)?;
    Ok(Some((kind, body)))
}
