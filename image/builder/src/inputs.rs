//! What an image is built from, and the files of its packages.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_fetch::Address;
use holdfast_release::Profile;

use crate::carried::Carried;
use crate::deb::{DebFile, DebKind, files};
use crate::keys::SigningKey;
use crate::lock::{Cache, Lock};
use crate::recipe::Recipe;

/// Where a package says what may be done with it, below its name.
pub(crate) const LICENCES: &str = "usr/share/doc";

/// Why there is no image: the step, and what went wrong in it.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {why}")]
pub struct BuildError {
    pub(crate) step: String,
    pub(crate) why: String,
}

impl BuildError {
    /// An error of `step`.
    #[must_use]
    pub fn new(step: &str, why: String) -> Self {
        Self { step: step.to_owned(), why }
    }
}

/// Makes an error of `step` out of another one and its causes.
pub(crate) fn at<E: std::error::Error>(step: &str) -> impl Fn(E) -> BuildError + use<'_, E> {
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
    /// Modules of the site for exactly this kernel: they are signed, and loaded like the kernel's own.
    pub modules: &'a [Utf8PathBuf],
    /// Extensions for exactly this kernel, as they come from [`crate::extension`].
    pub extensions: &'a [Carried],
    /// The workspace that our programs come from, whose crates are in them.
    pub workspace: &'a Utf8Path,
    /// Where machines that start from the network find the files of the release; otherwise their lease says it.
    pub netboot_from: Option<&'a Address>,
    /// The key of programs.
    pub key: &'a SigningKey,
    /// The key of measurements; without it no TPM opens a volume for what is built.
    pub measured: Option<&'a SigningKey>,
    /// The newest root of the site's releases, by which a machine decides whose releases it takes; without it the first one that a
    /// controller brings decides that.
    pub release_root: Option<Vec<u8>>,
    /// What enrols the site's keys at the first boot of a machine whose firmware has none; nothing to leave that to people.
    pub enrolment: &'a [(String, Vec<u8>)],
}

/// The files of the packages, by package.
pub(crate) type Packages = BTreeMap<String, Vec<DebFile>>;

/// The files that the recipe takes, out of each package.
pub(crate) fn unpack(inputs: &Inputs<'_>) -> Result<Packages, BuildError> {
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
        if !whole && wanted.is_empty() && !recipe.licences.contains(&package.name) {
            continue;
        }
        let licence = Utf8Path::new(LICENCES).join(&package.name);
        let deb = inputs.cache.get(package).map_err(at("get the packages"))?;
        let step = format!("unpack {} {}", package.name, package.version);
        let wants = |path: &Utf8Path| {
            whole || path.starts_with(&licence) || wanted.iter().any(|want| path.starts_with(want))
        };
        let taken = files(&deb, wants);
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

/// A file that a package must have.
pub(crate) fn one<'a>(packages: &'a Packages, package: &str, path: &str) -> Result<&'a [u8], BuildError> {
    let file = packages.get(package).and_then(|files| files.iter().find(|file| file.path == path));
    match file.map(|file| &file.kind) {
        Some(DebKind::File(content)) => Ok(content),
        _ => Err(BuildError { step: format!("take `{path}`"), why: format!("{package} does not have it") }),
    }
}
