//! The port on the loopback, with hands that write nothing.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel as queue};
use std::time::{Duration, Instant};

use holdfast_maintenance::{
    Answer, Because, Channel, Client, ClientError, Fingerprint, Hello, MOST_ANSWER, OneTimeCode, Presented,
    Progress, Refused, Request, Work, channel, read_frame,
};
use holdfast_release::Profile;
use holdfast_release::machine::After;
use holdfast_seal::RecoveryKey;
use parking_lot::Mutex;
use serde_json::Value;

use super::desk::{Desk, Ended};
use super::{Claim, Hands, serve};
use crate::brain::{
    Confirmed, Detected, Disk, Facts, Firmware, Held, Holds, Nic, Release, SecureBoot, System, Transport,
};
use crate::hands::Admission;

const MACHINE: &str = r#"apiVersion = "holdfast/v1"
kind = "Machine"
metadata.name = "n1"
[spec]
role = "agent"
[spec.install]
disk = { serial = "S1" }
after = "powerOff"
[spec.cluster]
controllers = ["10.0.0.1:7443"]
admissionFile = "token"
"#;
/// How long the port may take for anything.
const LIMIT: Duration = Duration::from_secs(60);

/// What the hands were given, and when they go on.
struct Seen {
    admitted: Mutex<Vec<(String, Vec<u8>)>>,
    events: Mutex<Vec<String>>,
    is_claimed: AtomicBool,
    go: Mutex<Receiver<Result<(), String>>>,
}

struct Fake(Arc<Seen>);

fn detected() -> Detected {
    let disk = |serial: &str, holds| Disk {
        path: format!("/dev/{serial}").into(),
        serial: Some(serial.to_owned()),
        model: "M".to_owned(),
        transport: Transport::Nvme,
        bytes: 200 << 30,
        sector: 512,
        kept: None,
        holds,
    };
    let held = Held {
        versions: vec!["1.0.0".to_owned()],
        machine: None,
        cluster: None,
        data: None,
        parts: Vec::new(),
    };
    Detected {
        facts: Facts {
            system: System { product: "Server".to_owned(), serial: Some("SN1".to_owned()), uuid: None },
            threads: 8,
            memory: 64 << 30,
            firmware: Firmware::Uefi(SecureBoot::On),
            tpm: true,
            clock: 1_795_271_400,
            nics: vec![Nic {
                name: "e0".to_owned(),
                mac: "52:54:00:00:00:01".to_owned(),
                link: true,
                speed: None,
            }],
            disks: vec![disk("S1", Holds::Nothing), disk("S2", Holds::Installation(held))],
        },
        release: Release {
            version: "1.2.0".to_owned(),
            profile: Profile::Metal,
            epoch: 1_793_491_200,
            extensions: Vec::new(),
        },
    }
}

fn key() -> RecoveryKey {
    RecoveryKey::typed(&"cbdefghi".repeat(8)).unwrap()
}

impl Hands for Fake {
    fn detect(&self) -> anyhow::Result<Detected> {
        Ok(detected())
    }

    fn claim(&self) -> anyhow::Result<Option<Claim>> {
        Ok((!self.0.is_claimed.load(Ordering::SeqCst)).then_some(Claim(None)))
    }

    fn install(
        &self,
        _: Claim,
        _: Confirmed,
        admission: Option<Admission>,
        on: &mut dyn FnMut(Work),
    ) -> anyhow::Result<Option<RecoveryKey>> {
        self.0.admitted.lock().extend(admission.map(|admission| (admission.name, admission.content)));
        on(Work { what: "the system".to_owned(), done: 1, total: 2, seconds: 3 });
        self.0.go.lock().recv_timeout(LIMIT)?.map_err(anyhow::Error::msg)?;
        Ok(Some(key()))
    }

    fn say(&self, name: &str, _: &Value) {
        self.0.events.lock().push(name.to_owned());
    }
}

/// A machine that waits, until this goes.
struct Port {
    address: String,
    fingerprint: Fingerprint,
    desk: Arc<Desk>,
    seen: Arc<Seen>,
    go: Sender<Result<(), String>>,
    over: Arc<AtomicBool>,
    ended: Option<std::thread::JoinHandle<Option<Ended>>>,
}

impl Port {
    fn open() -> Self {
        let (go, wait) = queue();
        let seen = Arc::new(Seen {
            admitted: Mutex::default(),
            events: Mutex::default(),
            is_claimed: AtomicBool::new(false),
            go: Mutex::new(wait),
        });
        let desk = Arc::new(Desk::new(Box::new(Fake(Arc::clone(&seen))), "1.2.0").unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let presented = Presented::make().unwrap();
        let (fingerprint, over) = (presented.fingerprint, Arc::new(AtomicBool::new(false)));
        let (at, is_over) = (Arc::clone(&desk), Arc::clone(&over));
        let ended = std::thread::spawn(move || {
            serve(&listener, &presented, &at, &|| is_over.load(Ordering::SeqCst), &mut |_| {}).unwrap()
        });
        Self { address, fingerprint, desk, seen, go, over, ended: Some(ended) }
    }

    fn with_code(&self, code: &OneTimeCode) -> Result<Client, ClientError> {
        Client::connect(&self.address, self.fingerprint, code)
    }

    fn client(&self) -> Client {
        self.with_code(&self.desk.code()).unwrap()
    }

    /// A channel on which the code was said.
    fn admitted(&self) -> Channel {
        let mut channel = self.raw();
        say(&mut channel, &serde_json::to_vec(&Hello { code: self.desk.code().text().to_string() }).unwrap());
        assert!(matches!(answer(&mut channel), Some(Answer::Welcome { .. })));
        channel
    }

    fn raw(&self) -> Channel {
        channel(&self.address, self.fingerprint).unwrap()
    }

    fn ended(&mut self) -> Option<Ended> {
        self.ended.take().unwrap().join().unwrap()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = self.go.send(Err("the test is over".to_owned()));
    }
}

fn say(channel: &mut Channel, bytes: &[u8]) {
    channel.write_all(&u32::try_from(bytes.len()).unwrap().to_be_bytes()).unwrap();
    channel.write_all(bytes).unwrap();
}

fn answer(channel: &mut Channel) -> Option<Answer> {
    read_frame(channel, MOST_ANSWER).ok()
}

fn refusal<T>(result: Result<T, ClientError>) -> Refused {
    match result {
        Err(ClientError::Refused(refused)) => refused,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was done"),
    }
}

fn plan() -> Request {
    Request::Plan { machine: MACHINE.to_owned(), admission: Some("let me in".to_owned()) }
}

fn wrong(code: &OneTimeCode) -> OneTimeCode {
    let first = if code.text().starts_with('0') { '1' } else { '0' };
    OneTimeCode::typed(&format!("{first}{}", &code.text()[1..])).ok().unwrap()
}

#[test]
fn a_machine_is_installed_from_a_desk_and_then_nobody_listens() {
    let mut port = Port::open();
    let mut client = port.client();
    let Ok(Answer::Facts(facts)) = client.call(&Request::Facts {}) else { panic!("no facts") };
    assert_eq!((facts.product.as_str(), facts.disks.len(), facts.cards[0].link), ("Server", 2, true));
    let Ok(Answer::Plan(planned)) = client.call(&plan()) else { panic!("no plan") };
    assert_eq!((planned.machine.as_str(), planned.serial.as_str()), ("n1", "S1"));
    assert!(planned.sides.len() > 5 && planned.encryption == "tpm");
    let install = Request::Install { serial: Some("S1".to_owned()) };
    assert!(matches!(client.call(&install), Ok(Answer::Progress(Progress::Writing(_)))));
    // Another one sees that it is late, and how far it is.
    let mut other = port.client();
    other.call(&plan()).unwrap();
    assert_eq!(refusal(other.call(&install)).because, Because::Busy);
    assert_eq!(refusal(other.call(&Request::Leave {})).because, Because::Order);
    port.go.send(Ok(())).unwrap();
    let began = Instant::now();
    let recovery = loop {
        match client.call(&Request::Progress {}) {
            Ok(Answer::Progress(Progress::Writing(work))) => assert!(work.done <= work.total),
            Ok(Answer::Progress(Progress::Done { machine, recovery })) => {
                assert_eq!(machine, "n1");
                break recovery;
            }
            other => panic!("{other:?}"),
        }
        assert!(began.elapsed() < LIMIT);
    };
    assert_eq!(recovery.as_deref(), Some(key().text()));
    assert_eq!(*port.seen.admitted.lock(), [("token".to_owned(), b"let me in".to_vec())]);
    assert_eq!(refusal(other.call(&install)).because, Because::Busy);
    client.call(&Request::Leave {}).unwrap();
    let ended = port.ended().unwrap();
    assert_eq!(
        (ended.machine.to_string().as_str(), ended.after, ended.unread),
        ("n1", After::PowerOff, None)
    );
    assert!(TcpStream::connect(&port.address).is_err(), "somebody listens");
}

/// Whoever installed is gone before he read it: the key is for the consoles then, as where nobody was asked.
#[test]
fn a_recovery_key_that_nobody_took_is_not_lost() {
    let port = Port::open();
    let mut client = port.client();
    client.call(&plan()).unwrap();
    client.call(&Request::Install { serial: None }).unwrap();
    drop(client);
    port.go.send(Ok(())).unwrap();
    let began = Instant::now();
    while !matches!(port.desk.progress(), Progress::Done { .. }) {
        assert!(began.elapsed() < LIMIT);
        std::thread::yield_now();
    }
    assert_eq!(port.desk.ended(Instant::now()), None);
    let later = port.desk.ended(Instant::now() + Duration::from_secs(601)).unwrap();
    assert_eq!(later.unread, Some(key()));
}

#[test]
fn what_fails_is_said_and_may_be_tried_again() {
    let port = Port::open();
    let mut client = port.client();
    client.call(&plan()).unwrap();
    client.call(&Request::Install { serial: Some("S1".to_owned()) }).unwrap();
    port.go.send(Err("the disk says no".to_owned())).unwrap();
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < LIMIT);
        match client.call(&Request::Progress {}) {
            Ok(Answer::Progress(Progress::Failed { why })) => {
                assert_eq!(why, "the disk says no");
                break;
            }
            other => assert!(matches!(other, Ok(Answer::Progress(Progress::Writing(_)))), "{other:?}"),
        }
    }
    client.call(&Request::Install { serial: Some("S1".to_owned()) }).unwrap();
}

#[test]
fn a_wrong_code_opens_nothing_and_five_make_a_new_one() {
    let port = Port::open();
    let first = port.desk.code();
    for left in (0..5).rev() {
        assert!(port.desk.code().is(&first), "{left} guesses are left");
        let refused = refusal(port.with_code(&wrong(&first)));
        assert_eq!(refused.because, Because::Code);
    }
    assert_eq!(refusal(port.with_code(&first)).because, Because::Code, "the code is another one");
    assert!(!port.desk.code().is(&first));
    port.client();
    assert_eq!(port.seen.events.lock().len(), 6);
    // Without the code nothing is answered but that, whatever is asked.
    let mut channel = port.raw();
    say(&mut channel, br#"{"method":"facts"}"#);
    let Some(Answer::Refused(refused)) = answer(&mut channel) else { panic!("answered") };
    assert_eq!(refused.because, Because::Message);
    assert_eq!(answer(&mut channel), None);
}

#[test]
fn only_the_list_is_answered_and_nothing_that_is_too_long_is_read() {
    let port = Port::open();
    for bytes in [br#"{"method":"shell"}"#.as_slice(), br#"{"method":"facts","x":1}"#, b"GET / HTTP/1.1", b""]
    {
        let mut channel = port.admitted();
        say(&mut channel, bytes);
        let Some(Answer::Refused(refused)) = answer(&mut channel) else { panic!("answered") };
        assert_eq!((refused.because, refused.reason.as_str()), (Because::Message, "unknown"));
        assert_eq!(answer(&mut channel), None, "the conversation is over");
    }
    for length in [(4 << 20) + 1, u32::MAX] {
        let mut channel = port.admitted();
        channel.write_all(&length.to_be_bytes()).unwrap();
        let Some(Answer::Refused(refused)) = answer(&mut channel) else { panic!("answered") };
        assert_eq!(refused.reason, "too-long");
    }
    let mut channel = port.raw();
    channel.write_all(&257_u32.to_be_bytes()).unwrap();
    let Some(Answer::Refused(refused)) = answer(&mut channel) else { panic!("answered") };
    assert_eq!(refused.reason, "too-long");
}

/// A client that knows TLS 1.2 at most (RFC 5246): the alert is `protocol_version`.
#[test]
fn an_older_tls_is_refused_in_the_handshake() {
    let port = Port::open();
    let extensions: &[u8] = &[0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0, 2, 4, 3];
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0, 0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    let mut stream = TcpStream::connect(&port.address).unwrap();
    stream.write_all(&[&[22, 3, 1, 0, length + 4, 1, 0, 0, length], hello.as_slice()].concat()).unwrap();
    let mut alert = Vec::new();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.read_to_end(&mut alert).unwrap();
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, 70]);
}

#[test]
fn another_fingerprint_is_told_nothing() {
    let port = Port::open();
    let other = Fingerprint::of(b"another machine");
    let Err(error) = Client::connect(&port.address, other, &port.desk.code()) else { panic!("connected") };
    assert!(matches!(error, ClientError::Fingerprint { presented, .. } if presented == port.fingerprint));
    assert!(port.seen.events.lock().is_empty(), "it was told a code");
}

#[test]
fn what_is_refused_by_the_plan_is_said_as_for_a_volume() {
    let port = Port::open();
    let mut client = port.client();
    let mut ask = |machine: String, admission: Option<&str>| {
        refusal(client.call(&Request::Plan { machine, admission: admission.map(str::to_owned) }))
    };
    let refused = ask(MACHINE.replace("role", "rule"), Some("x"));
    assert!(refused.why.contains("line 5, column 1"), "{refused}");
    assert_eq!(ask(MACHINE.to_owned(), None).reason, "admission");
    let nowhere = ask(MACHINE.replace("S1", "S9"), Some("x"));
    assert_eq!((nowhere.reason.as_str(), nowhere.disks.len()), ("no-disk", 2));
    assert_eq!(refusal(client.call(&Request::Install { serial: None })).because, Because::Order);
    // A disk that holds something, without a word for it and with the wrong one.
    let machine = MACHINE.replace("S1", "S2");
    client.call(&Request::Plan { machine, admission: Some("x".to_owned()) }).unwrap();
    assert_eq!(refusal(client.call(&Request::Install { serial: None })).reason, "disk-in-use");
    let typed = refusal(client.call(&Request::Install { serial: Some("S1".to_owned()) }));
    assert_eq!(typed.reason, "wrong-serial");
    // Somebody at the console is first.
    port.seen.is_claimed.store(true, Ordering::SeqCst);
    let late = refusal(client.call(&Request::Install { serial: Some("S2".to_owned()) }));
    assert_eq!(late.because, Because::Busy);
    assert!(port.seen.admitted.lock().is_empty());
}

#[test]
fn one_address_has_three_connections_and_the_port_closes_when_it_is_over() {
    let mut port = Port::open();
    let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));
    assert!(port.desk.enter(peer) && port.desk.enter(peer) && port.desk.enter(peer));
    assert!(!port.desk.enter(peer));
    port.desk.go(peer);
    assert!(port.desk.enter(peer));
    for last in 1..=5 {
        assert!(port.desk.enter(IpAddr::V4(Ipv4Addr::new(10, 0, 1, last))));
    }
    assert!(!port.desk.enter(IpAddr::V4(Ipv4Addr::new(10, 0, 2, 1))), "eight in all");
    port.over.store(true, Ordering::SeqCst);
    assert_eq!(port.ended(), None);
    assert!(TcpStream::connect(port.address.parse::<SocketAddr>().unwrap()).is_err());
}
