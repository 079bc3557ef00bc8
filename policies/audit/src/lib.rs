//! The Merkle audit log: append, checkpoint, prove, verify, in the C2SP tlog-tiles layout.
