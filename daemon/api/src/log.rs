use serde::{Deserialize, Serialize};

use crate::page::QueryText;

/// The newest row of a log: whoever has noted it can tell later whether the log before it was
/// altered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogHead {
    /// Its number; 0 while the log is empty.
    pub seq: u64,
    /// Its hash in the chain, 64 hexadecimal digits; of an empty log, what the first row follows.
    pub hash: String,
}

/// The newest rows of both logs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogsStatus {
    /// Of the passage log.
    pub events: LogHead,
    /// Of the admin log.
    pub audit: LogHead,
    /// Persons whose data is still being erased from the logs, in the background.
    pub erasing: u32,
}

/// Which rows of a log, with their proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct ProofQuery {
    /// Only rows with a greater number.
    #[serde(default)]
    pub after: u64,
    /// At most this many, 1 to 1000; 100 unless said. A page of large rows ends earlier.
    #[serde(default)]
    pub limit: Option<u32>,
}

impl ProofQuery {
    pub(crate) fn to_query(self) -> String {
        let mut query = QueryText::default();
        query.add_number("after", Some(self.after));
        query.add_number("limit", self.limit);
        query.0
    }
}

/// Rows of a log as the chain covers them, in rising order without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofPage {
    /// The hash of the row before the first one, 64 hexadecimal digits.
    pub previous: String,
    /// The rows; none when there are no more.
    pub rows: Vec<ProofRow>,
}

/// A row of a log with all that is needed to check it: bytes as hexadecimal digits in lower case.
///
/// `commitment` is the SHA-256 of `salt` and `personal`; `hash` is the SHA-256 of the log's tag
/// (`doorward/event/1` or `doorward/audit/1`), the hash of the row before, `seq` (8 bytes,
/// big-endian), the length of `public` (4 bytes, big-endian), `public` and `commitment`. Before the
/// first row stands the SHA-256 of the tag. `personal` and `public` are MessagePack maps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofRow {
    /// Its number: from 1, without gaps.
    pub seq: u64,
    /// Its hash in the chain.
    pub hash: String,
    /// What the chain holds of `personal`.
    pub commitment: String,
    /// Random bytes that hide `personal` in `commitment`; none once erased.
    pub salt: Option<String>,
    /// What it says of a person; none once erased.
    pub personal: Option<String>,
    /// What it says beside.
    pub public: String,
}
