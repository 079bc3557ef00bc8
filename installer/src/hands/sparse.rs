//! Things with holes: bytes in memory with zeros between them, and the parts of a file that are not holes.

use std::fs::File;
use std::io::{self, Read};

use rustix::fs::SeekFrom;

/// Reads parts in memory, each at its place, with zeros between them.
#[derive(Debug)]
pub(crate) struct Placed {
    /// By where they begin; none overlaps another.
    parts: Vec<(u64, Vec<u8>)>,
    at: u64,
    end: u64,
}

impl Placed {
    /// These parts.
    pub(crate) fn new(mut parts: Vec<(u64, Vec<u8>)>) -> Self {
        parts.sort_by_key(|(at, _)| *at);
        let end = parts.last().map_or(0, |(at, bytes)| at + length(bytes.len()));
        Self { parts, at: 0, end }
    }

    /// Bytes until the end of the last one.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The parts.
    pub(crate) fn into_parts(self) -> Vec<(u64, Vec<u8>)> {
        self.parts
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Read for Placed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..left).unwrap_or_default();
        buffer.fill(0);
        let end = self.at + length(left);
        let first = self.parts.partition_point(|(at, bytes)| at + length(bytes.len()) <= self.at);
        for (at, bytes) in self.parts.iter().skip(first).take_while(|(at, _)| *at < end) {
            let skip = usize::try_from(self.at.saturating_sub(*at)).unwrap_or(usize::MAX);
            let to = usize::try_from(at.saturating_sub(self.at)).unwrap_or(usize::MAX);
            let from = bytes.get(skip..).unwrap_or_default();
            let place = buffer.get_mut(to..).unwrap_or_default();
            let count = from.len().min(place.len());
            if let (Some(place), Some(from)) = (place.get_mut(..count), from.get(..count)) {
                place.copy_from_slice(from);
            }
        }
        self.at = end;
        Ok(left)
    }
}

/// The parts of a file that hold something: where each begins and how long it is.
pub(crate) fn data(file: &File) -> io::Result<Vec<(u64, u64)>> {
    let (mut parts, mut at) = (Vec::new(), 0);
    loop {
        let first = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(first) => first,
            Err(rustix::io::Errno::NXIO) => return Ok(parts),
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(file, SeekFrom::Hole(first))?;
        parts.push((first, end - first));
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn parts_stand_at_their_places_however_they_are_read() {
        let parts = vec![(100, vec![2; 50]), (3, vec![1; 5]), (150, vec![3; 1])];
        let mut expected = vec![0; 151];
        expected[3..8].fill(1);
        expected[100..150].fill(2);
        expected[150] = 3;
        assert_eq!(Placed::new(parts.clone()).end(), 151);
        for step in [1, 4, 7, 60, 500] {
            let (mut placed, mut read, mut buffer) = (Placed::new(parts.clone()), Vec::new(), vec![9; step]);
            while let Some(count) = Some(placed.read(&mut buffer).unwrap()).filter(|count| *count > 0) {
                read.extend_from_slice(&buffer[..count]);
            }
            assert_eq!(read, expected, "by {step}");
        }
    }

    #[test]
    fn what_is_no_hole_is_found() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8 << 20).unwrap();
        assert_eq!(data(&file).unwrap(), []);
        file.write_all_at(&[1; 10], 4 << 20).unwrap();
        let parts = data(&file).unwrap();
        assert!(parts.iter().any(|(at, bytes)| (*at..at + bytes).contains(&(4 << 20))), "{parts:?}");
        assert!(parts.iter().map(|(_, bytes)| bytes).sum::<u64>() <= 1 << 20, "{parts:?}");
    }
}
