//! Why a command changes nothing. Every refusal is a problem with a code, decided in `apply` and equal on every member.

use holdfast_types::{Problem, ProblemKind};

/// The named thing does not exist.
#[must_use]
pub fn not_found(kind: &str, name: &str) -> Problem {
    let list = match kind {
        "artifact" => "holdfast dataset list".to_owned(),
        other => format!("holdfast {other} list"),
    };
    Problem::new(1101, ProblemKind::NotFound, format!("{kind} `{name}` does not exist")).next(list)
}

/// The name is taken.
pub(crate) fn exists(kind: &str, name: &str) -> Problem {
    Problem::new(1102, ProblemKind::Conflict, format!("{kind} `{name}` exists already"))
}

/// A name that joins is in use.
pub(crate) fn known_node(name: &str) -> Problem {
    Problem::new(1110, ProblemKind::Conflict, format!("node `{name}` cannot join"))
        .because("a node of that name is known and has not been retired")
        .next(format!("holdfast node retire {name}"))
}

/// A job that would wait for one that it cannot wait for.
pub(crate) fn dependency(name: &str, because: &str) -> Problem {
    Problem::new(2180, ProblemKind::Invalid, format!("job `{name}` cannot wait so"))
        .because(because.to_owned())
        .next("holdfast job list")
}

/// A name that an element of an array has, or would have.
pub(crate) fn element_name(name: &str, because: &str) -> Problem {
    Problem::new(2200, ProblemKind::Conflict, format!("job `{name}` cannot be called so"))
        .because(because.to_owned())
        .next("holdfast job list")
}

/// A job that could not end by its deadline if it started at once.
pub(crate) fn deadline(name: &str, because: &str) -> Problem {
    Problem::new(2181, ProblemKind::Invalid, format!("job `{name}` cannot end by its deadline"))
        .because(because.to_owned())
}

/// The caller decided on an older state.
pub(crate) fn changed(kind: &str, name: &str, expected: u64, found: u64) -> Problem {
    Problem::new(1103, ProblemKind::Conflict, format!("{kind} `{name}` has changed since it was read"))
        .because(format!("the request expects revision {expected}, the {kind} is at revision {found}"))
        .next(format!("holdfast {kind} show {name}"))
}

/// The idempotency key belongs to another request.
pub(crate) fn key_reused(key: &str) -> Problem {
    Problem::new(1104, ProblemKind::Conflict, format!("idempotency key `{key}` was used for another request"))
        .because("a key names one request; the same key with other content is a mistake of the caller")
}

/// The thing is in a phase that does not allow the act.
pub(crate) fn wrong_phase(kind: &str, name: &str, act: &str, phase: &str, allowed: &str) -> Problem {
    Problem::new(1105, ProblemKind::Conflict, format!("{kind} `{name}` cannot be {act}"))
        .because(format!("it is {phase}; {allowed}"))
        .next(format!("holdfast {kind} show {name}"))
}

fn cannot_reset(node: &str) -> Problem {
    Problem::new(1293, ProblemKind::Conflict, format!("node `{node}` cannot be reset"))
}

/// A node whose machine is somebody else's, too.
pub(crate) fn not_an_appliance(node: &str) -> Problem {
    cannot_reset(node)
        .because(
            "its machine does not run from our slots, so what is on its disks is not Holdfast's to erase",
        )
        .next(format!("holdfast node retire {node}"))
}

/// A node that is to be reset and still has work.
pub(crate) fn still_runs(node: &str, tasks: usize) -> Problem {
    cannot_reset(node)
        .because(format!("{tasks} tasks on it have not ended; `--force` ends them"))
        .next(format!("holdfast node drain {node} --wait"))
}

/// A node that is to be reset and has what nobody else has.
pub(crate) fn only_copies(node: &str, artifacts: &[String]) -> Problem {
    const NAMED: usize = 3;
    let first = artifacts.first().and_then(|key| key.split_once('/'));
    let look = match first {
        Some((kind @ ("dataset" | "image" | "model"), version)) => format!("holdfast {kind} show {version}"),
        _ => "holdfast job list".to_owned(),
    };
    let named = artifacts.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = artifacts.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    cannot_reset(node)
        .because(format!("no other node has a copy of {named}{more}; `--force` loses what nobody else has"))
        .next(look)
}

/// A reservation that names what is not there.
pub(crate) fn reservation_of_nobody(name: &str, kind: &str, missing: &str) -> Problem {
    Problem::new(2220, ProblemKind::Invalid, format!("reservation `{name}` cannot be made"))
        .because(format!("{kind} `{missing}` does not exist"))
        .next(format!("holdfast {kind} list"))
}

/// One reservation more than are looked at.
pub(crate) fn too_many_reservations(name: &str, most: usize) -> Problem {
    Problem::new(2221, ProblemKind::Exhausted, format!("reservation `{name}` cannot be made"))
        .because(format!("there are {most} reservations, which is the most"))
        .next("holdfast reservation list")
}

/// A queue that holds jobs cannot go.
pub(crate) fn queue_in_use(name: &str, jobs: usize) -> Problem {
    Problem::new(1106, ProblemKind::Conflict, format!("queue `{name}` cannot be deleted"))
        .because(format!("{jobs} jobs that have not ended are in it"))
        .next(format!("holdfast job list --queue {name}"))
}

/// A queue that others share through cannot go.
pub(crate) fn queue_shares(name: &str, child: &str, children: usize) -> Problem {
    let more = children.saturating_sub(1);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Problem::new(2173, ProblemKind::Conflict, format!("queue `{name}` cannot be deleted"))
        .because(format!("queue `{child}`{more} shares through it: name another parent there first"))
        .next(format!("holdfast queue show {child}"))
}

fn cannot_share(code: u16, kind: ProblemKind, name: &str, parent: &str) -> Problem {
    Problem::new(code, kind, format!("queue `{name}` cannot share through queue `{parent}`"))
}

/// The parent of a queue is not there.
pub(crate) fn no_parent(name: &str, parent: &str) -> Problem {
    cannot_share(2170, ProblemKind::NotFound, name, parent)
        .because(format!("queue `{parent}` does not exist"))
        .next("holdfast queue list")
}

/// A queue would be above itself.
pub(crate) fn queue_circle(name: &str, parent: &str) -> Problem {
    cannot_share(2171, ProblemKind::Invalid, name, parent)
        .because(if name == parent {
            "a queue is not its own parent".to_owned()
        } else {
            format!("queue `{parent}` shares through queue `{name}` itself")
        })
        .next(format!("holdfast queue show {parent}"))
}

/// A tree of queues would be too deep.
pub(crate) fn queue_depth(name: &str, parent: &str, depth: usize, most: usize) -> Problem {
    cannot_share(2172, ProblemKind::Invalid, name, parent)
        .because(format!("its tree would be {depth} queues deep, at most {most} are allowed"))
        .next("holdfast queue list")
}

/// A join token that does not open the door. One text for all causes that an outsider could probe for.
pub(crate) fn token_refused(node: &str, why: &str) -> Problem {
    Problem::new(1107, ProblemKind::Unauthorised, format!("node `{node}` cannot join"))
        .because(format!("its join token {why}"))
        .next("holdfast node token --jurisdiction CODE")
}

/// A command this release does not know: a newer member proposed it.
pub(crate) fn undecodable(why: &str) -> Problem {
    Problem::new(1108, ProblemKind::Failed, "the command cannot be applied").because(why.to_owned())
}

/// The cluster has been founded already, or was given nothing to be founded on.
pub(crate) fn founding(because: &str) -> Problem {
    Problem::new(1109, ProblemKind::Conflict, "the cluster cannot be founded").because(because.to_owned())
}

/// The founding entry is still to come: asking again helps.
pub(crate) fn not_founded() -> Problem {
    Problem::new(1111, ProblemKind::Unreachable, "the cluster is being founded")
        .because("its first entry is not committed yet")
        .next("holdfast cluster status")
}

/// A command that not every member knows yet.
pub(crate) fn level(needed: u32, found: u32) -> Problem {
    Problem::new(1130, ProblemKind::Conflict, "the command is newer than the cluster's feature level")
        .because(format!("it needs feature level {needed}, the cluster is at {found}"))
        .next("holdfast cluster status")
}

/// The level rises by one at a time and never falls.
pub(crate) fn level_step(found: u32, asked: u32) -> Problem {
    Problem::new(1131, ProblemKind::Conflict, "the feature level cannot be changed so")
        .because(format!("it rises by one at a time: it is {found}, {asked} was asked for"))
        .next("holdfast cluster status")
}

/// What is no transaction.
pub(crate) fn transaction(because: impl Into<String>) -> Problem {
    Problem::new(1132, ProblemKind::Invalid, "the transaction cannot be taken").because(because.into())
}

/// Entries of the audit log that are kept no more.
#[must_use]
pub fn audit_gone(asked: u64, first: u64) -> Problem {
    Problem::new(1134, ProblemKind::Conflict, format!("audit entry {asked} is kept no more"))
        .because(format!(
            "the controllers keep the entries from {first} on; older ones are where they were exported to"
        ))
        .next(format!("holdfast audit list --from {first}"))
}

/// No more join tokens fit.
pub(crate) fn tokens(most: usize) -> Problem {
    Problem::new(1135, ProblemKind::Refused, "no more join tokens can be made")
        .because(format!("there are {most} that were neither used nor have expired"))
}

/// An incarnation that does not come after the present one.
pub(crate) fn incarnation(found: u64, asked: u64) -> Problem {
    Problem::new(1133, ProblemKind::Conflict, "the incarnation cannot begin")
        .because(format!("the cluster is in incarnation {found}, {asked} does not come after it"))
        .next("holdfast cluster status")
}

/// A controller that cannot come or go so.
pub(crate) fn controller(name: &str, because: &str) -> Problem {
    Problem::new(1145, ProblemKind::Conflict, format!("controller `{name}` cannot be changed so"))
        .because(because.to_owned())
        .next("holdfast controller list")
}

/// Keys for backups that cannot be kept.
pub(crate) fn recipients(because: &str) -> Problem {
    Problem::new(1146, ProblemKind::Invalid, "the backup keys cannot be set").because(because.to_owned())
}

/// A release that cannot be taken.
pub(crate) fn release(version: &str, because: &str) -> Problem {
    Problem::new(1160, ProblemKind::Conflict, format!("release `{version}` cannot be imported"))
        .because(because.to_owned())
        .next("holdfast release list")
}

/// A rollout, or a node in one, that cannot go on so.
#[must_use]
pub fn rollout(name: &str, because: &str) -> Problem {
    Problem::new(1161, ProblemKind::Conflict, format!("`{name}` cannot be rolled out"))
        .because(because.to_owned())
        .next("holdfast release rollout status")
}

/// A root that cannot be trusted.
pub(crate) fn trust(because: &str) -> Problem {
    Problem::new(1162, ProblemKind::Conflict, "the root cannot be trusted")
        .because(because.to_owned())
        .next("holdfast release list")
}
