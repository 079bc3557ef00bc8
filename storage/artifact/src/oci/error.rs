//! Why an image cannot be packed, read or unpacked.

use camino::Utf8PathBuf;
use holdfast_blob::BlobError;
use holdfast_types::{AsProblem, Problem, ProblemKind};

use super::digest::Digest;
use super::platform::{Arch, ArchError};
use crate::error::ArtifactError;
use crate::manifest::ManifestError;

/// The outcome of an act on images.
pub type Result<T, E = OciError> = std::result::Result<T, E>;

/// Why an image cannot be packed, read or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// There is nothing to read.
    #[error("open image `{path}`: there is no such file or directory")]
    NoImage {
        /// The archive or directory.
        path: Utf8PathBuf,
    },
    /// It is no layout at all.
    #[error("`{origin}` is not an OCI image layout: {why}")]
    NotALayout {
        /// The archive, directory or artifact.
        origin: String,
        /// What is missing or wrong.
        why: String,
    },
    /// The bytes are not those of the digest.
    #[error("`{origin}` is damaged: {what} hashes to {found}")]
    WrongDigest {
        /// The archive, directory or artifact.
        origin: String,
        /// The blob or what it stands for.
        what: String,
        /// What its bytes are.
        found: Digest,
    },
    /// A blob has another size than its descriptor.
    #[error("`{origin}` is damaged: {digest} has {found} bytes and its descriptor says {expected}")]
    WrongSize {
        /// The archive, directory or artifact.
        origin: String,
        /// The blob.
        digest: Digest,
        /// What the descriptor says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// A blob that is referred to is not there.
    #[error("`{origin}` is not complete: it lacks {digest}")]
    NoBlob {
        /// The archive, directory or artifact.
        origin: String,
        /// The blob.
        digest: Digest,
    },
    /// A tar or a compressed stream ends too early or cannot be decoded.
    #[error("`{origin}` is damaged: {what}: {why}")]
    Broken {
        /// The archive, directory or artifact.
        origin: String,
        /// Which part.
        what: String,
        /// What the decoder says.
        why: String,
    },
    /// A format that is not supported.
    #[error("`{origin}` holds {what} of type `{media_type}`, which is not supported")]
    Unsupported {
        /// The archive, directory or artifact.
        origin: String,
        /// A layer, a manifest, an index.
        what: &'static str,
        /// Its media type.
        media_type: String,
    },
    /// There is not exactly one image for the machine.
    #[error("`{origin}` holds {found} images for linux/{arch}")]
    Platform {
        /// The archive, directory or artifact.
        origin: String,
        /// How many there are.
        found: usize,
        /// The architecture that was wanted.
        arch: Arch,
    },
    /// This machine's architecture is none that images are run on.
    #[error(transparent)]
    Architecture(#[from] ArchError),
    /// An entry tries what no entry may.
    #[error("`{origin}` is refused: entry `{entry}` {why}")]
    Unsafe {
        /// The archive, directory or artifact.
        origin: String,
        /// The entry.
        entry: String,
        /// What it tries.
        why: String,
    },
    /// A limit is exceeded.
    #[error("`{origin}` is refused: it has more than {limit} {what}")]
    Limit {
        /// The archive, directory or artifact.
        origin: String,
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// A document of the image cannot be understood.
    #[error("`{origin}` is not valid: {what}: {why}")]
    Malformed {
        /// The archive, directory or artifact.
        origin: String,
        /// Which document.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file to pack is not a program of the wanted architecture.
    #[error("pack `{path}`: {why}")]
    NotAProgram {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        why: String,
    },
    /// A shared library of a program is not where programs look for it.
    #[error("pack `{needed_by}`: it needs `{library}`, which is in none of {searched}")]
    NoLibrary {
        /// The library.
        library: String,
        /// Who needs it.
        needed_by: Utf8PathBuf,
        /// Where it was looked for.
        searched: String,
    },
    /// What to pack does not fit together.
    #[error("pack image: {why}")]
    PackOptions {
        /// What does not fit.
        why: String,
    },
    /// The store, the manifest or the file system failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl From<BlobError> for OciError {
    fn from(error: BlobError) -> Self {
        Self::Artifact(error.into())
    }
}

impl From<ManifestError> for OciError {
    fn from(error: ManifestError) -> Self {
        Self::Artifact(error.into())
    }
}

impl AsProblem for OciError {
    fn problem(&self) -> Problem {
        let summary = self.to_string();
        match self {
            Self::NotALayout { .. } => Problem::new(4200, ProblemKind::Invalid, summary)
                .because("an image is a directory or a tar with `oci-layout`, `index.json` and `blobs/`")
                .next("skopeo copy docker-archive:IMAGE.tar oci-archive:IMAGE.oci.tar")
                .next(
                    "or save it again with Docker 25 or later, podman save --format oci-archive, or buildah",
                ),
            Self::WrongDigest { .. } | Self::WrongSize { .. } | Self::NoBlob { .. } | Self::Broken { .. } => {
                Problem::new(4201, ProblemKind::Failed, summary)
                    .because("the archive was cut off or changed after it was made")
                    .next("copy the archive again and compare its sha256sum with that of the source")
            }
            Self::Unsupported { .. } => Problem::new(4202, ProblemKind::Invalid, summary)
                .because("manifests and indexes are OCI's, layers are tar or tar+gzip")
                .next(
                    "skopeo copy --format oci --dest-compress-format gzip SOURCE oci-archive:IMAGE.oci.tar",
                ),
            Self::Platform { arch, .. } => Problem::new(4203, ProblemKind::Invalid, summary)
                .because("one artifact is one image for each platform")
                .next(format!(
                    "skopeo copy --override-os linux --override-arch {arch} SOURCE oci-archive:IMAGE.oci.tar"
                )),
            Self::Architecture(_) => {
                Problem::new(4203, ProblemKind::Invalid, summary).because("images are run on amd64 and arm64")
            }
            Self::Unsafe { .. } => Problem::new(4204, ProblemKind::Refused, summary)
                .because("an image that tries to leave its root or to bring devices is hostile or broken")
                .next("build the image again from a source you trust; do not import it elsewhere"),
            Self::Limit { .. } => Problem::new(4205, ProblemKind::Exhausted, summary)
                .because("limits stop an archive that was made to fill a disk or a memory")
                .next("make the image smaller, or raise the limit where you trust its source"),
            Self::Malformed { .. } => Problem::new(4206, ProblemKind::Invalid, summary)
                .next("build the image again: what made it does not follow the OCI image specification"),
            Self::NotAProgram { .. } => Problem::new(4207, ProblemKind::Invalid, summary)
                .because("an image is packed around an ELF program for 64-bit Linux")
                .next("name the program itself, and an interpreter for a script"),
            Self::NoLibrary { library, .. } => Problem::new(4208, ProblemKind::NotFound, summary)
                .next(format!("install the package that has `{library}`, or link the program statically")),
            Self::PackOptions { .. } => {
                Problem::new(4209, ProblemKind::Invalid, summary).next("correct the named file or value")
            }
            Self::NoImage { path } => Problem::new(4210, ProblemKind::NotFound, summary)
                .next(format!("ls -l {path}, on the machine that imports")),
            Self::Artifact(error) => error.problem(),
        }
    }
}
