//! Newtype ids. A number is never reused within its kind.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $word:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($word, "#{}"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl From<u32> for $name {
            fn from(number: u32) -> Self {
                Self(number)
            }
        }

        impl From<$name> for u32 {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id!(
    /// The site, or a sub-place in it.
    PlaceId, "place"
);
id!(
    /// An opening with a lock.
    DoorId, "door"
);
id!(
    /// A person.
    UserId, "user"
);
id!(
    /// What a user shows: card, PIN, phone.
    CredentialId, "credential"
);
id!(
    /// A named bundle of doors, a schedule and a window.
    KeyId, "key"
);
id!(
    /// Weekly intervals in a time zone.
    ScheduleId, "schedule"
);
id!(
    /// A named set of doors.
    DoorGroupId, "group"
);
id!(
    /// A tenant.
    CompanyId, "company"
);

id!(
    /// A space between doors, with rules of its own.
    AreaId, "area"
);
id!(
    /// Holidays that schedules share.
    HolidaySetId, "holiday set"
);

/// A reader's place in the wiring, in the order of `site.toml`. Valid while the daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderIx(pub u16);

/// A relay board's place in the wiring, in the order of `site.toml`. Valid while the daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoardIx(pub u16);

macro_rules! shared_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

shared_name!(
    /// The name of a reader, a relay board or a serial port in `site.toml`. Cheap to clone.
    DeviceName
);
shared_name!(
    /// Who did something, for the logs: `uid 1000 (name)`, `headquarters`. Cheap to clone.
    Actor
);
