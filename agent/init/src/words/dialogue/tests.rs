//! Whole conversations, as somebody at a console has them.

use holdfast_release::machine::{Mac, parse, write};
use proptest::prelude::*;

use super::*;

const MACHINE: &str = r#"apiVersion = "holdfast/v1"
kind = "Machine"
metadata = { name = "de-1" }
[spec]
role = "agent"
install = { disk = { serial = "S1" }, wipe = "confirm:S1" }
time = { servers = ["10.0.0.1"] }
cluster = { controllers = ["10.0.0.1:7443"], joinToken = "hf1-geheim" }
health = { deadlineSeconds = 300, accelerators = 8, extensions = ["nvidia-535"] }
console = { terminals = ["ttyS1"] }
support = { to = ["holdfast-backup-1-ab"] }
[spec.network]
search = ["site.example"]
"#;
const ONE: &str = r#"
[[spec.network.interfaces]]
name = "eth0"
addresses = ["10.0.0.2/24"]
gateway = "10.0.0.1"
mtu = 9000
routes = [{ to = "10.9.0.0/16", via = "10.0.0.9" }]
"#;
const MADE: &str = r#"
[[spec.network.interfaces]]
name = "uplink"
addresses = ["10.0.0.2/24"]
gateway = "10.0.0.1"
bond = { members = ["eth0", "eth1"], mode = "802.3ad" }
[[spec.network.interfaces]]
name = "storage"
addresses = ["10.1.0.2/24"]
vlan = { of = "uplink", id = 12 }
"#;

fn machine(interfaces: &str) -> Machine {
    parse(&format!("{MACHINE}{interfaces}")).unwrap()
}

fn cards() -> Vec<Card> {
    let card = |at: u8| Card {
        name: format!("eth{at}"),
        mac: Some(Mac([0x52, 0x54, 0, 0, 0, at])),
        state: if at == 2 { "down" } else { "up" }.to_owned(),
    };
    (0..3).map(card).collect()
}

/// All that both sides say, and what comes of it.
fn talk(machine: Machine, answers: &[&str]) -> (String, Option<Next>) {
    let (mut dialogue, mut said) = Dialogue::begin(machine, cards());
    for answer in answers {
        said.push_str(answer);
        said.push('\n');
        match dialogue.answer(answer) {
            Next::Ask(more) => said.push_str(&more),
            last => return (said, Some(last)),
        }
    }
    (said, None)
}

fn tried(machine: Machine, answers: &[&str]) -> Machine {
    match talk(machine, answers) {
        (_, Some(Next::Try(after))) => parse(&write(&after).unwrap()).unwrap(),
        (said, other) => panic!("{other:?} after:\n{said}"),
    }
}

/// The page for operators, which shows this conversation.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/install/console.md");

#[test]
fn the_page_for_operators_shows_a_conversation_as_it_is() {
    let answers = ["", "10.0.7.2/24", "10.0.0.1", "10.0.7.1", "", "10.0.7.1", "10.0.7.1:7443", "yes"];
    let (said, _) = talk(machine(ONE), &answers);
    let said: Vec<&str> = said.lines().map(str::trim_end).collect();
    assert!(said.iter().all(|line| line.len() <= 80), "{said:#?}");
    let mut page = std::fs::read_to_string(PAGE).unwrap();
    let mark = "<!-- conversation -->\n```text\n";
    let from = page.find(mark).unwrap() + mark.len();
    let to = from + page[from..].find("```").unwrap();
    page.replace_range(from..to, &format!("{}\n", said.join("\n").trim()));
    if std::env::var_os("HOLDFAST_WRITE").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    assert!(page == std::fs::read_to_string(PAGE).unwrap(), "run this test with HOLDFAST_WRITE=1");
}

#[test]
fn what_is_not_asked_for_stays() {
    let before = machine(ONE);
    let after = tried(
        before.clone(),
        &["", "10.0.7.2/24", "10.0.7.1", "none", "10.0.7.1 ntp.site", "10.0.7.1:7443 [fd00::1]:7443", "yes"],
    );
    let mut expected = before;
    expected.spec.network.interfaces[0].addresses = vec!["10.0.7.2/24".parse().unwrap()];
    expected.spec.network.interfaces[0].gateway = Some("10.0.7.1".parse().unwrap());
    expected.spec.time.servers = vec!["10.0.7.1".parse().unwrap(), "ntp.site".parse().unwrap()];
    expected.spec.cluster.controllers =
        vec!["10.0.7.1:7443".parse().unwrap(), "[fd00::1]:7443".parse().unwrap()];
    assert_eq!(after, expected);
}

#[test]
fn bonds_and_vlans_get_addresses_and_stay_what_they_are() {
    let before = machine(MADE);
    let after = tried(before.clone(), &["storage", "10.2.0.2/24", "", "", "", "", "yes"]);
    let mut expected = before.clone();
    expected.spec.network.interfaces[1].addresses = vec!["10.2.0.2/24".parse().unwrap()];
    assert_eq!(after, expected);
    let (said, _) = talk(before.clone(), &["eth1"]);
    assert!(said.contains("`eth1` is a card of the bond `uplink`: give that one"), "{said}");
    // Nothing can come in the place of either, so a third card comes beside them.
    let after = tried(before.clone(), &["eth2", "", "", "", "", "yes"]);
    assert_eq!(after.spec.network.interfaces[..2], before.spec.network.interfaces);
    assert_eq!(
        (name(&after.spec.network.interfaces[2]).as_str(), after.spec.network.interfaces.len()),
        ("eth2", 3)
    );
}

#[test]
fn another_card_comes_in_place_of_the_one_that_is_described_or_beside_it() {
    let before = machine(ONE);
    let after = tried(before.clone(), &["eth1", "", "", "", "", "", "", "yes"]);
    let mut expected = before.clone();
    expected.spec.network.interfaces[0].name = Some("eth1".parse().unwrap());
    assert_eq!(after, expected, "its addresses, routes and all");
    let after = tried(before.clone(), &["52:54:00:00:00:01", "none", "", "", "", "", "yes"]);
    assert_eq!(after.spec.network.interfaces[0], before.spec.network.interfaces[0]);
    assert_eq!(addresses(&after.spec.network.interfaces[1]), "dhcp");
    // The card that is described, by its other name.
    let (said, _) = talk(before, &["52:54:00:00:00:00"]);
    assert!(said.ends_with("dhcp [10.0.0.2/24]: "), "{said}");
}

#[test]
fn a_machine_that_asks_dhcp_on_every_card_gets_an_address_of_its_own() {
    let after = tried(machine(""), &["eth0", "10.0.7.2/24", "10.0.7.1", "", "", "", "yes"]);
    let interface = &after.spec.network.interfaces[0];
    assert_eq!((name(interface).as_str(), addresses(interface).as_str()), ("eth0", "10.0.7.2/24"));
    let after = tried(machine(ONE), &["", "dhcp", "", "", "", "yes"]);
    let interface = &after.spec.network.interfaces[0];
    assert_eq!((addresses(interface).as_str(), interface.gateway), ("dhcp", None));
}

/// Each refused answer is told in the words of the reader of configurations, and asked for again.
#[test]
fn a_bad_answer_is_refused_and_asked_again() {
    for (before, answer, why) in [
        (&[][..], "etho", "no interface and no card here is `etho`; the cards are: eth0 eth1 eth2"),
        (&[""][..], "10.0.7.2", "`10.0.7.2` is no address with the length of its network"),
        (&[""][..], "10.0.7.2/33", "`10.0.7.2/33` is no address"),
        (&["", ""][..], "10.0.8.1", "none of the `addresses` is in the network of the router"),
        (&["", ""][..], "10.0.0.1 10.0.0.3", "one gateway"),
        (&["", "", ""][..], "dns.site", "`dns.site` is no address"),
        (&["", "", "", ""][..], "-x", "`-x` is no host"),
        (&["", "", "", "", ""][..], "10.0.7.1", "`10.0.7.1` is no host with a port"),
        (&["", "", "", "", ""][..], "none", "`controllers` is empty"),
    ] {
        let (so_far, _) = talk(machine(ONE), before);
        let question = so_far.lines().last().unwrap();
        let (said, next) = talk(machine(ONE), &[before, &[answer]].concat());
        let [.., told, again] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
        assert!(told.contains(why) && next.is_none(), "{answer}: {said}");
        assert_eq!(again, question, "{answer}");
    }
}

#[test]
fn without_a_yes_all_is_as_it_was() {
    let changed = ["", "10.0.7.2/24", "", "", "", ""];
    for last in ["", "no", "y", "\u{1b}"] {
        let (said, next) = talk(machine(ONE), &[&changed[..], &[last]].concat());
        assert_eq!(next, Some(Next::Leave(AS_IT_WAS.to_owned())), "{said}");
    }
    for at in 0..changed.len() {
        let (_, next) = talk(machine(ONE), &[&changed[..at], &["\u{1b}"]].concat());
        assert_eq!(next, Some(Next::Leave(AS_IT_WAS.to_owned())));
    }
    let (_, next) = talk(machine(ONE), &["", "", "", "", "", ""]);
    assert_eq!(next, Some(Next::Leave("\nNothing is changed.\n".to_owned())));
    // The router of the old network goes with its address, and that is shown.
    let (said, _) = talk(machine(ONE), &changed);
    assert!(said.contains("gateway of eth0\n    now    10.0.0.1\n    after  -\n"), "{said}");
}

#[test]
fn a_controller_is_not_asked_for_controllers() {
    let text = "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"a\"\n\
        spec = { role = \"controller\", first = true, cluster = { name = \"prod\", jurisdiction = \"DE\" } }\n";
    let (said, next) = talk(parse(text).unwrap(), &["eth0", "", "", "ntp.site"]);
    assert!(said.contains("interfaces\n    now    every card by DHCP\n    after  -\n"), "{said}");
    assert!(said.ends_with("anything else changes nothing: ") && next.is_none(), "{said}");
}

proptest! {
    /// Whatever is typed: what is tried is a configuration, and differs in what was asked for alone.
    #[test]
    fn no_answers_make_anything_else(
        which in 0..3_usize,
        answers in prop::collection::vec("(|none|dhcp|eth[0-3]|uplink|storage|10\\.0\\.[07]\\.[1-9](/2[0-9])?|[a-z0-9:./ -]{0,12}|\\PC{0,9})", 0..9),
    ) {
        let before = machine(["", ONE, MADE][which]);
        let mut said: Vec<&str> = answers.iter().map(String::as_str).collect();
        said.push("yes");
        if let (_, Some(Next::Try(after))) = talk(before.clone(), &said) {
            let mut after = parse(&write(&after).unwrap()).unwrap();
            let made = |machine: &Machine| {
                let all = machine.spec.network.interfaces.iter();
                all.filter(|one| one.bond.is_some() || one.vlan.is_some())
                    .map(|one| (one.name.clone(), one.bond.clone(), one.vlan.clone()))
                    .collect::<Vec<_>>()
            };
            prop_assert_eq!(made(&after), made(&before));
            prop_assert_eq!(&after.spec.network.search, &before.spec.network.search);
            after.spec.network = before.spec.network.clone();
            after.spec.time.servers = before.spec.time.servers.clone();
            after.spec.cluster.controllers = before.spec.cluster.controllers.clone();
            prop_assert_eq!(after, before);
        }
    }
}
