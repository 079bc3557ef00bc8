//! What a machine reads before it belongs to anybody: its configuration.

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

pub(super) fn targets() -> Vec<Target> {
    vec![Target::damaged("machine", 20_000, vec![AGENT.as_bytes().to_vec()], |bytes| {
        let read = machine::parse(&String::from_utf8_lossy(bytes));
        if let Ok(read) = &read {
            let again = machine::write(read).and_then(|text| machine::parse(&text));
            assert_eq!(again.as_ref(), Ok(read), "a configuration is written as it was read");
        }
        way(read)
    })]
}
