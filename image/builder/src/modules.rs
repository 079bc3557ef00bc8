//! Kernel modules: which ones an image has, what each needs, and for which devices it is. The answers stand in the modules
//! themselves (`.modinfo`), so nothing has to be run to find them.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use object::{Object as _, ObjectSection as _};

/// The release of the kernel that a module was built for, as the module says it.
#[must_use]
pub fn built_for(bytes: &[u8]) -> Option<String> {
    let file = object::File::parse(bytes).ok()?;
    let info = file.section_by_name(".modinfo")?.data().ok()?.to_vec();
    let fields = info.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    let magic = fields.filter_map(|field| field.strip_prefix("vermagic=").map(str::to_owned)).next()?;
    magic.split(' ').next().map(str::to_owned)
}

/// Why modules cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// No module.
    #[error("`{path}` is no kernel module: {why}")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        why: String,
    },
    /// One that is asked for is not there.
    #[error("the kernel has no module `{name}`, which {by} needs")]
    Missing {
        /// The module.
        name: String,
        /// Who needs it.
        by: String,
    },
}

/// A module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its file, below the directory of the kernel.
    pub path: Utf8PathBuf,
    /// The modules that have to be there first.
    pub needs: Vec<String>,
    /// The devices it is for, as patterns of `modalias`.
    pub aliases: Vec<String>,
}

/// The modules of a kernel, by name.
#[derive(Debug, Clone, Default)]
pub struct Modules {
    all: BTreeMap<String, Module>,
    builtin: BTreeSet<String>,
}

/// The name of the module in a file: a dash and an underscore are the same to the kernel.
fn name_of(path: &Utf8Path) -> String {
    path.file_name().unwrap_or_default().split('.').next().unwrap_or_default().replace('-', "_")
}

impl Modules {
    /// Knows the modules that are part of the kernel itself, from its `modules.builtin`.
    #[must_use]
    pub fn new(builtin: &str) -> Self {
        let builtin = builtin.lines().map(|line| name_of(Utf8Path::new(line))).collect();
        Self { all: BTreeMap::new(), builtin }
    }

    /// Takes a module in.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn add(&mut self, path: &Utf8Path, bytes: &[u8]) -> Result<(), ModuleError> {
        let damaged = |why: String| ModuleError::Damaged { path: path.to_owned(), why };
        let file = object::File::parse(bytes).map_err(|error| damaged(error.to_string()))?;
        let section =
            file.section_by_name(".modinfo").ok_or_else(|| damaged("it has no .modinfo".to_owned()))?;
        let info = section.data().map_err(|error| damaged(error.to_string()))?;
        let (mut needs, mut aliases) = (Vec::new(), Vec::new());
        for field in info.split(|byte| *byte == 0) {
            let text = String::from_utf8_lossy(field);
            match text.split_once('=') {
                Some(("depends", list)) => {
                    needs.extend(
                        list.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")),
                    );
                }
                Some(("softdep", list)) => needs.extend(before(list)),
                Some(("alias", alias)) => aliases.push(alias.to_owned()),
                _ => {}
            }
        }
        self.all.insert(name_of(path), Module { path: path.to_owned(), needs, aliases });
        Ok(())
    }

    /// The modules of those names and below those directories, with all that they need.
    ///
    /// # Errors
    ///
    /// A name is not there.
    pub fn closed(&self, wanted: &[String]) -> Result<BTreeSet<String>, ModuleError> {
        let mut chosen = BTreeSet::new();
        let mut waiting: Vec<(String, String)> = Vec::new();
        for want in wanted {
            let below = self.all.iter().filter(|(_, module)| module.path.starts_with(want));
            let found: Vec<(String, String)> = below.map(|(name, _)| (name.clone(), want.clone())).collect();
            match found.is_empty() {
                true => waiting.push((want.replace('-', "_"), "the image".to_owned())),
                false => waiting.extend(found),
            }
        }
        while let Some((name, by)) = waiting.pop() {
            if chosen.contains(&name) || self.builtin.contains(&name) {
                continue;
            }
            let module =
                self.all.get(&name).ok_or_else(|| ModuleError::Missing { name: name.clone(), by })?;
            waiting.extend(self.needed(module).map(|need| (need.clone(), name.clone())));
            chosen.insert(name);
        }
        Ok(chosen)
    }

    /// What a module needs. A soft need that this kernel does not have is none.
    fn needed<'a>(&'a self, module: &'a Module) -> impl Iterator<Item = &'a String> {
        module.needs.iter().filter(|need| self.all.contains_key(*need))
    }

    /// The file of a module.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<&Utf8Path> {
        self.all.get(name).map(|module| module.path.as_path())
    }

    /// The index that the init of the appliance reads: a line `module NAME PATH NEED,NEED` for each of `chosen`, then a line
    /// `alias PATTERN NAME` for each device.
    #[must_use]
    pub fn index(&self, chosen: &BTreeSet<String>) -> String {
        let mut text = String::new();
        let modules = chosen.iter().filter_map(|name| self.all.get(name).map(|module| (name, module)));
        for (name, module) in modules.clone() {
            let needs: Vec<&str> =
                self.needed(module).filter(|need| chosen.contains(*need)).map(String::as_str).collect();
            text.push_str(&format!("module {name} {} {}\n", module.path, needs.join(",")));
        }
        for (name, module) in modules {
            let plain = module.aliases.iter().filter(|alias| !alias.contains(char::is_whitespace));
            plain.for_each(|alias| text.push_str(&format!("alias {alias} {name}\n")));
        }
        text
    }
}

/// The modules that a `softdep` wants before its own.
fn before(list: &str) -> Vec<String> {
    let words = list.split_whitespace().skip_while(|word| *word != "pre:").skip(1);
    words.take_while(|word| !word.ends_with(':')).map(|word| word.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, needs: &[&str]) -> (String, Module) {
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        let aliases = vec![format!("test:{}*", name_of(Utf8Path::new(path)))];
        (name_of(Utf8Path::new(path)), Module { path: path.into(), needs, aliases })
    }

    fn modules() -> Modules {
        let mut modules = Modules::new("kernel/lib/crc-core.ko\n");
        modules.all.extend([
            module("kernel/fs/erofs/erofs.ko", &["libcrc32c", "gone_by_now"]),
            module("kernel/lib/libcrc32c.ko", &["crc_core"]),
            module("kernel/drivers/net/a-b.ko", &[]),
            module("kernel/drivers/net/c.ko", &["a_b"]),
        ]);
        modules
    }

    fn closed(wanted: &[&str]) -> Result<Vec<String>, ModuleError> {
        let wanted: Vec<String> = wanted.iter().map(|want| (*want).to_owned()).collect();
        Ok(modules().closed(&wanted)?.into_iter().collect())
    }

    #[test]
    fn what_is_chosen_comes_with_what_it_needs() {
        assert_eq!(closed(&["erofs"]).unwrap(), ["erofs", "libcrc32c"]);
        assert_eq!(closed(&["kernel/drivers/net"]).unwrap(), ["a_b", "c"]);
        assert_eq!(closed(&["crc-core"]).unwrap(), [""; 0], "it is part of the kernel");
        let error = closed(&["erofs", "no-such"]).unwrap_err().to_string();
        assert_eq!(error, "the kernel has no module `no_such`, which the image needs");
    }

    #[test]
    fn the_index_has_needs_and_devices() {
        let modules = modules();
        let index = modules.index(&modules.closed(&["kernel/drivers/net".to_owned()]).unwrap());
        assert_eq!(
            index,
            "module a_b kernel/drivers/net/a-b.ko \nmodule c kernel/drivers/net/c.ko a_b\nalias test:a_b* a_b\nalias test:c* c\n"
        );
    }

    #[test]
    fn soft_needs_are_those_before() {
        assert_eq!(before("pre: crypto-a b post: c"), ["crypto_a", "b"]);
        assert_eq!(before("post: c"), [""; 0]);
        let mut modules = Modules::default();
        assert!(modules.add(Utf8Path::new("x.ko"), b"no module").is_err());
    }
}
