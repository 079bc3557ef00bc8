//! What may be done with a package of Debian: what its `copyright` file says in the form for machines (Debian's
//! copyright-format 1.0), in the words of SPDX.

use std::collections::BTreeSet;

/// The licences of a package, each as an expression of SPDX; those that SPDX has no name for begin with `LicenseRef-`. Nothing where
/// the file is not in the form for machines.
pub(crate) fn licences(copyright: &str) -> BTreeSet<String> {
    if !copyright.starts_with("Format:") {
        return BTreeSet::new();
    }
    let names = copyright.lines().filter_map(|line| line.strip_prefix("License:"));
    names.map(str::trim).filter(|name| !name.is_empty()).map(expression).collect()
}

/// The short name of Debian as an expression.
fn expression(name: &str) -> String {
    if let Some((one, other)) = name.split_once(" or ").or_else(|| name.split_once("-or-")) {
        return format!("({} OR {})", expression(one), expression(other));
    }
    if let Some((one, other)) = name.split_once(" and ") {
        return format!("({} AND {})", expression(one.trim_end_matches(',')), expression(other));
    }
    if let Some((licence, exception)) = name.split_once(" with ") {
        let exception = exception.trim_end_matches(" exception");
        return format!("{} WITH {exception}", simple(licence));
    }
    simple(name)
}

fn simple(name: &str) -> String {
    let known = match name {
        "Expat" => "MIT",
        "X11" => "X11",
        "BSD-2-clause" => "BSD-2-Clause",
        "BSD-3-clause" => "BSD-3-Clause",
        "BSD-4-clause" => "BSD-4-Clause",
        "CC0" | "CC0-1.0" => "CC0-1.0",
        "ISC" => "ISC",
        "zlib" | "Zlib" => "Zlib",
        "Apache-2.0" => "Apache-2.0",
        "Artistic" => "Artistic-1.0-Perl",
        "Unicode-data" => "Unicode-DFS-2016",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    gnu(name).unwrap_or_else(|| own(name))
}

/// The name of one of GNU's licences: with a plus every later version may be taken.
fn gnu(name: &str) -> Option<String> {
    let (family, version) = name.split_once('-').filter(|(family, _)| matches!(*family, "GPL" | "LGPL"))?;
    let (version, later) = match version.strip_suffix('+') {
        Some(version) => (version, "or-later"),
        None => (version, "only"),
    };
    let version = if version.contains('.') { version.to_owned() } else { format!("{version}.0") };
    version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.').then_some(())?;
    Some(format!("{family}-{version}-{later}"))
}

/// A name that SPDX does not have.
pub(crate) fn own(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '-' };
    format!("LicenseRef-{}", name.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_debian_become_those_of_spdx() {
        for (debian, spdx) in [
            ("Expat", "MIT"),
            ("GPL-2+", "GPL-2.0-or-later"),
            ("GPL-2", "GPL-2.0-only"),
            ("LGPL-2.1", "LGPL-2.1-only"),
            ("GPL-2 or BSD-2-clause", "(GPL-2.0-only OR BSD-2-Clause)"),
            ("GPL-2+-or-X11", "(GPL-2.0-or-later OR X11)"),
            ("GPL-2 with Linux-syscall-note exception", "GPL-2.0-only WITH Linux-syscall-note"),
            ("public-domain", "LicenseRef-public-domain"),
            ("Some (odd) name", "LicenseRef-Some--odd--name"),
            ("GPL-x", "LicenseRef-GPL-x"),
        ] {
            assert_eq!(expression(debian), spdx);
        }
        let file =
            "Format: https://x\n\nFiles: *\nLicense: GPL-2+\n\nLicense: GPL-2+\n text\n\nLicense: Expat\n";
        assert_eq!(licences(file).into_iter().collect::<Vec<_>>(), ["GPL-2.0-or-later", "MIT"]);
        assert!(licences("This is the Debian package\nLicense: GPL-2\n").is_empty());
    }
}
