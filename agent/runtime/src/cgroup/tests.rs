//! Both layouts on plain directories.

use std::fs;

use holdfast_types::{Bytes, Millicores};

use super::*;

fn limits() -> Limits {
    Limits { memory: Some(Bytes(1 << 30)), cpu: Some(Millicores(2500)), pids: Some(99) }
}

fn find(root: &Utf8Path, file: &str) -> Option<String> {
    let holdfast = fs::read_dir(root.join("holdfast")).ok()?;
    holdfast.flatten().find_map(|entry| fs::read_to_string(entry.path().join(file)).ok())
}

#[test]
fn version_2_gets_its_three_limits_and_tells_of_oom() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    fs::write(root.join("cgroup.controllers"), "cpu memory pids").unwrap();
    let id = "t-0".parse().unwrap();
    let (group, unenforced) = TaskCgroup::create(root, root, &id, &limits());
    assert!(matches!(group, TaskCgroup::V2(_)) && unenforced.is_empty());
    group.add(42).unwrap();
    assert_eq!(find(root, "memory.max").unwrap(), "1073741824");
    assert_eq!(find(root, "cpu.max").unwrap(), "250000 100000");
    assert_eq!(find(root, "pids.max").unwrap(), "100");
    assert_eq!(find(root, "cgroup.procs").unwrap(), "42");
    assert_eq!(group.oom_kills(), 0);
    let name = group_name(root, &id);
    fs::write(root.join("holdfast").join(name).join("memory.events"), "low 0\noom 3\noom_kill 2\n").unwrap();
    assert_eq!(group.oom_kills(), 2);
}

#[test]
fn version_1_uses_the_hierarchies_there_are_and_names_the_missing() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    for controller in ["memory", "cpu", "freezer"] {
        fs::create_dir(root.join(controller)).unwrap();
        fs::write(root.join(controller).join("cgroup.procs"), "").unwrap();
    }
    let (group, unenforced) = TaskCgroup::create(root, root, &"t-0".parse().unwrap(), &limits());
    assert!(matches!(group, TaskCgroup::V1(_)));
    assert_eq!(unenforced, ["pids"]);
    assert_eq!(find(&root.join("memory"), "memory.limit_in_bytes").unwrap(), "1073741824");
    assert_eq!(find(&root.join("cpu"), "cpu.cfs_quota_us").unwrap(), "250000");
    assert!(root.join("freezer/holdfast").is_dir() && !root.join("pids").exists());
}

#[test]
fn without_any_cgroup_every_asked_limit_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    let asked = Limits { cpu: None, ..limits() };
    let (group, unenforced) = TaskCgroup::create(root, root, &"t".parse().unwrap(), &asked);
    assert!(matches!(group, TaskCgroup::Missing));
    assert_eq!(unenforced, ["memory", "pids"]);
    // Two agents on one machine may have tasks of one name.
    assert_ne!(
        group_name(Utf8Path::new("/a"), &"t".parse().unwrap()),
        group_name(root, &"t".parse().unwrap())
    );
}
