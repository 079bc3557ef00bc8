//! A row that is kept as its stored bytes: a quarter of the memory, for the tables that are large. Reading it decodes it. A leaf
//! beside the tables.

use std::marker::PhantomData;
use std::sync::Arc;

use memchr::memmem;
use prost::Message;

use crate::table::Row;

/// A message, encoded.
#[derive(Debug)]
pub(crate) struct Packed<M> {
    bytes: Arc<[u8]>,
    message: PhantomData<fn() -> M>,
}

// Derived, it would ask that the message itself can be copied.
impl<M> Clone for Packed<M> {
    fn clone(&self) -> Self {
        Self { bytes: Arc::clone(&self.bytes), message: PhantomData }
    }
}

impl<M: Message + Default> Packed<M> {
    pub(crate) fn of(message: &M) -> Self {
        Self { bytes: message.encode_to_vec().into(), message: PhantomData }
    }

    pub(crate) fn open(&self) -> M {
        // They were encoded here, or decoded once before they were let in.
        M::decode(&*self.bytes).unwrap_or_default()
    }

    /// Whether any text or name in it holds this one: a quick look at what need not be decoded.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        memmem::find(&self.bytes, text.as_bytes()).is_some()
    }
}

impl<M: Message + Default> Row for Packed<M> {
    type Kept = Self;

    fn kept(self) -> Self {
        self
    }

    fn stored(&self) -> Vec<u8> {
        self.bytes.to_vec()
    }

    fn from_stored(bytes: &[u8]) -> Result<Self, String> {
        M::decode(bytes).map_err(|error| error.to_string())?;
        Ok(Self { bytes: bytes.into(), message: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use holdfast_api::store::ArtifactRecord;
    use holdfast_api::v1;

    use super::*;

    fn record(nodes: &[&str]) -> ArtifactRecord {
        let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
        let status = v1::ArtifactStatus { nodes, ..v1::ArtifactStatus::default() };
        let artifact = v1::Artifact { status: Some(status), ..v1::Artifact::default() };
        ArtifactRecord { artifact: Some(artifact), targets: vec!["n9".to_owned()] }
    }

    #[test]
    fn what_was_packed_is_opened_and_stored_as_it_was() {
        let record = record(&["n1", "n2"]);
        let packed = Packed::of(&record);
        assert_eq!(packed.open(), record);
        assert_eq!(packed.stored(), record.encode_to_vec());
        assert_eq!(Packed::<ArtifactRecord>::from_stored(&packed.stored()).unwrap().open(), record);
        assert!(Packed::<ArtifactRecord>::from_stored(&[0xff]).is_err(), "a damaged record is not let in");
    }

    #[test]
    fn nothing_that_names_a_node_is_overlooked() {
        let packed = Packed::of(&record(&["n1", "n22"]));
        for (name, expected) in [("n1", true), ("n22", true), ("n9", true), ("n3", false)] {
            assert_eq!(packed.mentions(name), expected, "{name}");
        }
    }
}
