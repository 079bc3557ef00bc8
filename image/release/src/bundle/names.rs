//! What a payload may hold.

/// What every payload has: what the release says of itself, the root and its proof, the kernel and the loader.
pub const PAYLOAD_NAMES: [&str; 5] =
    ["holdfast.efi", "loader.efi", "manifest.json", "root.erofs", "root.verity"];

/// The longest name of a file.
const LONGEST: usize = 80;

/// Whether a file of that name may be in a payload: one of [`PAYLOAD_NAMES`], or `extensions/NAME`.
#[must_use]
pub fn is_payload_name(name: &str) -> bool {
    PAYLOAD_NAMES.contains(&name) || name.strip_prefix("extensions/").is_some_and(is_plain)
}

fn is_plain(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_payload() {
        for good in ["manifest.json", "extensions/nvidia-535.raw"] {
            assert!(is_payload_name(good), "{good}");
        }
        for bad in
            ["", "../manifest.json", "extensions/", "extensions/..", "extensions/a/b", "/root.erofs", "init"]
        {
            assert!(!is_payload_name(bad), "{bad}");
        }
    }
}
