//! tidy, gen, test and bench.

fn main() {}
