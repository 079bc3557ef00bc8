//! Everything a command says: data to stdout in the format asked for, the rest to stderr.

mod age;
mod canonical;
mod printer;
mod problem;
mod table;

pub(crate) use age::{left, now, since};
pub(crate) use canonical::{Shown, to_json};
pub(crate) use printer::Printer;
pub(crate) use problem::report;
pub(crate) use table::Table;
