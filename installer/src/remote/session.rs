//! One connection: the handshake, the code, then one answer for each request.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use holdfast_maintenance::{
    Answer, Because, Card, Disk, Facts, FrameError, Hello, MOST_ANSWER, MOST_HELLO, MOST_REQUEST, Refused,
    Request, Within, read_frame, write_frame,
};
use holdfast_release::machine::{Machine, Role, parse};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::brain::{Planned, checks, disk_line};
use crate::hands::Admission;
use crate::remote::desk::{Desk, plan, refused, troubled};

/// How long somebody who has shown nothing yet may take.
const HELLO: Duration = Duration::from_secs(10);
/// How long somebody may think, or take for one request and its answer.
const IDLE: Duration = Duration::from_secs(600);
/// How long a wrong code waits for its answer.
const PENANCE: Duration = Duration::from_secs(1);
/// The longest file that lets a machine in, as on a volume.
const MOST_ADMISSION: usize = 1 << 20;

type Stream = StreamOwned<ServerConnection, Within>;

/// What was planned last in this connection.
type Last = Option<(Planned, Option<Admission>)>;

/// Speaks with who connected.
pub(super) fn converse(desk: &Arc<Desk>, config: Arc<ServerConfig>, stream: TcpStream, peer: SocketAddr) {
    // Who hangs up, or is no client of ours, is nobody's business.
    let _ = conversation(desk, config, stream, peer);
}

fn conversation(
    desk: &Arc<Desk>,
    config: Arc<ServerConfig>,
    stream: TcpStream,
    peer: SocketAddr,
) -> anyhow::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let mut stream = Stream::new(ServerConnection::new(config)?, Within::new(stream, HELLO));
    let first = match read_frame::<Hello>(&mut stream, MOST_HELLO) {
        Ok(hello) if desk.admits(&hello.code, peer.ip()) => {
            Answer::Welcome { version: desk.version().to_owned() }
        }
        Ok(_) => {
            std::thread::park_timeout(PENANCE);
            Answer::Refused(Refused::new(Because::Code, "code", "it is not the one that its consoles show"))
        }
        Err(error) => Answer::Refused(unread(error)?),
    };
    let mut goes_on = matches!(first, Answer::Welcome { .. });
    write_frame(&mut stream, &first, MOST_ANSWER)?;
    let mut last = None;
    while goes_on {
        stream.sock.extend(IDLE);
        let answer = match read_frame::<Request>(&mut stream, MOST_REQUEST) {
            Ok(request) => answer(desk, request, &mut last).unwrap_or_else(Answer::Refused),
            Err(error) => {
                goes_on = false;
                Answer::Refused(unread(error)?)
            }
        };
        write_frame(&mut stream, &answer, MOST_ANSWER)?;
    }
    stream.conn.send_close_notify();
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(())
}

/// What is said about a message that is none; nothing where nobody is there any more.
fn unread(error: FrameError) -> anyhow::Result<Refused> {
    match error {
        FrameError::Stream(error) => Err(error.into()),
        FrameError::Long { .. } => Ok(Refused::new(Because::Message, "too-long", error.to_string())),
        FrameError::Unknown(_) => Ok(Refused::new(Because::Message, "unknown", error.to_string())),
    }
}

/// The closed list of what can be asked.
fn answer(desk: &Arc<Desk>, request: Request, last: &mut Last) -> Result<Answer, Refused> {
    match request {
        Request::Facts {} => facts(desk).map(Answer::Facts).map_err(|error| troubled(&error)),
        Request::Plan { machine, admission } => {
            let (planned, admission) = planned(desk, &machine, admission)?;
            let answer = Answer::Plan(plan(&planned));
            *last = Some((planned, admission));
            Ok(answer)
        }
        Request::Install { serial } => {
            let nothing = || Refused::new(Because::Order, "order", "nothing was planned in this connection");
            // Who mistypes a serial number asks again for the same.
            let (planned, admission) = last.clone().ok_or_else(nothing)?;
            desk.begin(planned, admission, serial).map(Answer::Progress)
        }
        Request::Progress {} => Ok(Answer::Progress(desk.progress())),
        Request::Leave {} => desk.leave().map(Answer::Progress),
    }
}

fn facts(desk: &Desk) -> anyhow::Result<Facts> {
    let detected = desk.hands().detect()?;
    let (facts, release) = (&detected.facts, &detected.release);
    let disk = |disk: &crate::brain::Disk| Disk {
        path: disk.path.to_string(),
        serial: disk.serial.clone(),
        bytes: disk.bytes,
        line: disk_line(disk),
    };
    let card =
        |nic: &crate::brain::Nic| Card { name: nic.name.clone(), mac: nic.mac.clone(), link: nic.link };
    Ok(Facts {
        version: release.version.clone(),
        product: facts.system.product.clone(),
        serial: facts.system.serial.clone(),
        uuid: facts.system.uuid.clone(),
        checks: checks(facts, release, Role::Agent).iter().map(|check| check.line()).collect(),
        cards: facts.nics.iter().map(card).collect(),
        disks: facts.disks.iter().map(disk).collect(),
    })
}

/// What would be done: read, admitted and planned as what a volume has.
fn planned(
    desk: &Desk,
    text: &str,
    admission: Option<String>,
) -> Result<(Planned, Option<Admission>), Refused> {
    let wrong = |reason: &str, why: String| Refused::new(Because::Plan, reason, why);
    let machine = parse(text).map_err(|error| wrong("configuration", error.to_string()))?;
    let admission = admitted(&machine, admission).map_err(|why| wrong("admission", why))?;
    let detected = desk.hands().detect().map_err(|error| troubled(&error))?;
    let planned = detected.plan(machine).map_err(|refusal| refused(&refusal))?;
    Ok((planned, admission))
}

/// What lets the machine in, under the name that its configuration has for it.
fn admitted(machine: &Machine, content: Option<String>) -> Result<Option<Admission>, String> {
    match (&machine.spec.cluster.admission_file, content) {
        (None, None) => Ok(None),
        (Some(_), Some(content)) if content.len() > MOST_ADMISSION => {
            Err(format!("what lets the machine in has {} bytes: {MOST_ADMISSION} are taken", content.len()))
        }
        (Some(name), Some(content)) => {
            Ok(Some(Admission { name: name.clone(), content: content.into_bytes() }))
        }
        (Some(name), None) => Err(format!("the configuration names a file `{name}`, and none was sent")),
        (None, Some(_)) => Err("a file was sent that the configuration does not name".to_owned()),
    }
}
