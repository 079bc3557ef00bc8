//! Processors: the model from proc/cpuinfo, the counts from sys, because cpuinfo grows past any bound with the cores.

use std::collections::BTreeSet;

use crate::tree::{Tree, field, numbered};

/// More processors than any machine has; a damaged list must not become a large one.
const MAX_CPUS: u32 = 16_384;

/// Flags a scheduler or a person asks for: vector and matrix instructions, crypto, virtualisation, confidential
/// computing.
const FLAGS_OF_INTEREST: [&str; 28] = [
    "aes",
    "amx_bf16",
    "amx_fp16",
    "amx_int8",
    "amx_tile",
    "asimd",
    "asimddp",
    "avx",
    "avx2",
    "avx512_bf16",
    "avx512_fp16",
    "avx512_vnni",
    "avx512f",
    "avx_vnni",
    "bf16",
    "f16c",
    "fma",
    "i8mm",
    "sev",
    "sev_es",
    "sev_snp",
    "sha_ni",
    "sve",
    "sve2",
    "svm",
    "tdx_guest",
    "tdx_host_platform",
    "vmx",
];

/// The processors of the machine, taken together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cpu {
    /// The model as the processor names itself.
    pub model: Option<String>,
    /// How many packages are plugged in.
    pub sockets: u32,
    /// How many physical cores are online.
    pub cores: u32,
    /// How many hardware threads are online; this is what a scheduler counts.
    pub threads: u32,
    /// Which of the instruction sets and features of interest there are, in alphabetical order.
    pub flags: Vec<String>,
}

pub(crate) fn discover(tree: &mut Tree) -> Cpu {
    let info = tree.expected_text("proc/cpuinfo").unwrap_or_default();
    let online = online(tree, &info);
    let (sockets, cores) = topology(tree, &online);
    let flags = field(&info, "flags", ':').or_else(|| field(&info, "Features", ':')).unwrap_or_default();
    let flags: BTreeSet<&str> = flags.split_whitespace().collect();
    Cpu {
        model: model(&info),
        sockets,
        cores,
        threads: u32::try_from(online.len()).unwrap_or(u32::MAX),
        flags: FLAGS_OF_INTEREST.iter().filter(|f| flags.contains(**f)).map(|f| (*f).to_owned()).collect(),
    }
}

/// Processors of the ARM family name themselves by numbers alone.
fn model(info: &str) -> Option<String> {
    let named = ["model name", "cpu model", "Model", "Hardware"].iter().find_map(|key| field(info, key, ':'));
    let numbered = || {
        let (maker, part) = (field(info, "CPU implementer", ':')?, field(info, "CPU part", ':')?);
        Some(format!("implementer {maker} part {part}"))
    };
    named.filter(|name| !name.is_empty()).map(|name| name.chars().take(256).collect()).or_else(numbered)
}

fn online(tree: &mut Tree, info: &str) -> Vec<u32> {
    if let Some(list) = tree.text("sys/devices/system/cpu/online") {
        let online = parse_list(&list);
        if !online.is_empty() {
            return online;
        }
    }
    let counted = info.lines().filter(|line| line.split(':').next().is_some_and(|k| k.trim() == "processor"));
    let counted = u32::try_from(counted.count()).unwrap_or(MAX_CPUS);
    tree.note(format!("/sys/devices/system/cpu/online names no processor; /proc/cpuinfo names {counted}"));
    (0..counted).collect()
}

/// Sockets and cores; without topology every thread counts as a core of one socket.
fn topology(tree: &mut Tree, online: &[u32]) -> (u32, u32) {
    let (mut sockets, mut cores, mut unknown) = (BTreeSet::new(), BTreeSet::new(), 0u32);
    for cpu in online {
        let mut read =
            |name: &str| tree.attribute(&format!("sys/devices/system/cpu/cpu{cpu}/topology/{name}"));
        match (read("physical_package_id"), read("core_id")) {
            (Some(package), Some(core)) => {
                sockets.insert(package.clone());
                cores.insert((package, read("die_id"), core));
            }
            _ => unknown += 1,
        }
    }
    if unknown > 0 {
        tree.note(format!("the topology of {unknown} processors is unknown; each counts as a core"));
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (count(sockets.len()).max(u32::from(!online.is_empty())), count(cores.len()).saturating_add(unknown))
}

/// A list of the kernel, such as `0-3,8,10-11`. What cannot be read is left out.
pub(crate) fn parse_list(text: &str) -> Vec<u32> {
    let mut all = BTreeSet::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Some(first), Some(last)) = (numbered(first.trim(), ""), numbered(last.trim(), "")) {
            all.extend(first..=last.min(MAX_CPUS));
        }
    }
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_the_kernel_are_read_and_bounded() {
        assert_eq!(parse_list("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
        for nothing in ["", "\n", "x", "-", "3-1", "1-x"] {
            assert!(parse_list(nothing).is_empty(), "{nothing:?}");
        }
        assert_eq!(parse_list("0-4000000000").len(), 16_385);
    }
}
