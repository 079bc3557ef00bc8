//! One machine.

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use parking_lot::{Condvar, Mutex};

/// What stands before every event on the console.
const EVENT: &str = "HOLDFAST-EVENT ";
/// A terminal as serial lines have it.
const ROWS: NonZero<u16> = NonZero::<u16>::MIN.saturating_add(23);
const COLUMNS: NonZero<u16> = NonZero::<u16>::MIN.saturating_add(79);
const QEMU: &str = "qemu-system-x86_64";
/// A kernel that says nothing for so long before our first line was stalled by the emulator, which it is one time in a thousand; on a
/// busy machine it takes 8 s between two lines at most.
const STALL: Duration = Duration::from_secs(60);
/// The clock of Linux's accounting.
const TICKS_PER_SECOND: f64 = 100.0;

/// How a machine begins.
#[derive(Debug, Clone)]
pub enum Firmware {
    /// With this kernel, this first archive and this command line, without firmware.
    Direct {
        /// The kernel.
        kernel: Utf8PathBuf,
        /// The first archive.
        initrd: Utf8PathBuf,
        /// The command line.
        cmdline: String,
    },
    /// With UEFI and these variables.
    Uefi {
        /// The file that keeps the variables.
        variables: Utf8PathBuf,
        /// Whether the firmware can check signatures.
        secure: bool,
    },
}

/// A machine to be. Begin with [`Setup::new`] and change what is to be otherwise.
#[derive(Debug, Clone)]
pub struct Setup {
    /// How it begins.
    pub firmware: Firmware,
    /// Its disks; each has the serial number `disk` and its place, from 0.
    pub disks: Vec<Utf8PathBuf>,
    /// Bytes of a sector of its disks.
    pub sector: u32,
    /// Its discs, which are only read.
    pub discs: Vec<Utf8PathBuf>,
    /// Its memory.
    pub megabytes: u32,
    /// Whether it starts again by itself; otherwise a restart ends it.
    pub restarts: bool,
    /// The socket of a TPM, by swtpm.
    pub tpm: Option<Utf8PathBuf>,
    /// More arguments for QEMU; a network among them, which it has not otherwise, or another serial line than the one that is heard.
    pub more: Vec<String>,
    /// The network namespace it runs in, where its network is one.
    pub within: Option<String>,
}

/// What came over the serial line.
#[derive(Debug)]
struct Heard {
    lines: Vec<String>,
    /// How many lines were waited for.
    read: usize,
    /// The line that has not ended.
    begun: Vec<u8>,
    /// What a terminal at the other end shows.
    screen: Screen,
    ended: bool,
}

struct Screen(vt100::Parser);

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.screen().contents())
    }
}

#[derive(Debug)]
struct Console {
    heard: Mutex<Heard>,
    more: Condvar,
}

impl Console {
    fn new() -> Self {
        let screen = Screen(vt100::Parser::new(ROWS, COLUMNS, 0));
        let heard = Heard { lines: Vec::new(), read: 0, begun: Vec::new(), screen, ended: false };
        Self { heard: Mutex::new(heard), more: Condvar::new() }
    }

    fn hear(&self, bytes: &[u8]) {
        let mut heard = self.heard.lock();
        heard.screen.0.process(bytes);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            heard.begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut heard.begun);
                heard.lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        }
        drop(heard);
        self.more.notify_all();
    }

    fn end(&self) {
        let mut heard = self.heard.lock();
        let line = std::mem::take(&mut heard.begun);
        heard.lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        heard.ended = true;
        drop(heard);
        self.more.notify_all();
    }
}

/// A machine that runs. Without it the power is cut.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    keyboard: ChildStdin,
    console: Arc<Console>,
    /// How it is started once more where the emulator stalls its kernel; `None` where it was, or must not be.
    again: Option<Setup>,
}

impl Setup {
    /// A machine that begins so, with 512 MB and nothing else.
    #[must_use]
    pub const fn new(firmware: Firmware) -> Self {
        Self {
            firmware,
            disks: Vec::new(),
            sector: 512,
            discs: Vec::new(),
            megabytes: 512,
            restarts: false,
            tpm: None,
            more: Vec::new(),
            within: None,
        }
    }

    fn command(&self) -> Command {
        let mut command = match &self.within {
            None => Command::new(QEMU),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, QEMU]);
                command
            }
        };
        command.args(["-machine", "q35,smm=on", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"]);
        command.args(["-m", &self.megabytes.to_string(), "-display", "none"]);
        if !self.more.iter().any(|word| word == "-serial") {
            command.args(["-serial", "stdio"]);
        }
        if !self.restarts {
            command.arg("-no-reboot");
        }
        if !self.more.iter().any(|word| word.starts_with("-n")) {
            command.args(["-nic", "none"]);
        }
        self.firmware(&mut command);
        self.media(&mut command);
        if let Some(socket) = &self.tpm {
            command.arg("-chardev").arg(format!("socket,id=tpm,path={socket}"));
            command.args(["-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm0"]);
        }
        command.args(&self.more);
        command
    }

    fn firmware(&self, command: &mut Command) {
        match &self.firmware {
            Firmware::Direct { kernel, initrd, cmdline } => {
                command.args(["-kernel", kernel.as_str(), "-initrd", initrd.as_str(), "-append", cmdline]);
            }
            Firmware::Uefi { variables, secure } => {
                let code = if *secure { "OVMF_CODE_4M.secboot.fd" } else { "OVMF_CODE_4M.fd" };
                if *secure {
                    // Only firmware with SMM can write variables through it.
                    command.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
                }
                command.arg("-drive");
                command.arg(format!("if=pflash,unit=0,readonly=on,format=raw,file=/usr/share/OVMF/{code}"));
                command.arg("-drive").arg(format!("if=pflash,unit=1,format=raw,file={variables}"));
            }
        }
    }

    fn media(&self, command: &mut Command) {
        if !self.discs.is_empty() {
            // The kernel for clouds knows no other way to a disc.
            command.args(["-device", "virtio-scsi-pci,id=scsi"]);
        }
        for (at, disc) in self.discs.iter().enumerate() {
            let drive = format!("file={disc},format=raw,if=none,media=cdrom,readonly=on,id=disc{at}");
            command.arg("-drive").arg(drive);
            command.arg("-device").arg(format!("scsi-cd,bus=scsi.0,drive=disc{at}"));
        }
        for (at, disk) in self.disks.iter().enumerate() {
            let drive = format!("file={disk},format=raw,if=none,cache=unsafe,id=disk{at}");
            command.arg("-drive").arg(drive);
            let sectors = format!("logical_block_size={0},physical_block_size={0}", self.sector);
            command.arg("-device").arg(format!("virtio-blk-pci,drive=disk{at},serial=disk{at},{sectors}"));
        }
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// QEMU cannot be started.
    pub fn start(&self) -> Result<Machine> {
        // What firmware wrote, and what a TPM has measured, is not as it was before.
        let is_fresh = matches!(self.firmware, Firmware::Direct { .. })
            && self.tpm.is_none()
            && !self.more.iter().any(|word| word == "-serial");
        let mut machine = self.power_on()?;
        machine.again = is_fresh.then(|| self.clone());
        Ok(machine)
    }

    fn power_on(&self) -> Result<Machine> {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("start qemu-system-x86_64")?;
        let console = Arc::new(Console::new());
        let mut output = child.stdout.take().context("the console of the machine")?;
        let keyboard = child.stdin.take().context("the console of the machine")?;
        let heard = Arc::clone(&console);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = output.read(&mut bytes)
                && count > 0
            {
                heard.hear(bytes.get(..count).unwrap_or_default());
            }
            heard.end();
        });
        Ok(Machine { child, keyboard, console, again: None })
    }
}

impl Machine {
    /// Waits for a line that has `what` in it, after those that were waited for before, and returns it.
    ///
    /// # Errors
    ///
    /// It does not come in time, or the machine ends.
    pub fn line(&mut self, what: &str, limit: Duration) -> Result<String> {
        let found = self.hears(limit, |heard| {
            while let Some(line) = heard.lines.get(heard.read) {
                heard.read += 1;
                if line.contains(what) {
                    return Some(line.clone());
                }
            }
            None
        })?;
        found.with_context(|| {
            let heard = self.console.heard.lock();
            let last: Vec<&str> = heard.lines.iter().rev().take(30).rev().map(String::as_str).collect();
            format!("waited in vain for `{what}`; the console said at last:\n{}", last.join("\n"))
        })
    }

    /// Waits until the screen of a terminal on the serial line has `what` on it.
    ///
    /// # Errors
    ///
    /// It does not in time, or the machine ends.
    pub fn shows(&mut self, what: &str, limit: Duration) -> Result<()> {
        let shown = |heard: &Heard| heard.screen.0.screen().contents();
        let found = self.hears(limit, |heard| shown(heard).contains(what).then_some(()))?;
        found.with_context(|| {
            let screen = shown(&self.console.heard.lock());
            format!("waited in vain for `{what}` on the screen, which showed at last:\n{screen}")
        })
    }

    /// Waits until what was heard is an answer; `None` where it is not in time, or the machine has ended. A kernel that the emulator
    /// stalls is started once more.
    fn hears<T>(
        &mut self,
        limit: Duration,
        mut answer: impl FnMut(&mut Heard) -> Option<T>,
    ) -> Result<Option<T>> {
        let mut deadline = Instant::now() + limit;
        loop {
            let console = Arc::clone(&self.console);
            let mut heard = console.heard.lock();
            if let Some(found) = answer(&mut heard) {
                return Ok(Some(found));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if heard.ended || left.is_zero() {
                return Ok(None);
            }
            let is_silent = console.more.wait_for(&mut heard, left.min(STALL)).timed_out();
            let is_ours = heard.lines.iter().any(|line| line.contains(EVENT));
            if is_silent && left > STALL && !is_ours {
                drop(heard);
                if self.start_again()? {
                    deadline = Instant::now() + limit;
                }
            }
        }
    }

    /// Starts a machine once more whose kernel the emulator has stalled. `false` where it was, or must not be.
    fn start_again(&mut self) -> Result<bool> {
        let Some(setup) = self.again.take() else { return Ok(false) };
        let heard = self.console.heard.lock().lines.last().cloned().unwrap_or_default();
        eprintln!("the emulator stalls a kernel that said at last `{heard}`: it is started once more");
        self.end();
        *self = setup.power_on()?;
        Ok(true)
    }

    /// Types on the console.
    ///
    /// # Errors
    ///
    /// The machine has ended.
    pub fn types(&mut self, text: &str) -> Result<()> {
        self.keyboard.write_all(text.as_bytes())?;
        Ok(self.keyboard.flush()?)
    }

    /// Waits for an event and returns its fields.
    ///
    /// # Errors
    ///
    /// It does not come in time.
    pub fn event(&mut self, name: &str, limit: Duration) -> Result<serde_json::Value> {
        let line = self.line(&format!("{EVENT}{{\"event\":\"{name}\""), limit)?;
        let (_, json) = line.split_once(EVENT).context("an event without its mark")?;
        let event: serde_json::Value =
            serde_json::from_str(json).with_context(|| format!("read `{json}`"))?;
        Ok(event.get("fields").cloned().unwrap_or_default())
    }

    /// Waits until the machine has ended.
    ///
    /// # Errors
    ///
    /// It does not in time.
    pub fn ended(&mut self, limit: Duration) -> Result<()> {
        self.hears(limit, |heard| heard.ended.then_some(()))?.context("the machine did not end")?;
        self.child.wait()?;
        Ok(())
    }

    /// The CPU-seconds of the machine, the kernel's part for it left out.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, after) = text.rsplit_once(')').context("read the accounting")?;
        let ticks: f64 = after.split_whitespace().nth(11).context("read the accounting")?.parse()?;
        Ok(ticks / TICKS_PER_SECOND)
    }

    /// Cuts the power.
    pub fn cut(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}
