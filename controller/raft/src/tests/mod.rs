//! Whole members, alone and in threes.

mod cluster;
mod compare;
mod corpus;
mod disk;
mod harness;
mod members;
mod offline;
mod single;
mod suite;
mod transfer;
mod wire;
