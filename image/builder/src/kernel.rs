//! The kernel of an image: what its package holds, and which of its modules are taken.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::deb::{DebFile, DebKind};
use crate::inputs::{BuildError, at};
use crate::keys::SigningKey;
use crate::modules::{Modules, built_for};
use crate::recipe::Recipe;
use crate::sign;

const MODULES: &str = "lib/modules";
/// Where modules lie that are not the kernel's, below its own.
pub(crate) const OWN: &str = "extra";

/// A kernel.
#[derive(Debug)]
pub(crate) struct Kernel<'a> {
    /// The kernel itself.
    pub(crate) image: Vec<u8>,
    /// As `uname -r` says it.
    pub(crate) release: String,
    /// As `uname -v` says it.
    pub(crate) build: String,
    /// All modules of the package.
    pub(crate) modules: Modules,
    /// The content of each module, by its path below the directory of the kernel.
    contents: BTreeMap<&'a Utf8Path, &'a [u8]>,
    /// The modules of the site, signed, by their path in the same directory.
    own: BTreeMap<Utf8PathBuf, Vec<u8>>,
    /// The index of those that are taken.
    pub(crate) index: String,
}

/// What of the site goes with a kernel: its modules, and the key that signs them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own<'a> {
    /// Their files.
    pub(crate) modules: &'a [Utf8PathBuf],
    /// The key of programs.
    pub(crate) key: &'a SigningKey,
}

/// Takes the kernel out of the files of its package.
pub(crate) fn kernel<'a>(
    recipe: &Recipe,
    files: &'a [DebFile],
    site: Own<'_>,
) -> Result<Kernel<'a>, BuildError> {
    let missing = |what: &str| BuildError {
        step: "take the kernel".to_owned(),
        why: format!("{} has no {what}", recipe.kernel),
    };
    let image = files.iter().find(|file| file.path.as_str().starts_with("boot/vmlinuz-"));
    let image = image.ok_or_else(|| missing("kernel"))?;
    let release = image.path.as_str().trim_start_matches("boot/vmlinuz-").to_owned();
    let base = Utf8Path::new(MODULES).join(&release);
    let below = |file: &'a DebFile| match (&file.kind, file.path.strip_prefix(&base)) {
        (DebKind::File(content), Ok(path)) => Some((path, content.as_slice())),
        _ => None,
    };
    let contents: BTreeMap<&Utf8Path, &[u8]> = files.iter().filter_map(below).collect();
    let builtin = contents.get(Utf8Path::new("modules.builtin")).copied().unwrap_or_default();
    let mut modules = Modules::new(&String::from_utf8_lossy(builtin));
    for (path, content) in contents.iter().filter(|(path, _)| path.extension() == Some("ko")) {
        modules.add(path, content).map_err(at("read the modules"))?;
    }
    let own = own(site, &release)?;
    for (path, content) in &own {
        modules.add(path, content).map_err(at("read the modules of the site"))?;
    }
    let all = recipe.modules.iter().chain(&recipe.first_modules).chain(&recipe.netboot_modules);
    let all: Vec<String> = all.cloned().chain((!own.is_empty()).then(|| OWN.to_owned())).collect();
    let chosen = modules.closed(&all).map_err(at("choose the modules"))?;
    let index = modules.index(&chosen);
    let DebKind::File(image) = &image.kind else { return Err(missing("kernel")) };
    let build = build(image).ok_or_else(|| missing("text that says which build it is"))?;
    Ok(Kernel { image: image.clone(), release, build, modules, contents, own, index })
}

/// Which build a kernel is, as it will say itself (the header of Documentation/x86/boot.rst of Linux names a text: release, who
/// built it, and the build).
fn build(image: &[u8]) -> Option<String> {
    let at = u16::from_le_bytes(*image.get(0x20e..)?.first_chunk()?);
    let text = image.get(usize::from(at) + 0x200..)?.split(|byte| *byte == 0).next()?;
    let (_, build) = std::str::from_utf8(text).ok()?.split_once(") ")?;
    Some(build.to_owned())
}

/// The modules of the site, each signed with its key. One for another kernel would be refused by every machine, so it is here.
fn own(site: Own<'_>, release: &str) -> Result<BTreeMap<Utf8PathBuf, Vec<u8>>, BuildError> {
    let mut own = BTreeMap::new();
    for path in site.modules {
        let step = format!("take the module `{path}`");
        let content = std::fs::read(path).map_err(at(&step))?;
        let built_for = built_for(&content).unwrap_or_else(|| "no kernel".to_owned());
        if built_for != release {
            let why = format!("it is built for {built_for}, the image has {release}");
            return Err(BuildError { step, why });
        }
        let signed = sign::module(content, site.key).map_err(at(&step))?;
        own.insert(Utf8Path::new(OWN).join(path.file_name().unwrap_or_default()), signed);
    }
    Ok(own)
}

impl Kernel<'_> {
    /// The file of a module and what is in it.
    pub(crate) fn content(&self, name: &str) -> Option<(&Utf8Path, &[u8])> {
        let path = self.modules.path(name)?;
        let content = self.contents.get(path).copied().or_else(|| self.own.get(path).map(Vec::as_slice));
        Some((path, content?))
    }

    /// Whether a module is one of the site's.
    pub(crate) fn is_own(&self, path: &Utf8Path) -> bool {
        self.own.contains_key(path)
    }

    /// The directory of the modules of the site, where there are some.
    pub(crate) fn own(&self) -> Option<&'static str> {
        (!self.own.is_empty()).then_some(OWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_says_which_build_it_is() {
        let mut image = vec![0; 0x400];
        image[0x20e..0x210].copy_from_slice(&[0x20, 0x01]);
        image[0x320..0x340].copy_from_slice(b"6.1.0-56-amd64 (debian@l) #1 SMP");
        assert_eq!(build(&image).unwrap(), "#1 SMP");
        image[0x20e..0x210].copy_from_slice(&[0xff, 0xff]);
        assert_eq!((build(&image), build(&[])), (None, None));
    }
}
