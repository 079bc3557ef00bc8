//! Names that only the law uses: sites, the operators of their machines, and roles.

use std::fmt;

use holdfast_types::{MAX_NAME, NameError};

fn check(what: &'static str, text: &str) -> Result<(), NameError> {
    if text.is_empty() || text.len() > MAX_NAME {
        let shown = text.chars().take(MAX_NAME).collect();
        return Err(NameError::Length { what, text: shown, length: text.len() });
    }
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let alphabet = text.chars().all(|c| edge(c) || c == '-' || c == '.');
    if alphabet && text.starts_with(edge) && text.ends_with(edge) && !text.contains("..") {
        Ok(())
    } else {
        Err(NameError::Alphabet { what, text: text.to_owned() })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check($what, text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                check($what, &text)?;
                Ok(Self(text))
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a site: a building with machines in one jurisdiction, run by one operator.
    SiteName,
    "site name"
);
name!(
    /// The name of the operator of a site: who can touch its machines.
    OperatorName,
    "operator name"
);
name!(
    /// The name of a role of a person, such as `custodian`.
    RoleName,
    "role name"
);
