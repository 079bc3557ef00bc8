//! What all connections share: the code, how often it was guessed at, and the one installation.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_maintenance::{Because, CodeError, OneTimeCode, Plan, Progress, Refused, Work};
use holdfast_release::machine::{After, Name};
use holdfast_seal::RecoveryKey;
use parking_lot::Mutex;
use serde_json::json;

use crate::brain::{Confirmed, Consent, Planned, disk_line, sides};
use crate::hands::Admission;
use crate::remote::claim::{Claim, Hands};

/// How often a code may be guessed at before there is another.
const GUESSES: u32 = 5;
/// Connections at one time, and those of one address.
const CONNECTIONS: usize = 8;
const CONNECTIONS_EACH: usize = 3;
/// How long a machine that is installed waits until whoever installed it has read the recovery key.
const READ_IN: Duration = Duration::from_secs(600);

/// What all connections share.
pub struct Desk {
    hands: Box<dyn Hands>,
    version: String,
    state: Mutex<State>,
}

struct State {
    code: OneTimeCode,
    guesses: u32,
    open: BTreeMap<IpAddr, usize>,
    work: Stage,
}

enum Stage {
    Idle,
    Writing(Work),
    Failed(String),
    Done(Box<Finished>),
}

/// A machine that is installed.
struct Finished {
    machine: Name,
    recovery: Option<RecoveryKey>,
    after: After,
    at: Instant,
    left: bool,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The name of the machine.
    pub machine: Name,
    /// What the machine does then.
    pub after: After,
    /// What opens its volumes, where nobody said that he has it.
    pub unread: Option<RecoveryKey>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    /// One at which nothing was asked yet, for a release of this version.
    ///
    /// # Errors
    ///
    /// There is no chance to be had.
    pub fn new(hands: Box<dyn Hands>, version: &str) -> Result<Self, CodeError> {
        let state =
            State { code: OneTimeCode::draw()?, guesses: 0, open: BTreeMap::new(), work: Stage::Idle };
        Ok(Self { hands, version: version.to_owned(), state: Mutex::new(state) })
    }

    /// The code of now.
    #[must_use]
    pub fn code(&self) -> OneTimeCode {
        self.state.lock().code.clone()
    }

    pub(super) fn hands(&self) -> &dyn Hands {
        self.hands.as_ref()
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Whether this is the code. Who guesses too often makes another one.
    pub(super) fn admits(&self, code: &str, peer: IpAddr) -> bool {
        let mut state = self.state.lock();
        if OneTimeCode::typed(code).is_ok_and(|code| code.is(&state.code)) {
            return true;
        }
        state.guesses += 1;
        let replaced = state.guesses >= GUESSES;
        if replaced && let Ok(code) = OneTimeCode::draw() {
            state.code = code;
            state.guesses = 0;
        }
        drop(state);
        self.hands.say("maintenance.guessed", &json!({ "from": peer, "replaced": replaced }));
        false
    }

    /// Counts a connection of this address in; not where there are too many.
    pub(super) fn enter(&self, peer: IpAddr) -> bool {
        let mut state = self.state.lock();
        let all: usize = state.open.values().sum();
        let own = state.open.get(&peer).copied().unwrap_or_default();
        let has_room = all < CONNECTIONS && own < CONNECTIONS_EACH;
        if has_room {
            state.open.insert(peer, own + 1);
        }
        has_room
    }

    /// Counts it out.
    pub(super) fn go(&self, peer: IpAddr) {
        let mut state = self.state.lock();
        if let Some(own) = state.open.get_mut(&peer) {
            *own = own.saturating_sub(1);
        }
        state.open.retain(|_, own| *own > 0);
    }

    /// How far it is.
    pub(super) fn progress(&self) -> Progress {
        match &self.state.lock().work {
            Stage::Idle => Progress::Idle,
            Stage::Writing(work) => Progress::Writing(work.clone()),
            Stage::Failed(why) => Progress::Failed { why: why.clone() },
            Stage::Done(done) => {
                let recovery = done.recovery.as_ref().map(|key| key.text().to_owned());
                Progress::Done { machine: done.machine.to_string(), recovery }
            }
        }
    }

    /// Begins to write, beside all connections: it goes on where the one that asked for it breaks off.
    pub(super) fn begin(
        self: &Arc<Self>,
        planned: Planned,
        admission: Option<Admission>,
        typed: Option<String>,
    ) -> Result<Progress, Refused> {
        let busy = |why: &str| Refused::new(Because::Busy, "busy", why);
        let install = planned.machine().spec.install.as_ref();
        let after = install.map(|install| install.after).unwrap_or_default();
        let wipe = install.and_then(|install| install.wipe.clone());
        let consent = typed.map_or(Consent::Configured(wipe), Consent::Typed);
        let mut state = self.state.lock();
        match state.work {
            Stage::Writing(_) => return Err(busy("an installation from another desk is under way")),
            Stage::Done(_) => return Err(busy("the machine is installed")),
            Stage::Idle | Stage::Failed(_) => {}
        }
        let confirmed = planned.confirm(&consent).map_err(|refusal| refused(&refusal))?;
        // Nobody else begins from here on; the claim is waited for beside the others.
        state.work = Stage::Writing(Work::default());
        drop(state);
        let claim = match self.hands.claim() {
            Ok(Some(claim)) => claim,
            other => {
                self.state.lock().work = Stage::Idle;
                let late = || busy("somebody at its console installs it, or did already");
                return Err(other.map_or_else(|error| troubled(&error), |_| late()));
            }
        };
        let desk = Arc::clone(self);
        std::thread::spawn(move || desk.write(claim, confirmed, admission, after));
        Ok(self.progress())
    }

    fn write(&self, claim: Claim, confirmed: Confirmed, admission: Option<Admission>, after: After) {
        let machine = confirmed.planned().machine().metadata.name.clone();
        let ended = self.hands.install(claim, confirmed, admission, &mut |work| {
            self.state.lock().work = Stage::Writing(work);
        });
        let stage = match ended {
            Ok(recovery) => {
                Stage::Done(Box::new(Finished { machine, recovery, after, at: Instant::now(), left: false }))
            }
            Err(error) => {
                let why = format!("{error:#}");
                self.hands.say("install.refused", &json!({ "reason": "failed", "why": why }));
                Stage::Failed(why)
            }
        };
        self.state.lock().work = stage;
    }

    /// Whoever installed has read all that there is to read.
    pub(super) fn leave(&self) -> Result<Progress, Refused> {
        match &mut self.state.lock().work {
            Stage::Done(done) => done.left = true,
            Stage::Idle | Stage::Writing(_) | Stage::Failed(_) => {
                return Err(Refused::new(Because::Order, "order", "the machine is not installed"));
            }
        }
        Ok(self.progress())
    }

    /// Whether something is being written, or was.
    pub(super) fn is_used(&self) -> bool {
        matches!(self.state.lock().work, Stage::Writing(_) | Stage::Done(_))
    }

    /// How it ended, once whoever installed said that he is done, or did not for long.
    pub(super) fn ended(&self, now: Instant) -> Option<Ended> {
        match &self.state.lock().work {
            Stage::Done(done) if done.left || now.duration_since(done.at) >= READ_IN => {
                let unread = done.recovery.clone().filter(|_| !done.left);
                Some(Ended { machine: done.machine.clone(), after: done.after, unread })
            }
            Stage::Done(_) | Stage::Idle | Stage::Writing(_) | Stage::Failed(_) => None,
        }
    }
}

/// A plan as it is sent.
pub(super) fn plan(planned: &Planned) -> Plan {
    Plan {
        machine: planned.machine().metadata.name.to_string(),
        disk: disk_line(planned.disk()),
        serial: planned.disk().token().to_owned(),
        encryption: planned.locks().word().to_owned(),
        checks: planned.checks().iter().map(|check| check.line()).collect(),
        sides: sides(planned),
    }
}

/// A refusal as it is sent.
pub(super) fn refused(refusal: &crate::brain::Refusal) -> Refused {
    let disks = refusal.disks().to_vec();
    let error = anyhow::Error::new(refusal.clone());
    Refused { disks, ..Refused::new(Because::Plan, refusal.word(), format!("{error:#}")) }
}

/// What the machine cannot find out.
pub(super) fn troubled(error: &anyhow::Error) -> Refused {
    Refused::new(Because::Machine, "failed", format!("{error:#}"))
}
