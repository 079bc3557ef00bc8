use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{AsProblem, Code};

use super::world::*;

use crate::*;

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }
}

fn mode(path: &Utf8Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn set_mode(path: &Utf8Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_identity_reads_back_and_a_key_others_can_read_is_refused() {
    let (cluster, directory) = (Cluster::new("alpha"), Directory::new());
    let (chain, key) = (directory.path("node/node.crt"), directory.path("node/node.key"));
    let identity = cluster.identity(&node("n1", "DE"));
    identity.save(&chain, &key).unwrap();
    assert_eq!(mode(&key), 0o600);
    assert_eq!(Identity::load(&chain, &key).unwrap().serial(), identity.serial());
    let left: Vec<_> = fs::read_dir(directory.path("node")).unwrap().collect();
    assert_eq!(left.len(), 2, "temporary files are left: {left:?}");

    for open in [0o644, 0o640, 0o604, 0o620] {
        set_mode(&key, open);
        let problem = Identity::load(&chain, &key).err().unwrap().problem();
        assert_eq!((problem.code, problem.next), (Code(5001), vec![format!("chmod 600 {key}")]));
    }
    fs::remove_file(&key).unwrap();
    assert_eq!(Identity::load(&chain, &key).err().unwrap().problem().code, Code(5000));
}

#[test]
fn a_crash_while_saving_leaves_the_old_pair_or_the_new_one() {
    let (cluster, directory) = (Cluster::new("alpha"), Directory::new());
    let (chain, key) = (directory.path("c"), directory.path("k"));
    let (old, new) = (cluster.identity(&node("n1", "DE")), cluster.identity(&node("n1", "DE")));
    old.save(&chain, &key).unwrap();
    // The steps of `save`, stopped after each.
    fs::write(directory.path("k.next"), new.key().to_pem().as_bytes()).unwrap();
    set_mode(&directory.path("k.next"), 0o600);
    assert_eq!(Identity::load(&chain, &key).unwrap().serial(), old.serial());
    fs::write(&chain, new.chain_pem()).unwrap();
    assert_eq!(Identity::load(&chain, &key).unwrap().serial(), new.serial());

    // A key of somebody else is no identity.
    fs::remove_file(directory.path("k.next")).unwrap();
    assert_eq!(Identity::load(&chain, &key).err().unwrap().problem().code, Code(5005));
}

#[test]
fn a_ca_signs_with_the_keys_that_are_here() {
    let (cluster, directory) = (Cluster::new("alpha"), Directory::new());
    cluster.ca.save(&directory.path("pki")).unwrap();
    let file = |name: &str| directory.path("pki").join(name);
    for key in ["root.key", "issuing/cluster.key", "issuing/DE.key", "issuing/FR.key"] {
        assert_eq!(mode(&file(key)), 0o600, "{key}");
    }
    // The root is taken away, and the key of FR is kept in France.
    fs::remove_file(file("root.key")).unwrap();
    fs::remove_file(file("issuing/FR.key")).unwrap();
    let mut ca = ClusterCa::load(&directory.path("pki")).unwrap();
    let able: Vec<_> = ca.issuers().map(|(id, can)| (id.to_string(), can == CanSign::Here)).collect();
    assert_eq!(able, [("cluster".to_owned(), true), ("DE".to_owned(), true), ("FR".to_owned(), false)]);

    let (key, request) = Identity::generate_csr().unwrap();
    let issued = ca.issue(&request, &node("n1", "DE"), HOUR, now()).unwrap();
    Identity::from_pem(&issued.chain_pem, key).unwrap();
    let error = ca.issue(&request, &node("n1", "FR"), HOUR, now()).unwrap_err();
    assert_eq!(error.problem().code, Code(5008));
    let error = ca.establish(IssuerId::Jurisdiction("IT".parse().unwrap()), now()).unwrap_err();
    assert_eq!(error.problem().code, Code(5008));
}

#[test]
fn a_ca_with_exchanged_files_is_refused() {
    let (cluster, directory) = (Cluster::new("alpha"), Directory::new());
    let pki = directory.path("pki");
    let file = |name: &str| pki.join(name);
    let code = || ClusterCa::load(&pki).err().unwrap().problem().code;
    cluster.ca.save(&pki).unwrap();
    fs::copy(file("issuing/FR.key"), file("issuing/DE.key")).unwrap();
    assert_eq!(code(), Code(5011), "the key of another CA");
    cluster.ca.save(&pki).unwrap();
    fs::rename(file("issuing/FR.crt"), file("issuing/IT.crt")).unwrap();
    assert_eq!(code(), Code(5011), "a CA under another name");
    fs::remove_file(file("issuing/IT.crt")).unwrap();
    Cluster::new("beta").ca.save(&directory.path("beta")).unwrap();
    fs::copy(directory.path("beta/issuing/FR.crt"), file("issuing/FR.crt")).unwrap();
    assert_eq!(code(), Code(5011), "a CA of another cluster");
    cluster.ca.save(&pki).unwrap();
    set_mode(&file("issuing/DE.key"), 0o644);
    assert_eq!(code(), Code(5001), "a key others can read");
}

fn context(cluster: &Cluster, identity: &Identity) -> Context {
    Context {
        cluster: cluster.trust.cluster().clone(),
        name: "alice".parse().unwrap(),
        endpoints: vec!["10.0.0.1:7443".parse().unwrap(), "[fd00::1]:7443".parse().unwrap()],
        ca_pem: cluster.ca.root_pem(),
        cert_pem: identity.chain_pem(),
        key: identity.key().clone(),
    }
}

#[test]
fn a_context_reads_back_and_a_wrong_one_is_refused() {
    let (cluster, directory) = (Cluster::new("alpha"), Directory::new());
    let path = directory.path("holdfast/context.toml");
    let identity = cluster.identity(&operator("alice", &["admin"]));
    let good = context(&cluster, &identity);
    good.save(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    let read = Context::load(&path).unwrap();
    assert_eq!((&read.name, &read.endpoints), (&good.name, &good.endpoints));
    assert_eq!(read.identity().unwrap().serial(), identity.serial());
    assert_eq!(read.trust().unwrap().cluster(), cluster.trust.cluster());

    let text = fs::read_to_string(&path).unwrap();
    let key_line = identity.key().to_pem().lines().nth(1).unwrap().to_owned();
    for (bad, what) in [
        (format!("colour = \"blue\"\n{text}"), "unknown field"),
        (text.replace("alice", "al ice"), "a name that is none"),
        (text.replace("10.0.0.1:7443", "10.0.0.1"), "an endpoint without port"),
        (text.replace("alpha", "beta"), "another cluster"),
        (text.replace("alice", "bob"), "another person"),
        (text.replace(&key_line, ""), "half a key"),
        (text.replace("key_pem", "key_pem = 1\nkey"), "an error beside the key"),
    ] {
        fs::write(&path, bad).unwrap();
        let problem = Context::load(&path).err().unwrap().problem();
        assert_eq!(problem.code, Code(5019), "{what}: {problem}");
        assert!(!problem.to_string().contains(&key_line), "{what}: the key is in the message");
    }
    fs::write(&path, "x".repeat(70_000)).unwrap();
    assert_eq!(Context::load(&path).err().unwrap().problem().code, Code(5002));
    set_mode(&path, 0o644);
    assert_eq!(Context::load(&path).err().unwrap().problem().code, Code(5001));
}

#[test]
fn an_endpoint_has_a_host_and_a_port() {
    for good in ["c1:7443", "c1.example.org:1", "10.0.0.1:65535", "[::1]:7443"] {
        assert_eq!(good.parse::<Endpoint>().unwrap().as_str(), good);
    }
    for bad in ["", "c1", ":7443", "c1:", "c1:0", "c1:65536", "c1:x", "::1:7443", "https://c1:7443", "a b:1"]
    {
        assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
    }
}
