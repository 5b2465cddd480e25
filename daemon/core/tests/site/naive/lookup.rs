//! Records by their numbers, searched for in a list.

use doorward_core::ids::{AreaId, DoorGroupId, DoorId, PlaceId, ScheduleId, UserId};
use doorward_core::model::{
    Area, Credential, Door, DoorGroup, Grant, Key, Place, Record, Schedule, User,
};

use super::Naive;

impl<'a> Naive<'a> {
    pub(super) fn all<T>(&self, pick: impl Fn(&'a Record) -> Option<T>) -> Vec<T> {
        self.site.records.iter().filter_map(pick).collect()
    }

    pub(super) fn one<T>(&self, pick: impl Fn(&'a Record) -> Option<T>) -> Option<T> {
        self.site.records.iter().find_map(pick)
    }

    pub(super) fn credentials(&self) -> impl Iterator<Item = &'a Credential> {
        self.site.records.iter().filter_map(|record| match record {
            Record::Credential(one) => Some(one),
            _ => None,
        })
    }

    pub(super) fn door(&self, id: DoorId) -> Option<&'a Door> {
        self.one(|record| match record {
            Record::Door(one) if one.id == id => Some(one),
            _ => None,
        })
    }

    pub(super) fn user(&self, id: UserId) -> Option<&'a User> {
        self.one(|record| match record {
            Record::User(one) if one.id == id => Some(one),
            _ => None,
        })
    }

    pub(super) fn place(&self, id: PlaceId) -> Option<&'a Place> {
        self.one(|record| match record {
            Record::Place(one) if one.id == id => Some(one),
            _ => None,
        })
    }

    pub(super) fn group(&self, id: DoorGroupId) -> Option<&'a DoorGroup> {
        self.one(|record| match record {
            Record::DoorGroup(one) if one.id == id => Some(one),
            _ => None,
        })
    }

    pub(super) fn key(&self, grant: &Grant) -> Option<&'a Key> {
        self.one(|record| match record {
            Record::Key(one) if one.id == grant.key => Some(one),
            _ => None,
        })
    }

    pub(super) fn schedule(&self, id: ScheduleId) -> Option<&'a Schedule> {
        self.one(|record| match record {
            Record::Schedule(one) if one.id == id => Some(one),
            _ => None,
        })
    }

    pub(super) fn area(&self, id: AreaId) -> Option<&'a Area> {
        self.one(|record| match record {
            Record::Area(one) if one.id == id => Some(one),
            _ => None,
        })
    }
}
