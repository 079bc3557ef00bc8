//! What is fuzzed: a name, inputs to begin from, and what takes them.

use crate::chance::Chance;
use crate::mutate::mutate;

/// Makes an input by chance from the valid ones.
pub type Make = Box<dyn Fn(&mut Chance, &[Vec<u8>]) -> Vec<u8> + Send + Sync>;
/// Takes an input and says what came of it in a few words, which are the same for inputs that go the same way.
pub type Take = Box<dyn Fn(&[u8]) -> String + Send + Sync>;

/// A reader of foreign bytes.
pub struct Target {
    /// Its name in reports, on the command line and in the corpus; a part of the seed.
    pub name: &'static str,
    /// How many inputs by default: a few seconds of a debug build.
    pub inputs: u64,
    /// Valid inputs, to which the corpus adds those that once went a way of their own.
    pub seeds: Vec<Vec<u8>>,
    /// Makes an input.
    pub make: Make,
    /// Takes it; a panic is a failure.
    pub take: Take,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Target {
    /// A target whose inputs are damaged copies of valid ones.
    #[must_use]
    pub fn damaged(
        name: &'static str,
        inputs: u64,
        seeds: Vec<Vec<u8>>,
        take: impl Fn(&[u8]) -> String + Send + Sync + 'static,
    ) -> Self {
        Self { name, inputs, seeds, make: Box::new(mutate), take: Box::new(take) }
    }
}

/// How a result went: the text of the error, or that there was none.
pub(crate) fn way<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "read".to_owned())
}
