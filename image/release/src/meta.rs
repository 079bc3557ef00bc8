//! The META partition: what has to be known before anything can be unlocked or trusted. Two copies with checksums; the newer
//! whole one counts, so that a power cut while one is written loses nothing.

use std::collections::BTreeMap;

/// Bytes of one copy. The second one lies in the second half of the partition.
pub const META_COPY_BYTES: usize = 64 << 10;
/// The name of the machine that a disk was installed for.
pub const META_MACHINE: &str = "install.machine";
const MAGIC: &[u8; 8] = b"HFMETA1\n";
const HEAD: usize = 8 + 8 + 4 + 4;

/// Why a record cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    /// A value that cannot stand in it.
    #[error("the value of `{0}` has a line break or its name has one or `=`")]
    Value(String),
    /// Too much.
    #[error("the record would take {0} bytes; it has 65536")]
    TooLarge(usize),
}

/// What is known. Values of names that this release does not know are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meta {
    sequence: u64,
    values: BTreeMap<String, String>,
}

impl Meta {
    /// Reads the newer of two copies that is whole; nothing where none is, as on a new disk.
    #[must_use]
    pub fn read(first: &[u8], second: &[u8]) -> Self {
        let copies = [decode(first), decode(second)];
        copies.into_iter().flatten().max_by_key(|meta| meta.sequence).unwrap_or_default()
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Every name with its value.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of `name` as a number; 0 where there is none.
    #[must_use]
    pub fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Sets a value.
    ///
    /// # Errors
    ///
    /// The name or the value cannot be written.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), MetaError> {
        if name.is_empty() || name.contains(['=', '\n']) || value.contains('\n') {
            return Err(MetaError::Value(name.to_owned()));
        }
        self.values.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Forgets a value.
    pub fn remove(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// The copy to write next, and which half of the partition it goes to: never the one that counts now.
    ///
    /// # Errors
    ///
    /// There is more than fits.
    pub fn next_copy(&mut self) -> Result<(usize, Vec<u8>), MetaError> {
        self.sequence += 1;
        let lines = self.values.iter().map(|(name, value)| format!("{name}={value}\n"));
        let text: String = lines.collect();
        let length = HEAD + text.len();
        if length > META_COPY_BYTES {
            self.sequence -= 1;
            return Err(MetaError::TooLarge(length));
        }
        let mut copy = MAGIC.to_vec();
        copy.extend(self.sequence.to_le_bytes());
        copy.extend(u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
        copy.extend([0; 4]);
        copy.extend_from_slice(text.as_bytes());
        let crc = crc32fast::hash(&copy);
        if let Some(place) = copy.get_mut(20..24) {
            place.copy_from_slice(&crc.to_le_bytes());
        }
        copy.resize(META_COPY_BYTES, 0);
        Ok((usize::from(self.sequence.is_multiple_of(2)), copy))
    }
}

fn decode(copy: &[u8]) -> Option<Meta> {
    let mut head: [u8; HEAD] = copy.get(..HEAD)?.try_into().ok()?;
    if head.get(..8)? != MAGIC {
        return None;
    }
    let sequence = u64::from_le_bytes(head.get(8..16)?.try_into().ok()?);
    let length = usize::try_from(u32::from_le_bytes(head.get(16..20)?.try_into().ok()?)).ok()?;
    let crc = u32::from_le_bytes(head.get(20..24)?.try_into().ok()?);
    head.get_mut(20..24)?.fill(0);
    let text = copy.get(HEAD..HEAD.checked_add(length)?)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&head);
    hasher.update(text);
    if hasher.finalize() != crc {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let values = text.lines().filter_map(|line| line.split_once('='));
    Some(Meta { sequence, values: values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cut_while_writing_leaves_the_record_of_before() {
        let (mut meta, mut copies) = (Meta::default(), [vec![0; META_COPY_BYTES], vec![0; META_COPY_BYTES]]);
        for round in 0..6_u64 {
            meta.set("attempts", &round.to_string()).unwrap();
            let before = Meta::read(&copies[0], &copies[1]);
            let (half, bytes) = meta.next_copy().unwrap();
            for cut in [0, 8, 23, 24, 30, bytes.len()] {
                let mut torn = copies.clone();
                torn[half][..cut].copy_from_slice(&bytes[..cut]);
                let read = Meta::read(&torn[0], &torn[1]);
                assert!(read == before || read == meta, "round {round}, cut at {cut}");
            }
            copies[half] = bytes;
            assert_eq!(Meta::read(&copies[0], &copies[1]), meta);
        }
        assert_eq!(meta.number("attempts"), 5);
    }

    #[test]
    fn what_cannot_be_written_is_refused_and_changes_nothing() {
        let mut meta = Meta::default();
        assert!(
            meta.set("a=b", "c").is_err() && meta.set("", "c").is_err() && meta.set("a", "b\nc").is_err()
        );
        meta.set("a", &"x".repeat(META_COPY_BYTES)).unwrap();
        assert!(matches!(meta.next_copy(), Err(MetaError::TooLarge(_))));
        meta.remove("a");
        assert_eq!(meta.next_copy().unwrap().0, 0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_as_something(bytes in proptest::collection::vec(any::<u8>(), 0..300), flip in 0..200_usize) {
            drop(Meta::read(&bytes, &bytes));
            let mut meta = Meta::default();
            meta.set("name", "value").unwrap();
            let (_, mut copy) = meta.next_copy().unwrap();
            copy[flip % 35] ^= 1;
            prop_assert_eq!(Meta::read(&copy, &[]), Meta::default());
        }
    }
}
