//! The names of kernels: the version in them, and the counter by which the loader tries a new one.

use holdfast_release::kernel_parts;

/// The version in the name of a kernel, with or without the counter of the loader.
pub(super) fn version_of(name: &str) -> Option<&str> {
    let front = match name.strip_suffix(".staged") {
        Some(front) => front,
        None => kernel_parts(name)?.0,
    };
    front.strip_prefix("holdfast-")
}

/// The counter in the name of a kernel: tries left and tries made.
pub(super) fn counter(name: &str) -> Option<(u32, u32)> {
    let (left, done) =
        kernel_parts(name)?.1.map(|counter| counter.split_once('-').unwrap_or((counter, "0")))?;
    Some((left.parse().ok()?, done.parse().ok()?))
}

/// Whether the loader has tried this kernel as often as it may.
pub(super) fn is_spent(name: &str) -> bool {
    counter(name).is_some_and(|(left, _)| left == 0)
}

/// A name that the loader does not look at.
pub(super) fn staged(version: &str) -> String {
    format!("holdfast-{version}.staged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_versions_and_counters() {
        for (name, version, spent) in [
            ("holdfast-1.0.efi", Some("1.0"), false),
            ("holdfast-1.0+3.efi", Some("1.0"), false),
            ("holdfast-1.0+0-3.efi", Some("1.0"), true),
            ("holdfast-1.0+build.efi", Some("1.0+build"), false),
            ("holdfast-1.0.staged", Some("1.0"), false),
            ("recovery.efi", None, false),
            ("holdfast-1.0.new", None, false),
        ] {
            assert_eq!((version_of(name), is_spent(name)), (version, spent), "{name}");
        }
    }
}
