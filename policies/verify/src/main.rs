//! The offline verifier of audit logs, as a program. It must not know anything but the files it is given.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    holdfast_verify::main_with_args(std::env::args_os())
}
