//! A character-level language model trained data-parallel over a gang, with the standard library alone.
//!
//! It is what a user of Holdfast would write: it knows only the environment of a task (rank, world, master, mounted
//! directories) and nothing of the platform behind it.

#![forbid(unsafe_code)]

mod adam;
mod checkpoint;
mod data;
mod gang;
mod model;
mod options;
mod train;
mod wire;

use std::process::ExitCode;

use options::{Options, USAGE};

/// The run failed and the same run would fail again.
const FAILED: u8 = 1;
/// A flag or variable is wrong.
const BAD_USAGE: u8 = 2;
/// `EX_TEMPFAIL`: a peer was lost; the platform starts the gang again from the last checkpoint.
const RESTART: u8 = 75;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(args.into_iter(), |name| std::env::var(name).ok()) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("error: {text}");
            return ExitCode::from(BAD_USAGE);
        }
    };
    match train::run(&options, &mut std::io::stdout()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: rank {}: {error}", options.rank);
            ExitCode::from(if error.is_restartable() { RESTART } else { FAILED })
        }
    }
}

/// A fresh directory for one test; the test removes it.
#[cfg(test)]
fn scratch_dir(name: &str) -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("holdfast-trainer-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}
