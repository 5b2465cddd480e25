//! OSDP between independent implementations, on a line as slow as a real one.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod our_panel;
#[cfg(test)]
mod our_reader;
#[cfg(test)]
mod peers;
