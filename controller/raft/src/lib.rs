//! The openraft adaptor: segment log, applied state on sled, network, membership, snapshots.
