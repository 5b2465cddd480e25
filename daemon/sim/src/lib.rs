//! A virtual site: readers, relay boards, doors and people.
