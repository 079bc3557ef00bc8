//! Controllers that come and go after the founding, and the keys that backups may be encrypted to. Numbers of controllers are
//! never given twice: a number that voted once and came back with an empty disk could undo what was agreed.

use holdfast_api::store::{
    AdmitController, ControllerRecord, Done, RecipientRecord, SetRecipients, SettleController, outcome,
};

use crate::act::{Act, Answer};
use crate::state::State;
use crate::table::number_key;
use crate::{record, refuse};

/// Let in, and not a voter yet.
pub const ADMITTED: &str = "admitted";
/// It votes.
pub const JOINED: &str = "joined";
/// It is taken out.
pub const REMOVED: &str = "removed";

/// The most keys that backups may be encrypted to.
pub const MOST_RECIPIENTS: usize = 16;
/// The longest name or address that is taken.
const MOST_TEXT: usize = 512;
/// The longest key that is taken: the public half of a backup key has an ML-KEM key in it.
const MOST_KEY: usize = 2_048;
/// The most controllers that may be waited for at once.
const MOST_ADMITTED: usize = 8;

impl State {
    /// The controllers that came or went after the founding, by number.
    pub fn controllers(&self) -> impl Iterator<Item = &ControllerRecord> {
        self.controllers.values()
    }

    /// The keys that backups may be encrypted to.
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        self.recipients.values().map(|record| record.recipient.as_str())
    }
}

pub(crate) fn admit(act: &mut Act<'_>, admit: AdmitController) -> Answer {
    check(act, &admit)?;
    let last = act.state.controllers.values().next_back().map_or(0, |record| record.id);
    let id = last.max(admit.greatest).saturating_add(1);
    // Whoever was admitted by this name before did not come; its number is not used again.
    let stale: Vec<ControllerRecord> =
        act.state.controllers().filter(|r| r.phase == ADMITTED && r.name == admit.name).cloned().collect();
    for old in stale {
        put(act, ControllerRecord { phase: REMOVED.to_owned(), ..old });
    }
    let record = ControllerRecord {
        id,
        name: admit.name,
        address: admit.address,
        certificate_serial: admit.certificate_serial,
        replaces: admit.replaces,
        phase: ADMITTED.to_owned(),
    };
    put(act, record.clone());
    let object = format!("controller/{}", record.name);
    let text = format!("controller `{}` at {} may join as number {id}", record.name, record.address);
    act.event(&object, "Admitted", text);
    let (number, replaces) = (id.to_string(), record.replaces.to_string());
    let details = [
        ("id", number.as_str()),
        ("address", record.address.as_str()),
        ("serial", record.certificate_serial.as_str()),
        ("replaces", if record.replaces == 0 { "" } else { replaces.as_str() }),
    ];
    record::mutation(act, "admit-controller", &object, &details);
    Ok(outcome::Result::Controller(record))
}

fn check(act: &Act<'_>, admit: &AdmitController) -> Result<(), holdfast_types::Problem> {
    let texts = [&admit.name, &admit.address, &admit.certificate_serial];
    if texts.iter().any(|text| text.is_empty() || text.len() > MOST_TEXT) {
        return Err(refuse::controller(&admit.name, "it has a name, an address and a certificate"));
    }
    let there = |record: &&ControllerRecord| record.phase == JOINED && record.id != admit.replaces;
    for record in act.state.controllers().filter(there) {
        if record.name == admit.name {
            return Err(refuse::controller(&admit.name, "there is a controller of that name"));
        }
        if record.address == admit.address {
            let because = format!("controller `{}` is at {}", record.name, record.address);
            return Err(refuse::controller(&admit.name, &because));
        }
    }
    let waited = act.state.controllers().filter(|r| r.phase == ADMITTED && r.name != admit.name).count();
    if waited >= MOST_ADMITTED {
        return Err(refuse::controller(&admit.name, &format!("{waited} others are waited for")));
    }
    Ok(())
}

pub(crate) fn settle(act: &mut Act<'_>, settle: SettleController) -> Answer {
    let done = Ok(outcome::Result::Done(Done {}));
    let known = act.state.controllers.get(&number_key(settle.id)).cloned();
    if ![JOINED, REMOVED].contains(&settle.phase.as_str()) || settle.name.len() > MOST_TEXT {
        return Err(refuse::controller(&settle.name, "it joins or is removed, nothing else"));
    }
    if known.as_ref().is_some_and(|record| record.phase == settle.phase) {
        return done;
    }
    let record = known.unwrap_or_else(|| ControllerRecord {
        id: settle.id,
        name: settle.name.clone(),
        ..ControllerRecord::default()
    });
    let object = format!("controller/{}", record.name);
    let (reason, act_name) = match settle.phase.as_str() {
        JOINED => ("Joined", "join-controller"),
        _ => ("Removed", "remove-controller"),
    };
    put(act, ControllerRecord { phase: settle.phase, ..record });
    forget_removed(act);
    let number = settle.id.to_string();
    act.event(&object, reason, format!("controller number {number}: {}", settle.reason));
    let details = [("id", number.as_str()), ("reason", settle.reason.as_str())];
    record::mutation(act, act_name, &object, &details);
    done
}

/// Of those that are gone the greatest number is enough to know that none is given again.
fn forget_removed(act: &mut Act<'_>) {
    let mut gone: Vec<u64> =
        act.state.controllers().filter(|record| record.phase == REMOVED).map(|record| record.id).collect();
    gone.pop();
    for id in gone {
        act.state.controllers.remove(&number_key(id), &mut act.state.changes);
    }
}

fn put(act: &mut Act<'_>, record: ControllerRecord) {
    act.state.controllers.put(&number_key(record.id), record, &mut act.state.changes);
}

pub(crate) fn set_recipients(act: &mut Act<'_>, set: SetRecipients) -> Answer {
    if set.recipients.len() > MOST_RECIPIENTS {
        return Err(refuse::recipients(&format!(
            "{} keys, at most {MOST_RECIPIENTS} are kept",
            set.recipients.len()
        )));
    }
    if set.recipients.iter().any(|key| key.is_empty() || key.len() > MOST_KEY) {
        return Err(refuse::recipients("a key has 1 to 2048 characters"));
    }
    let known: Vec<String> = act.state.recipients().map(str::to_owned).collect();
    let gone: Vec<&String> = known.iter().filter(|key| !set.recipients.contains(key)).collect();
    let new: Vec<&String> = set.recipients.iter().filter(|key| !known.contains(key)).collect();
    for key in &gone {
        act.state.recipients.remove(key, &mut act.state.changes);
    }
    for key in &new {
        let record =
            RecipientRecord { recipient: (*key).clone(), added_by: act.actor.clone(), added_ms: act.now.0 };
        act.state.recipients.put(key, record, &mut act.state.changes);
    }
    if gone.is_empty() && new.is_empty() {
        return Ok(outcome::Result::Done(Done {}));
    }
    let name = format!("cluster/{}", act.cluster.name);
    let list = |keys: &[&String]| keys.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(" ");
    let (added, removed) = (list(&new), list(&gone));
    act.event(&name, "BackupKeys", format!("{} keys can read backups", set.recipients.len()));
    record::mutation(act, "set-backup-recipients", &name, &[("added", &added), ("removed", &removed)]);
    Ok(outcome::Result::Done(Done {}))
}
