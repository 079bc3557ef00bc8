//! Every way the power can leave the disk of a member, sampled: what was acknowledged is there, or the member says why it
//! does not start.

use holdfast_sim::power::{Run, record};

const SEED: u64 = 20_261;
/// So many images of each recording in the usual run; `HOLDFAST_SIM_IMAGES` asks for more.
const IMAGES: usize = 60;

const LOG: Run = Run { writes: 160, snapshot_every: 1_000_000, together: 3, log_bytes: u64::MAX };
const SNAPSHOTS: Run = Run { writes: 160, snapshot_every: 12, together: 2, log_bytes: 40 << 10 };

fn images() -> usize {
    std::env::var("HOLDFAST_SIM_IMAGES").ok().and_then(|asked| asked.parse().ok()).unwrap_or(IMAGES)
}

#[test]
fn the_log_has_what_was_acknowledged_after_any_power_cut() {
    let recording = record(LOG).unwrap();
    let images = recording.images(images(), SEED).unwrap();
    println!("power cuts in the log: {} acts, {images:?}, seed {SEED}", recording.acts());
}

#[test]
fn snapshots_have_what_was_acknowledged_after_any_power_cut() {
    let recording = record(SNAPSHOTS).unwrap();
    let images = recording.images(images(), SEED).unwrap();
    println!("power cuts in snapshots: {} acts, {images:?}, seed {SEED}", recording.acts());
    assert!(images.in_snapshots * 12 > images.opened, "{images:?}");
}

#[test]
fn a_flipped_bit_is_named_and_never_served() {
    for recording in [record(LOG).unwrap(), record(SNAPSHOTS).unwrap()] {
        let images = recording.flips(u64::try_from(images() / 2).unwrap(), SEED).unwrap();
        println!("flipped bits: {images:?}, seed {SEED}");
        assert!(images.opened > 0 && images.refused > 0, "{images:?}");
    }
}
