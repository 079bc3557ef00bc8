//! What somebody reads at the machine and types at his desk: who knows it was there.

use std::hint::black_box;

use zeroize::Zeroizing;

/// Crockford's base 32: no I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 40 bits: a machine answers one guess in a second, and five with one code.
const LETTERS: usize = 8;
const GROUP: usize = 4;

/// A code that is good until it was guessed at too often, or the machine is installed. It has no `Debug`.
#[expect(missing_debug_implementations, reason = "a secret must not be printable by accident")]
#[derive(Clone)]
pub struct OneTimeCode(Zeroizing<[u8; LETTERS]>);

/// Why there is no code. It never says what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The system gave no random bytes.
    #[error("draw random bytes from the system")]
    Chance,
    /// What was typed has another form.
    #[error("a code has {LETTERS} letters and digits, such as 7K3M-9QXA")]
    Form,
}

impl OneTimeCode {
    /// A new one.
    ///
    /// # Errors
    ///
    /// There is no chance to be had.
    pub fn draw() -> Result<Self, CodeError> {
        let mut bytes = Zeroizing::new([0; LETTERS]);
        getrandom::fill(bytes.as_mut()).map_err(|_| CodeError::Chance)?;
        for byte in bytes.iter_mut() {
            *byte = ALPHABET.get(usize::from(*byte % 32)).copied().unwrap_or(b'0');
        }
        Ok(Self(bytes))
    }

    /// The code that somebody typed: small letters, and letters that look like digits, are taken for what was meant.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn typed(text: &str) -> Result<Self, CodeError> {
        let letters = text.chars().filter(|char| *char != '-' && !char.is_whitespace());
        let mut meant = Zeroizing::new([0; LETTERS]);
        let mut count = 0;
        for letter in letters {
            let letter = match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let byte = u8::try_from(letter).ok().filter(|byte| ALPHABET.contains(byte));
            *meant.get_mut(count).ok_or(CodeError::Form)? = byte.ok_or(CodeError::Form)?;
            count += 1;
        }
        if count == LETTERS { Ok(Self(meant)) } else { Err(CodeError::Form) }
    }

    /// As it is shown.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LETTERS + 1));
        for (at, byte) in self.0.iter().enumerate() {
            if at == GROUP {
                text.push('-');
            }
            text.push(char::from(*byte));
        }
        text
    }

    /// Whether it is the same, in a time that does not tell how much of it is.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let difference = self.0.iter().zip(other.0.iter()).fold(0_u8, |sum, (l, r)| black_box(sum | (l ^ r)));
        black_box(difference) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_taken_as_people_type_it_and_no_other_is_the_same() {
        let code = OneTimeCode::typed("7K3M-9Q10").ok().unwrap();
        assert_eq!(code.text().as_str(), "7K3M-9Q10");
        for text in ["7k3m9q10", " 7K3M 9QLO\n", "7k3m-9qio"] {
            assert!(code.is(&OneTimeCode::typed(text).ok().unwrap()), "{text}");
        }
        for at in 0..8 {
            let mut letters: Vec<char> = "7K3M9Q10".chars().collect();
            letters[at] = 'Z';
            let other = OneTimeCode::typed(&letters.into_iter().collect::<String>()).ok().unwrap();
            assert!(!code.is(&other), "letter {at}");
        }
        for text in ["", "7K3M-9Q1", "7K3M-9Q100", "7K3M-9QU0", "7K3M-9Qä0"] {
            assert_eq!(OneTimeCode::typed(text).err(), Some(CodeError::Form), "{text}");
        }
    }

    #[test]
    fn codes_that_are_drawn_are_codes_and_differ() {
        let [one, other] = [(); 2].map(|()| OneTimeCode::draw().ok().unwrap());
        assert!(OneTimeCode::typed(&one.text()).ok().unwrap().is(&one));
        assert!(!one.is(&other));
    }
}
