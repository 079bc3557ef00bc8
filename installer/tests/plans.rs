//! What the brain decides about machines, as a transcript: `plans.txt`. `HOLDFAST_WRITE=1` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;

use holdfast_installer::brain::{
    Consent, Detected, Disk, Facts, Firmware, Found, Half, Held, Holds, Nic, Release, SecureBoot, System,
    Transport, disk_line, sides,
};
use holdfast_release::machine::{Machine, parse};
use holdfast_release::{Layout, Profile, Role};

const TRANSCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans.txt");

fn disk(path: &str, serial: Option<&str>, bytes: u64, holds: Holds) -> Disk {
    Disk {
        path: path.into(),
        serial: serial.map(str::to_owned),
        model: "QEMU HARDDISK".to_owned(),
        transport: Transport::Virtio,
        bytes,
        sector: 512,
        kept: None,
        holds,
    }
}

fn machine(install: &str, role: &str) -> Machine {
    let cluster = match role {
        "agent" => "controllers = [\"10.0.0.1:7443\"]\njoinToken = \"token\"",
        _ => "name = \"prod\"\njurisdiction = \"de\"",
    };
    let first = if role == "agent" { "" } else { "first = true" };
    let text = format!(
        "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\n[metadata]\nname = \"m-1\"\n[spec]\nrole = \"{role}\"\n{first}\n\
         {install}\n[spec.cluster]\n{cluster}\n"
    );
    parse(&text).unwrap()
}

fn facts(disks: Vec<Disk>) -> Facts {
    Facts {
        system: System::default(),
        threads: 4,
        memory: 8 << 30,
        firmware: Firmware::Uefi(SecureBoot::On),
        tpm: true,
        clock: 1_795_271_400,
        nics: vec![Nic { name: "eth0".to_owned(), mac: String::new(), link: true, speed: Some(1000) }],
        disks,
    }
}

/// A machine, what it was told, and what came of it.
fn told(title: &str, facts: Facts, machine: Machine, consent: &Consent) -> String {
    let mut text = format!("== {title}\n");
    for disk in &facts.disks {
        writeln!(text, "   {}", disk_line(disk)).unwrap();
    }
    let extensions = vec!["gpu".to_owned()];
    let release =
        Release { version: "1.2.0".to_owned(), profile: Profile::Small, epoch: 1_793_491_200, extensions };
    let refused = |text: &mut String, refusal: holdfast_installer::brain::Refusal| {
        writeln!(text, "refused ({}): {refusal}", refusal.word()).unwrap();
        for disk in refusal.disks() {
            writeln!(text, "  candidate: {disk}").unwrap();
        }
    };
    match (Detected { facts, release }).plan(machine) {
        Err(refusal) => refused(&mut text, refusal),
        Ok(planned) => {
            for check in planned.checks() {
                writeln!(text, "{}", check.line()).unwrap();
            }
            for line in sides(&planned) {
                writeln!(text, "{line}").unwrap();
            }
            match planned.confirm(consent) {
                Ok(confirmed) => {
                    let planned = confirmed.planned();
                    writeln!(text, "confirmed: {}, opened by {:?}", planned.disk().token(), planned.locks())
                        .unwrap();
                }
                Err(refusal) => refused(&mut text, refusal),
            }
        }
    }
    text + "\n"
}

#[test]
fn the_transcript_of_all_decisions_is_what_it_was() {
    const G: u64 = 1 << 30;
    let blank = || disk("/dev/vda", Some("A"), 4 * G, Holds::Nothing);
    let held = Held {
        versions: vec!["1.1.0".to_owned(), "1.0.3".to_owned()],
        machine: Some("m-0".to_owned()),
        cluster: Some("other".to_owned()),
        data: None,
        parts: vec![("ESP".to_owned(), 128 << 20), ("META".to_owned(), 2 << 20), (String::new(), G)],
    };
    let data = Layout::plan(Profile::Small, 4 * G, 512).unwrap().part(Role::Data).unwrap();
    let kept = Held { data: Some((data.at, data.bytes)), cluster: Some("prod".to_owned()), ..held.clone() };
    let keeping = |held: &Held| disk("/dev/vdb", Some("B"), 4 * G, Holds::Installation(held.clone()));
    let elsewhere = Held { data: Some((data.at, data.bytes / 2)), ..kept.clone() };
    let strange = Held { cluster: Some("other".to_owned()), ..kept.clone() };
    let keeps = machine("[spec.install]\ndisk = {}\nkeepData = true", "controller");
    let used = || disk("/dev/vdb", Some("B"), 4 * G, Holds::Installation(held.clone()));
    let other = Found { what: "a member of a ZFS pool".to_owned(), parts: Vec::new() };
    let foreign = || disk("/dev/vdc", None, 4 * G, Holds::Other(other.clone()));
    let half = Half { version: "1.2.0".to_owned(), machine: "m-1".to_owned(), keeps_data: false };
    let begun = || disk("/dev/vdd", Some("D"), 4 * G, Holds::Half(half.clone()));
    let medium = || Disk { kept: Some("the medium"), ..disk("/dev/sda", Some("U"), 8 * G, Holds::Nothing) };
    let small = || disk("/dev/vde", Some("E"), G, Holds::Nothing);
    let broken = || disk("/dev/vdf", Some("F"), 4 * G, Holds::Unreadable("input/output error".to_owned()));
    let none = Consent::Configured(None);
    let word = |word: &str| Consent::Configured(Some(word.to_owned()));
    let by = |text: &str| machine(&format!("[spec.install]\ndisk = {{ {text} }}"), "controller");
    let weak = Facts {
        firmware: Firmware::Other,
        tpm: false,
        clock: 0,
        memory: 600 << 20,
        nics: Vec::new(),
        ..facts(vec![blank()])
    };
    let tiny = Facts { memory: 256 << 20, ..facts(vec![blank()]) };
    let sealed = machine("[spec.install]\ndisk = {}\nencryption = \"tpm\"", "controller");
    let agent = machine("[spec.install]\ndisk = {}", "agent");
    let driven = |name: &str| {
        machine(
            &format!("[spec.install]\ndisk = {{}}\n[spec.health]\nextensions = [\"{name}\"]"),
            "controller",
        )
    };
    let cases = [
        ("the only disk that can be taken", facts(vec![blank(), medium()]), by(""), &none),
        ("two disks fit", facts(vec![blank(), begun(), medium()]), by("minBytes = 1000"), &none),
        ("none fits", facts(vec![blank(), used()]), by("serial = \"Z\""), &none),
        ("the medium is meant", facts(vec![blank(), medium()]), by("serial = \"U\""), &none),
        ("too small", facts(vec![small()]), by("serial = \"E\""), &none),
        (
            "another installation, and nobody's word",
            facts(vec![blank(), used()]),
            by("serial = \"B\""),
            &none,
        ),
        (
            "another installation, and a word for another disk",
            facts(vec![used()]),
            by(""),
            &word("confirm:A"),
        ),
        ("another installation, and the word", facts(vec![used()]), by(""), &word("confirm:B")),
        (
            "somebody's data on a disk without a number",
            facts(vec![foreign()]),
            by("path = \"/dev/vdc\""),
            &none,
        ),
        (
            "the same with the word",
            facts(vec![foreign()]),
            by("path = \"/dev/vdc\""),
            &word("confirm:/dev/vdc"),
        ),
        ("a cut installation goes on by itself", facts(vec![begun()]), by(""), &none),
        ("a disk that cannot be read", facts(vec![broken()]), by(""), &none),
        ("a typed number of another disk", facts(vec![blank()]), by(""), &Consent::Typed("B".to_owned())),
        (
            "a typed number",
            facts(vec![blank()]),
            by("model = \"qemu harddisk\""),
            &Consent::Typed("A ".to_owned()),
        ),
        ("a machine that lacks much", weak.clone(), by(""), &none),
        ("an agent without a network card", weak, agent, &none),
        ("a machine with too little memory", tiny, by(""), &none),
        ("a TPM that is wanted and is there", facts(vec![blank()]), sealed.clone(), &none),
        (
            "a TPM that is wanted and is not there",
            Facts { tpm: false, ..facts(vec![blank()]) },
            sealed,
            &none,
        ),
        ("an extension that the release has", facts(vec![blank()]), driven("gpu"), &none),
        ("an extension that the release has not", facts(vec![blank()]), driven("npu"), &none),
        ("what is stored stays", facts(vec![keeping(&kept)]), keeps.clone(), &word("confirm:B")),
        ("what is stored stays, and nobody's word", facts(vec![keeping(&kept)]), keeps.clone(), &none),
        (
            "what is stored lies elsewhere",
            facts(vec![keeping(&elsewhere)]),
            keeps.clone(),
            &word("confirm:B"),
        ),
        (
            "what is stored is another cluster's",
            facts(vec![keeping(&strange)]),
            keeps.clone(),
            &word("confirm:B"),
        ),
        ("nothing is stored that could stay", facts(vec![blank()]), keeps, &none),
        ("no word of a disk", facts(vec![blank()]), machine("", "controller"), &none),
    ];
    let text: String = cases
        .into_iter()
        .map(|(title, facts, machine, consent)| told(title, facts, machine, consent))
        .collect();
    if std::env::var_os("HOLDFAST_WRITE").is_some() {
        fs::write(TRANSCRIPT, &text).unwrap();
    }
    let kept = fs::read_to_string(TRANSCRIPT).unwrap();
    assert!(text == kept, "run this test with HOLDFAST_WRITE=1 and look at the difference");
}
