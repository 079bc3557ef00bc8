//! Devices that fail in the ways devices do.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;

/// What a device does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Bit 0 of this byte is read flipped after the first so many writes to it.
    Flip {
        at: u64,
        writes: u32,
    },
    /// Writes to this byte are answered with success and lost.
    Loses {
        at: u64,
    },
    /// No more room from here on.
    Full {
        at: u64,
    },
    /// Reading this byte fails.
    Unreadable {
        at: u64,
    },
    /// Nothing more is taken, without an error.
    Stuck {
        at: u64,
    },
}

struct Device {
    bytes: Vec<u8>,
    fault: Fault,
    /// At most so much is taken or given at once.
    most: usize,
    /// Writes that held the faulty byte.
    seen: u32,
    syncs: u32,
}

impl Device {
    fn new(size: usize, fault: Fault) -> Self {
        Self { bytes: vec![0xee; size], fault, most: usize::MAX, seen: 0, syncs: 0 }
    }

    fn holds(at: u64, here: u64, count: usize) -> bool {
        (here..here + length(count)).contains(&at)
    }
}

impl Target for Device {
    fn size(&self) -> u64 {
        length(self.bytes.len())
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(at).unwrap();
        let count = buffer.len().min(self.most).min(self.bytes.len() - start);
        buffer[..count].copy_from_slice(&self.bytes[start..start + count]);
        match self.fault {
            Fault::Unreadable { at: bad } if Self::holds(bad, at, count) => {
                Err(io::Error::from_raw_os_error(5))
            }
            Fault::Flip { at: bad, writes } if Self::holds(bad, at, count) && self.seen <= writes => {
                buffer[usize::try_from(bad - at).unwrap()] ^= 1;
                Ok(count)
            }
            _ => Ok(count),
        }
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        let start = usize::try_from(at).unwrap();
        let mut count = bytes.len().min(self.most);
        match self.fault {
            Fault::Full { at: end } if at >= end => return Err(io::Error::from_raw_os_error(28)),
            Fault::Full { at: end } => count = count.min(usize::try_from(end - at).unwrap()),
            Fault::Stuck { at: end } => count = count.min(usize::try_from(end.saturating_sub(at)).unwrap()),
            Fault::Flip { at: bad, .. } if Self::holds(bad, at, count) => self.seen += 1,
            _ => {}
        }
        let before = match self.fault {
            Fault::Loses { at: bad } if Self::holds(bad, at, count) => Some(usize::try_from(bad).unwrap()),
            _ => None,
        };
        let kept = before.map(|bad| (bad, self.bytes[bad]));
        self.bytes[start..start + count].copy_from_slice(&bytes[..count]);
        if let Some((bad, byte)) = kept {
            self.bytes[bad] = byte;
        }
        Ok(count)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.syncs += 1;
        Ok(())
    }
}

const BYTES: usize = 2 * STRETCH + 12_345;
const AT: u64 = 4096;

fn stream() -> Vec<u8> {
    static STREAM: OnceLock<Vec<u8>> = OnceLock::new();
    let byte = |at: usize| u8::try_from(at / 977 % 251).unwrap() ^ u8::try_from(at % 256).unwrap();
    STREAM.get_or_init(|| (0..BYTES).map(byte).collect()).clone()
}

fn job(verified: u64) -> Job {
    let sha256 = Some(Digest::of(&stream()));
    Job { what: "the root".to_owned(), at: AT, room: 10 << 20, bytes: length(BYTES), sha256, verified }
}

fn go(job: &Job, device: &mut Device) -> Result<Written, WriteError> {
    write(job, &mut stream().as_slice(), device, &mut |_| ControlFlow::Continue(()))
}

/// What is said to be verified when a job ends, and how it ends.
fn told(job: &Job, device: &mut Device) -> (u64, Result<Written, WriteError>) {
    let mut verified = 0;
    let result = write(job, &mut stream().as_slice(), device, &mut |progress| {
        verified = progress.verified;
        ControlFlow::Continue(())
    });
    (verified, result)
}

#[test]
fn what_is_written_is_read_back_and_nothing_else_is_touched() {
    for most in [usize::MAX, 65_537] {
        let mut device = Device { most, ..Device::new(12 << 20, Fault::None) };
        let done = go(&job(0), &mut device).unwrap();
        assert_eq!((Some(done.sha256), done.written, done.again), (job(0).sha256, length(BYTES), 0));
        let start = usize::try_from(AT).unwrap();
        assert_eq!(device.bytes[start..start + BYTES], stream());
        assert!(device.bytes[..start].iter().chain(&device.bytes[start + BYTES..]).all(|byte| *byte == 0xee));
        assert_eq!(device.syncs, 3, "each stretch is durable before it is read back");
        assert_eq!(Some(hash(&mut device, "the root", AT, length(BYTES)).unwrap()), job(0).sha256);
    }
}

#[test]
fn a_device_that_does_wrong_is_named_with_the_place() {
    let bad = AT + length(STRETCH) + 77;
    let first = length(STRETCH);
    let run = |fault| {
        let (verified, result) = told(&job(0), &mut Device::new(12 << 20, fault));
        assert_eq!(verified, first, "{fault:?}: the first stretch is right, the second one not");
        result.unwrap_err()
    };
    let wrong = run(Fault::Loses { at: bad });
    assert!(matches!(wrong, WriteError::Lies { at, read: 0xee, .. } if at == bad), "{wrong}");
    assert!(matches!(run(Fault::Flip { at: bad, writes: 99 }), WriteError::Lies { at, .. } if at == bad));
    let full = run(Fault::Full { at: bad });
    assert_eq!(full.to_string(), format!("write the root at byte {bad} of the device"));
    assert!(matches!(full, WriteError::Target { source, .. } if source.raw_os_error() == Some(28)));
    let unreadable = run(Fault::Unreadable { at: bad });
    assert!(
        matches!(unreadable, WriteError::Target { act: "read back", source, .. } if source.raw_os_error() == Some(5))
    );
    let stuck = run(Fault::Stuck { at: bad });
    assert!(matches!(stuck, WriteError::Target { act: "write", at, .. } if at == bad));
}

#[test]
fn a_bit_that_flips_once_is_written_again() {
    let fault = Fault::Flip { at: AT + 5, writes: 1 };
    let done = go(&job(0), &mut Device::new(12 << 20, fault)).unwrap();
    assert_eq!((done.again, done.written), (1, length(BYTES + STRETCH)));
}

#[test]
fn a_stream_that_is_not_what_was_said_is_refused() {
    let continued = &mut |_| ControlFlow::Continue(());
    let mut device = Device::new(12 << 20, Fault::None);
    let mut run = |job: &Job, bytes: &[u8]| write(job, &mut &*bytes, &mut device, continued).unwrap_err();
    assert!(matches!(run(&job(0), &stream()[1..]), WriteError::Length { had: "ends before", .. }));
    assert!(matches!(
        run(&job(0), &[stream(), vec![0]].concat()),
        WriteError::Length { had: "has more", .. }
    ));
    let mut other = stream();
    other[9] ^= 1;
    assert!(matches!(run(&job(0), &other), WriteError::Hash { .. }));
    let narrow = Job { room: 100, ..job(0) };
    assert!(matches!(run(&narrow, &stream()), WriteError::TooLarge { room: 100, .. }));
    let outside = Job { at: 11 << 20, ..job(0) };
    assert!(matches!(run(&outside, &stream()), WriteError::TooLarge { room: 1_048_576, .. }));
    assert!(device.bytes[11 << 20..].iter().all(|byte| *byte == 0xee), "refused before anything was touched");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Stopped anywhere, with any record of how far it was and any damage since, a second run comes to the same.
    #[test]
    fn a_cut_at_any_place_is_gone_on_from(
        stop in 0..4_u64, record in 0..=length(BYTES), damage in 0..BYTES, hurt in any::<bool>()
    ) {
        let mut device = Device::new(12 << 20, Fault::None);
        let mut verified = 0;
        let mut left = stop;
        let first = write(&job(0), &mut stream().as_slice(), &mut device, &mut |progress| {
            verified = progress.verified;
            left = left.saturating_sub(1);
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        prop_assert_eq!(first.is_err(), stop < 4);
        let start = usize::try_from(AT).unwrap();
        if hurt {
            device.bytes[start + damage] ^= 0x80;
        }
        let again = go(&job(record), &mut device).unwrap();
        prop_assert_eq!(&device.bytes[start..start + BYTES], stream());
        let honest = go(&job(length(BYTES)), &mut device).unwrap();
        prop_assert_eq!(honest.written, 0, "what is right is not written again");
        prop_assert!(again.written + length(STRETCH) + record >= length(BYTES) || verified > 0);
    }
}
