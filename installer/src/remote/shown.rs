//! What is shown where the machine stands: whoever reads it there may install it from elsewhere.

use std::net::SocketAddr;

use holdfast_maintenance::{Fingerprint, OneTimeCode, PORT};
use serde_json::{Value, json};

/// What somebody has to know at his desk.
#[expect(missing_debug_implementations, reason = "a secret must not be printable by accident")]
#[derive(Clone)]
pub struct Notice {
    /// Where the machine listens.
    pub addresses: Vec<SocketAddr>,
    /// What it presents.
    pub fingerprint: Fingerprint,
    /// What it wants to hear.
    pub code: OneTimeCode,
    /// Whether somebody installs it from his desk.
    pub is_used: bool,
}

impl Notice {
    /// For programs.
    #[must_use]
    pub fn fields(&self) -> Value {
        json!({ "addresses": self.addresses, "fingerprint": self.fingerprint.to_string(),
            "code": self.code.text().as_str() })
    }

    /// For the screens: a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        if self.is_used {
            return vec!["Somebody installs this machine from his desk.".to_owned()];
        }
        let [first, second] = self.fingerprint.lines();
        let address = |address: &SocketAddr| {
            if address.port() == PORT { address.ip().to_string() } else { address.to_string() }
        };
        let places: Vec<String> = self.addresses.iter().map(address).collect();
        vec![
            format!("From your desk: holdfast site install FILE --address {}", places.join(" or ")),
            format!("  code         {}", self.code.text().as_str()),
            format!("  fingerprint  {first}"),
            format!("               {second}"),
        ]
    }
}
