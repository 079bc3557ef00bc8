//! On the medium: the port at which a machine that found no configuration is installed from somebody's desk. Process 1 starts it when a
//! console asks; it ends with the installation, whoever made it.

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use holdfast_maintenance::{PORT, Presented, Work};
use holdfast_seal::RecoveryKey;
use serde_json::{Value, json};

use crate::brain::{Confirmed, Detected};
use crate::event::{Events, shown};
use crate::hands::Admission;
use crate::medium;
use crate::notice;
use crate::remote::{Claim, Desk, Ended, Hands, Notice, serve};

/// What the plan is told to come from.
const FROM: &str = "somebody's desk";

/// Listens until the machine is installed.
pub(crate) fn run() -> ExitCode {
    let mut events = Events::log();
    let ended = listened();
    notice::remove();
    match ended {
        Ok(Some(ended)) => {
            if let Some(key) = &ended.unread
                && let Err(error) = medium::show_key(&ended.machine, key)
            {
                events.say("maintenance.failed", &json!({ "why": format!("{error:#}") }));
            }
            medium::leave(ended.after)
        }
        Ok(None) => ExitCode::from(medium::ELSEWHERE),
        Err(error) => {
            events.say("maintenance.failed", &json!({ "why": format!("{error:#}") }));
            ExitCode::FAILURE
        }
    }
}

fn listened() -> anyhow::Result<Option<Ended>> {
    let presented = Presented::make()?;
    let version = medium::payload()?.release().version;
    let desk = Arc::new(Desk::new(Box::new(Medium), &version)?);
    let listener =
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).with_context(|| format!("listen on port {PORT}"))?;
    serve(&listener, &presented, &desk, &medium::is_answered, &mut show)
}

/// On the consoles as an event, then on the screens, which are drawn anew over it.
fn show(notice: &Notice) {
    let told = if notice.is_used { Ok(()) } else { shown("maintenance.ready", &notice.fields()) };
    if let Err(error) = told.and_then(|()| notice::put(&notice.lines())) {
        Events::log().say("maintenance.failed", &json!({ "why": format!("{error:#}") }));
    }
}

/// The machine that the medium was started on.
struct Medium;

impl Hands for Medium {
    fn detect(&self) -> anyhow::Result<Detected> {
        Ok(medium::detected(&medium::payload()?))
    }

    fn claim(&self) -> anyhow::Result<Option<Claim>> {
        Ok(medium::claim()?.map(|file| Claim(Some(file))))
    }

    fn install(
        &self,
        claim: Claim,
        confirmed: Confirmed,
        admission: Option<Admission>,
        on: &mut dyn FnMut(Work),
    ) -> anyhow::Result<Option<RecoveryKey>> {
        let mut events = Events::log();
        let payload = medium::payload()?;
        let machine = confirmed.planned().machine().metadata.name.clone();
        medium::show(confirmed.planned(), FROM, &mut events);
        let key = medium::write(confirmed, &payload, admission.as_ref(), &mut events, &mut |work| {
            let crate::ui::Work { what, done, total, seconds } = work;
            on(Work { what, done, total, seconds });
        })?;
        medium::done(&machine, &mut events)?;
        // Nobody else installs before the machine starts again.
        std::mem::forget(claim);
        Ok(key)
    }

    fn say(&self, name: &str, fields: &Value) {
        Events::log().say(name, fields);
    }
}
