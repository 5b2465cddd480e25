use super::DoorMachine;

impl DoorMachine {
    /// Whether somebody could pass it now, or soon: it stands open, is unlocked, or is about to be.
    pub(in super::super) fn is_open_or_unlocked(&self) -> bool {
        self.contact.is_open() == Some(true) || self.is_unlocked() || !self.pending.is_empty()
    }

    /// Whether it has a contact, and nobody can see by it whether the door is open.
    pub(in super::super) fn has_contact_unseen(&self) -> bool {
        self.door.wiring.contact.is_some() && self.contact.is_open().is_none()
    }

    /// Whether it will be seen when it is opened next: it has a contact, and is closed.
    pub(in super::super) fn sees_openings(&self) -> bool {
        self.contact.is_open() == Some(false)
    }
}
