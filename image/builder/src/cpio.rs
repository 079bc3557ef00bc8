//! The archive that the kernel unpacks at boot: the "new ASCII" form of cpio (Documentation/driver-api/early-userspace/
//! buffer-format.rst of Linux), the same to the bit each time.

use std::collections::BTreeMap;

/// What one name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Directory,
    /// A file, and whether it is a program.
    File {
        /// What is in it.
        content: Vec<u8>,
        /// Whether it can be run.
        program: bool,
    },
    /// A link to a path.
    Link(String),
}

/// Everything in the archive, by path without a leading `/`. Everything belongs to root.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    nodes: BTreeMap<String, Node>,
}

impl Archive {
    /// Puts a node in, and the directories above it.
    pub fn put(&mut self, path: &str, node: Node) {
        let path = path.trim_matches('/');
        for (at, _) in path.match_indices('/') {
            if let Some(above) = path.get(..at) {
                self.nodes.entry(above.to_owned()).or_insert(Node::Directory);
            }
        }
        self.nodes.insert(path.to_owned(), node);
    }

    /// The archive. Names are sorted, so a directory comes before what is in it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, (path, node)) in (1_u32..).zip(&self.nodes) {
            let (mode, links, content) = match node {
                Node::Directory => (0o040_755, 2, &[][..]),
                Node::File { content, program: true } => (0o100_755, 1, content.as_slice()),
                Node::File { content, program: false } => (0o100_644, 1, content.as_slice()),
                Node::Link(to) => (0o120_777, 1, to.as_bytes()),
            };
            entry(&mut bytes, path, [number, mode, links], content);
        }
        entry(&mut bytes, "TRAILER!!!", [0, 0, 1], &[]);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }
}

fn entry(bytes: &mut Vec<u8>, path: &str, [inode, mode, links]: [u32; 3], content: &[u8]) {
    let length = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    // inode, mode, owner, group, links, time, size, device, device of the node, length of the name, no checksum
    let fields = [inode, mode, 0, 0, links, 0, length(content.len()), 0, 0, 0, 0, length(path.len() + 1), 0];
    bytes.extend_from_slice(b"070701");
    for field in fields {
        bytes.extend(format!("{field:08x}").bytes());
    }
    bytes.extend(path.bytes());
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_tool_of_others_unpacks_it() {
        let mut archive = Archive::default();
        archive.put("/usr/bin/holdfast-init", Node::File { content: vec![1; 10_001], program: true });
        archive.put("etc/empty", Node::File { content: Vec::new(), program: false });
        archive.put("init", Node::Link("usr/bin/holdfast-init".to_owned()));
        assert_eq!(archive.encode(), archive.clone().encode());
        let dir = tempfile::tempdir().unwrap();
        let mut tool = Command::new("bsdtar")
            .args(["-x", "-f", "-", "-C"])
            .arg(dir.path())
            .stdin(Stdio::piped())
            .spawn()
            .expect("bsdtar of libarchive-tools");
        tool.stdin.take().unwrap().write_all(&archive.encode()).unwrap();
        assert!(tool.wait().unwrap().success());
        assert_eq!(std::fs::read(dir.path().join("init")).unwrap(), vec![1; 10_001]);
        assert_eq!(std::fs::read(dir.path().join("etc/empty")).unwrap(), b"");
    }
}
