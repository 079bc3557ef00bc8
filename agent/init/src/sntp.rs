//! Asking for the time and telling it (RFC 5905, the part that a packet and its answer need).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes of a packet without extensions.
pub(crate) const PACKET: usize = 48;
/// Seconds from the beginning of 1900, where the protocol counts from, to that of 1970.
const EPOCH: u64 = 2_208_988_800;
/// One era of the protocol, in seconds.
const ERA: u64 = 1 << 32;
/// 2026: a time before this program was written belongs to the next era.
const WRITTEN: u64 = 1_767_225_600;
/// Servers that are farther from a clock know nothing.
const FARTHEST: u8 = 15;

/// Nanoseconds since 1970.
pub(crate) type Nanos = i128;

/// The time of this machine.
pub(crate) fn now() -> Nanos {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Nanos::try_from(since.as_nanos()).unwrap_or(Nanos::MAX),
        Err(before) => -Nanos::try_from(before.duration().as_nanos()).unwrap_or(Nanos::MAX),
    }
}

/// What an answer says: how far this clock is behind, and how long the way was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// To be added to this clock.
    pub(crate) offset: Nanos,
    /// The answer can be wrong by half of it.
    pub(crate) delay: Duration,
}

fn stamp(time: Nanos) -> [u8; 8] {
    let seconds = time.div_euclid(1_000_000_000) + Nanos::from(EPOCH);
    let fraction = (time.rem_euclid(1_000_000_000) << 32) / 1_000_000_000;
    let value = ((seconds.rem_euclid(Nanos::from(ERA))) << 32) | fraction;
    u64::try_from(value).unwrap_or(0).to_be_bytes()
}

fn time(stamp: u64) -> Nanos {
    let (seconds, fraction) = (stamp >> 32, stamp & 0xffff_ffff);
    let since_1970 = Nanos::from(seconds) - Nanos::from(EPOCH);
    let era = if since_1970 < Nanos::from(WRITTEN) { Nanos::from(ERA) } else { 0 };
    (since_1970 + era) * 1_000_000_000 + ((Nanos::from(fraction) * 1_000_000_000) >> 32)
}

/// A question. `token` comes back in the answer; it tells nobody what time it is here.
pub(crate) fn question(token: u64) -> [u8; PACKET] {
    let mut packet = [0; PACKET];
    packet[0] = 0x23;
    if let Some(place) = packet.get_mut(40..48) {
        place.copy_from_slice(&token.to_be_bytes());
    }
    packet
}

/// What the answer to the question with `token` says; none where it is none, or of one who does not know the time. `asked` is
/// when the question went out; `took` how long the answer was under way, by a clock that nobody sets.
pub(crate) fn read(packet: &[u8], token: u64, asked: Nanos, took: Duration) -> Option<Sample> {
    let word = |at: usize| Some(u64::from_be_bytes(packet.get(at..at + 8)?.try_into().ok()?));
    let (first, stratum) = (*packet.first()?, *packet.get(1)?);
    let (mode, version, leap) = (first & 7, first >> 3 & 7, first >> 6);
    let (origin, received, sent) = (word(24)?, word(32)?, word(40)?);
    let known = (1..=FARTHEST).contains(&stratum) && leap != 3 && received != 0 && sent != 0;
    if mode != 4 || !(3..=4).contains(&version) || origin != token || !known {
        return None;
    }
    let (received, sent) = (time(received), time(sent));
    let took_nanos = Nanos::try_from(took.as_nanos()).ok()?;
    let held = sent - received;
    if held < 0 || held > took_nanos {
        return None;
    }
    let delay = Duration::from_nanos(u64::try_from(took_nanos - held).ok()?);
    let offset = ((received - asked) + (sent - (asked + took_nanos))) / 2;
    Some(Sample { offset, delay })
}

/// An answer to a question; none where it is no question. `known` is whether the time here can be believed.
pub(crate) fn answer(packet: &[u8], received: Nanos, known: bool) -> Option<[u8; PACKET]> {
    let first = *packet.first()?;
    let version = first >> 3 & 7;
    if packet.len() < PACKET || first & 7 != 3 || !(3..=4).contains(&version) {
        return None;
    }
    let mut reply = [0; PACKET];
    let leap = if known { 0 } else { 3 };
    // Farther from a clock than any server worth the name, and precise to a millisecond.
    let head = [leap << 6 | version << 3 | 4, if known { 10 } else { 16 }, 6, 0xf6];
    let fields = [(0, &head[..]), (12, b"HOLD"), (16, &stamp(received)), (24, packet.get(40..48)?)];
    let times = [(32, &stamp(received)[..]), (40, &stamp(now())[..])];
    for (at, bytes) in fields.into_iter().chain(times) {
        reply.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
    }
    Some(reply)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    #[test]
    fn a_clock_learns_how_far_behind_it_is() {
        let real = now();
        let reply = answer(&question(7), real, true).unwrap();
        let took = Duration::from_millis(20);
        let decade = 10 * 365 * 86_400;
        for behind in [3_600, decade, -decade].map(|seconds| seconds * SECOND) {
            let sample = read(&reply, 7, real - behind, took).unwrap();
            assert!((sample.offset - behind).abs() < SECOND / 10, "{sample:?}");
            assert!(sample.delay <= took);
        }
        assert_eq!(read(&reply, 8, real, took), None, "an answer to another question");
        assert_eq!(
            read(&answer(&question(7), real, false).unwrap(), 7, real, took),
            None,
            "who does not know it"
        );
        assert_eq!(answer(&reply, real, true), None, "an answer is not answered");
    }

    #[test]
    fn stamps_go_on_in_the_next_era() {
        for seconds in [1_800_000_000_u64, 2_085_978_496, 4_000_000_000] {
            let nanos = Nanos::from(seconds) * SECOND + 250_000_000;
            let back = time(u64::from_be_bytes(stamp(nanos)));
            assert!((back - nanos).abs() < 10, "{seconds}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_in_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..100), token in any::<u64>()) {
            if let Some(sample) = read(&bytes, token, 0, Duration::from_secs(1)) {
                prop_assert!(sample.delay <= Duration::from_secs(1));
            }
            let _ = answer(&bytes, 0, true);
        }
    }
}
