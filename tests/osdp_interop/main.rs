//! OSDP between independent implementations, on a line as slow as a real one.

mod peers;
