//! `holdfast-image extension`.

use std::fs;

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};
use holdfast_release::Profile;

use crate::extension::{FileToAdd, NewExtension, extension};
use crate::inputs::{BuildError, at};
use crate::lock::{Cache, Lock};
use crate::recipe::Recipe;

#[derive(Debug, Subcommand)]
pub(super) enum Extension {
    /// Makes an extension for the kernel that is locked.
    Build(Build),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  holdfast-image extension build gpu --profile metal --release 535.261.03 --keys keys \\\n    \
    --module nvidia.ko --module nvidia-uvm.ko --file firmware=firmware --file lib=lib --out gpu.ext\n  \
    holdfast-image build --profile metal --keys keys --programs DIR --extension gpu.ext --out images"
)]
pub(super) struct Build {
    /// Its name: it is found below /usr/lib/holdfast/extensions/NAME.
    name: String,
    /// The version of what it brings.
    #[arg(long, default_value = "1")]
    release: String,
    /// The profile of the image that it is for.
    #[arg(long, default_value = "small")]
    profile: Profile,
    /// The directory with `packages.lock` and the recipes.
    #[arg(long, default_value = "image")]
    source: Utf8PathBuf,
    /// A kernel module built for this kernel; it is signed with the key `db`. May be given more than once.
    #[arg(long, value_name = "FILE")]
    module: Vec<Utf8PathBuf>,
    /// A file or a directory and where it goes; the kernel finds what goes below `firmware`. May be given more than once.
    #[arg(long, value_name = "SOURCE=DESTINATION")]
    file: Vec<FileToAdd>,
    /// The directory with the keys.
    #[arg(long)]
    keys: Utf8PathBuf,
    /// A program that keeps the keys and signs; certificates and public keys still lie with the keys.
    #[arg(long)]
    signer: Option<Utf8PathBuf>,
    /// Where packages lie by their hash.
    #[arg(long, default_value = "target/packages")]
    package_cache: Utf8PathBuf,
    /// Take packages from the cache alone.
    #[arg(long)]
    offline: bool,
    /// The file.
    #[arg(long)]
    out: Utf8PathBuf,
}

pub(super) fn run(command: &Extension) -> Result<(), BuildError> {
    let Extension::Build(options) = command;
    let lock = Lock::read(&options.source.join("packages.lock")).map_err(at("read the packages"))?;
    let recipe = options.source.join(format!("{}.toml", options.profile.name()));
    let recipe = Recipe::read(&recipe).map_err(at("read the recipe"))?;
    let new = NewExtension {
        name: &options.name,
        version: &options.release,
        lock: &lock,
        cache: &Cache::new(&options.package_cache, options.offline),
        recipe: &recipe,
        modules: &options.module,
        files: &options.file,
        keys: &options.keys,
        signer: options.signer.as_deref(),
    };
    let scratch = options.out.with_extension("scratch");
    drop(fs::remove_dir_all(&scratch));
    let made = extension(&new, &scratch);
    drop(fs::remove_dir_all(&scratch));
    let partial = options.out.with_extension("partial");
    fs::write(&partial, made?).map_err(at(&format!("write `{partial}`")))?;
    fs::rename(&partial, &options.out).map_err(at(&format!("rename `{partial}`")))
}
