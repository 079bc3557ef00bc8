//! The TPM of a machine, by swtpm: it keeps its seeds where it lies, however often it is switched on.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};

/// How long it may take to listen.
const LIMIT: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(20);

/// A TPM that is switched on, for one start of one machine.
#[derive(Debug)]
pub struct Tpm {
    child: Child,
    socket: Utf8PathBuf,
}

impl Tpm {
    /// Switches the TPM on whose seeds lie in `dir`; a new one where there are none.
    ///
    /// # Errors
    ///
    /// swtpm is not there or does not listen.
    pub fn on(dir: &Utf8Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let socket = dir.join("socket");
        drop(std::fs::remove_file(&socket));
        let child = Command::new("swtpm")
            .args(["socket", "--tpm2", "--tpmstate", &format!("dir={dir}")])
            .args(["--ctrl", &format!("type=unixio,path={socket}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("start swtpm")?;
        let tpm = Self { child, socket };
        let began = Instant::now();
        while !tpm.socket.exists() {
            ensure!(began.elapsed() < LIMIT, "swtpm does not listen at {}", tpm.socket);
            std::thread::park_timeout(LOOK);
        }
        Ok(tpm)
    }

    /// Where it listens, for [`crate::Setup::tpm`].
    #[must_use]
    pub fn socket(&self) -> Utf8PathBuf {
        self.socket.clone()
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
