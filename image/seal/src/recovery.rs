//! The key that people keep: 256 bits as 64 letters that lie in the same place on the keyboards of most languages, the alphabet of
//! modhex. The text itself is what opens a volume, so that every tool for LUKS takes it.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::SealError;

const ALPHABET: &[u8; 16] = b"cbdefghijklnrtuv";
const LETTERS: usize = 64;
const GROUP: usize = 8;

/// A recovery key.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryKey(Zeroizing<String>);

/// Why what was typed is none. It never says what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// Too few or too many letters.
    #[error("a recovery key has 64 letters, and {0} were typed")]
    Letters(usize),
    /// A letter that no key has.
    #[error("letter {0} is none that a recovery key has: they are c b d e f g h i j k l n r t u v")]
    Letter(usize),
}

impl RecoveryKey {
    /// A new one.
    ///
    /// # Errors
    ///
    /// There is no chance to be had.
    pub fn draw() -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; LETTERS / 2]);
        getrandom::fill(bytes.as_mut()).map_err(|_| SealError::Chance)?;
        let letters = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let letter = |value: u8| ALPHABET.get(usize::from(value)).copied().map_or('c', char::from);
        Ok(Self::grouped(&Zeroizing::new(letters.map(letter).collect::<String>())))
    }

    fn grouped(letters: &str) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(LETTERS + LETTERS / GROUP));
        for (at, letter) in letters.chars().enumerate() {
            if at > 0 && at % GROUP == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        Self(text)
    }

    /// The key that somebody typed, whatever stands between its letters.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn typed(text: &str) -> Result<Self, RecoveryError> {
        let mut letters = Zeroizing::new(String::with_capacity(LETTERS));
        for char in text.chars().filter(|char| !char.is_whitespace() && *char != '-') {
            let char = char.to_ascii_lowercase();
            let known = u8::try_from(char).is_ok_and(|byte| ALPHABET.contains(&byte));
            if !known {
                return Err(RecoveryError::Letter(letters.len() + 1));
            }
            if letters.len() < LETTERS {
                letters.push(char);
            } else {
                return Err(RecoveryError::Letters(LETTERS + 1));
            }
        }
        if letters.len() == LETTERS {
            Ok(Self::grouped(&letters))
        } else {
            Err(RecoveryError::Letters(letters.len()))
        }
    }

    /// Its text: for who writes it down, and for the volume that it opens.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_people_type_it() {
        let key = RecoveryKey::draw().unwrap();
        assert_eq!((key.text().len(), key.text().matches('-').count()), (71, 7));
        assert_ne!(RecoveryKey::draw().unwrap(), key);
        for typed in [
            key.text().to_owned(),
            key.text().to_uppercase(),
            key.text().replace('-', ""),
            key.text().replace('-', " ") + "\r\n",
        ] {
            assert_eq!(RecoveryKey::typed(&typed).unwrap(), key);
        }
        assert!(!format!("{key:?}").contains(&key.text()[..8]));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_key() {
        let key = RecoveryKey::draw().unwrap();
        assert_eq!(RecoveryKey::typed(""), Err(RecoveryError::Letters(0)));
        assert_eq!(RecoveryKey::typed(&key.text()[..70]), Err(RecoveryError::Letters(63)));
        assert_eq!(RecoveryKey::typed(&format!("{}c", key.text())), Err(RecoveryError::Letters(65)));
        assert_eq!(RecoveryKey::typed("cb\u{e4}"), Err(RecoveryError::Letter(3)));
    }
}
