//! Specifications that must be refused, and the stored form.

use super::*;

fn spec() -> TaskSpec {
    TaskSpec::new("t".parse().unwrap(), "/rootfs".into(), vec!["sh".into()])
}

fn refused(change: impl FnOnce(&mut TaskSpec)) -> &'static str {
    let mut spec = spec();
    change(&mut spec);
    spec.validate().unwrap_err().field
}

#[test]
fn hostile_and_careless_fields_are_refused_by_name() {
    assert_eq!(spec().validate(), Ok(()));
    let target =
        |target: &str| DataMount { source: "/data".into(), target: target.into(), mode: Access::ReadOnly };
    assert_eq!(refused(|s| s.version = SPEC_VERSION + 1), "version");
    assert_eq!(refused(|s| s.argv.clear()), "argv");
    assert_eq!(refused(|s| s.argv.push("a\0b".into())), "argv");
    assert_eq!(refused(|s| s.env.0.push(("A=B".into(), String::new()))), "env");
    assert_eq!(refused(|s| s.cwd = "relative".into()), "cwd");
    assert_eq!(refused(|s| s.rootfs = "/images/../etc".into()), "rootfs");
    for path in ["/", "/proc/x", "/dev/null", "/sys", "/tmp", "/etc", "/a/../b", "x"] {
        assert_eq!(refused(|s| s.mounts.push(target(path))), "mounts", "{path}");
    }
    assert_eq!(refused(|s| s.mounts = vec![target("/a"), target("/b"), target("/a")]), "mounts");
    assert_eq!(refused(|s| s.devices.push("/etc/shadow".into())), "devices");
    assert_eq!(refused(|s| s.devices.push("/dev/../etc/shadow".into())), "devices");
    assert_eq!(refused(|s| s.hostname = "a b".into()), "hostname");
    assert_eq!(refused(|s| s.log.files = 0), "log");
    let role = RendezvousRole::Serve;
    assert_eq!(refused(|s| s.network = Network::Rendezvous { port: 0, role }), "network");
}

#[test]
fn stored_sizes_are_exact_and_values_of_the_environment_stay_out_of_debug() {
    let mut spec = spec();
    spec.limits.memory = Some(Bytes(1_500_000_001));
    spec.limits.cpu = Some(Millicores(1250));
    spec.env.0.push(("TOKEN".into(), "hunter2".into()));
    let text = serde_json::to_string(&spec).unwrap();
    assert!(text.contains("1500000001"), "{text}");
    assert_eq!(serde_json::from_str::<TaskSpec>(&text).unwrap(), spec);
    let debug = format!("{spec:?}");
    assert!(debug.contains("TOKEN") && !debug.contains("hunter2"), "{debug}");
}
