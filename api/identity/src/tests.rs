//! Real handshakes between real configurations: who gets in, and who does not.

mod ca;
mod disk;
mod handshake;
mod world;
