//! What the daemon alone reads: its configuration, and bodies of the API.

use doorward_api::{Changes, GrantBody, SendBody, WhyRequest};
use doorward_core::model::{self, Change, Impact, Validate as _, validate_changes};
use doorward_core::view::MapView;
use doorwardd::admin::read_changes;
use doorwardd::config::SiteConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problems::check_problems;

/// A configuration is read or refused, with every problem at its line.
pub fn site_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    check_problems(text, SiteConfig::parse(text).err());
}

/// A body is read or refused; what was read survives being written; a change is checked or refused
/// with a reason.
pub fn api_bodies(data: &[u8]) {
    survives::<WhyRequest>(data);
    survives::<GrantBody>(data);
    survives::<SendBody>(data);
    survives::<Change>(data);
    let Some(Changes { changes }) = survives::<Changes>(data) else {
        let refused = read_changes(data).expect_err("the API takes what cannot be read");
        assert!(!refused.detail.is_empty(), "refused without a reason");
        return;
    };
    // The API may be stricter, and then says where.
    match read_changes(data) {
        Ok(taken) => assert_eq!(taken.changes, changes),
        Err(refused) => assert!(refused.status == 400 || !refused.problems.is_empty()),
    }
    for change in &changes {
        if let Change::Put(record) = change {
            record.validate(&mut model::Problems::default());
        }
    }
    let mut table = MapView::default();
    if let Ok(valid) = validate_changes(&table, &changes) {
        assert!(Impact::of(&table, &valid).is_ok(), "a map can be read");
        for row in valid.rows() {
            table.change(row);
        }
        let again = validate_changes(&table, &changes);
        let removes = changes
            .iter()
            .any(|change| matches!(change, Change::Remove(_)));
        assert!(again.is_ok() || removes, "valid once, not twice: {again:?}");
    }
}

fn survives<T>(data: &[u8]) -> Option<T>
where
    T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug,
{
    let read: T = serde_json::from_slice(data).ok()?;
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(read, again);
    Some(read)
}
