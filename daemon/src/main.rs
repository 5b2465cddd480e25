//! The access-control daemon.
fn main() {}
