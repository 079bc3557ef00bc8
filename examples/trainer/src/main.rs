//! A character-level language model trained data-parallel over a gang, with the standard library alone.

fn main() {}
