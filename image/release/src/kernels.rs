//! The names of kernels on the loader's partition: `holdfast-VERSION.efi`, with a counter behind the version while the loader tries
//! a new one (systemd's Automatic Boot Assessment: `+LEFT` or `+LEFT-DONE`).

/// The name of a kernel without its counter and its ending, and the counter; `None` where it is no kernel.
#[must_use]
pub fn kernel_parts(name: &str) -> Option<(&str, Option<&str>)> {
    let stem = name.strip_suffix(".efi").or_else(|| name.strip_suffix(".EFI"))?;
    let Some((front, counter)) = stem.rsplit_once('+') else { return Some((stem, None)) };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (left, done) = counter.split_once('-').unwrap_or((counter, "0"));
    if number(left) && number(done) { Some((front, Some(counter))) } else { Some((stem, None)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_told_from_versions() {
        for (name, front, counter) in [
            ("holdfast-1.0.efi", "holdfast-1.0", None),
            ("holdfast-1.0+3.efi", "holdfast-1.0", Some("3")),
            ("holdfast-1.0+2-1.efi", "holdfast-1.0", Some("2-1")),
            ("holdfast-1.0+build.efi", "holdfast-1.0+build", None),
            ("holdfast-1.0+build+3.efi", "holdfast-1.0+build", Some("3")),
        ] {
            assert_eq!(kernel_parts(name), Some((front, counter)), "{name}");
        }
        assert_eq!(kernel_parts("random-seed"), None);
    }
}
