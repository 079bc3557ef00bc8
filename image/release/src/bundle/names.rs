//! What a payload may hold.

use crate::manifest::{KERNEL, LOADER, MANIFEST, ROOT, ROOT_TREE};

/// What every payload has: the kernel, the loader, what the release says of itself, the root and its proof.
pub const PAYLOAD_NAMES: [&str; 5] = [KERNEL, LOADER, MANIFEST, ROOT, ROOT_TREE];

/// The longest name of a file.
const LONGEST: usize = 80;

/// Whether a file of that name may be in a payload: it leads nowhere else.
#[must_use]
pub fn is_payload_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'~');
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_payload() {
        for good in ["manifest.json", "nvidia-535.raw"] {
            assert!(is_payload_name(good), "{good}");
        }
        for bad in
            ["", "../manifest.json", "extensions/a", "..", "a/b", "/root.erofs", ".hidden", &"x".repeat(81)]
        {
            assert!(!is_payload_name(bad), "{bad}");
        }
    }
}
