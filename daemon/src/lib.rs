//! The access-control daemon.
