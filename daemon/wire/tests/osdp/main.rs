//! Control panel and readers on one simulated line.

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod bus;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod latency;
#[cfg(test)]
mod noise;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod security;
#[cfg(test)]
mod speed;
