//! Finding the image of a platform in a layout, and what it says about itself.

use std::collections::BTreeMap;

use super::digest::Digest;
use super::error::{OciError, Result};
use super::layer::Compression;
use super::layout::Layout;
use super::limits::{Limits, MAX_DESCRIPTORS, MAX_INDEX_DEPTH};
use super::platform::Arch;
use super::spec::{
    CONFIG, ConfigFile, Descriptor, INDEX, INDEX_FILE, ImageManifest, Index, LAYER_GZIP, LAYER_TAR, MANIFEST,
    Platform,
};

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciImage {
    /// The digest of its manifest, which names the image.
    pub manifest_digest: Digest,
    /// What it says about how it wants to be run.
    pub config: ImageConfig,
    /// Its layers, lowest first.
    pub layers: Vec<Layer>,
}

/// How an image wants to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageConfig {
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// The arguments that a job may replace.
    pub cmd: Vec<String>,
    /// The environment, in order.
    pub env: Vec<(String, String)>,
    /// The directory to start in; empty for the root.
    pub workdir: String,
    /// `user`, `user:group`, or numbers; empty for root.
    pub user: String,
    /// What its builder noted.
    pub labels: BTreeMap<String, String>,
    /// The architecture of its programs.
    pub arch: Arch,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The digest of the blob.
    pub digest: Digest,
    /// The size of the blob.
    pub size: u64,
    /// How the blob is compressed.
    pub compression: Compression,
    /// The digest of the tar inside.
    pub diff_id: Digest,
}

/// Finds the image for `arch` and checks what can be checked without unpacking it: of a directory or an archive every
/// blob is read and compared with its digest; of an artifact, whose blobs were compared when it was imported and are
/// compared again when it is unpacked, the documents and the sizes.
///
/// # Errors
/// Where the layout is damaged, is not supported, or has not exactly one image for the platform.
pub fn read_image(layout: &Layout, arch: Arch, limits: &Limits) -> Result<OciImage> {
    if layout.is_foreign() {
        layout.check_blobs(limits)?;
    }
    let index: Index = layout.top(INDEX_FILE)?;
    let mut search = Search { layout, arch, seen: 0, found: BTreeMap::new() };
    search.index(&index, 0)?;
    let count = search.found.len();
    match search.found.pop_first() {
        Some((digest, (manifest, config))) if count == 1 => {
            image(layout, digest, &manifest, config, arch, limits)
        }
        _ => Err(OciError::Platform { origin: layout.origin().to_owned(), found: count, arch }),
    }
}

struct Search<'a> {
    layout: &'a Layout,
    arch: Arch,
    seen: usize,
    found: BTreeMap<Digest, (ImageManifest, ConfigFile)>,
}

impl Search<'_> {
    fn index(&mut self, index: &Index, depth: usize) -> Result<()> {
        if index.schema_version != 2 || index.media_type.as_deref().is_some_and(|t| t != INDEX) {
            return Err(self.unsupported("an index", index.media_type.as_deref().unwrap_or("schema 1")));
        }
        for descriptor in &index.manifests {
            self.seen = self.seen.saturating_add(1);
            if self.seen > MAX_DESCRIPTORS || depth > MAX_INDEX_DEPTH {
                let (origin, limit) = (self.layout.origin().to_owned(), MAX_DESCRIPTORS as u64);
                return Err(OciError::Limit {
                    origin,
                    what: "descriptors, or they are nested too deep",
                    limit,
                });
            }
            match descriptor.media_type.as_str() {
                INDEX => {
                    let (_, inner) = self.layout.document(descriptor)?;
                    self.index(&inner, depth.saturating_add(1))?;
                }
                MANIFEST => self.manifest(descriptor)?,
                other => return Err(self.unsupported("a manifest", other)),
            }
        }
        Ok(())
    }

    fn manifest(&mut self, descriptor: &Descriptor) -> Result<()> {
        // Builders add attestations for the platform `unknown`; other platforms may be left out of a layout.
        if descriptor.platform.as_ref().is_some_and(|platform| !self.wanted(platform)) {
            return Ok(());
        }
        let (digest, manifest): (_, ImageManifest) = self.layout.document(descriptor)?;
        if manifest.schema_version != 2 || manifest.media_type.as_deref().is_some_and(|t| t != MANIFEST) {
            return Err(self.unsupported("a manifest", manifest.media_type.as_deref().unwrap_or("schema 1")));
        }
        if manifest.config.media_type != CONFIG {
            return Err(self.unsupported("a configuration", &manifest.config.media_type));
        }
        let (_, config): (_, ConfigFile) = self.layout.document(&manifest.config)?;
        if self.wanted(&Platform { architecture: config.architecture.clone(), os: config.os.clone() }) {
            self.found.insert(digest, (manifest, config));
        }
        Ok(())
    }

    fn wanted(&self, platform: &Platform) -> bool {
        platform.os == "linux" && platform.architecture == self.arch.as_str()
    }

    fn unsupported(&self, what: &'static str, media_type: &str) -> OciError {
        let media_type = media_type.to_owned();
        OciError::Unsupported { origin: self.layout.origin().to_owned(), what, media_type }
    }
}

fn image(
    layout: &Layout,
    manifest_digest: Digest,
    manifest: &ImageManifest,
    config: ConfigFile,
    arch: Arch,
    limits: &Limits,
) -> Result<OciImage> {
    if manifest.layers.len() > limits.max_layers {
        let (origin, limit) = (layout.origin().to_owned(), limits.max_layers as u64);
        return Err(OciError::Limit { origin, what: "layers", limit });
    }
    if manifest.layers.len() != config.rootfs.diff_ids.len() || config.rootfs.kind != "layers" {
        return Err(layout.malformed("the configuration", "it does not list the layers of the manifest"));
    }
    let layers = manifest.layers.iter().zip(&config.rootfs.diff_ids);
    let layers =
        layers.map(|(descriptor, diff_id)| layer(layout, descriptor, diff_id)).collect::<Result<_>>()?;
    Ok(OciImage { manifest_digest, config: run_config(layout, config, arch)?, layers })
}

fn layer(layout: &Layout, descriptor: &Descriptor, diff_id: &str) -> Result<Layer> {
    let compression = match descriptor.media_type.as_str() {
        LAYER_TAR => Compression::None,
        LAYER_GZIP => Compression::Gzip,
        other => {
            let (origin, media_type) = (layout.origin().to_owned(), other.to_owned());
            return Err(OciError::Unsupported { origin, what: "a layer", media_type });
        }
    };
    let digest = layout.digest(&descriptor.digest)?;
    layout.blob(digest, descriptor.size)?;
    Ok(Layer { digest, size: descriptor.size, compression, diff_id: layout.digest(diff_id)? })
}

fn run_config(layout: &Layout, file: ConfigFile, arch: Arch) -> Result<ImageConfig> {
    let config = file.config.unwrap_or_default();
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(layout.malformed("the configuration", format!("`{text}` is not NAME=VALUE"))),
    };
    let env: Vec<_> = config.env.unwrap_or_default().iter().map(pair).collect::<Result<_>>()?;
    let (entrypoint, cmd) = (config.entrypoint.unwrap_or_default(), config.cmd.unwrap_or_default());
    let (workdir, user) = (config.working_dir.unwrap_or_default(), config.user.unwrap_or_default());
    let texts =
        entrypoint.iter().chain(&cmd).chain([&workdir, &user]).chain(env.iter().map(|(_, value)| value));
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err(layout.malformed("the configuration", "it contains a NUL byte"));
    }
    Ok(ImageConfig { entrypoint, cmd, env, workdir, user, labels: config.labels.unwrap_or_default(), arch })
}
