//! A program becomes an image: one layer with the program, its loader, its libraries, and what every program expects.

use std::collections::BTreeMap;
use std::io::{self, Write};

use camino::Utf8PathBuf;
use serde::Serialize;

use super::digest::{Digest, Hashing};
use super::elf::{closure, is_elf};
use super::error::{OciError, Result};
use super::platform::Arch;
use super::spec::{
    CONFIG, ConfigFile, Descriptor, INDEX, INDEX_FILE, ImageManifest, Index, LAYER_TAR, LAYOUT_FILE,
    LAYOUT_VERSION, LayoutMark, MANIFEST, Platform, RootFs, RunConfig,
};
use super::tarball::{Node, Tree, file_header};
use crate::rel_path::RelPath;

/// Directories the runtime mounts over, and those every program may use.
const DIRS: [(&str, u32); 8] = [
    ("tmp", 0o1777),
    ("data", 0o755),
    ("checkpoint", 0o755),
    ("output", 0o755),
    ("proc", 0o755),
    ("dev", 0o755),
    ("sys", 0o755),
    ("etc", 0o755),
];
const PASSWD: &str = "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";
/// The names of a machine and of its network, without the name services of a full system.
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files dns\n";
const TAR_BLOCK: u64 = 512;

/// What to pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackOptions {
    /// The program on this machine. It is `/app/<name>` in the image.
    pub binary: Utf8PathBuf,
    /// More files: the path in the image, and the file on this machine. The libraries of programs among them come too.
    pub extra_files: Vec<(RelPath, Utf8PathBuf)>,
    /// The arguments after the program in the entrypoint.
    pub args: Vec<String>,
    /// The environment, in order.
    pub env: Vec<(String, String)>,
    /// The directory to start in; empty for the root.
    pub workdir: String,
    /// What to note in the image.
    pub labels: BTreeMap<String, String>,
    /// The architecture, which must be that of the program.
    pub arch: Arch,
}

impl PackOptions {
    /// A program alone.
    #[must_use]
    pub fn new(binary: Utf8PathBuf, arch: Arch) -> Self {
        Self {
            binary,
            extra_files: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            workdir: String::new(),
            labels: BTreeMap::new(),
            arch,
        }
    }
}

/// Writes the image as an OCI archive and says the digest of its manifest. The same files and options give the same
/// bytes, whenever and wherever they are packed.
///
/// # Errors
/// Where the program is none, a library is not found, or `out` does not take it.
pub fn pack(options: &PackOptions, out: &mut dyn Write) -> Result<Digest> {
    let (tree, entry) = tree(options)?;
    // The name of the layer comes before its bytes, so the bytes are made twice rather than held.
    let mut counted = Hashing::new(io::sink());
    tree.write(&mut counted)?;
    let (layer, layer_size) = counted.finish();
    let config = json(&config(options, entry, layer))?;
    let manifest = json(&ImageManifest {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        config: descriptor(CONFIG, Digest::of(&config), size(&config)),
        layers: vec![descriptor(LAYER_TAR, layer, layer_size)],
    })?;
    let digest = Digest::of(&manifest);
    let platform = Platform { architecture: options.arch.to_string(), os: "linux".to_owned() };
    let named = Descriptor { platform: Some(platform), ..descriptor(MANIFEST, digest, size(&manifest)) };
    let index =
        json(&Index { schema_version: 2, media_type: Some(INDEX.to_owned()), manifests: vec![named] })?;
    let mark = json(&LayoutMark { version: LAYOUT_VERSION.to_owned() })?;
    let failed = |e: io::Error| OciError::PackOptions { why: format!("write archive: {e}") };
    for (path, bytes) in [
        (LAYOUT_FILE.to_owned(), &mark),
        (INDEX_FILE.to_owned(), &index),
        (digest.layout_path(), &manifest),
        (Digest::of(&config).layout_path(), &config),
    ] {
        write_bytes(out, &path, bytes).map_err(failed)?;
    }
    let header = file_header(&layer.layout_path(), layer_size).map_err(failed)?;
    out.write_all(header.as_bytes()).map_err(failed)?;
    let mut again = Hashing::new(&mut *out);
    tree.write(&mut again)?;
    if again.finish() != (layer, layer_size) {
        return Err(OciError::PackOptions { why: "a file changed while it was packed".to_owned() });
    }
    let mut end = padding(layer_size);
    end.extend([0; 1024]);
    out.write_all(&end).map_err(failed)?;
    out.flush().map_err(failed)?;
    Ok(digest)
}

fn tree(options: &PackOptions) -> Result<(Tree, String)> {
    let invalid = |why: String| OciError::PackOptions { why };
    let rel = |text: &str| text.parse::<RelPath>().map_err(|e| invalid(e.to_string()));
    let mut tree = Tree::default();
    for (path, mode) in DIRS {
        tree.add(rel(path)?, Node::Dir { mode })?;
    }
    for (path, text) in [("etc/passwd", PASSWD), ("etc/group", GROUP), ("etc/nsswitch.conf", NSSWITCH)] {
        tree.add(rel(path)?, Node::Bytes { bytes: text.as_bytes().to_vec() })?;
    }
    let name =
        options.binary.file_name().ok_or_else(|| invalid(format!("`{}` names no file", options.binary)))?;
    let program = rel(&format!("app/{name}"))?;
    let entry = format!("/{program}");
    tree.add(program, Node::Host { path: options.binary.clone() })?;
    let mut needed = closure(&options.binary, options.arch)?;
    for (path, host) in &options.extra_files {
        tree.add(path.clone(), Node::Host { path: host.clone() })?;
        if is_elf(host) {
            needed.extend(closure(host, options.arch)?);
        }
    }
    for (path, host) in needed {
        tree.add(path, Node::Host { path: host })?;
    }
    if !options.workdir.is_empty() {
        let dir = rel(options.workdir.trim_start_matches('/'))?;
        if !DIRS.iter().any(|(path, _)| *path == dir.as_str()) {
            tree.add(dir, Node::Dir { mode: 0o755 })?;
        }
    }
    Ok((tree, entry))
}

fn config(options: &PackOptions, entry: String, layer: Digest) -> ConfigFile {
    let env = options.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let entrypoint = std::iter::once(entry).chain(options.args.iter().cloned()).collect();
    let run = RunConfig {
        env: Some(env),
        entrypoint: Some(entrypoint),
        working_dir: Some(options.workdir.clone()).filter(|dir| !dir.is_empty()),
        labels: Some(options.labels.clone()).filter(|labels| !labels.is_empty()),
        ..RunConfig::default()
    };
    ConfigFile {
        architecture: options.arch.to_string(),
        os: "linux".to_owned(),
        config: Some(run),
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![layer.to_string()] },
    }
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    Descriptor { media_type: media_type.to_owned(), digest: digest.to_string(), size, platform: None }
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| OciError::PackOptions { why: e.to_string() })
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn write_bytes(out: &mut dyn Write, path: &str, bytes: &[u8]) -> io::Result<()> {
    out.write_all(file_header(path, size(bytes))?.as_bytes())?;
    out.write_all(bytes)?;
    out.write_all(&padding(size(bytes)))
}

fn padding(size: u64) -> Vec<u8> {
    let over = usize::try_from(size % TAR_BLOCK).unwrap_or(0);
    let block = usize::try_from(TAR_BLOCK).unwrap_or(0);
    vec![0; if over == 0 { 0 } else { block.saturating_sub(over) }]
}
