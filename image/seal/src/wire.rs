//! Numbers and sized buffers as a TPM has them: big ends first (TPM 2.0 library, part 2, 4.2 and 10.4).

/// A message in the making.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn short(mut self, value: u16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn long(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A buffer with its size before it. What is larger than a message is cut, and the TPM refuses it.
    pub(crate) fn sized(self, bytes: &[u8]) -> Self {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.short(length).raw(bytes.get(..usize::from(length)).unwrap_or(bytes))
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }
}

/// A message that ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut;

/// A message that is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Cut> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Cut)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn short(&mut self) -> Result<u16, Cut> {
        Ok(u16::from_be_bytes(self.take(2)?.try_into().map_err(|_| Cut)?))
    }

    pub(crate) fn long(&mut self) -> Result<u32, Cut> {
        Ok(u32::from_be_bytes(self.take(4)?.try_into().map_err(|_| Cut)?))
    }

    pub(crate) fn sized(&mut self) -> Result<&'a [u8], Cut> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_behind_the_end() {
        let bytes = Writer::default().byte(1).short(0x0203).long(0x0405_0607).sized(b"ab").done();
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 0, 2, b'a', b'b']);
        let mut reader = Reader::new(&bytes);
        assert_eq!(
            (reader.take(1), reader.short(), reader.long()),
            (Ok(&[1][..]), Ok(0x0203), Ok(0x0405_0607))
        );
        assert_eq!((reader.sized(), reader.short(), reader.rest()), (Ok(&b"ab"[..]), Err(Cut), &[][..]));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_wild_for_a_reader(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while let Ok(taken) = reader.sized() {
                prop_assert!(taken.len() <= bytes.len());
            }
        }
    }
}
