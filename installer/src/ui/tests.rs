//! The screens, driven by keys. What they look like stands in the guide for operators, so that the guide is right.

use std::collections::BTreeMap;
use std::fs;

use holdfast_maintenance::{Fingerprint, OneTimeCode, PORT};
use holdfast_release::Profile;
use holdfast_tui::{Key, Theme, turn};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::model::{Effect, Event, Installed, Model, Step, Work};
use crate::brain::{
    Detected, Disk, Facts, Firmware, Held, Holds, Nic, Release, SecureBoot, System, Transport,
};
use crate::remote::Notice;

/// The guide; `HOLDFAST_WRITE=1` puts the screens of today into it.
const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/install/README.md");

fn disk(path: &str, serial: Option<&str>, holds: Holds) -> Disk {
    Disk {
        path: path.into(),
        serial: serial.map(str::to_owned),
        model: "PM9A3".to_owned(),
        transport: Transport::Nvme,
        bytes: 960_197_124_096,
        sector: 512,
        kept: None,
        holds,
    }
}

fn detected() -> Detected {
    let parts = vec![("ESP".to_owned(), 1 << 30), ("ROOT-A".to_owned(), 4 << 30)];
    let held = Held {
        versions: vec!["1.1.0".to_owned()],
        machine: Some("ctl-9".to_owned()),
        cluster: Some("test".to_owned()),
        data: None,
        parts,
    };
    let nic = |name: &str, link| Nic {
        name: name.to_owned(),
        mac: "b8:ce:f6:00:00:01".to_owned(),
        link,
        speed: None,
    };
    let medium = Disk { kept: Some("the medium"), ..disk("/dev/sda", Some("USB1"), Holds::Nothing) };
    Detected {
        facts: Facts {
            system: System { product: "PowerEdge R7625".to_owned(), serial: None, uuid: None },
            threads: 128,
            memory: 768 << 30,
            firmware: Firmware::Uefi(SecureBoot::Setup),
            tpm: true,
            clock: 1_795_271_400,
            nics: vec![nic("eno1", true), nic("eno2", false)],
            disks: vec![
                disk("/dev/nvme0n1", Some("S64FNE0R"), Holds::Nothing),
                disk("/dev/nvme1n1", Some("S64FNE0S"), Holds::Installation(held)),
                medium,
            ],
        },
        release: Release {
            version: "1.2.0".to_owned(),
            profile: Profile::Metal,
            epoch: 1_793_491_200,
            extensions: Vec::new(),
        },
    }
}

fn notice() -> Notice {
    Notice {
        addresses: vec![([10, 0, 0, 107], PORT).into()],
        fingerprint: Fingerprint::of(b"a certificate"),
        code: OneTimeCode::typed("7K3M-9QXA").ok().unwrap(),
        is_used: false,
    }
}

struct Session {
    model: Model,
    terminal: Terminal<TestBackend>,
}

impl Session {
    fn new() -> Self {
        let terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        Self { model: Model::new(detected()), terminal }
    }

    /// Presses keys: `\n` is enter, `^` up, `v` with a bar before it down, anything else itself.
    fn press(&mut self, keys: &str) -> Vec<Effect> {
        let keys = keys.chars().map(|char| match char {
            '\n' => Key::Enter,
            '↑' => Key::Up,
            '↓' => Key::Down,
            '←' => Key::Esc,
            '⌫' => Key::Backspace,
            other => Key::Char(other),
        });
        self.events(keys.map(Event::Key).collect())
    }

    fn events(&mut self, events: Vec<Event>) -> Vec<Effect> {
        turn(&mut self.model, events, &mut self.terminal, &Theme::mono()).unwrap().effects
    }

    fn shown(&self) -> String {
        let text = self.terminal.backend().to_string();
        let lines = text.lines().map(|line| line.trim_matches('"').trim_end());
        lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }
}

/// Every screen on the way through a first controller on a disk that holds something.
fn screens() -> BTreeMap<&'static str, String> {
    let mut session = Session::new();
    let mut screens = BTreeMap::new();
    session.events(Vec::new());
    screens.insert("hardware", session.shown());
    session.events(vec![Event::Desk(notice().lines())]);
    screens.insert("desk", session.shown());
    session.press("\n");
    screens.insert("role", session.shown());
    session.press("\n↓");
    screens.insert("disk", session.shown());
    session.press("\neno1\n10.0.0.11/24\n10.0.0.1\n10.0.0.1");
    screens.insert("network", session.shown());
    session.press("\n\nctl-1\nprod\nde");
    screens.insert("cluster", session.shown());
    session.press("\nS64FNE0");
    screens.insert("review", session.shown());
    session.press("\n");
    screens.insert("wrong", session.shown());
    let effects = session.press("S64FNE0S\n");
    assert!(matches!(effects.as_slice(), [Effect::Write(_)]), "{effects:?}");
    let work = Work { what: "the system".to_owned(), done: 48 << 20, total: 160 << 20, seconds: 2 };
    session.events(vec![Event::Progress(work)]);
    screens.insert("writing", session.shown());
    let key = holdfast_seal::RecoveryKey::typed(&"cbdefghi".repeat(8)).unwrap();
    session.events(vec![Event::Ended(Ok(Installed { machine: "ctl-1".to_owned(), recovery: Some(key) }))]);
    screens.insert("done", session.shown());
    assert!(matches!(session.press("\n").as_slice(), [Effect::Restart]));
    screens
}

#[test]
fn the_guide_shows_the_screens_as_they_are() {
    let mut guide = fs::read_to_string(GUIDE).unwrap();
    for (name, screen) in screens() {
        let mark = format!("<!-- screen {name} -->\n```text\n");
        let from =
            guide.find(&mark).unwrap_or_else(|| panic!("the guide has no screen `{name}`")) + mark.len();
        let to = from + guide[from..].find("```").unwrap();
        guide.replace_range(from..to, &format!("{screen}\n"));
    }
    if std::env::var_os("HOLDFAST_WRITE").is_some() {
        fs::write(GUIDE, &guide).unwrap();
    }
    assert!(guide == fs::read_to_string(GUIDE).unwrap(), "run this test with HOLDFAST_WRITE=1");
}

#[test]
fn each_answer_is_checked_where_it_is_given() {
    let mut session = Session::new();
    session.press("\n↓↓\n\n\n\n\n\n\nde-1\nnowhere\ngeheim\n");
    assert!(
        session.model.wrong.as_ref().unwrap().contains("`nowhere` is no host with a port"),
        "{:?}",
        session.model.wrong
    );
    session.press("↑⌫⌫⌫⌫⌫⌫⌫10.0.0.1:7443\n\n");
    assert!(matches!(session.model.step, Step::Review(..)), "{:?}", session.model.wrong);
    session.press("←←←");
    assert_eq!(session.model.step, Step::Disk);
    let mut nothing = Session::new();
    nothing.model.detected.facts.disks.truncate(0);
    nothing.press("\n\n\n");
    assert_eq!(nothing.model.wrong.as_deref(), Some("there is no disk to install on"));
    nothing.events(vec![Event::Ended(Err("write the system: no space".to_owned()))]);
    assert!(nothing.shown().contains("write the system: no space"));
}

/// Two disks of one kind: the one that was chosen is the one in the plan.
#[test]
fn the_chosen_disk_is_the_one_that_is_written() {
    for (down, serial) in [("", "S64FNE0R"), ("↓", "S64FNE0S")] {
        let mut session = Session::new();
        session.press(&format!("\n\n{down}\n\n\n\n\n\nctl-1\nprod\nde\n{serial}"));
        let effects = session.press("\n");
        let [Effect::Write(confirmed)] = effects.as_slice() else { panic!("{}", session.shown()) };
        assert_eq!(confirmed.planned().disk().token(), serial);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is pressed, nothing is written but the disk whose serial number was typed.
    #[test]
    fn no_keys_write_another_disk(keys in "[\n\n\n↑↓←⌫a-z0-9.S/]{0,300}") {
        let mut session = Session::new();
        for effect in session.press(&keys) {
            if let Effect::Write(confirmed) = effect {
                prop_assert!(keys.contains(confirmed.planned().disk().token()));
            }
        }
    }
}
