//! Puts the daemon together and takes it apart again.
