//! The unified kernel image: the stub of systemd with the kernel, its first archive, its command line and the release as sections
//! (UAPI group, UKI specification), and what a TPM will have measured of it.

use holdfast_seal::extended;

use crate::pe::{Pe, PeError};

/// The sections in the order in which the stub measures them (`unified_sections` of systemd 252).
const MEASURED: [&str; 6] = [".linux", ".osrel", ".cmdline", ".initrd", ".splash", ".pcrpkey"];

/// The parts of an image.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The stub.
    pub stub: &'a [u8],
    /// The lines of `os-release`.
    pub os_release: &'a str,
    /// The command line of the kernel.
    pub cmdline: &'a str,
    /// The kernel.
    pub kernel: &'a [u8],
    /// What the kernel unpacks and starts.
    pub initrd: &'a [u8],
    /// Signatures of what the stub measures of this image. They are measured themselves by nobody.
    pub signatures: Option<&'a str>,
}

/// The image, not signed yet.
///
/// # Errors
///
/// The stub is none, or has no room.
pub fn assemble(parts: &Parts<'_>) -> Result<Vec<u8>, PeError> {
    let mut pe = Pe::parse(parts.stub.to_vec())?;
    // The stub reads text up to a NUL.
    pe.add(".osrel", parts.os_release.as_bytes())?;
    pe.add(".cmdline", parts.cmdline.as_bytes())?;
    pe.add(".initrd", parts.initrd)?;
    if let Some(signatures) = parts.signatures {
        pe.add(".pcrsig", signatures.as_bytes())?;
    }
    // The kernel comes last: it may use memory behind its section while it unpacks itself.
    pe.add(".linux", parts.kernel)?;
    pe.finished()
}

/// What PCR 11 holds once the stub has measured this image and each of `phases` was reached.
///
/// # Errors
///
/// It is no image.
pub fn pcr11(image: Vec<u8>, phases: &[&str]) -> Result<[u8; 32], PeError> {
    let pe = Pe::parse(image)?;
    let mut register = [0; 32];
    for name in MEASURED {
        if let Some(content) = pe.section(name) {
            register = extended(register, &[name.as_bytes(), b"\0"].concat());
            register = extended(register, content);
        }
    }
    Ok(phases.iter().fold(register, |register, phase| extended(register, phase.as_bytes())))
}
