//! What happened in a simulation, as lines of JSON in a file. It must not know what simulates.

use std::fs::File;
use std::io::{BufWriter, Error, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_simulator::Event;
use holdfast_types::Problem;

use super::files::unwritten;

/// A file that events go to. The first failure is told at the end: a simulation does not stop for it.
pub(super) struct Events {
    path: Utf8PathBuf,
    file: BufWriter<File>,
    failed: Option<Error>,
}

impl Events {
    pub(super) fn create(path: &Utf8Path) -> Result<Self, Problem> {
        let file = File::create(path).map_err(|error| unwritten(path, &error))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), failed: None })
    }

    pub(super) fn write(&mut self, event: &Event) {
        if self.failed.is_none() {
            let line = serde_json::to_vec(event).map_err(Error::other);
            let written = line.and_then(|line| self.file.write_all(&[line.as_slice(), b"\n"].concat()));
            self.failed = written.err();
        }
    }

    pub(super) fn finish(mut self) -> Result<(), Problem> {
        match self.failed.take().map_or_else(|| self.file.flush(), Err) {
            Ok(()) => Ok(()),
            Err(error) => Err(unwritten(&self.path, &error)),
        }
    }
}
