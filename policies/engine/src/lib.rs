//! The law as a pure function: `decide(&Request, &Bundle, Time) -> Decision {verdict, reasons, obligations}` on Cedar.
//!
//! An error in the evaluation, a term the law does not know and facts that contradict each other are all Deny: Cedar
//! skips a forbid that errors, and a law that can be switched off by an error is none. This crate must not know where a
//! request comes from, how a fact was proved, or where a decision is written: no clock, no I/O, no randomness.

#![forbid(unsafe_code)]

mod bundle;
mod decide;
mod decision;
mod facts;
mod finding;
mod hash;
mod label;
mod law;
mod names;
pub mod packs;
mod request;
mod rule;
mod slice;
mod terms;
mod vocabulary;

pub use bundle::{Bundle, BundleSource, MAX_TEXT};
pub use decide::{ClassDecision, decide, decide_classes};
pub use decision::{Decision, MAX_ERRORS, Reason, Verdict};
pub use facts::{ArtifactFacts, Egress, NodeClass, NodeFacts, UserFacts, WorkloadFacts};
pub use finding::{Finding, FindingKind, Text};
pub use hash::BundleHash;
pub use label::LabelError;
pub use law::{KeyDomain, Law, MAX_TERMS, OperatorLaw, SiteLaw, TenantLaw, Term};
pub use names::{OperatorName, RoleName, SiteName};
pub use request::{Act, Actor, Approval, Basis, Request, Transport};
