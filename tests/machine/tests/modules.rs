//! A driver of the site: built against the locked headers, signed with the site's key, loaded by a kernel that locks itself down;
//! and refused without that signature, or by the builder where it is for another kernel.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_image::{Archive, Cache, Lock, Node, Parts, SigningKey, assemble, program};
use holdfast_machine::{Firmware, Machine, Setup, images, rewrite_esp};

const LIMIT: Duration = Duration::from_secs(400);
const HEADERS: [&str; 3] =
    ["linux-headers-6.1.0-56-cloud-amd64", "linux-headers-6.1.0-56-common", "linux-kbuild-6.1"];
const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

fn workspace() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize_utf8().unwrap()
}

fn base() -> Utf8PathBuf {
    images().unwrap().dir().parent().unwrap().canonicalize_utf8().unwrap()
}

fn packages() -> Utf8PathBuf {
    std::env::var("HOLDFAST_PACKAGE_CACHE").map_or_else(|_| base().join("packages"), Utf8PathBuf::from)
}

fn done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The module of the example, built below `dir` as docs/install/extensions.md says.
fn example(dir: &Utf8Path) -> Utf8PathBuf {
    let lock = Lock::read(&workspace().join("image/packages.lock")).unwrap();
    let (cache, headers) = (Cache::new(&packages(), false), dir.join("headers"));
    for name in HEADERS {
        let package = lock.packages.iter().find(|one| one.name == name).unwrap();
        let deb = dir.join("package.deb");
        fs::write(&deb, cache.get(package).unwrap()).unwrap();
        done(&Command::new("dpkg-deb").args(["-x", deb.as_str(), headers.as_str()]).output().unwrap());
    }
    let kernel = headers.join("usr/src").join(HEADERS[0]);
    let makefile = fs::read_to_string(kernel.join("Makefile")).unwrap();
    let here = makefile.replace("/usr/src", headers.join("usr/src").as_str());
    fs::write(kernel.join("Makefile"), here).unwrap();
    let source = dir.join("module");
    fs::create_dir(&source).unwrap();
    for name in ["Makefile", "holdfast_example.c"] {
        fs::copy(workspace().join("examples/kernel-module").join(name), source.join(name)).unwrap();
    }
    let output = Command::new("make").args(["-C", source.as_str(), &format!("KERNEL={kernel}")]).output();
    done(&output.unwrap());
    source.join("holdfast_example.ko")
}

fn builder(arguments: &[&str], keys: &Utf8Path, out: &Utf8Path) -> Output {
    // Set by `cargo xtask test --only image`.
    let builder = std::env::var("HOLDFAST_IMAGE_BUILDER").unwrap();
    Command::new(builder)
        .args(arguments)
        .args(["--offline", "--keys", keys.as_str(), "--out", out.as_str()])
        .args(["--package-cache", packages().as_str()])
        .current_dir(workspace())
        .output()
        .unwrap()
}

/// Builds the images with more in them.
fn build(more: [&str; 2], out: &Utf8Path) -> Output {
    let programs = base().join("programs");
    let [what, which] = more;
    let arguments = ["build", "--enrol", "--programs", programs.as_str(), what, which];
    builder(&arguments, &base().join("keys"), out)
}

/// Builds an extension with the module and firmware for it.
fn extension(dir: &Utf8Path, module: &Utf8Path, keys: &Utf8Path) -> Utf8PathBuf {
    let (firmware, out) = (dir.join("example.txt"), dir.join("example.ext"));
    fs::write(&firmware, "hello").unwrap();
    let file = format!("{firmware}=firmware/holdfast/example.txt");
    let arguments = ["extension", "build", "example", "--module", module.as_str(), "--file", &file];
    done(&builder(&arguments, keys, &out));
    out
}

/// Starts a disk under Secure Boot, with the keys of the site in a firmware that had none.
fn start(dir: &Utf8Path, disk: &Utf8Path) -> Machine {
    let variables = dir.join("variables");
    fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
    let setup =
        Setup { megabytes: 1024, restarts: true, ..Setup::new(Firmware::Uefi { variables, secure: true }) };
    let mut machine = Setup { disks: vec![disk.to_owned()], ..setup }.start().unwrap();
    machine.line("Lockdown: ", LIMIT).unwrap();
    machine
}

#[test]
#[ignore = "builds a module and an image; cargo xtask test --full"]
fn a_module_of_the_site_loads_under_lockdown_and_only_with_its_signature() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Utf8Path::from_path(temp.path()).unwrap();
    let module = example(dir);
    let out = dir.join("images");
    done(&build(["--module", module.as_str()], &out));
    let disk = out.join("disk.raw");
    let mut machine = start(dir, &disk);
    machine.line("holdfast_example: loaded", LIMIT).unwrap();
    machine.event("root.proved", LIMIT).unwrap();
    machine.cut();

    // The same kernel image, signed as well, but with the module as the compiler left it.
    let mut over = Archive::default();
    let content = fs::read(&module).unwrap();
    over.put("modules/extra/holdfast_example.ko", Node::File { content, program: false });
    let initrd = [fs::read(out.join("initrd.zst")).unwrap(), over.encode()].concat();
    let (kernel, stub) = (fs::read(out.join("vmlinuz")).unwrap(), fs::read(STUB).unwrap());
    let cmdline = fs::read_to_string(out.join("cmdline")).unwrap();
    let os_release = "ID=holdfast\nVERSION_ID=1\n";
    let parts = Parts {
        stub: &stub,
        os_release,
        cmdline: &cmdline,
        kernel: &kernel,
        initrd: &initrd,
        signatures: None,
    };
    let key = SigningKey::load(&base().join("keys"), "db").unwrap();
    let signed = program(assemble(&parts).unwrap(), &key).unwrap();
    let read = |name: &str| fs::read(out.join(name)).unwrap();
    let (loader, keys) = (read("loader.efi"), ["PK", "KEK", "db"].map(|name| read(&format!("{name}.auth"))));
    rewrite_esp(
        &disk,
        &[
            ("EFI/BOOT/BOOTX64.EFI", &loader),
            ("EFI/Linux/holdfast.efi", &signed),
            ("loader/loader.conf", b"timeout 0\nsecure-boot-enroll force\n"),
            ("loader/keys/auto/PK.auth", &keys[0]),
            ("loader/keys/auto/KEK.auth", &keys[1]),
            ("loader/keys/auto/db.auth", &keys[2]),
        ],
    )
    .unwrap();
    let mut machine = start(dir, &disk);
    machine.line("module holdfast_example is not loaded: Key was rejected by service", LIMIT).unwrap();
    machine.event("root.proved", LIMIT).unwrap();
    machine.cut();

    let text = content_for_another_kernel(&module);
    let other = dir.join("holdfast_example.ko");
    fs::write(&other, text).unwrap();
    let refused = build(["--module", other.as_str()], &dir.join("none"));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("built for 6.1.0-55-cloud-amd64"), "{said}");
}

#[test]
#[ignore = "builds a module and an image; cargo xtask test --full"]
fn a_module_in_an_extension_loads_under_lockdown_and_finds_its_firmware() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Utf8Path::from_path(temp.path()).unwrap();
    let module = example(dir);
    let (keys, strangers, out) = (base().join("keys"), dir.join("strangers"), dir.join("images"));
    let made = Command::new(std::env::var("HOLDFAST_IMAGE_BUILDER").unwrap())
        .args(["keys", "init", strangers.as_str(), "--site", "Elsewhere"])
        .output();
    done(&made.unwrap());
    let foreign = extension(dir, &module, &strangers);
    let refused = build(["--extension", foreign.as_str()], &out);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("it is not signed by this site"), "{said}");

    let own = extension(dir, &module, &keys);
    done(&build(["--extension", own.as_str()], &out));
    let manifest = holdfast_release::Manifest::parse(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(
        (manifest.extensions[0].name.as_str(), manifest.file("example.ext").is_some()),
        ("example", true)
    );
    let mut machine = start(dir, &out.join("disk.raw"));
    let mounted = machine.event("extension.mounted", LIMIT).unwrap();
    assert_eq!(mounted["name"], "example");
    machine.line("holdfast_example: loaded", LIMIT).unwrap();
    machine.line("holdfast_example: its firmware says hello", LIMIT).unwrap();
    machine.cut();
}

fn content_for_another_kernel(module: &Utf8Path) -> Vec<u8> {
    let mut bytes = fs::read(module).unwrap();
    let magic = b"vermagic=6.1.0-56";
    let at = bytes.windows(magic.len()).position(|window| window == magic).unwrap();
    bytes[at + magic.len() - 1] = b'5';
    bytes
}
