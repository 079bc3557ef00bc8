//! Bytes that nobody prints: erased when dropped, and without `Debug`.

use zeroize::Zeroizing;

/// Secret bytes. They have no `Debug` and no `Display`, and are overwritten when dropped.
#[expect(missing_debug_implementations, reason = "a secret must not be printable by accident")]
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of secret bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes; the caller must not let them reach a log, an argument or the environment.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("draw random bytes from the system")]
pub struct RandomError(#[from] getrandom::Error);

/// Bytes from the random generator of the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Whether two values are equal, in a time that depends on their length alone.
pub(crate) fn equal_in_constant_time<const N: usize>(left: &[u8; N], right: &[u8; N]) -> bool {
    let difference = left.iter().zip(right).fold(0_u8, |sum, (l, r)| std::hint::black_box(sum | (l ^ r)));
    std::hint::black_box(difference) == 0
}
