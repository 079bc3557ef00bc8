//! `holdfast-image`: builds the images of a release, and makes the keys that sign them.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    holdfast_image::main_with_args(std::env::args_os())
}
