//! The operator's and the engineer's command line, and `up`: a whole cluster on this machine.

fn main() {}
