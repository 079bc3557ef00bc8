//! Lists every message that a call carries, from the `rpc` lines of the .proto files: a call that is new is fuzzed
//! without anybody thinking of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const PROTOS: [(&str, &str, &str); 2] = [
    ("../../api/proto/proto/holdfast/v1", "holdfast.v1", "v1"),
    ("../../api/proto/proto/holdfast/internal/v1", "holdfast.internal.v1", "internal"),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut messages = BTreeSet::new();
    for (directory, package, _) in PROTOS {
        println!("cargo::rerun-if-changed={directory}");
        for file in std::fs::read_dir(directory)? {
            let text = std::fs::read_to_string(file?.path())?;
            for line in text.lines().filter_map(|line| line.trim().strip_prefix("rpc ")) {
                messages.extend(of_call(line).into_iter().map(|name| {
                    if name.contains('.') { name.to_owned() } else { format!("{package}.{name}") }
                }));
            }
        }
    }
    let mut code = String::from("pub(super) const MESSAGES: &[(&str, Read)] = &[\n");
    for name in messages {
        let (package, short) = name.rsplit_once('.').ok_or("a message has a package")?;
        let module = PROTOS.iter().find(|(_, known, _)| *known == package).ok_or("a package of ours")?.2;
        writeln!(code, "    ({name:?}, read::<{module}::{short}>),")?;
    }
    code.push_str("];\n");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(Path::new(&out).join("messages.rs"), code)?;
    Ok(())
}

/// The names between the parentheses of `Name(Request) returns (stream Answer);`.
fn of_call(line: &str) -> Vec<&str> {
    let inner = line.split('(').skip(1).filter_map(|part| part.split(')').next());
    inner.map(|name| name.trim().trim_start_matches("stream ").trim()).collect()
}
