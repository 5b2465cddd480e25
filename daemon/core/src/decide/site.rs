use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{AreaId, CredentialId, DoorId, UserId};
use crate::time::Wall;

/// What goes on at the site while it runs, as far as the rules ask: who is where, which doors stand
/// open, who was locked out. The access table says what may be, this says what is.
pub trait SiteState {
    /// Where a user was last let in to; `None` if that is not known, or was forgiven.
    fn location(&self, user: UserId) -> Option<Location>;

    /// How many are in an area, with those who were let in and have not opened the door yet.
    fn occupants(&self, area: AreaId) -> u32;

    /// A door of this area other than `door` that stands open or is unlocked.
    fn open_beside(&self, area: AreaId, door: DoorId) -> Option<DoorId>;

    /// A door of this area other than `door` that has a contact, of which nobody knows whether it
    /// is closed: its board does not answer.
    fn unseen_beside(&self, area: AreaId, door: DoorId) -> Option<DoorId>;

    /// Who showed a credential at this door and waits for a second person.
    fn first_of_two(&self, door: DoorId) -> Option<UserId>;

    /// Whether PINs are refused with this card, after too many wrong ones.
    fn is_locked_out(&self, credential: CredentialId) -> bool;
}

/// Where a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The area; `None` for anywhere outside the areas.
    pub area: Option<AreaId>,
    /// When they were let in to it.
    pub since: Wall,
}

/// A site at which nothing goes on: nobody is anywhere, every door is closed.
#[derive(Debug, Clone, Copy, Default)]
pub struct QuietSite;

impl SiteState for QuietSite {
    fn location(&self, _: UserId) -> Option<Location> {
        None
    }

    fn occupants(&self, _: AreaId) -> u32 {
        0
    }

    fn open_beside(&self, _: AreaId, _: DoorId) -> Option<DoorId> {
        None
    }

    fn unseen_beside(&self, _: AreaId, _: DoorId) -> Option<DoorId> {
        None
    }

    fn first_of_two(&self, _: DoorId) -> Option<UserId> {
        None
    }

    fn is_locked_out(&self, _: CredentialId) -> bool {
        false
    }
}

/// What goes on at a site, as plain maps: for questions asked at a desk.
#[derive(Debug, Clone, Default)]
pub struct SiteMap {
    /// Where users are.
    pub locations: BTreeMap<UserId, Location>,
    /// How many are in each area.
    pub occupants: BTreeMap<AreaId, u32>,
    /// The doors of each area that stand open or are unlocked.
    pub open: BTreeMap<AreaId, BTreeSet<DoorId>>,
    /// The doors of each area whose contacts are not seen.
    pub unseen: BTreeMap<AreaId, BTreeSet<DoorId>>,
    /// Who waits for a second person at each door.
    pub first_of_two: BTreeMap<DoorId, UserId>,
    /// Cards with which PINs are refused.
    pub locked_out: BTreeSet<CredentialId>,
}

impl SiteState for SiteMap {
    fn location(&self, user: UserId) -> Option<Location> {
        self.locations.get(&user).copied()
    }

    fn occupants(&self, area: AreaId) -> u32 {
        self.occupants.get(&area).copied().unwrap_or(0)
    }

    fn open_beside(&self, area: AreaId, door: DoorId) -> Option<DoorId> {
        let mut open = self.open.get(&area)?.iter();
        open.find(|&&other| other != door).copied()
    }

    fn unseen_beside(&self, area: AreaId, door: DoorId) -> Option<DoorId> {
        let mut unseen = self.unseen.get(&area)?.iter();
        unseen.find(|&&other| other != door).copied()
    }

    fn first_of_two(&self, door: DoorId) -> Option<UserId> {
        self.first_of_two.get(&door).copied()
    }

    fn is_locked_out(&self, credential: CredentialId) -> bool {
        self.locked_out.contains(&credential)
    }
}
