//! The words of a configuration: each is checked where it stands, so that an error names its line.

use core::net::IpAddr;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Bytes of the longest public key.
const LONGEST_KEY: usize = 8 << 10;

/// Why a word is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// A name.
    #[error("`{0}` is no name: use 1 to 63 small letters, digits and `-`, a letter or a digit at both ends")]
    Name(String),
    /// The name of a network device.
    #[error("`{0}` is no name of a network device: use 1 to 15 letters, digits, `.`, `-` and `_`")]
    Device(String),
    /// An address with the length of its network.
    #[error("`{0}` is no address with the length of its network, such as `10.0.0.2/24`")]
    Cidr(String),
    /// Bits that no network of this length has.
    #[error("`{text}` has bits beyond its length: the network is `{network}`")]
    Bits {
        /// As written.
        text: String,
        /// What was meant.
        network: String,
    },
    /// The address of a network card.
    #[error("`{0}` is no address of a network card, such as `52:54:00:12:34:56`")]
    Mac(String),
    /// A host with a port.
    #[error("`{0}` is no host with a port, such as `10.0.0.2:7443`")]
    Endpoint(String),
    /// A host.
    #[error("`{0}` is no host: use an address or a name of letters, digits, `-` and `.`")]
    Host(String),
    /// What nobody can be encrypted to.
    #[error("this is no public half of a backup key, as `holdfast cluster backup-key` prints it")]
    OperatorKey,
    /// The half that opens everything, where the other one belongs.
    #[error(
        "this is the secret half of a backup key: keep it with its operator, and give the other half here"
    )]
    SecretHalf,
    /// A secret that cannot be one.
    #[error("the secret is empty, too long, or has white space")]
    Secret,
}

macro_rules! word {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = WordError;
            fn try_from(text: String) -> Result<Self, WordError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.to_string()
            }
        }
    };
}

/// The public half of an operator's key: what is encrypted to it nobody else reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperatorKey(String);

word!(OperatorKey);

impl FromStr for OperatorKey {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        if text.starts_with("HOLDFAST-BACKUP-SECRET-") {
            return Err(WordError::SecretHalf);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let formed = text.starts_with("holdfast-backup-") && text.bytes().all(plain);
        if formed && text.len() <= LONGEST_KEY {
            Ok(Self(text.to_owned()))
        } else {
            Err(WordError::OperatorKey)
        }
    }
}

impl fmt::Display for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a machine, which is its host name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl FromStr for Name {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        if is_label(text) && !text.contains(|c: char| c.is_ascii_uppercase()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(WordError::Name(text.to_owned()))
        }
    }
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=63).contains(&text.len())
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
word!(Name);

/// The name of a network device as the kernel takes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceName(String);

impl FromStr for DeviceName {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let fits = (1..=15).contains(&text.len()) && text.chars().all(allowed);
        if fits && !matches!(text, "." | ".." | "lo" | "all" | "default") {
            Ok(Self(text.to_owned()))
        } else {
            Err(WordError::Device(text.to_owned()))
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
word!(DeviceName);

/// An address and how many of its bits are the network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    /// The address.
    pub address: IpAddr,
    /// Bits of the network.
    pub length: u8,
}

impl FromStr for Cidr {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        let refused = || WordError::Cidr(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(refused)?;
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let digits = (1..=3).contains(&length.len()) && length.bytes().all(|b| b.is_ascii_digit());
        let length: u8 = length.parse().map_err(|_| refused())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if digits && length <= most { Ok(Self { address, length }) } else { Err(refused()) }
    }
}

impl Cidr {
    /// The address with all bits beyond the length cleared.
    #[must_use]
    pub fn network(self) -> Self {
        let address = match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.length.min(32))).unwrap_or(0);
                IpAddr::V4((u32::from(v4) & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.length.min(128))).unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
        };
        Self { address, length: self.length }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}
word!(Cidr);

/// A network: an address without bits beyond its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(pub Cidr);

impl FromStr for Network {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        let cidr: Cidr = text.parse()?;
        let network = cidr.network();
        if network == cidr {
            return Ok(Self(cidr));
        }
        Err(WordError::Bits { text: text.to_owned(), network: network.to_string() })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
word!(Network);

/// The address of a network card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl FromStr for Mac {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        let refused = || WordError::Mac(text.to_owned());
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part = parts.next().ok_or_else(refused)?;
            let two = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
            *byte = u8::from_str_radix(part, 16).ok().filter(|_| two).ok_or_else(refused)?;
        }
        if parts.next().is_some() { Err(refused()) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
word!(Mac);

/// A host: an address or a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host(String);

impl FromStr for Host {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        let name = text.len() <= 253 && text.split('.').all(is_label);
        if name || text.parse::<IpAddr>().is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(WordError::Host(text.to_owned()))
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
word!(Host);

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl FromStr for Endpoint {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        let refused = || WordError::Endpoint(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host: Host = bare.unwrap_or(host).parse().map_err(|_| refused())?;
        let digits = port.bytes().all(|b| b.is_ascii_digit());
        let port: u16 = port.parse().ok().filter(|port| digits && *port > 0).ok_or_else(refused)?;
        if host.0.contains(':') == bare.is_some() { Ok(Self { host, port }) } else { Err(refused()) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.0.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
word!(Endpoint);

/// What only this machine and its cluster may know. It shows itself to nobody who does not ask for it by name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    const LONGEST: usize = 4_096;

    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Secret {
    type Error = WordError;
    fn try_from(text: String) -> Result<Self, WordError> {
        let text = Zeroizing::new(text);
        let fits = (1..=Self::LONGEST).contains(&text.len()) && !text.contains(char::is_whitespace);
        if fits { Ok(Self(text)) } else { Err(WordError::Secret) }
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.reveal().to_owned()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms<T: FromStr + fmt::Display>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(text.parse::<T>().map(|word| word.to_string()).ok().as_deref(), Some(*text));
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "`{text}`");
        }
    }

    #[test]
    fn words_have_one_form() {
        let long = "a".repeat(64);
        forms::<Name>(&["de-1", "a"], &["", "-a", "a-", "A", "a.b", "a b", &long]);
        forms::<DeviceName>(&["eth0", "bond0.12"], &["", "lo", "..", "a/b", "sixteen-letters-"]);
        forms::<Cidr>(
            &["10.0.0.2/24", "::1/128", "0.0.0.0/0"],
            &["10.0.0.2", "1.1.1.1/33", "1.1.1/8", "::/129", "::/+1", "1.1.1.1/"],
        );
        forms::<Network>(&["10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8"], &["10.0.0.1/8", "fd00::1/8"]);
        forms::<Mac>(
            &["52:54:00:12:34:5f"],
            &["", "52:54:00:12:34", "52:54:00:12:34:5f:00", "+2:54:00:12:34:5f"],
        );
        forms::<Endpoint>(
            &["10.0.0.2:7443", "[fd00::1]:1", "a.b:65535"],
            &["10.0.0.2", "a:0", "a:65536", "fd00::1:7", "[a]:7", ":7", "a:+7", "a b:7"],
        );
        assert_eq!(
            "52-54-00-12-34-56".parse::<Mac>().map(|mac| mac.0),
            Ok([0x52, 0x54, 0, 0x12, 0x34, 0x56])
        );
    }

    #[test]
    fn only_the_public_half_of_a_key_is_one_of_an_operator() {
        let key = |text: &str| text.parse::<OperatorKey>();
        assert_eq!(key("holdfast-backup-1-ab_C-9").unwrap().to_string(), "holdfast-backup-1-ab_C-9");
        assert_eq!(key("HOLDFAST-BACKUP-SECRET-1-ab"), Err(WordError::SecretHalf));
        let long = format!("holdfast-backup-1-{}", "a".repeat(LONGEST_KEY));
        for text in ["", "age1xyz", "holdfast-backup-1-a b", "holdfast-backup-1-a\n", &long] {
            assert_eq!(key(text), Err(WordError::OperatorKey), "{text}");
        }
    }

    #[test]
    fn a_secret_shows_itself_only_when_asked() {
        let secret = Secret::try_from("hf1-abc".to_owned()).unwrap();
        assert_eq!((format!("{secret:?}").as_str(), secret.reveal()), ("Secret(..)", "hf1-abc"));
        assert_eq!(Secret::try_from("a b".to_owned()), Err(WordError::Secret));
    }
}
