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

/// Whether a version comes before another, in the order in which the loader takes them. What is no number is left to it.
#[must_use]
pub fn is_older(version: &str, than: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        version.split(['.', '-', '~', '+']).map_while(|part| part.parse().ok()).collect()
    };
    numbers(version)
        .into_iter()
        .zip(numbers(than))
        .find(|(one, other)| one != other)
        .is_some_and(|(one, other)| one < other)
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

    #[test]
    fn versions_are_ordered_as_the_loader_orders_them() {
        assert!(is_older("0.9.9", "0.10.0") && !is_older("0.10.0", "0.9.9"));
        // What only the loader can order is left to it.
        assert!(!is_older("1.0~rc1", "1.0") && !is_older("1.0", "1.0~rc1") && !is_older("1.0", "1.0"));
    }
}
