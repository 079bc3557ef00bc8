//! A machine of devices and files.

use std::fs::{self, File};
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_disk::{Access, Disk};
use holdfast_release::writer::Target;
use holdfast_release::{META_COPY_BYTES, Meta, Role};

use super::config::SlotsConfig;
use super::machine::{Machine, Reset, Running};
use super::simulated;

/// Bytes of the longest word of init that is read.
const LONGEST_WORD: u64 = 64 << 10;

/// The machine that this runs on.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    config: SlotsConfig,
}

impl Files {
    pub(crate) fn new(config: SlotsConfig) -> Self {
        Self { config }
    }

    /// Has the machine forget. It still runs for a while, and says meanwhile that it will.
    pub(crate) fn reset(&mut self, what: Reset) -> io::Result<()> {
        if self.config.simulated {
            let running = self.running()?;
            return simulated::reset(&self.config, running);
        }
        fs::write(&self.config.reset, format!("{}\n", what.word()))
    }

    fn linux(&self) -> Utf8PathBuf {
        self.config.esp.join("EFI/Linux")
    }

    fn whole(&self, place: &Utf8Path, content: &mut dyn Read) -> io::Result<()> {
        let partial = place.with_extension("new");
        let mut out = File::create(&partial)?;
        io::copy(content, &mut out)?;
        out.sync_all()?;
        fs::rename(&partial, place)?;
        self.sync(place)
    }

    fn sync(&self, place: &Utf8Path) -> io::Result<()> {
        place.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }
}

impl Machine for Files {
    fn running(&mut self) -> io::Result<Running> {
        let mut text = String::new();
        File::open(&self.config.boot)?.take(LONGEST_WORD).read_to_string(&mut text)?;
        serde_json::from_str(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn part(&mut self, role: Role) -> io::Result<Box<dyn Target>> {
        Ok(Box::new(Disk::open(&self.config.parts.join(role.label()), Access::Write)?))
    }

    fn meta(&mut self) -> io::Result<Meta> {
        let mut disk = Disk::open(&self.config.parts.join(Role::Meta.label()), Access::Read)?;
        let half = disk.size() / 2;
        let mut copies = [vec![0; META_COPY_BYTES], vec![0; META_COPY_BYTES]];
        for (at, copy) in [0, half].into_iter().zip(&mut copies) {
            disk.read_exact_at(at, copy)?;
        }
        let [first, second] = &copies;
        Ok(Meta::read(first, second))
    }

    fn put_meta(&mut self, meta: &mut Meta) -> io::Result<()> {
        let (half, copy) = meta.next_copy().map_err(io::Error::other)?;
        let mut disk = Disk::open(&self.config.parts.join(Role::Meta.label()), Access::Write)?;
        let start = if half == 0 { 0 } else { disk.size() / 2 };
        let mut done = 0;
        while let Some(rest) = copy.get(done..).filter(|rest| !rest.is_empty()) {
            let at = start + u64::try_from(done).unwrap_or(0);
            match disk.write_at(at, rest)? {
                0 => return Err(io::Error::from(io::ErrorKind::WriteZero)),
                count => done += count,
            }
        }
        disk.sync()
    }

    fn kernels(&mut self) -> io::Result<Vec<String>> {
        let entries = self.linux().read_dir_utf8()?;
        entries.map(|entry| Ok(entry?.file_name().to_owned())).collect()
    }

    fn put_kernel(&mut self, name: &str, content: &mut dyn Read) -> io::Result<()> {
        self.whole(&self.linux().join(name), content)
    }

    fn rename_kernel(&mut self, from: &str, to: &str) -> io::Result<()> {
        let place = self.linux().join(to);
        fs::rename(self.linux().join(from), &place)?;
        self.sync(&place)
    }

    fn remove_kernel(&mut self, name: &str) -> io::Result<()> {
        let place = self.linux().join(name);
        fs::remove_file(&place)?;
        self.sync(&place)
    }

    fn put_loader(&mut self, content: &[u8]) -> io::Result<()> {
        let place = self.config.esp.join("EFI/BOOT/BOOTX64.EFI");
        if fs::read(&place).is_ok_and(|before| before == content) {
            return Ok(());
        }
        self.whole(&place, &mut io::Cursor::new(content))
    }

    fn restart(&mut self) -> io::Result<()> {
        if self.config.simulated {
            let config = self.config.clone();
            return simulated::boot(&config, self);
        }
        fs::write(&self.config.restart, "restart\n")
    }
}
