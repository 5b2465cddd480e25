//! A virtual site: readers, relay boards, doors and people.

pub mod line;
