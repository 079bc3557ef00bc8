//! Keys, as a terminal sends them: on a serial line there is nothing but these bytes.

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// To the character before.
    Backspace,
    /// Up.
    Up,
    /// Down.
    Down,
    /// Left.
    Left,
    /// Right.
    Right,
    /// To the next field.
    Tab,
    /// To the field before.
    BackTab,
    /// Draw everything again.
    Redraw,
}

/// Makes keys of bytes. Keys of several bytes may come in pieces.
#[derive(Debug, Default)]
pub struct Decoder {
    held: Vec<u8>,
}

/// The longest sequence that means a key.
const LONGEST: usize = 8;

impl Decoder {
    /// Takes bytes, and gives the keys that are whole.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        for byte in bytes {
            self.held.push(*byte);
            if let Some(key) = self.whole() {
                self.held.clear();
                keys.extend(key);
            }
        }
        keys
    }

    /// Nothing more came: an escape that is held is the key.
    pub fn quiet(&mut self) -> Option<Key> {
        let held = std::mem::take(&mut self.held);
        (held == [0x1b]).then_some(Key::Esc)
    }

    /// The key that is held, none of them where the bytes mean nothing; `None` where more has to come.
    fn whole(&self) -> Option<Option<Key>> {
        let key = match self.held.as_slice() {
            [b'\r' | b'\n'] => Key::Enter,
            [0x7f | 0x08] => Key::Backspace,
            [b'\t'] => Key::Tab,
            [0x0c] => Key::Redraw,
            [0x1b] | [0x1b, b'[' | b'O'] => return None,
            [0x1b, b'[' | b'O', last] => match last {
                b'A' => Key::Up,
                b'B' => Key::Down,
                b'C' => Key::Right,
                b'D' => Key::Left,
                b'Z' => Key::BackTab,
                b'0'..=b'9' => return None,
                _ => return Some(None),
            },
            [0x1b, b'[' | b'O', middle @ .., last] => {
                let more = (last.is_ascii_digit() || *last == b';') && middle.len() < LONGEST;
                return if more { None } else { Some(None) };
            }
            [0x1b, ..] | [..0x20] => return Some(None),
            bytes => match std::str::from_utf8(bytes) {
                Ok(text) => return Some(text.chars().next().map(Key::Char)),
                Err(error) if error.error_len().is_none() && bytes.len() < 4 => return None,
                Err(_) => return Some(None),
            },
        };
        Some(Some(key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_told_from_their_bytes_however_they_are_cut() {
        let bytes = "aé\r\x1b[A\x1bOB\x1b[Z\x7f\t\x1b[3~\x01z".as_bytes();
        let expected = [
            Key::Char('a'),
            Key::Char('é'),
            Key::Enter,
            Key::Up,
            Key::Down,
            Key::BackTab,
            Key::Backspace,
            Key::Tab,
            Key::Char('z'),
        ];
        for step in 1..bytes.len() {
            let mut decoder = Decoder::default();
            let keys: Vec<Key> = bytes.chunks(step).flat_map(|part| decoder.feed(part)).collect();
            assert_eq!(keys, expected, "by {step}");
        }
        let mut decoder = Decoder::default();
        assert_eq!((decoder.feed(b"\x1b"), decoder.quiet(), decoder.quiet()), (vec![], Some(Key::Esc), None));
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.feed(&bytes);
            decoder.quiet();
            prop_assert_eq!(decoder.feed(b"q"), [Key::Char('q')]);
        }
    }
}
