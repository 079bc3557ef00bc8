//! Offline verifier for audit logs; no network code in it.

fn main() {}
