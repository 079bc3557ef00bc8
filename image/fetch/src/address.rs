//! Where a file is: `http://HOST[:PORT]/PATH`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

const SCHEME: &str = "http://";
const PORT: u16 = 80;
/// Bytes of the longest address.
const LONGEST: usize = 1_024;

/// Why a text is no address of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    /// Another protocol.
    #[error("`{0}` does not begin with {SCHEME}")]
    Scheme(String),
    /// What cannot stand in a request, or is too long for one.
    #[error("an address has {LONGEST} bytes at most, all of them visible ASCII")]
    Form,
    /// No host, or no port behind the colon.
    #[error("`{0}` is no host with a port")]
    Host(String),
}

/// The address of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    path: String,
}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        if text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NoAddress::Form);
        }
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| NoAddress::Scheme(text.to_owned()))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let wrong = || NoAddress::Host(authority.to_owned());
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (authority, PORT),
        };
        if host.is_empty() || host.contains('@') || (host.contains(':') && six(host).is_none()) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port, path: path.to_owned() })
    }
}

impl Address {
    /// A file beside this one, or in this directory where the address ends with `/`.
    #[must_use]
    pub fn beside(&self, name: &str) -> Self {
        let directory = self.path.rsplit_once('/').map(|(directory, _)| format!("{directory}/"));
        Self { path: format!("{}{name}", directory.unwrap_or_default()), ..self.clone() }
    }

    /// The host where it is a number, so that nobody has to be asked where it is.
    #[must_use]
    pub fn number(&self) -> Option<IpAddr> {
        six(&self.host).map(IpAddr::V6).or_else(|| self.host.parse().ok())
    }

    /// The host as it is asked for, and its port.
    pub(crate) fn server(&self) -> (&str, u16) {
        (self.host.trim_start_matches('[').trim_end_matches(']'), self.port)
    }

    /// The request for the file. As of HTTP/1.0, so that no server answers in chunks.
    pub(crate) fn request(&self) -> String {
        let port = if self.port == PORT { String::new() } else { format!(":{}", self.port) };
        format!("GET /{} HTTP/1.0\r\nHost: {}{port}\r\nConnection: close\r\n\r\n", self.path, self.host)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = if self.port == PORT { String::new() } else { format!(":{}", self.port) };
        write!(f, "{SCHEME}{}{port}/{}", self.host, self.path)
    }
}

fn six(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_a_port_and_a_path() {
        for (text, server, again) in [
            ("http://h", ("h", 80), "http://h/"),
            ("http://10.0.0.1:8080/a/b?c=1", ("10.0.0.1", 8080), "http://10.0.0.1:8080/a/b?c=1"),
            ("http://[fd00::1]/x", ("fd00::1", 80), "http://[fd00::1]/x"),
            ("http://[fd00::1]:81/x", ("fd00::1", 81), "http://[fd00::1]:81/x"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.server(), address.to_string().as_str()), (server, again));
        }
        let bad = ["https://h/", "http:///x", "http://h:/x", "http://h:70000/", "http://u@h/", "http://a b/"];
        for text in bad.into_iter().chain(["http://fd00::1/x", "http://h/\r\nX: y", "", "http://:80/"]) {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
        assert!(format!("http://h/{}", "x".repeat(LONGEST)).parse::<Address>().is_err());
    }

    #[test]
    fn a_file_lies_beside_another_one() {
        let beside = |text: &str| text.parse::<Address>().unwrap().beside("root.erofs").to_string();
        assert_eq!(beside("http://h/boot/netboot.efi"), "http://h/boot/root.erofs");
        assert_eq!(beside("http://h/boot/"), "http://h/boot/root.erofs");
        assert_eq!(beside("http://h"), "http://h/root.erofs");
    }

    #[test]
    fn only_a_number_needs_nobody_who_knows_names() {
        let number = |text: &str| text.parse::<Address>().unwrap().number();
        assert_eq!(number("http://10.0.0.1:80/"), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(number("http://[fd00::1]/"), Some("fd00::1".parse().unwrap()));
        assert_eq!(number("http://boot.example/"), None);
    }
}
