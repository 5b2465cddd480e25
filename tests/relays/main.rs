//! The driver of relay boards against boards by pymodbus, on TCP and on a serial line as slow as a
//! real one.

#[cfg(test)]
mod rtu;
#[cfg(test)]
mod shipped;
#[cfg(test)]
mod site;
#[cfg(test)]
mod tcp;
