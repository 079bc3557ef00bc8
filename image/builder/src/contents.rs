//! What the root holds: our programs, the modules, what the recipe takes out of packages, and what may be done with each.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::RELEASE_ROOT;

use crate::deb::DebKind;
use crate::inputs::{BuildError, Inputs, LICENCES, Packages, at};
use crate::kernel::Kernel;
use crate::measure;
use crate::root::{Item, Root};

/// Places of the root that other file systems are mounted at.
const PLACES: [&str; 10] =
    ["dev", "proc", "sys", "run", "etc", "var", "tmp", "root", "data", "usr/lib/holdfast/extensions"];

/// The root of the image.
pub(crate) fn root(
    inputs: &Inputs<'_>,
    packages: &Packages,
    kernel: &Kernel<'_>,
) -> Result<Root, BuildError> {
    let mut root = Root::default();
    let mut put =
        |path: &Utf8Path, item: Item, owner: &str| root.put(path, item, owner).map_err(at("fill the root"));
    for place in PLACES {
        put(Utf8Path::new(place), Item::Directory, "holdfast")?;
    }
    for (name, to) in [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")] {
        put(Utf8Path::new(name), Item::Link(to.to_owned()), "holdfast")?;
    }
    for (name, path) in inputs.programs {
        let step = format!("read the program `{path}`");
        let content = fs::read(path).map_err(at(&step))?;
        put(&Utf8Path::new("usr/bin").join(name), Item::File { content, program: true }, "holdfast")?;
    }
    let os_release = os_release(inputs).into_bytes();
    put(Utf8Path::new("usr/lib/os-release"), Item::File { content: os_release, program: false }, "holdfast")?;
    if let Some(key) = inputs.measured {
        let content = measure::public(key).map_err(at("take the key of measurements"))?.into_bytes();
        put(Utf8Path::new(measure::PLACE), Item::File { content, program: false }, "holdfast")?;
    }
    if let Some(content) = inputs.release_root.clone() {
        put(Utf8Path::new(RELEASE_ROOT), Item::File { content, program: false }, "holdfast")?;
    }
    for line in kernel.index.lines() {
        let Some(name) = line.strip_prefix("module ").and_then(|rest| rest.split(' ').next()) else {
            continue;
        };
        let Some((path, content)) = kernel.content(name) else { continue };
        let place = Utf8Path::new("usr/lib/modules").join(&kernel.release).join(path);
        let owner = if kernel.is_own(path) { "holdfast" } else { inputs.recipe.kernel.as_str() };
        put(&place, Item::File { content: content.to_vec(), program: false }, owner)?;
    }
    let index = Utf8Path::new("usr/lib/modules").join(&kernel.release).join("index");
    put(&index, Item::File { content: kernel.index.clone().into_bytes(), program: false }, "holdfast")?;
    for take in &inputs.recipe.take {
        let taken = packages.get(&take.package).into_iter().flatten();
        for file in taken.filter(|file| !file.path.starts_with(LICENCES)) {
            let item = match &file.kind {
                DebKind::Directory => continue,
                DebKind::Link(to) => Item::Link(to.clone()),
                DebKind::Same(other) => Item::Link(format!("/{}", merged(other))),
                DebKind::File(content) => {
                    Item::File { content: content.clone(), program: file.mode & 0o111 != 0 }
                }
            };
            put(&merged(&file.path), item, &take.package)?;
        }
    }
    for (package, files) in packages {
        for file in files.iter().filter(|file| file.path.file_name() == Some("copyright")) {
            let item = match &file.kind {
                DebKind::File(content) => Item::File { content: content.clone(), program: false },
                _ => continue,
            };
            put(&file.path, item, package)?;
        }
    }
    Ok(root)
}

/// Debian 12 has everything below `usr`; packages may still say otherwise.
fn merged(path: &Utf8Path) -> Utf8PathBuf {
    let first = path.components().next().map_or("", |part| part.as_str());
    match first {
        "bin" | "sbin" | "lib" | "lib64" => Utf8Path::new("usr").join(path),
        _ => path.to_owned(),
    }
}

/// What the system says it is.
pub(crate) fn os_release(inputs: &Inputs<'_>) -> String {
    let version = inputs.version;
    format!("ID=holdfast\nNAME=Holdfast\nPRETTY_NAME=\"Holdfast {version}\"\nVERSION_ID={version}\n")
}
