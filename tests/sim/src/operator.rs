//! The operator: asks whoever leads to hand over, to take a member in, to let one go or to put one in the place of another,
//! and asks again where nobody said that it was done.

use std::collections::VecDeque;

use holdfast_raft::{ChangeError, Role, Status};
use tokio::sync::oneshot;

use crate::host::{Host, Node, member};
use crate::tally::Kind;
use crate::trace::{Trace, note};

/// How often the operator asks for what can as well be left out.
const TRIES: u32 = 6;

/// Something to be done by the leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Another member is to lead.
    HandOver,
    /// A member joins and becomes a voter.
    Join(u64),
    /// A member leaves.
    Remove(u64),
    /// The second takes the place of the first, whose disk is lost.
    Replace(u64, u64),
}

impl Errand {
    fn kind(self) -> Kind {
        match self {
            Self::HandOver => Kind::Transferred,
            Self::Join(_) => Kind::Joined,
            Self::Remove(_) => Kind::Removed,
            Self::Replace(..) => Kind::Replaced,
        }
    }

    /// Whether the cluster cannot be well without it.
    fn must(self) -> bool {
        matches!(self, Self::Replace(..))
    }

    /// Whether the configuration says that it was done.
    fn done(self, status: &Status) -> bool {
        let is = |id: u64| status.members.iter().find(|found| found.member.id == id);
        let votes = |id: u64| is(id).is_some_and(|found| found.role == Role::Voter);
        match self {
            Self::HandOver => false,
            Self::Join(id) => votes(id),
            Self::Remove(id) => is(id).is_none(),
            Self::Replace(old, new) => votes(new) && is(old).is_none(),
        }
    }
}

async fn ask(node: &Node, errand: Errand) -> Result<(), ChangeError> {
    match errand {
        Errand::HandOver => node.transfer_leader(None).await.map(drop),
        Errand::Join(id) => {
            // It may have joined when it was asked before; whether it did is seen when it is to vote.
            drop(node.add_learner(member(id)).await);
            node.promote(id).await.map(drop)
        }
        Errand::Remove(id) => node.remove(id).await.map(drop),
        Errand::Replace(old, new) => node.replace(old, member(new)).await.map(drop),
    }
}

/// An errand that was asked for, how often it was, and where the answer comes.
type UnderWay = (Errand, u32, oneshot::Receiver<Result<(), String>>);

/// Who does the errands of a schedule, one after another.
#[derive(Debug, Default)]
pub(crate) struct Operator {
    queue: VecDeque<(Errand, u32)>,
    under_way: Option<UnderWay>,
}

/// The member that leads the newest term, of those that run.
pub(crate) fn leader(hosts: &[Host]) -> Option<(&Host, Node)> {
    let running = hosts.iter().filter(|host| !host.asleep);
    let leaders = running.filter_map(|host| Some((host, host.node().filter(Node::is_leader)?)));
    leaders.max_by_key(|(_, node)| node.status().term)
}

impl Operator {
    /// Notes something to be done.
    pub(crate) fn add(&mut self, errand: Errand) {
        self.queue.push_back((errand, 0));
    }

    /// Leaves out what can be left out: the day is over.
    pub(crate) fn close(&mut self) {
        self.queue.retain(|(errand, _)| errand.must());
    }

    /// What is still to be done.
    pub(crate) fn busy(&self) -> Option<Errand> {
        let waiting = self.queue.front().map(|(errand, _)| *errand);
        self.under_way.as_ref().map(|(errand, ..)| *errand).or(waiting)
    }

    /// Sees what became of the errand under way and goes for the next.
    pub(crate) fn look(&mut self, hosts: &[Host], trace: &Trace) {
        if let Some((errand, tries, mut answer)) = self.under_way.take() {
            match answer.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => {
                    self.under_way = Some((errand, tries, answer));
                    return;
                }
                Ok(Ok(())) => {
                    note!(trace, "the operator is done with {errand:?}");
                    trace.count(errand.kind());
                }
                Ok(Err(reason)) => self.again(errand, tries, &reason, trace),
                Err(oneshot::error::TryRecvError::Closed) => self.again(errand, tries, "no answer", trace),
            }
        }
        let Some((host, node)) = leader(hosts) else { return };
        let Some((errand, tries)) = self.queue.pop_front() else { return };
        if errand.done(&node.status()) {
            note!(trace, "{errand:?} was done");
            trace.count(errand.kind());
            return;
        }
        let (sender, receiver) = oneshot::channel();
        self.under_way = Some((errand, tries + 1, receiver));
        host.spawn(|node, _| async move {
            // An operator who was ended with the world needs no answer.
            drop(sender.send(ask(&node, errand).await.map_err(|error| error.to_string())));
        });
    }

    fn again(&mut self, errand: Errand, tries: u32, reason: &str, trace: &Trace) {
        note!(trace, "the operator is not done with {errand:?}: {reason}");
        if errand.must() || tries < TRIES {
            self.queue.push_back((errand, tries));
        }
    }
}
