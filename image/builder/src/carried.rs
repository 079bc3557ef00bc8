//! Extensions that a release carries: each is looked at before it is taken, for a machine would refuse it otherwise.

use holdfast_release::{BLOCK, ExtensionError, ExtensionHead, ExtensionSum, HashTree, Trusted};

/// An extension in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The name of the file in the release.
    pub file: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    head: ExtensionHead,
}

impl Carried {
    /// The extension that a file holds.
    ///
    /// # Errors
    ///
    /// It holds none.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, ExtensionError> {
        let form = |why: String| ExtensionError::Form(why);
        let head =
            ExtensionHead::parse(&bytes)?.ok_or_else(|| form("it does not begin as one".to_owned()))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if head.whole_bytes() != length {
            return Err(form(format!("it has {length} bytes, it says {}", head.whole_bytes())));
        }
        Ok(Self { file: format!("{}.ext", head.name()), bytes, head })
    }

    /// Its head.
    pub(crate) const fn head(&self) -> &ExtensionHead {
        &self.head
    }

    /// What the manifest of a release with this kernel says of it.
    pub(crate) fn fitting(
        &self,
        root: &Trusted,
        (kernel, build): (&str, &str),
    ) -> Result<ExtensionSum, ExtensionError> {
        let says = self.head.proved(root)?;
        says.fits(kernel, build)?;
        let damaged = || ExtensionError::Form("its file system is not the one that was signed".to_owned());
        let number = |bytes: u64| usize::try_from(bytes).map_err(|_| damaged());
        let (from, bytes) = (number(self.head.data_at())?, number(says.data_bytes())?);
        let data = self.bytes.get(from..from + bytes).ok_or_else(damaged)?;
        let mut tree = HashTree::new(says.verity.salt.0);
        tree.update(data);
        let tree = tree.finish([0; 16]).map_err(|_| damaged())?;
        // The superblock has a number of its own; nothing is proved by it.
        let behind = self.bytes.get(from + bytes + BLOCK..);
        if tree.root.0 != says.verity.root_hash.0 || behind != tree.bytes.get(BLOCK..) {
            return Err(damaged());
        }
        Ok(ExtensionSum {
            name: says.name,
            version: says.version,
            kernel: says.kernel,
            file: self.file.clone(),
        })
    }
}
