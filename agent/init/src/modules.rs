//! Kernel modules: the ones that are named, and those for the devices that are there. The index is written by the image builder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use crate::event::say;
use crate::glob::matches;

/// What there is, and what was loaded.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    files: BTreeMap<String, (Utf8PathBuf, Vec<String>)>,
    aliases: Vec<(String, String)>,
    loaded: BTreeSet<String>,
}

impl Modules {
    /// The modules below `dir`, by its `index`; none where there is no index.
    pub(crate) fn open(dir: &Utf8Path) -> Self {
        let mut modules = Self::default();
        modules.add(dir);
        modules
    }

    /// Takes in the modules below another directory. One that is known already stays what it is.
    pub(crate) fn add(&mut self, dir: &Utf8Path) {
        self.take(dir, &fs::read_to_string(dir.join("index")).unwrap_or_default());
    }

    fn take(&mut self, dir: &Utf8Path, text: &str) {
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["module", name, path, needs] => {
                    let needs = needs.split(',').filter(|need| !need.is_empty()).map(str::to_owned).collect();
                    self.files.entry((*name).to_owned()).or_insert_with(|| (dir.join(path), needs));
                }
                ["alias", pattern, name] => self.aliases.push(((*pattern).to_owned(), (*name).to_owned())),
                _ => {}
            }
        }
    }

    /// The order in which `name` and what it needs are to be loaded, without those that are.
    fn order(&self, name: &str) -> Vec<String> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        let mut waiting = vec![(name, false)];
        while let Some((name, needs_done)) = waiting.pop() {
            if needs_done {
                order.push(name.to_owned());
                continue;
            }
            let Some((_, needs)) = self.files.get(name) else { continue };
            if self.loaded.contains(name) || !seen.insert(name) {
                continue;
            }
            waiting.push((name, true));
            waiting.extend(needs.iter().map(|need| (need.as_str(), false)));
        }
        order
    }

    /// Loads a module and what it needs. A module that the kernel refuses is told and left: another may do as well.
    pub(crate) fn load(&mut self, name: &str) {
        for name in self.order(name) {
            let Some((path, _)) = self.files.get(&name) else { continue };
            let refused = match fs::File::open(path) {
                Ok(file) => rustix::system::finit_module(file, c"", 0).map_err(std::io::Error::from).err(),
                Err(error) => Some(error),
            };
            match refused {
                Some(error) if error.raw_os_error() != Some(libc::EEXIST) => {
                    say(format_args!("module {name} is not loaded: {error}"));
                }
                _ => {}
            }
            self.loaded.insert(name);
        }
    }

    /// The modules for a device.
    fn wanted(&self, modalias: &str) -> Vec<String> {
        let fitting = self.aliases.iter().filter(|(pattern, _)| matches(pattern, modalias));
        fitting.map(|(_, name)| name.clone()).filter(|name| !self.loaded.contains(name)).collect()
    }

    /// Loads the modules for a device that calls itself so.
    pub(crate) fn load_for(&mut self, modalias: &str) {
        for name in self.wanted(modalias) {
            self.load(&name);
        }
    }

    /// The modules that have this name or alias. The kernel knows no difference between `-` and `_`.
    fn called(&self, name: &str) -> Vec<String> {
        let plain = name.replace('-', "_");
        if self.files.contains_key(&plain) { vec![plain] } else { self.wanted(name) }
    }

    /// Loads the modules for all devices below `sys`, until no device is left for which there is another one: a bus that has a
    /// driver shows the devices behind it.
    pub(crate) fn settle(&mut self, sys: &Utf8Path) {
        loop {
            let mut wanted: BTreeSet<String> = BTreeSet::new();
            for modalias in modaliases(sys) {
                wanted.extend(self.wanted(&modalias));
            }
            if wanted.is_empty() {
                return;
            }
            for name in wanted {
                self.load(&name);
            }
        }
    }
}

/// Where the modules of the running kernel are, in the root.
pub(crate) fn of_kernel() -> Utf8PathBuf {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    Utf8Path::new("/usr/lib/modules").join(release)
}

/// Loads what the kernel asks for by name or alias, as a kind of file system or network device that somebody wants to use: a module of
/// its own, or one in these other directories.
pub(crate) fn asked(name: &str, more: &[Utf8PathBuf]) {
    let mut modules = Modules::open(&of_kernel());
    more.iter().for_each(|dir| modules.add(dir));
    for module in modules.called(name) {
        modules.load(&module);
    }
}

/// What the devices of every bus call themselves.
fn modaliases(sys: &Utf8Path) -> BTreeSet<String> {
    let entries = |dir: &Utf8Path| dir.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let buses = entries(&sys.join("bus")).map(|bus| bus.path().join("devices"));
    let devices = buses.flat_map(|devices| entries(&devices).collect::<Vec<_>>());
    let read = devices.filter_map(|device| fs::read_to_string(device.path().join("modalias")).ok());
    read.map(|text| text.trim_end().to_owned()).filter(|text| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "module erofs k/erofs.ko libcrc32c,a\nmodule libcrc32c k/l.ko a\nmodule a k/a.ko \n\
        module loop1 k/1.ko loop2\nmodule loop2 k/2.ko loop1\nalias virtio:d2* a\nodd line\n";

    fn parsed(text: &str) -> Modules {
        let mut modules = Modules::default();
        modules.take("/m".into(), text);
        modules
    }

    #[test]
    fn an_extension_adds_modules_and_replaces_none() {
        let mut modules = parsed(INDEX);
        modules.take("/x".into(), "module a k/a.ko erofs\nmodule gpu extra/gpu.ko a\nalias pci:v10DE* gpu\n");
        assert_eq!(modules.order("gpu"), ["a", "gpu"]);
        assert_eq!(
            (modules.files["a"].0.as_str(), modules.files["gpu"].0.as_str()),
            ("/m/k/a.ko", "/x/extra/gpu.ko")
        );
        assert_eq!(modules.wanted("pci:v10DEd1"), ["gpu"]);
    }

    #[test]
    fn what_a_module_needs_comes_before_it_once() {
        let mut modules = parsed(INDEX);
        assert_eq!(modules.order("erofs"), ["a", "libcrc32c", "erofs"]);
        modules.loaded.insert("a".to_owned());
        assert_eq!(modules.order("erofs"), ["libcrc32c", "erofs"]);
        assert_eq!(modules.order("loop1").len(), 2, "a circle ends");
        assert_eq!(modules.order("none"), [""; 0]);
    }

    #[test]
    fn the_kernel_asks_by_name_or_alias() {
        let modules = parsed("module dm_crypt k/d.ko \nmodule overlay k/o.ko \nalias fs-overlay overlay\n");
        assert_eq!(modules.called("dm-crypt"), ["dm_crypt"]);
        assert_eq!(modules.called("fs-overlay"), ["overlay"]);
        assert_eq!(modules.called("fs-none"), [""; 0]);
    }

    #[test]
    fn devices_name_their_modules() {
        let modules = parsed(INDEX);
        assert_eq!(modules.wanted("virtio:d2v1"), ["a"]);
        let sys = tempfile::tempdir().unwrap();
        let sys = Utf8Path::from_path(sys.path()).unwrap();
        let device = sys.join("bus/virtio/devices/virtio0");
        fs::create_dir_all(&device).unwrap();
        fs::write(device.join("modalias"), "virtio:d2v1\n").unwrap();
        assert_eq!(modaliases(sys).into_iter().collect::<Vec<_>>(), ["virtio:d2v1"]);
    }
}
