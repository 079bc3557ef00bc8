//! Answers the C library's `getrandom` for the whole process from the seed. Std draws the keys of its hash maps there, and
//! tokio the fairness of `select!` from those; without this a schedule would not replay. Nothing secret is ever made here.
//!
//! All `unsafe` of the crate is here.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};

static STATE: AtomicU64 = AtomicU64::new(1);

/// Begins the stream of a seed.
pub(crate) fn seed(seed: u64) {
    STATE.store(seed, Ordering::Relaxed);
}

/// Fills `buffer` from the stream. A schedule has one thread, so the order of the calls is that of the program.
///
/// # Safety
///
/// `buffer` is valid for writes of `length` bytes, as for the system call of the name.
#[expect(unsafe_code, reason = "std asks for chance through this symbol and no other way leads in")]
// SAFETY: the C library's function of this name has this signature, and nothing else defines the name.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    if buffer.is_null() {
        return 0;
    }
    // SAFETY: the caller promises `length` writable bytes, which need not be initialised to be seen like this.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<MaybeUninit<u8>>(), length) };
    for chunk in bytes.chunks_mut(8) {
        let mut mixed = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^= mixed >> 31;
        for (to, from) in chunk.iter_mut().zip(mixed.to_le_bytes()) {
            to.write(from);
        }
    }
    isize::try_from(length).unwrap_or(isize::MAX)
}
