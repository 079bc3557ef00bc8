//! What a manifest describes.

use holdfast_types::{JobManifest, QueueManifest, ReservationManifest};

/// One object as its owner wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A job.
    Job(Box<JobManifest>),
    /// A queue.
    Queue(Box<QueueManifest>),
    /// A reservation.
    Reservation(Box<ReservationManifest>),
}
