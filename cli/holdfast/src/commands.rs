//! The commands, one file a noun. Each reads its arguments, calls the cluster, and prints; none decides anything.

pub(crate) mod apply;
pub(crate) mod artifact;
pub(crate) mod audit;
pub(crate) mod cluster;
pub(crate) mod confirm;
pub(crate) mod controller;
pub(crate) mod dataset;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod image;
pub(crate) mod import;
pub(crate) mod job;
pub(crate) mod label;
pub(crate) mod listing;
pub(crate) mod logs;
pub(crate) mod node;
pub(crate) mod policy;
pub(crate) mod queue;
pub(crate) mod site;
pub(crate) mod status;
pub(crate) mod support;
pub(crate) mod verify;
pub(crate) mod wait;
