//! SWUpdate, which is started for each installation.

use std::time::Duration;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::Images;
use holdfast_release::{Digest, KERNEL, ROOT};

use super::side::{SLOTS, Side, emptied};
use crate::control::host::cpu_of_children;
use crate::machines::known::run;

const ARCHIVE: &str = "release.swu";

/// Its slots and its archive.
pub(super) struct SwUpdate {
    directory: Utf8PathBuf,
}

impl SwUpdate {
    pub(super) fn new(scratch: &Utf8Path, images: &Images) -> Result<Self> {
        let directory = scratch.join("swupdate");
        std::fs::create_dir_all(&directory)?;
        let [root, _, kernel] = SLOTS;
        let mut listed = String::new();
        for (from, to, slot) in [(ROOT, "root.img", root), (KERNEL, "kernel.img", kernel)] {
            let bytes = std::fs::read(images.path(from))?;
            std::fs::write(directory.join(to), &bytes)?;
            let sum = Digest::of(&bytes);
            listed +=
                &format!("{{ filename = \"{to}\"; device = \"{directory}/{slot}\"; sha256 = \"{sum}\"; }},");
        }
        let listed = listed.trim_end_matches(',');
        std::fs::write(
            directory.join("sw-description"),
            format!(
                "software = {{ version = \"2\"; hardware-compatibility: [ \"1\" ]; images: ( {listed} ); }}"
            ),
        )?;
        std::fs::write(directory.join("site.conf"), SITE)?;
        let made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-config", "site.conf"];
        run(&directory, "openssl", &[&made[..], &["-keyout", "key.pem", "-out", "site.pem"]].concat())?;
        let signs = ["cms", "-sign", "-in", "sw-description", "-out", "sw-description.sig"];
        let with = ["-signer", "site.pem", "-inkey", "key.pem", "-outform", "DER", "-nosmimecap", "-binary"];
        run(&directory, "openssl", &[&signs[..], &with[..]].concat())?;
        let files = ["sw-description", "sw-description.sig", "root.img", "kernel.img"];
        run(&directory, "bsdtar", &[&["--format=newc", "-cf", ARCHIVE][..], &files[..]].concat())?;
        Ok(Self { directory })
    }
}

impl Side for SwUpdate {
    fn bytes(&self) -> Result<u64> {
        Ok(std::fs::metadata(self.directory.join(ARCHIVE))?.len())
    }

    fn install(&mut self) -> Result<Duration> {
        emptied(&self.directory)?;
        let before = cpu_of_children()?;
        run(&self.directory, "swupdate", &["-k", "site.pem", "-H", "board:1", "-i", ARCHIVE])?;
        Ok(cpu_of_children()?.saturating_sub(before))
    }
}

/// It takes what a certificate for mail signed.
const SITE: &str = "[req]\ndistinguished_name=dn\nx509_extensions=v3\nprompt=no\n[dn]\nCN=site\n[v3]\n\
                    basicConstraints=CA:TRUE\nkeyUsage=digitalSignature,keyCertSign\n\
                    extendedKeyUsage=emailProtection\n";
