//! All steps from the locked packages to the images, in the order in which each needs the one before.

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{Digest, FatFile, FileSum, Layout, Manifest, Profile, Verity};
use holdfast_release::{KERNEL, LOADER, ROOT, ROOT_TREE};

use crate::cpio::{Archive, Node};
use crate::deb::{DebFile, DebKind, files};
use crate::disk::{self, Content};
use crate::keys::SigningKey;
use crate::lock::{Cache, Lock};
use crate::modules::Modules;
use crate::recipe::Recipe;
use crate::root::{Image, Item, Root};
use crate::sign;
use crate::uki::{self, Parts};

/// Why there is no image: the step, and what went wrong in it.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {why}")]
pub struct BuildError {
    step: String,
    why: String,
}

impl BuildError {
    /// An error of `step`.
    #[must_use]
    pub fn new(step: &str, why: String) -> Self {
        Self { step: step.to_owned(), why }
    }
}

fn at<E: std::error::Error>(step: &str) -> impl Fn(E) -> BuildError + use<'_, E> {
    move |error| {
        let mut why = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            why = format!("{why}: {cause}");
            source = cause.source();
        }
        BuildError { step: step.to_owned(), why }
    }
}

/// What an image is built from.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The version of the release.
    pub version: &'a str,
    /// Which image.
    pub profile: Profile,
    /// The locked packages.
    pub lock: &'a Lock,
    /// Where they are.
    pub cache: &'a Cache,
    /// What goes into the image.
    pub recipe: &'a Recipe,
    /// Our own programs, by the name they have in the root.
    pub programs: &'a BTreeMap<String, Utf8PathBuf>,
    /// The key of programs.
    pub key: &'a SigningKey,
    /// What enrols the site's keys at the first boot of a machine whose firmware has none; nothing to leave that to people.
    pub enrolment: &'a [(String, Vec<u8>)],
}

/// What was built.
#[derive(Debug)]
pub struct Built {
    /// The root and its proof.
    pub root: Image,
    /// The signed kernel image.
    pub uki: Vec<u8>,
    /// The signed boot loader.
    pub loader: Vec<u8>,
    /// The kernel alone, for a start without firmware.
    pub kernel: Vec<u8>,
    /// The first archive alone.
    pub initrd: Vec<u8>,
    /// The command line.
    pub cmdline: String,
    /// What is known of it all.
    pub manifest: Manifest,
}

/// The files of the packages, by package.
type Packages = BTreeMap<String, Vec<DebFile>>;

const MODULES: &str = "lib/modules";

/// Builds the parts of an image; `tell` hears each step.
///
/// # Errors
///
/// A step fails; the error names it.
pub fn build(
    inputs: &Inputs<'_>,
    scratch: &Utf8Path,
    tell: &mut dyn FnMut(&str),
) -> Result<Built, BuildError> {
    tell("packages");
    let packages = unpack(inputs)?;
    tell("kernel and modules");
    let kernel = kernel(inputs, &packages)?;
    tell("root");
    let root = root(inputs, &packages, &kernel)?;
    let id = uuid(&format!("{} {:?}", inputs.version, inputs.profile));
    let image = root.image(scratch, &id, inputs.lock.epoch).map_err(at("make the root"))?;
    tell("first archive");
    let initrd = first_archive(inputs, &kernel)?;
    let cmdline = cmdline(inputs, &image);
    tell("kernel image and signatures");
    let loader = one(&packages, &inputs.recipe.loader, "usr/lib/systemd/boot/efi/systemd-bootx64.efi")?;
    let stub = one(&packages, &inputs.recipe.loader, "usr/lib/systemd/boot/efi/linuxx64.efi.stub")?;
    let os_release = os_release(inputs);
    let parts =
        Parts { stub, os_release: &os_release, cmdline: &cmdline, kernel: &kernel.image, initrd: &initrd };
    let unsigned = uki::assemble(&parts).map_err(at("put the kernel image together"))?;
    let pcr11 = uki::pcr11(unsigned.clone(), &[]).map_err(at("measure the kernel image"))?;
    let uki = sign::program(unsigned, inputs.key).map_err(at("sign the kernel image"))?;
    let loader = sign::program(loader.to_vec(), inputs.key).map_err(at("sign the boot loader"))?;
    let files =
        [(ROOT, image.bytes.as_slice()), (ROOT_TREE, &image.tree.bytes), (KERNEL, &uki), (LOADER, &loader)];
    let manifest = Manifest {
        version: inputs.version.to_owned(),
        profile: inputs.profile,
        epoch: inputs.lock.epoch,
        kernel: kernel.release.clone(),
        files: files.map(|(name, bytes)| (name.to_owned(), FileSum::of(bytes))).into(),
        verity: Verity {
            root_hash: Digest(image.tree.root.0),
            salt: Digest(image.salt),
            data_blocks: image.tree.data_blocks,
        },
        pcr11: Digest(pcr11),
        extensions: Vec::new(),
    };
    Ok(Built { root: image, uki, loader, kernel: kernel.image, initrd, cmdline, manifest })
}

/// Writes a disk with the release into `path`.
///
/// # Errors
///
/// Something does not fit, or the file cannot be written.
pub fn disk_image(inputs: &Inputs<'_>, built: &Built, path: &Utf8Path) -> Result<(), BuildError> {
    let layout =
        Layout::plan(inputs.profile, inputs.recipe.disk_bytes, 512).map_err(at("divide the disk"))?;
    let kernel = format!("EFI/Linux/holdfast-{}+3.efi", inputs.version);
    let settings = match inputs.enrolment {
        [] => "timeout 0\neditor no\n",
        _ => "timeout 0\neditor no\nsecure-boot-enroll force\n",
    };
    let mut files = vec![
        FatFile { path: "EFI/BOOT/BOOTX64.EFI", content: &built.loader },
        FatFile { path: &kernel, content: &built.uki },
        FatFile { path: "loader/loader.conf", content: settings.as_bytes() },
    ];
    let named: Vec<String> =
        inputs.enrolment.iter().map(|(name, _)| format!("loader/keys/auto/{name}")).collect();
    let keys = named.iter().zip(inputs.enrolment);
    files.extend(keys.map(|(path, (_, content))| FatFile { path, content }));
    let disk = format!("holdfast {} {:?}", inputs.version, inputs.profile);
    let content = Content { version: inputs.version, esp: &files, root: &built.root, disk: &disk };
    disk::write(path, &layout, &content).map_err(at("write the disk image"))
}

/// The files that the recipe takes, out of each package.
fn unpack(inputs: &Inputs<'_>) -> Result<Packages, BuildError> {
    let recipe = inputs.recipe;
    let mut packages = Packages::new();
    for package in inputs.lock.of(inputs.profile) {
        let whole = package.name == recipe.kernel || package.name == recipe.loader;
        let wanted: Vec<&Utf8PathBuf> = recipe
            .take
            .iter()
            .filter(|take| take.package == package.name)
            .flat_map(|take| &take.paths)
            .collect();
        if !whole && wanted.is_empty() {
            continue;
        }
        let deb = inputs.cache.get(package).map_err(at("get the packages"))?;
        let step = format!("unpack {} {}", package.name, package.version);
        let taken = files(&deb, |path| whole || wanted.iter().any(|want| path.starts_with(want)));
        packages.insert(package.name.clone(), taken.map_err(at(&step))?);
    }
    let needed = recipe.take.iter().map(|take| &take.package).chain([&recipe.kernel, &recipe.loader]);
    if let Some(missing) = needed.into_iter().find(|name| !packages.contains_key(*name)) {
        return Err(BuildError {
            step: "get the packages".to_owned(),
            why: format!("the recipe takes files of `{missing}`, which is not among the locked packages"),
        });
    }
    Ok(packages)
}

fn one<'a>(packages: &'a Packages, package: &str, path: &str) -> Result<&'a [u8], BuildError> {
    let file = packages.get(package).and_then(|files| files.iter().find(|file| file.path == path));
    match file.map(|file| &file.kind) {
        Some(DebKind::File(content)) => Ok(content),
        _ => Err(BuildError { step: format!("take `{path}`"), why: format!("{package} does not have it") }),
    }
}

struct Kernel<'a> {
    image: Vec<u8>,
    release: String,
    modules: Modules,
    /// The content of each module, by its path below the directory of the kernel.
    contents: BTreeMap<&'a Utf8Path, &'a [u8]>,
    index: String,
}

fn kernel<'a>(inputs: &Inputs<'_>, packages: &'a Packages) -> Result<Kernel<'a>, BuildError> {
    let files = packages.get(&inputs.recipe.kernel).map(Vec::as_slice).unwrap_or_default();
    let missing = |what: &str| BuildError {
        step: "take the kernel".to_owned(),
        why: format!("{} has no {what}", inputs.recipe.kernel),
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
    let all: Vec<String> =
        inputs.recipe.modules.iter().chain(&inputs.recipe.first_modules).cloned().collect();
    let chosen = modules.closed(&all).map_err(at("choose the modules"))?;
    let index = modules.index(&chosen);
    let DebKind::File(image) = &image.kind else { return Err(missing("kernel")) };
    Ok(Kernel { image: image.clone(), release, modules, contents, index })
}

impl Kernel<'_> {
    fn content(&self, name: &str) -> Option<(&Utf8Path, &[u8])> {
        let path = self.modules.path(name)?;
        Some((path, self.contents.get(path).copied()?))
    }
}

/// Places of the root that other file systems are mounted at.
const PLACES: [&str; 9] = ["dev", "proc", "sys", "run", "etc", "var", "tmp", "root", "data"];

fn root(inputs: &Inputs<'_>, packages: &Packages, kernel: &Kernel<'_>) -> Result<Root, BuildError> {
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
    for line in kernel.index.lines() {
        let Some(name) = line.strip_prefix("module ").and_then(|rest| rest.split(' ').next()) else {
            continue;
        };
        let Some((path, content)) = kernel.content(name) else { continue };
        let place = Utf8Path::new("usr/lib/modules").join(&kernel.release).join(path);
        put(&place, Item::File { content: content.to_vec(), program: false }, &inputs.recipe.kernel)?;
    }
    let index = Utf8Path::new("usr/lib/modules").join(&kernel.release).join("index");
    put(&index, Item::File { content: kernel.index.clone().into_bytes(), program: false }, "holdfast")?;
    for take in &inputs.recipe.take {
        for file in packages.get(&take.package).into_iter().flatten() {
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

fn first_archive(inputs: &Inputs<'_>, kernel: &Kernel<'_>) -> Result<Vec<u8>, BuildError> {
    let missing = || BuildError {
        step: "make the first archive".to_owned(),
        why: "there is no program `holdfast-init`".to_owned(),
    };
    let init = inputs.programs.get("holdfast-init").ok_or_else(missing)?;
    let mut archive = Archive::default();
    let content = fs::read(init).map_err(at("read `holdfast-init`"))?;
    archive.put("init", Node::File { content, program: true });
    for place in ["dev", "proc", "sys", "root"] {
        archive.put(place, Node::Directory);
    }
    let chosen =
        kernel.modules.closed(&inputs.recipe.first_modules).map_err(at("choose the first modules"))?;
    for name in &chosen {
        if let Some((path, content)) = kernel.content(name) {
            archive.put(&format!("modules/{path}"), Node::File { content: content.to_vec(), program: false });
        }
    }
    let index = kernel.modules.index(&chosen).into_bytes();
    archive.put("modules/index", Node::File { content: index, program: false });
    zstd::encode_all(archive.encode().as_slice(), 19).map_err(at("pack the first archive"))
}

fn cmdline(inputs: &Inputs<'_>, image: &Image) -> String {
    let mut words = inputs.recipe.cmdline.clone();
    words.push("panic=1".to_owned());
    words.push(format!("holdfast.roothash={}", image.tree.root));
    words.join(" ")
}

fn os_release(inputs: &Inputs<'_>) -> String {
    let version = inputs.version;
    format!("ID=holdfast\nNAME=Holdfast\nPRETTY_NAME=\"Holdfast {version}\"\nVERSION_ID={version}\n")
}

/// The number that a name gives, as text in small letters.
fn uuid(name: &str) -> String {
    holdfast_release::Guid::named("holdfast.image", name).to_string().to_lowercase()
}
