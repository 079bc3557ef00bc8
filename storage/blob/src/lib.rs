//! Content-addressed blobs: disk format, verified read and write, scrub.
