//! Promises measured, each beside its peer where one runs here.

fn main() {}
