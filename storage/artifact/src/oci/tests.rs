//! Images made here and read back, and every archive that must be refused.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_blob::BlobStore;
use holdfast_types::AsProblem;
use tar::{EntryType, Header};

use super::*;
use crate::Manifest;

struct Place {
    _dir: tempfile::TempDir,
    root: Utf8PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    fs::write(root.join("canary"), "alive").unwrap();
    Place { _dir: dir, root }
}

impl Place {
    fn store(&self) -> BlobStore {
        BlobStore::open(&self.root.join("store")).unwrap()
    }

    fn write(&self, bytes: &[u8]) -> Utf8PathBuf {
        let path = self.root.join("image.tar");
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Nothing but what was there: no half-made directory, no damage outside.
    fn untouched(&self) {
        assert_eq!(fs::read_to_string(self.root.join("canary")).unwrap(), "alive");
        for entry in self.root.read_dir_utf8().unwrap() {
            let name = entry.unwrap().file_name().to_owned();
            assert!(["canary", "image.tar", "store"].contains(&name.as_str()), "left behind: {name}");
        }
    }
}

/// A tar entry of any name, also one that no honest tool would write.
fn entry(out: &mut Vec<u8>, kind: EntryType, name: &str, link: &str, mode: u32, bytes: &[u8]) {
    let mut header = Header::new_gnu();
    let set = |field: &mut [u8], text: &str| field[..text.len()].copy_from_slice(text.as_bytes());
    set(&mut header.as_old_mut().name, name);
    set(&mut header.as_old_mut().linkname, link);
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    header.set_mtime(1000);
    header.set_uid(rustix::process::geteuid().as_raw().into());
    header.set_gid(rustix::process::getegid().as_raw().into());
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(512), 0);
}

type Item<'a> = (EntryType, &'a str, &'a str);
const FILE: EntryType = EntryType::Regular;
const DIR: EntryType = EntryType::Directory;
const LINK: EntryType = EntryType::Symlink;
const HARD: EntryType = EntryType::Link;

/// Files have their second text as content, links as target.
fn layer(items: &[Item<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, name, text) in items {
        match *kind {
            FILE => entry(&mut out, FILE, name, "", 0o644, text.as_bytes()),
            kind => entry(&mut out, kind, name, text, 0o755, b""),
        }
    }
    out.extend([0; 1024]);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

type Files = BTreeMap<String, Vec<u8>>;

fn blob(files: &mut Files, bytes: &[u8]) -> (String, usize) {
    let digest = Digest::of(bytes);
    files.insert(digest.layout_path(), bytes.to_vec());
    (digest.to_string(), bytes.len())
}

fn descriptor(media_type: &str, (digest, size): &(String, usize)) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
}

/// The files of a layout with these layers: the bytes of the blob, its media type, and the tar inside.
fn layout_of(layers: &[(Vec<u8>, &str, Vec<u8>)], config: &str) -> Files {
    let mut files = Files::new();
    let ids: Vec<String> = layers.iter().map(|(_, _, tar)| format!("\"{}\"", Digest::of(tar))).collect();
    let described: Vec<String> =
        layers.iter().map(|(b, kind, _)| descriptor(kind, &blob(&mut files, b))).collect();
    let arch = Arch::host().unwrap();
    let config = format!(
        r#"{{"architecture":"{arch}","os":"linux","config":{config},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        ids.join(",")
    );
    let config = descriptor(spec::CONFIG, &blob(&mut files, config.as_bytes()));
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{config},"layers":[{}]}}"#,
        spec::MANIFEST,
        described.join(",")
    );
    let manifest = descriptor(spec::MANIFEST, &blob(&mut files, manifest.as_bytes()));
    files.insert("index.json".into(), format!(r#"{{"schemaVersion":2,"manifests":[{manifest}]}}"#).into());
    files.insert("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    files
}

fn plain(layers: &[Vec<u8>]) -> Files {
    let layers: Vec<_> = layers.iter().map(|tar| (tar.clone(), spec::LAYER_TAR, tar.clone())).collect();
    layout_of(&layers, "{}")
}

fn archive(files: &Files) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        entry(&mut out, FILE, name, "", 0o644, bytes);
    }
    out.extend([0; 1024]);
    out
}

fn host() -> Arch {
    Arch::host().unwrap()
}

fn code(error: &OciError) -> u16 {
    let problem = error.problem();
    assert!(!problem.because.is_empty() || !problem.next.is_empty(), "{problem}");
    problem.code.0
}

fn unpack_layers(place: &Place, layers: &[Vec<u8>], limits: &Limits) -> Result<Utf8PathBuf> {
    let path = place.write(&archive(&plain(layers)));
    let layout = Layout::open(&path, limits)?;
    let image = read_image(&layout, host(), limits)?;
    let target = place.root.join("rootfs");
    unpack(&layout, &image, &target, limits)?;
    Ok(target)
}

#[test]
fn a_packed_program_has_all_it_needs_and_is_the_same_every_time() {
    let place = place();
    let extra = place.root.join("weights");
    fs::write(&extra, "w").unwrap();
    let options = PackOptions {
        extra_files: vec![("models/weights".parse().unwrap(), extra)],
        args: vec!["--quiet".into()],
        env: vec![("A".into(), "b=c".into())],
        workdir: "/data".into(),
        labels: [("site".to_owned(), "one".to_owned())].into(),
        ..PackOptions::new("/bin/true".into(), host())
    };
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let digest = pack(&options, &mut one).unwrap();
    assert_eq!(pack(&options, &mut two).unwrap(), digest);
    assert!(one == two, "two packs differ");

    let store = place.store();
    let path = place.write(&one);
    let imported = import(&store, &path, host(), &Limits::default()).unwrap();
    assert_eq!(imported.image.manifest_digest, digest);
    assert_eq!(imported.image, read_archive(&path, host(), &Limits::default()).unwrap());
    let config = &imported.image.config;
    assert_eq!(config.entrypoint, ["/app/true", "--quiet"]);
    assert_eq!((config.env[0].1.as_str(), config.workdir.as_str()), ("b=c", "/data"));
    fs::remove_file(&path).unwrap();

    // From here on there is only the artifact.
    let manifest = Manifest::load(&store, imported.id).unwrap();
    let (layout, image) = from_manifest(&store, &manifest, host(), &Limits::default()).unwrap();
    let target = place.root.join("rootfs");
    unpack(&layout, &image, &target, &Limits::default()).unwrap();
    for path in
        ["app/true", "etc/passwd", "data", "checkpoint", "output", "proc", "dev", "sys", "models/weights"]
    {
        assert!(target.join(path).exists(), "{path}");
    }
    assert_eq!(fs::metadata(target.join("tmp")).unwrap().mode() & 0o7777, 0o1777);
    let packed: Vec<String> =
        elf::closure(Utf8Path::new("/bin/true"), host()).unwrap().keys().map(ToString::to_string).collect();
    assert!(packed.iter().any(|p| p.contains("ld-linux")) && packed.iter().any(|p| p.ends_with("libc.so.6")));
    for path in packed {
        assert!(target.join(&path).is_file(), "{path}");
    }
    if rustix::process::geteuid().is_root() {
        let ran = Command::new("chroot").args([target.as_str(), "/app/true"]).status().unwrap();
        assert!(ran.success(), "the packed program runs in its own root");
    }
    let again = unpack(&layout, &image, &target, &Limits::default()).unwrap_err();
    assert_eq!(code(&again), 4004);
}

#[test]
fn what_is_no_program_or_lacks_a_library_is_named() {
    let place = place();
    let other = if host() == Arch::Amd64 { Arch::Arm64 } else { Arch::Amd64 };
    let mut out = Vec::new();
    let script = place.root.join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    assert_eq!(code(&pack(&PackOptions::new(script, host()), &mut out).unwrap_err()), 4207);
    assert_eq!(code(&pack(&PackOptions::new("/bin/true".into(), other), &mut out).unwrap_err()), 4207);
    assert_eq!(code(&pack(&PackOptions::new("/bin/none".into(), host()), &mut out).unwrap_err()), 4207);
    // A library of the same length that nobody has.
    let mut bytes = fs::read("/bin/true").unwrap();
    let at = bytes.windows(9).position(|w| w == b"libc.so.6").unwrap();
    bytes[at..at + 9].copy_from_slice(b"libq.so.6");
    let broken = place.root.join("broken");
    fs::write(&broken, bytes).unwrap();
    let error = pack(&PackOptions::new(broken, host()), &mut out).unwrap_err();
    assert!(code(&error) == 4208 && error.to_string().contains("libq.so.6"), "{error}");
    let twice = PackOptions {
        extra_files: vec![("app/true".parse().unwrap(), "/bin/false".into())],
        ..PackOptions::new("/bin/true".into(), host())
    };
    assert_eq!(code(&pack(&twice, &mut out).unwrap_err()), 4209);
}

#[test]
fn archives_directories_and_artifacts_are_read_alike() {
    let place = place();
    let tar = layer(&[(FILE, "hello", "world")]);
    let config =
        r#"{"Entrypoint":["/hello"],"Cmd":["x"],"Env":["PATH=/bin","E="],"WorkingDir":"/w","User":"1000:5"}"#;
    let mut files = layout_of(&[(gzip(&tar), spec::LAYER_GZIP, tar)], config);
    files.insert("repositories".into(), b"{}".to_vec());
    let dir = place.root.join("layout");
    for (name, bytes) in &files {
        fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
        fs::write(dir.join(name), bytes).unwrap();
    }
    let path = place.write(&archive(&files));
    let (store, limits) = (place.store(), Limits::default());
    let one = import(&store, &path, host(), &limits).unwrap();
    let two = import(&store, &dir, host(), &limits).unwrap();
    assert_eq!((&one.image, one.id), (&two.image, two.id));
    assert_eq!(
        (one.image.config.user.as_str(), one.image.config.cmd.as_slice()),
        ("1000:5", &["x".to_owned()][..])
    );
    assert_eq!(one.image.config.env, [("PATH".into(), "/bin".into()), ("E".into(), String::new())]);
    assert!(!one.manifest.entries().contains_key("repositories"), "only what is checked is stored");
    unpack(&Layout::open(&dir, &limits).unwrap(), &two.image, &place.root.join("r"), &limits).unwrap();
    assert_eq!(fs::read_to_string(place.root.join("r/hello")).unwrap(), "world");
    // A link in a layout directory leads nowhere.
    fs::remove_file(dir.join("index.json")).unwrap();
    std::os::unix::fs::symlink("../canary", dir.join("index.json")).unwrap();
    assert_eq!(code(&Layout::open(&dir, &limits).unwrap_err()), 4204);
    // Other artifacts are no images.
    let data =
        Manifest::new([("a".parse().unwrap(), one.manifest.entries()["oci-layout"].clone())].into()).unwrap();
    assert_eq!(code(&from_manifest(&store, &data, host(), &limits).unwrap_err()), 4200);
}

fn key(files: &Files, has: &str) -> String {
    let found = files.iter().find(|(name, bytes)| {
        name.starts_with("blobs") && bytes.windows(has.len()).any(|w| w == has.as_bytes())
    });
    found.unwrap().0.clone()
}

fn flip(files: &mut Files, has: &str) {
    let key = key(files, has);
    *files.get_mut(&key).unwrap().last_mut().unwrap() ^= 1;
}

fn edit(files: &mut Files, name: &str, from: &str, to: &str) {
    let text = String::from_utf8(files[name].clone()).unwrap();
    assert!(text.contains(from), "{text}");
    files.insert(name.into(), text.replace(from, to).into_bytes());
}

#[test]
fn a_layout_that_is_not_what_it_says_is_refused() {
    let content = "layer-content";
    type Tamper = fn(&mut Files);
    let cases: [(&str, u16, Tamper); 15] = [
        ("layer changed", 4201, |f| flip(f, "layer-content")),
        ("configuration changed", 4201, |f| flip(f, "diff_ids")),
        ("manifest changed", 4201, |f| flip(f, "\"config\":{\"mediaType")),
        ("layer missing", 4201, |f| {
            let key = key(f, "layer-content");
            f.remove(&key);
        }),
        ("size wrong", 4201, |f| edit(f, "index.json", "\"size\":", "\"size\":1")),
        ("digest of nothing", 4201, |f| {
            let digest = Digest::of(b"").to_string();
            let manifest = key(f, "\"config\":{\"mediaType");
            let name = format!("sha256:{}", manifest.rsplit('/').next().unwrap());
            edit(f, "index.json", &name, &digest);
        }),
        ("docker manifest", 4202, |f| {
            edit(f, "index.json", spec::MANIFEST, "application/vnd.docker.distribution.manifest.v2+json");
        }),
        ("another system", 4203, |f| {
            edit(
                f,
                "index.json",
                "\"size\"",
                "\"platform\":{\"os\":\"windows\",\"architecture\":\"amd64\"},\"size\"",
            );
        }),
        ("no image", 4203, |f| {
            f.insert("index.json".into(), br#"{"schemaVersion":2,"manifests":[]}"#.to_vec());
        }),
        ("no mark", 4200, |f| {
            f.remove("oci-layout");
        }),
        ("docker archive", 4200, |f| {
            f.remove("oci-layout");
            f.insert("manifest.json".into(), b"[]".to_vec());
        }),
        ("no index", 4200, |f| {
            f.remove("index.json");
        }),
        ("broken index", 4206, |f| edit(f, "index.json", "[", "")),
        ("other hash", 4206, |f| edit(f, "index.json", "sha256:", "sha512:")),
        ("a blob of no name", 4206, |f| {
            f.insert("blobs/sha256/readme".into(), vec![]);
        }),
    ];
    for (name, expected, tamper) in cases {
        let place = place();
        let mut files = plain(&[layer(&[(FILE, "f", content)])]);
        tamper(&mut files);
        let path = place.write(&archive(&files));
        let error = import(&place.store(), &path, host(), &Limits::default()).unwrap_err();
        assert_eq!(code(&error), expected, "{name}: {error}");
        assert!(
            place.store().list().unwrap().is_empty(),
            "{name}: a refused image leaves nothing in the store"
        );
        place.untouched();
    }
}

#[test]
fn formats_we_do_not_read_are_named() {
    let tar = layer(&[(FILE, "f", "x")]);
    let run = |files: &Files| {
        let place = place();
        let path = place.write(&archive(files));
        code(&read_archive(&path, host(), &Limits::default()).unwrap_err())
    };
    for kind in [
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
    ] {
        assert_eq!(run(&layout_of(&[(tar.clone(), kind, tar.clone())], "{}")), 4202, "{kind}");
    }
    assert_eq!(
        run(&layout_of(&[(tar.clone(), spec::LAYER_TAR, tar.clone())], r#"{"Env":["NOVALUE"]}"#)),
        4206
    );
    let mut two = plain(std::slice::from_ref(&tar));
    let other = layout_of(&[(tar.clone(), spec::LAYER_TAR, tar)], r#"{"User":"1"}"#);
    let entry = String::from_utf8(other["index.json"].clone()).unwrap();
    let entry = entry.split_once('[').unwrap().1.trim_end_matches("]}").to_owned();
    edit(&mut two, "index.json", "]}", &format!(",{entry}]}}"));
    two.extend(other.into_iter().filter(|(name, _)| name.starts_with("blobs")));
    assert_eq!(run(&two), 4203, "which of two images is meant");
    let deep = "{\"schemaVersion\":2,\"manifests\":[@]}";
    let mut nested = plain(&[]);
    let mut at = String::from_utf8(nested["index.json"].clone()).unwrap();
    for _ in 0..6 {
        let inner = descriptor(spec::INDEX, &blob(&mut nested, at.as_bytes()));
        at = deep.replace('@', &inner);
    }
    nested.insert("index.json".into(), at.into_bytes());
    assert_eq!(run(&nested), 4205, "an index in an index in an index");
}

#[test]
fn archives_that_are_broken_or_hostile_are_refused() {
    let good = archive(&plain(&[layer(&[(FILE, "f", "x")])]));
    let with = |kind, name: &str, link: &str| {
        let mut bytes = Vec::new();
        entry(&mut bytes, kind, name, link, 0o644, b"");
        [bytes, good.clone()].concat()
    };
    let mut long = Vec::new();
    entry(&mut long, EntryType::GNULongName, "././@LongLink", "", 0o644, &vec![b'a'; 2 << 20]);
    let cases = [
        ("truncated", 4201, good[..good.len() - 2048].to_vec()),
        ("cut in a header", 4201, good[..700].to_vec()),
        ("compressed", 4200, gzip(&good)),
        ("no tar", 4200, vec![b'x'; 4096]),
        ("empty", 4200, Vec::new()),
        ("twice", 4204, [good[..good.len() - 1024].to_vec(), good.clone()].concat()),
        ("up", 4204, with(FILE, "../up", "")),
        ("up within", 4204, with(FILE, "blobs/../../up", "")),
        ("absolute", 4204, with(FILE, "/etc/x", "")),
        ("link", 4204, with(LINK, "blobs", "/etc")),
        ("hard link", 4204, with(HARD, "x", "/etc/passwd")),
        ("hard link up", 4204, with(HARD, "x", "a/../../y")),
        ("hard link to a part", 4204, with(HARD, "index.json", "y")),
        ("device", 4204, with(EntryType::Char, "null", "")),
        ("long name", 4201, [long, good.clone()].concat()),
    ];
    for (name, expected, bytes) in cases {
        let place = place();
        let path = place.write(&bytes);
        let error = import(&place.store(), &path, host(), &Limits::default()).unwrap_err();
        assert_eq!(code(&error), expected, "{name}: {error}");
        place.untouched();
    }
    // What an old docker archive has is not hostile, only not a layout.
    let mut old = Vec::new();
    entry(&mut old, LINK, "1/layer.tar", "../2/layer.tar", 0o777, b"");
    entry(&mut old, FILE, "manifest.json", "", 0o644, b"[]");
    old.extend([0; 1024]);
    let place = place();
    let error = read_archive(&place.write(&old), host(), &Limits::default()).unwrap_err();
    assert!(code(&error) == 4200 && error.to_string().contains("docker archive"), "{error}");
    let few = Limits { max_entries: 3, ..Limits::default() };
    assert_eq!(code(&read_archive(&place.write(&good), host(), &few).unwrap_err()), 4205);
    let missing = Layout::open(&place.root.join("none"), &few).unwrap_err();
    assert_eq!(code(&missing), 4210);
}

#[test]
fn layers_that_try_to_leave_their_root_are_refused() {
    let cases: [(&str, &[Item<'_>]); 17] = [
        ("up", &[(FILE, "../canary", "dead")]),
        ("up from below", &[(DIR, "a", ""), (FILE, "a/../../canary", "dead")]),
        ("absolute", &[(FILE, "/tmp/holdfast-escape", "dead")]),
        ("through an absolute link", &[(LINK, "l", "/tmp"), (FILE, "l/holdfast-escape", "dead")]),
        ("through a link up", &[(LINK, "l", ".."), (FILE, "l/canary", "dead")]),
        ("through two links", &[(LINK, "a", "b"), (LINK, "b", "../.."), (FILE, "a/x/y", "dead")]),
        ("a directory through a link", &[(LINK, "l", ".."), (DIR, "l/made", "")]),
        ("a link through a link", &[(LINK, "l", ".."), (LINK, "l/made", "x")]),
        ("hard link up", &[(HARD, "h", "../canary")]),
        ("hard link absolute", &[(HARD, "h", "/etc/passwd")]),
        ("hard link through a link", &[(LINK, "l", ".."), (HARD, "h", "l/canary")]),
        ("hard link to a link out", &[(LINK, "l", "../canary"), (HARD, "h", "l"), (FILE, "h", "x")]),
        ("hard link to nothing", &[(HARD, "h", "nothing")]),
        ("device", &[(EntryType::Char, "null", "")]),
        ("block device", &[(EntryType::Block, "sda", "")]),
        ("whiteout of the parent", &[(FILE, "a/.wh...", "")]),
        ("whiteout through a link", &[(LINK, "l", ".."), (FILE, "l/.wh.canary", "")]),
    ];
    for (name, items) in cases {
        let place = place();
        let error = unpack_layers(&place, &[layer(items)], &Limits::default()).unwrap_err();
        assert_eq!(code(&error), 4204, "{name}: {error}");
        place.untouched();
        // The same, with the trap laid by a lower layer.
        if let [trap @ .., last] = items {
            let layers = [layer(trap), layer(&[*last])];
            let error = unpack_layers(&place, &layers, &Limits::default()).unwrap_err();
            assert_eq!(code(&error), 4204, "{name} over two layers: {error}");
            place.untouched();
        }
    }
    assert!(!Utf8Path::new("/tmp/holdfast-escape").exists());
}

/// A layer of one file that takes no bytes in the tar and `size` on the disk.
fn holes(size: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNUSparse);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header.as_old_mut().name[0] = b'h';
    let gnu = header.as_gnu_mut().unwrap();
    gnu.set_real_size(size);
    gnu.sparse[0].set_offset(size);
    gnu.sparse[0].set_length(0);
    header.set_cksum();
    [header.as_bytes().as_slice(), &[0; 1024]].concat()
}

#[test]
fn layers_that_are_too_much_or_broken_are_refused() {
    let zeros = "0".repeat(100_000);
    let bomb = layer(&[(FILE, "a", &zeros), (FILE, "b", &zeros)]);
    let packed = layout_of(&[(gzip(&bomb), spec::LAYER_GZIP, bomb)], "{}");
    let mut long = Vec::new();
    entry(&mut long, EntryType::GNULongName, "././@LongLink", "", 0o644, &vec![b'a'; 2 << 20]);
    let long = [long, layer(&[(FILE, "f", "x")])].concat();
    let small = Limits { max_unpacked_bytes: 150_000, ..Limits::default() };
    let few = Limits { max_entries: 8, ..Limits::default() };
    let cut = layer(&[(FILE, "a", &zeros)])[..50_000].to_vec();
    let tar = layer(&[(FILE, "a", &zeros)]);
    let half = gzip(&tar)[..100].to_vec();
    let cases = [
        ("too many bytes", 4205, packed, small),
        ("too many headers", 4205, plain(&[layer(&[(DIR, "d", ""); 400])]), small),
        ("a file of holes", 4205, plain(&[holes(1 << 40)]), Limits::default()),
        ("too many entries", 4205, plain(&[layer(&[(FILE, "a", ""); 9])]), few),
        ("too many implied directories", 4205, plain(&[layer(&[(FILE, "a/b/c/d/e/f/g/h/i", "")])]), few),
        ("too many layers", 4205, plain(&vec![layer(&[]); 3]), Limits { max_layers: 2, ..Limits::default() }),
        ("names too long", 4201, plain(&[long]), Limits::default()),
        ("tar ends early", 4201, plain(&[cut]), Limits::default()),
        (
            "gzip ends early",
            4201,
            layout_of(&[(half, spec::LAYER_GZIP, tar.clone())], "{}"),
            Limits::default(),
        ),
        (
            "another tar inside",
            4201,
            layout_of(&[(tar.clone(), spec::LAYER_TAR, vec![1])], "{}"),
            Limits::default(),
        ),
        ("not gzip", 4201, layout_of(&[(tar.clone(), spec::LAYER_GZIP, tar)], "{}"), Limits::default()),
    ];
    for (name, expected, files, limits) in cases {
        let place = place();
        let path = place.write(&archive(&files));
        let error = Layout::open(&path, &limits).and_then(|layout| {
            let image = read_image(&layout, host(), &limits)?;
            unpack(&layout, &image, &place.root.join("rootfs"), &limits)
        });
        let error = error.unwrap_err();
        assert_eq!(code(&error), expected, "{name}: {error}");
        place.untouched();
    }
}

#[test]
fn a_layer_that_changes_after_it_was_read_is_caught_by_the_unpacking() {
    let tar = layer(&[(FILE, "f", "layer-content")]);
    let zipped = gzip(&tar);
    let mut other_tar = tar.clone();
    other_tar[512] ^= 1;
    let mut other_zip = zipped.clone();
    // The byte that names the system: the tar inside stays what it was.
    other_zip[9] ^= 1;
    for (kind, now, later) in
        [(spec::LAYER_TAR, tar.clone(), other_tar), (spec::LAYER_GZIP, zipped, other_zip)]
    {
        let place = place();
        let mut files = layout_of(&[(now.clone(), kind, tar.clone())], "{}");
        let path = place.write(&archive(&files));
        let limits = Limits::default();
        let layout = Layout::open(&path, &limits).unwrap();
        let image = read_image(&layout, host(), &limits).unwrap();
        files.insert(Digest::of(&now).layout_path(), later);
        place.write(&archive(&files));
        let error = unpack(&layout, &image, &place.root.join("rootfs"), &limits).unwrap_err();
        assert_eq!(code(&error), 4201, "{kind}");
        place.untouched();
    }
}

/// The tree as text: path, kind, mode and content.
fn show(root: &Utf8Path) -> Vec<String> {
    let (mut lines, mut dirs) = (Vec::new(), vec![root.to_owned()]);
    while let Some(dir) = dirs.pop() {
        for entry in dir.read_dir_utf8().unwrap() {
            let path = entry.unwrap().path().to_owned();
            let name = path.strip_prefix(root).unwrap();
            let meta = fs::symlink_metadata(&path).unwrap();
            let mode = meta.mode() & 0o7777;
            lines.push(if meta.is_dir() {
                format!("{name}/ {mode:o}")
            } else if meta.is_symlink() {
                format!("{name} -> {}", path.read_link_utf8().unwrap())
            } else {
                format!("{name} {mode:o} {}", fs::read_to_string(&path).unwrap())
            });
            if meta.is_dir() {
                dirs.push(path);
            }
        }
    }
    lines.sort();
    lines
}

fn check_layers_apply(place: &Place) {
    let mut first = Vec::new();
    entry(&mut first, DIR, "./", "", 0o700, b"");
    entry(&mut first, DIR, "usr/bin/", "", 0o2555, b"");
    entry(&mut first, FILE, "./usr/bin/su", "", 0o6755, b"su");
    entry(&mut first, LINK, "bin", "usr/bin", 0o777, b"");
    entry(&mut first, LINK, "run", "/var/run", 0o777, b"");
    entry(&mut first, FILE, "gone", "", 0o644, b"1");
    entry(&mut first, FILE, "opaque/old", "", 0o644, b"1");
    entry(&mut first, FILE, "opaque/sub/old", "", 0o644, b"1");
    entry(&mut first, FILE, "file-then-dir", "", 0o644, b"1");
    entry(&mut first, FILE, "dir-then-file/x", "", 0o644, b"1");
    entry(&mut first, LINK, "link-then-file", "gone", 0o777, b"");
    entry(&mut first, FILE, "changed", "", 0o000, b"1");
    first.extend([0; 1024]);
    let second = layer(&[
        (FILE, "bin/new", "through a link within"),
        (HARD, "bin/hard", "usr/bin/su"),
        (FILE, ".wh.gone", ""),
        (FILE, ".wh.never-there", ""),
        (FILE, "nowhere/.wh.x", ""),
        (FILE, "opaque/sub/new", "2"),
        (FILE, "opaque/.wh..wh..opq", ""),
        (FILE, "file-then-dir/x", "2"),
        (FILE, "changed", "2"),
    ]);
    // A directory cannot be implied below a file; it has to be named first.
    assert_eq!(
        code(&unpack_layers(place, &[first.clone(), second.clone()], &Limits::default()).unwrap_err()),
        4204
    );
    let between =
        layer(&[(DIR, "file-then-dir", ""), (FILE, "dir-then-file", "2"), (FILE, "link-then-file", "2")]);
    let root = unpack_layers(place, &[first, between, second], &Limits::default()).unwrap();
    assert_eq!(
        show(&root),
        [
            "bin -> usr/bin",
            "changed 644 2",
            "dir-then-file 644 2",
            "file-then-dir/ 755",
            "file-then-dir/x 644 2",
            "link-then-file 644 2",
            "opaque/ 755",
            "opaque/sub/ 755",
            "opaque/sub/new 644 2",
            "run -> /var/run",
            "usr/ 755",
            "usr/bin/ 755",
            "usr/bin/hard 755 su",
            "usr/bin/new 644 through a link within",
            "usr/bin/su 755 su",
        ]
    );
    let (su, hard) =
        (fs::metadata(root.join("usr/bin/su")).unwrap(), fs::metadata(root.join("usr/bin/hard")).unwrap());
    assert_eq!((su.ino(), su.mtime()), (hard.ino(), 1000));
    assert_eq!(fs::metadata(&root).unwrap().mode() & 0o7777, 0o755);
    crate::remove_tree(&root).unwrap();
    assert!(!root.exists());
}

const ORDINARY: u32 = 65534;

#[test]
fn layers_apply_in_order_with_whiteouts_and_without_rights() {
    check_layers_apply(&place());
}

#[test]
fn an_ordinary_user_unpacks_the_same() {
    if !rustix::process::geteuid().is_root() {
        return check_layers_apply(&place());
    }
    // The test program runs this test again as an ordinary user, from a place that user can reach.
    let place = place();
    let program = place.root.join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let home = place.root.join("home");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&place.root, fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::chown(&home, Some(ORDINARY), Some(ORDINARY)).unwrap();
    let mut command = Command::new(&program);
    command.args(["--exact", "oci::tests::an_ordinary_user_unpacks_the_same"]).env("TMPDIR", &home);
    let output = command.current_dir(&home).uid(ORDINARY).gid(ORDINARY).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
