//! `site.toml`: wiring, paths, broker, and who may use the socket.
