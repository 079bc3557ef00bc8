//! What a machine reads before it belongs to anybody: its configuration, and what a server answers that it is fetched from.

use holdfast_fetch::{Address, Head, NoAddress};
use holdfast_release::machine;

use crate::target::{Target, way};

const AGENT: &str = r#"apiVersion = "holdfast/v1"
kind = "Machine"
metadata = { name = "de-1" }
[spec]
role = "agent"
install = { disk = { serial = "S1" }, wipe = "confirm:S1" }
time.servers = ["10.0.0.1"]
cluster = { controllers = ["10.0.0.1:7443", "[fd00::1]:1"], joinToken = "t" }
health = { deadlineSeconds = 300, accelerators = 8 }
[[spec.network.interfaces]]
mac = "52:54:00:12:34:56"
addresses = ["10.0.0.2/24"]
routes = [{ to = "10.9.0.0/16", via = "10.0.0.9" }]
[[spec.network.interfaces]]
name = "bond0"
dhcp = true
bond = { members = ["eth1", "eth2"], mode = "802.3ad" }
"#;

/// Bytes of an address that is far from the longest.
const SHORT: usize = 1_000;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 42\r\nTransfer-Encoding: chunked\r\n\r\nbody";

pub(super) fn targets() -> Vec<Target> {
    vec![configuration(), answer(), address()]
}

fn answer() -> Target {
    let seeds = vec![ANSWER.to_vec(), b"HTTP/1.0 404 No\r\ncontent-length: 0\r\n\r\n".to_vec()];
    Target::damaged("http-answer", 60_000, seeds, |bytes| {
        let read = Head::read(bytes);
        if let Ok(Some((head, end))) = &read {
            assert!(*end <= bytes.len(), "a head ends within what came");
            return format!("{} {}", head.status, head.length.is_some());
        }
        way(read)
    })
}

fn address() -> Target {
    let seeds = vec![b"http://10.0.0.1:8080/a/b".to_vec(), b"http://[fd00::1]/x".to_vec()];
    Target::damaged("http-address", 60_000, seeds, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match text.parse::<Address>() {
            Ok(address) => {
                // What is written may be longer by a `/`.
                let again = address.to_string().parse::<Address>();
                assert!(text.len() > SHORT || again == Ok(address.clone()), "an address has one form");
                format!("read {}", address.number().is_some())
            }
            Err(NoAddress::Scheme(_)) => "scheme".to_owned(),
            Err(NoAddress::Form) => "form".to_owned(),
            Err(NoAddress::Host(_)) => "host".to_owned(),
        }
    })
}

fn configuration() -> Target {
    Target::damaged("machine", 20_000, vec![AGENT.as_bytes().to_vec()], |bytes| {
        let read = machine::parse(&String::from_utf8_lossy(bytes));
        if let Ok(read) = &read {
            let again = machine::write(read).and_then(|text| machine::parse(&text));
            assert_eq!(again.as_ref(), Ok(read), "a configuration is written as it was read");
        }
        way(read)
    })
}
