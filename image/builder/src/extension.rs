//! Making an extension: modules of the site with what they need of the kernel's own, and files beside them, as one signed file. The
//! same input gives the same bytes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{BundleRole, Digest, Extension, Guid, Keyholder, Verity};

use crate::deb::files;
use crate::inputs::{BuildError, at};
use crate::kernel::{Kernel, OWN, Own, kernel};
use crate::keys::SigningKey;
use crate::lock::{Cache, Lock};
use crate::recipe::Recipe;
use crate::release_keys;
use crate::root::{Item, Root};

/// Directories below one another that are taken in.
const DEEPEST: usize = 32;
/// Where the modules lie in an extension.
const MODULES: &str = "modules";

/// A file or a directory, and where it goes in an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileToAdd {
    /// Where it is.
    pub from: Utf8PathBuf,
    /// Where it goes.
    pub to: Utf8PathBuf,
}

impl FromStr for FileToAdd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) =
            text.split_once('=').ok_or_else(|| format!("`{text}` is not like SOURCE=DESTINATION"))?;
        let plain = |part: camino::Utf8Component<'_>| matches!(part, camino::Utf8Component::Normal(_));
        let to = Utf8PathBuf::from(to);
        if to.as_str().is_empty() || !to.components().all(plain) || to.starts_with(MODULES) {
            return Err(format!(
                "`{to}` is no place in an extension: one like firmware/gpu.bin, and not below {MODULES}"
            ));
        }
        Ok(Self { from: from.into(), to })
    }
}

/// An extension to be.
#[derive(Debug)]
pub struct NewExtension<'a> {
    /// Its name.
    pub name: &'a str,
    /// The version of what it brings.
    pub version: &'a str,
    /// The locked packages.
    pub lock: &'a Lock,
    /// Where they are.
    pub cache: &'a Cache,
    /// The recipe of the image that it is for.
    pub recipe: &'a Recipe,
    /// Modules for exactly its kernel.
    pub modules: &'a [Utf8PathBuf],
    /// What else goes into it.
    pub files: &'a [FileToAdd],
    /// The directory with the keys.
    pub keys: &'a Utf8Path,
    /// A program that keeps them and signs.
    pub signer: Option<&'a Utf8Path>,
}

/// Makes an extension, below a directory for what comes in between.
///
/// # Errors
///
/// A step fails; the error names it.
pub fn extension(new: &NewExtension<'_>, scratch: &Utf8Path) -> Result<Vec<u8>, BuildError> {
    if new.modules.is_empty() && new.files.is_empty() {
        return Err(BuildError::new(
            "make the extension",
            "neither a module nor a file is to be in it".to_owned(),
        ));
    }
    let key = match new.signer {
        None => SigningKey::load(new.keys, "db"),
        Some(program) => SigningKey::with_program(new.keys, "db", program),
    };
    let key = key.map_err(at("load the key"))?;
    let package = new.lock.packages.iter().find(|package| package.name == new.recipe.kernel);
    let missing = || BuildError::new("get the kernel", format!("`{}` is not locked", new.recipe.kernel));
    let deb = new.cache.get(package.ok_or_else(missing)?).map_err(at("get the kernel"))?;
    let unpacked = files(&deb, |_| true).map_err(at("unpack the kernel"))?;
    let kernel = kernel(new.recipe, &unpacked, Own { modules: new.modules, key: &key })?;
    let tree = tree(new, &kernel)?;
    let name = format!("extension {} {} for {} {}", new.name, new.version, kernel.release, kernel.build);
    let id = Guid::named("holdfast.extension", &name).to_string().to_lowercase();
    let image = tree.image(scratch, &id, new.lock.epoch).map_err(at("make the file system"))?;
    let says = Extension {
        name: new.name.to_owned(),
        version: new.version.to_owned(),
        kernel: kernel.release.clone(),
        build: kernel.build.clone(),
        verity: Verity {
            root_hash: Digest(image.tree.root.0),
            salt: Digest(image.salt),
            data_blocks: image.tree.data_blocks,
        },
        tree_bytes: u64::try_from(image.tree.bytes.len()).unwrap_or(u64::MAX),
    };
    let signers = release_keys::signers(new.keys, new.signer).map_err(at("load the release keys"))?;
    let holders: Vec<&dyn Keyholder> = signers
        .iter()
        .filter(|(role, _)| **role == BundleRole::Targets)
        .map(|(_, key)| key as &dyn Keyholder)
        .collect();
    let head = says.head(&holders).map_err(at("sign the extension"))?;
    Ok([head, image.bytes, image.tree.bytes].concat())
}

/// What lies in it: the modules with all that they need, their index, and the files.
fn tree(new: &NewExtension<'_>, kernel: &Kernel<'_>) -> Result<Root, BuildError> {
    let mut tree = Root::default();
    let mut put =
        |path: &Utf8Path, item: Item| tree.put(path, item, new.name).map_err(at("fill the extension"));
    if kernel.own().is_some() {
        let chosen = kernel.modules.closed(&[OWN.to_owned()]).map_err(at("choose the modules"))?;
        for (path, content) in chosen.iter().filter_map(|name| kernel.content(name)) {
            let item = Item::File { content: content.to_vec(), program: false };
            put(&Utf8Path::new(MODULES).join(path), item)?;
        }
        let content = kernel.modules.index(&chosen).into_bytes();
        put(&Utf8Path::new(MODULES).join("index"), Item::File { content, program: false })?;
    }
    for file in new.files {
        add(&file.from, &file.to, DEEPEST, &mut put)?;
    }
    Ok(tree)
}

/// Puts a file in, or a directory with all that is below it.
fn add(
    from: &Utf8Path,
    to: &Utf8Path,
    deepest: usize,
    put: &mut dyn FnMut(&Utf8Path, Item) -> Result<(), BuildError>,
) -> Result<(), BuildError> {
    let step = format!("take the file `{from}`");
    let is = fs::symlink_metadata(from).map_err(at(&step))?;
    if is.is_symlink() {
        return put(to, Item::Link(from.read_link_utf8().map_err(at(&step))?.into_string()));
    }
    if is.is_file() {
        let content = fs::read(from).map_err(at(&step))?;
        return put(to, Item::File { content, program: is.permissions().mode() & 0o111 != 0 });
    }
    if !is.is_dir() || deepest == 0 {
        return Err(BuildError::new(&step, "it is neither a file nor a directory, or too deep".to_owned()));
    }
    for entry in from.read_dir_utf8().map_err(at(&step))? {
        let entry = entry.map_err(at(&step))?;
        add(entry.path(), &to.join(entry.file_name()), deepest - 1, put)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_to_a_place_in_the_extension_and_nowhere_else() {
        let file: FileToAdd = "gsp.bin=firmware/nvidia/gsp.bin".parse().unwrap();
        assert_eq!((file.from.as_str(), file.to.as_str()), ("gsp.bin", "firmware/nvidia/gsp.bin"));
        for bad in ["gsp.bin", "x=", "x=/etc/x", "x=../x", "x=modules/index", "x=a/../../b"] {
            assert!(bad.parse::<FileToAdd>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_directory_is_taken_with_all_below_it() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        fs::create_dir_all(dir.join("lib/deep")).unwrap();
        fs::write(dir.join("lib/deep/libgpu.so.1"), "x").unwrap();
        std::os::unix::fs::symlink("deep/libgpu.so.1", dir.join("lib/libgpu.so")).unwrap();
        let mut found = Vec::new();
        add(&dir.join("lib"), "lib".into(), DEEPEST, &mut |path, item| {
            found.push((path.to_string(), matches!(item, Item::Link(_))));
            Ok(())
        })
        .unwrap();
        found.sort();
        assert_eq!(found, [("lib/deep/libgpu.so.1".to_owned(), false), ("lib/libgpu.so".to_owned(), true)]);
        assert!(add(&dir.join("none"), "x".into(), DEEPEST, &mut |_, _| Ok(())).is_err());
    }
}
