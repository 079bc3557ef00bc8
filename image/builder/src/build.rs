//! All steps from the locked packages to the parts of the images, in the order in which each needs the one before.

use std::collections::BTreeMap;
use std::fs;

use camino::Utf8Path;
use holdfast_fetch::Address;
use holdfast_release::{
    Digest, FileSum, KERNEL, LOADER, Manifest, ManifestError, ROOT, ROOT_TREE, TAKES_OVER_FROM, Verity,
};

use crate::carrying;
use crate::contents::{os_release, root};
use crate::cpio::{Archive, Node};
use crate::inputs::{BuildError, Inputs, Packages, at, one, unpack};
use crate::kernel::{Kernel, Own, kernel};
use crate::measure;
use crate::root::{Image, Root};
use crate::sign;
use crate::uki::{self, Parts};

/// What makes a kernel install instead of running what is installed.
const INSTALLS: &str = "holdfast.mode=install";
/// What makes it fetch what it installs.
const FETCHES: &str = "holdfast.mode=netboot";
/// What every kernel of ours is told against attacks on itself, as the Kernel Self Protection Project recommends it. The switches
/// that are thrown later are in `agent/init/src/hardening.rs`. How a processor's flaws are met is left to the kernel, which knows it.
const HARDENED: [&str; 6] = [
    // An overflow in one kind of object does not reach another kind.
    "slab_nomerge",
    // Memory that is handed out says nothing of whoever had it, and lies where nobody can foresee.
    "init_on_alloc=1",
    "page_alloc.shuffle=1",
    "randomize_kstack_offset=on",
    // No code at an address that everybody knows.
    "vsyscall=none",
    // No door for debugging.
    "debugfs=off",
];

/// What was built.
#[derive(Debug)]
pub struct Built {
    /// The root as it was meant.
    pub tree: Root,
    /// The root and its proof.
    pub root: Image,
    /// The signed kernel of the installed system.
    pub uki: Vec<u8>,
    /// The signed kernel that installs from a medium.
    pub install: Vec<u8>,
    /// The signed kernel that installs from what it fetches over the network.
    pub netboot: Vec<u8>,
    /// Its first archive, with the drivers of network cards.
    pub netboot_initrd: Vec<u8>,
    /// Its command line.
    pub netboot_cmdline: String,
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
    /// The files of the packages.
    pub(crate) packages: Packages,
}

impl Built {
    /// The files of the release by name, the manifest left out.
    #[must_use]
    pub fn files<'a>(&'a self, inputs: &'a Inputs<'_>) -> BTreeMap<&'a str, &'a [u8]> {
        let keys = inputs.enrolment.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
        let extensions = inputs.extensions.iter().map(|one| (one.file.as_str(), one.bytes.as_slice()));
        keys.chain(extensions)
            .chain([
                (ROOT, self.root.bytes.as_slice()),
                (ROOT_TREE, &self.root.tree.bytes),
                (KERNEL, &self.uki),
                (LOADER, &self.loader),
            ])
            .collect()
    }
}

/// Builds the parts of the images; `tell` hears each step.
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
    let files = packages.get(&inputs.recipe.kernel).map(Vec::as_slice).unwrap_or_default();
    let kernel = kernel(inputs.recipe, files, Own { modules: inputs.modules, key: inputs.key })?;
    let extensions = carrying::fitting(inputs, &kernel)?;
    tell("root");
    let tree = root(inputs, &packages, &kernel)?;
    let id = uuid(&format!("{} {:?}", inputs.version, inputs.profile));
    let root = tree.image(scratch, &id, inputs.lock.epoch).map_err(at("make the root"))?;
    tell("first archive");
    let initrd = first_archive(inputs, &kernel, &[])?;
    let netboot_initrd = first_archive(inputs, &kernel, &inputs.recipe.netboot_modules)?;
    tell("kernel images and signatures");
    let cmdline = cmdline(inputs, &root);
    let signing = Signing { inputs, packages: &packages, kernel: &kernel.image };
    let (uki, pcr11) = signing.image(&cmdline, &initrd)?;
    let installs = format!("{cmdline} {INSTALLS}");
    let (install, _) = signing.image(&installs, &initrd)?;
    let loader = one(&packages, &inputs.recipe.loader, "usr/lib/systemd/boot/efi/systemd-bootx64.efi")?;
    let loader = sign::program(loader.to_vec(), inputs.key).map_err(at("sign the boot loader"))?;
    let manifest = Manifest {
        version: inputs.version.to_owned(),
        profile: inputs.profile,
        epoch: inputs.lock.epoch,
        kernel: kernel.release.clone(),
        files: BTreeMap::new(),
        verity: Verity {
            root_hash: Digest(root.tree.root.0),
            salt: Digest(root.salt),
            data_blocks: root.tree.data_blocks,
        },
        pcr11,
        extensions,
        from: Some(TAKES_OVER_FROM.to_owned()),
    };
    let (netboot, kernel) = (Vec::new(), kernel.image);
    let mut built = Built {
        tree,
        root,
        uki,
        install,
        netboot,
        netboot_initrd,
        netboot_cmdline: String::new(),
        loader,
        kernel,
        initrd,
        cmdline,
        manifest,
        packages,
    };
    let sums = built.files(inputs).into_iter();
    built.manifest.files = sums.map(|(name, bytes)| (name.to_owned(), FileSum::of(bytes))).collect();
    let manifest = built.manifest.encode().map_err(at::<ManifestError>("write the manifest"))?;
    let words = netboot_words(&Digest::of(&manifest), inputs.netboot_from);
    built.netboot_cmdline = format!("{} {words}", built.cmdline);
    built.netboot = netboot_image(inputs, &built)?;
    Ok(built)
}

/// The kernel that fetches everything that is installed. It names the manifest, so its signature covers what comes, too.
fn netboot_image(inputs: &Inputs<'_>, built: &Built) -> Result<Vec<u8>, BuildError> {
    let signing = Signing { inputs, packages: &built.packages, kernel: &built.kernel };
    Ok(signing.image(&built.netboot_cmdline, &built.netboot_initrd)?.0)
}

/// The words of the command line that bring a machine to its root over the network: whose files, and from where if that is known.
fn netboot_words(manifest: &Digest, from: Option<&Address>) -> String {
    let from = from.map(|from| format!(" holdfast.root={from}")).unwrap_or_default();
    format!("{FETCHES} holdfast.manifest={manifest}{from}")
}

/// What every signed kernel image of a release has.
struct Signing<'a> {
    inputs: &'a Inputs<'a>,
    packages: &'a Packages,
    kernel: &'a [u8],
}

impl Signing<'_> {
    /// The signed image with this command line and first archive, and what is measured of it.
    fn image(&self, cmdline: &str, initrd: &[u8]) -> Result<(Vec<u8>, Digest), BuildError> {
        let loader = &self.inputs.recipe.loader;
        let stub = one(self.packages, loader, "usr/lib/systemd/boot/efi/linuxx64.efi.stub")?;
        let os_release = os_release(self.inputs);
        let parts =
            Parts { stub, os_release: &os_release, cmdline, kernel: self.kernel, initrd, signatures: None };
        let together = "put the kernel image together";
        let mut unsigned = uki::assemble(&parts).map_err(at(together))?;
        let pcr11 = uki::pcr11(unsigned.clone(), &[]).map_err(at("measure the kernel image"))?;
        if let Some(key) = self.inputs.measured {
            let signatures = measure::signed(key, &pcr11).map_err(at("sign the measurement"))?;
            let parts = Parts { signatures: Some(&signatures), ..parts };
            unsigned = uki::assemble(&parts).map_err(at(together))?;
        }
        let signed = sign::program(unsigned, self.inputs.key).map_err(at("sign the kernel image"))?;
        Ok((signed, Digest(pcr11)))
    }
}

/// What a kernel unpacks first, with `more` modules than it takes to reach a root on a disk or a medium.
fn first_archive(inputs: &Inputs<'_>, kernel: &Kernel<'_>, more: &[String]) -> Result<Vec<u8>, BuildError> {
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
    let first = inputs.recipe.first_modules.iter().chain(more);
    let first = first.cloned().chain(kernel.own().map(str::to_owned));
    let first: Vec<String> = first.collect();
    let chosen = kernel.modules.closed(&first).map_err(at("choose the first modules"))?;
    for name in &chosen {
        if let Some((path, content)) = kernel.content(name) {
            archive.put(&format!("modules/{path}"), Node::File { content: content.to_vec(), program: false });
        }
    }
    let index = kernel.modules.index(&chosen).into_bytes();
    archive.put("modules/index", Node::File { content: index, program: false });
    let mut packed =
        zstd::encode_all(archive.encode().as_slice(), 19).map_err(at("pack the first archive"))?;
    // Another archive may follow; the kernel looks for it at multiples of four.
    packed.resize(packed.len().next_multiple_of(4), 0);
    Ok(packed)
}

fn cmdline(inputs: &Inputs<'_>, image: &Image) -> String {
    let mut words = inputs.recipe.cmdline.clone();
    // Process 1 speaks over the kernel's log, from its first word on; none of them may be dropped for there being many.
    words.extend(["panic=1", "printk.devkmsg=on"].map(str::to_owned));
    words.extend(HARDENED.map(str::to_owned));
    words.push(format!("holdfast.roothash={}", image.tree.root));
    words.join(" ")
}

/// The number that a name gives, as text in small letters.
fn uuid(name: &str) -> String {
    holdfast_release::Guid::named("holdfast.image", name).to_string().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_for_the_network_names_its_files_and_where_they_are_if_that_is_known() {
        let manifest = Digest([0xab; 32]);
        let named = format!("holdfast.mode=netboot holdfast.manifest={}", "ab".repeat(32));
        assert_eq!(netboot_words(&manifest, None), named);
        let from = "http://10.0.0.5/boot/".parse().unwrap();
        assert_eq!(
            netboot_words(&manifest, Some(&from)),
            format!("{named} holdfast.root=http://10.0.0.5/boot/")
        );
    }
}
