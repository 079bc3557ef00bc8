//! Which build this is: its version and the revision it was built from.

use std::fmt;

/// What a build says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildInfo {
    /// The version of the workspace.
    pub version: &'static str,
    /// The git revision given to the build as `HOLDFAST_REVISION`, or `unknown`.
    pub revision: &'static str,
}

impl fmt::Display for BuildInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.revision)
    }
}

/// This build. The revision is given from outside, so that two builds of one revision are the same to the byte.
#[must_use]
pub const fn build_info() -> BuildInfo {
    let revision = match option_env!("HOLDFAST_REVISION") {
        Some(revision) => revision,
        None => "unknown",
    };
    BuildInfo { version: env!("CARGO_PKG_VERSION"), revision }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_names_its_version_and_revision() {
        let info = build_info();
        assert_eq!(info.to_string(), format!("{} ({})", info.version, info.revision));
        assert!(!info.version.is_empty() && !info.revision.is_empty());
    }
}
