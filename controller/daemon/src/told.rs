//! How far something long is: whoever asked for it is told of every step. A leaf.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use holdfast_raft::{Applied, Frozen, Machine, Record};

/// Is told of so many steps more: bytes that were read, or commands and records that were taken in.
pub type Told = Arc<dyn Fn(u64) + Send + Sync>;

/// A file, and who is told how much of it was read.
pub(crate) struct ToldFile {
    pub(crate) file: File,
    pub(crate) told: Told,
}

impl Read for ToldFile {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(out)?;
        (self.told)(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

/// A machine, and who is told of every command and record that it takes in.
pub(crate) struct ToldMachine<M> {
    pub(crate) machine: M,
    pub(crate) told: Told,
}

impl<M: Machine> Machine for ToldMachine<M> {
    fn apply(&mut self, index: u64, time_ms: u64, command: &[u8]) -> Applied {
        (self.told)(1);
        self.machine.apply(index, time_ms, command)
    }

    fn freeze(&self) -> Box<dyn Frozen> {
        self.machine.freeze()
    }

    fn restore(&self, records: &mut dyn Iterator<Item = Record>) -> Result<Self, String> {
        let mut told = records.inspect(|_| (self.told)(1));
        let machine = self.machine.restore(&mut told)?;
        Ok(Self { machine, told: Arc::clone(&self.told) })
    }

    fn outgrown(&self) -> Option<String> {
        self.machine.outgrown()
    }
}
