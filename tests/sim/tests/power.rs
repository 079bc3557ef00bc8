//! Every way the power can leave the disk of a member, sampled: what was acknowledged is there, or the member says why it
//! does not start.

use holdfast_sim::power::{Recording, Run, record};

const SEED: u64 = 20_261;

fn log() -> Recording {
    record(Run { writes: 160, snapshot_every: 1_000_000, together: 3, log_bytes: u64::MAX }).unwrap()
}

fn snapshots() -> Recording {
    record(Run { writes: 160, snapshot_every: 12, together: 2, log_bytes: 40 << 10 }).unwrap()
}

#[test]
fn the_log_has_what_was_acknowledged_after_any_power_cut() {
    let recording = log();
    let images = recording.images(600, SEED).unwrap();
    println!("{} acts, {images:?}", recording.acts());
    assert_eq!(images.opened, 600);
}

#[test]
fn snapshots_have_what_was_acknowledged_after_any_power_cut() {
    let recording = snapshots();
    let images = recording.images(600, SEED).unwrap();
    println!("{} acts, {images:?}", recording.acts());
    assert!(images.opened == 600 && images.in_snapshots > 50, "{images:?}");
}

#[test]
fn a_flipped_bit_is_named_and_never_served() {
    for recording in [log(), snapshots()] {
        let images = recording.flips(150, SEED).unwrap();
        println!("{images:?}");
        assert!(images.opened > 0 && images.refused > 0, "{images:?}");
    }
}
