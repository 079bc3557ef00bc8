//! The command line against one cluster, as a test types it. What does not end as it should fails the test.

#![expect(clippy::unwrap_used, reason = "only tests call it, and they fail by panicking")]

use std::process::{Command, Output, Stdio};

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::controllers::program;

/// `holdfast` with the context of a cluster.
#[derive(Debug)]
pub struct Cli {
    program: Utf8PathBuf,
    context: Utf8PathBuf,
}

impl Cli {
    /// With this context, which need not be there yet.
    #[must_use]
    pub fn new(context: Utf8PathBuf) -> Self {
        Self { program: program("holdfast").unwrap(), context }
    }

    /// Runs a command to its end.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.args(args).env("HOLDFAST_CONTEXT", &self.context).stdin(Stdio::null()).output().unwrap()
    }

    /// What a command says that has to succeed.
    pub fn done(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "holdfast {}: {said}", args.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[&["-o", "json"], args].concat())).unwrap()
    }

    /// What a command says that has to be refused with this code.
    pub fn refused(&self, args: &[&str], code: &str) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "holdfast {} was done", args.join(" "));
        assert!(said.contains(code), "holdfast {}: {said}", args.join(" "));
        said
    }
}
