//! gRPC and REST services, authentication and authorisation, admission and audit; wires the room together.

fn main() {}
