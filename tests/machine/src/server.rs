//! A server of files by HTTP, as a site has one for machines that start from the network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

/// How long a machine may take to take what it asked for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is served.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// The directory with the files.
    pub directory: Utf8PathBuf,
    /// Files that are others than those in the directory.
    pub changed: BTreeMap<String, Vec<u8>>,
    /// Files whose first answer breaks off in its middle.
    pub cut_once: BTreeSet<String>,
}

/// The server. It ends with this.
#[derive(Debug)]
pub struct FileServer {
    port: u16,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FileServer {
    /// Serves a site on a free port of this host.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub fn start(mut site: Site) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen")?;
        let port = listener.local_addr()?.port();
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(io::Result::ok) {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // A machine that goes away meanwhile is what tests do.
                drop(site.answer(stream));
            }
        });
        Ok(Self { port, ends, thread: Some(thread) })
    }

    /// The address of a file, or of the directory where the name is empty, as a machine of QEMU's own network has it.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        format!("http://10.0.2.2:{}/{name}", self.port)
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Whoever waits for a connection gets one.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

impl Site {
    fn answer(&mut self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let asked = lines.next().transpose()?.unwrap_or_default();
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let name = asked.split(' ').nth(1).and_then(|path| path.strip_prefix('/')).unwrap_or_default();
        let Some(bytes) = self.file(name) else {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        };
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len())?;
        let end = if self.cut_once.remove(name) { bytes.len() / 2 } else { bytes.len() };
        stream.write_all(bytes.get(..end).unwrap_or_default())
    }

    fn file(&self, name: &str) -> Option<Vec<u8>> {
        let plain = Utf8Path::new(name).file_name() == Some(name);
        self.changed.get(name).cloned().or_else(|| fs::read(self.directory.join(name)).ok().filter(|_| plain))
    }
}
