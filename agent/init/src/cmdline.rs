//! The command line of the kernel, which is signed with it: what it says is what the site wanted.

use std::collections::BTreeMap;

use holdfast_release::Digest;

/// The settings of ours, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cmdline {
    values: BTreeMap<String, String>,
}

impl Cmdline {
    pub(crate) fn parse(text: &str) -> Self {
        let words = text.split_whitespace().map(|word| word.split_once('=').unwrap_or((word, "")));
        Self { values: words.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The hash that proves the root.
    pub(crate) fn root_hash(&self) -> Option<[u8; 32]> {
        hex::decode(self.get("holdfast.roothash")?).ok()?.try_into().ok()
    }

    /// The digest of the manifest of the release, where it comes over the network.
    pub(crate) fn manifest(&self) -> Option<Digest> {
        self.get("holdfast.manifest")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_words_with_values() {
        let line = Cmdline::parse(&format!("quiet holdfast.roothash={} panic=1\n", "ab".repeat(32)));
        assert_eq!((line.get("quiet"), line.get("panic"), line.get("no")), (Some(""), Some("1"), None));
        assert_eq!(line.root_hash(), Some([0xab; 32]));
        assert_eq!(Cmdline::parse("holdfast.roothash=abc").root_hash(), None);
        let named = Cmdline::parse(&format!("holdfast.manifest={}", "cd".repeat(32)));
        assert_eq!((named.manifest(), line.manifest()), (Some(Digest([0xcd; 32])), None));
    }
}
