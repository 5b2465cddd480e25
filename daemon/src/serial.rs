//! The only module that opens serial ports.
