//! How records are written: a version byte and a MessagePack map with names.
//!
//! A newer version may add fields. This version reads past them, also in nested structs that
//! deny unknown fields of requests, and keeps them when it writes the record anew.

use rmpv::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::lenient::Lenient;

/// The version of the records that this code writes.
pub(super) const RECORD_VERSION: u8 = 1;

/// The largest record, in bytes: twice that and a little more, as before and after in an audit
/// entry, fit in the largest value.
pub(super) const RECORD_BYTES_MAX: usize = 10 * 1024;

/// Why a stored record cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("it is empty")]
    Empty,
    #[error("{0}")]
    Bytes(#[from] rmpv::decode::Error),
    #[error("{0}")]
    Fields(#[from] super::lenient::LenientError),
    #[error("{0}")]
    Encode(#[from] rmp_serde::encode::Error),
}

/// Encodes `record` anew.
pub(super) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = vec![RECORD_VERSION];
    rmp_serde::encode::write_named(&mut bytes, record)?;
    Ok(bytes)
}

/// Encodes `record` in the place of the stored bytes `old`: what this version does not know of
/// the old value, it keeps.
pub(super) fn encode_over<T: Serialize + DeserializeOwned>(
    record: &T,
    old: &[u8],
) -> Result<Vec<u8>, DecodeError> {
    let (&old_version, _) = old.split_first().ok_or(DecodeError::Empty)?;
    let old = value_of(old)?;
    let known = to_value(&T::deserialize(Lenient(&old))?)?;
    let new = to_value(record)?;
    let mut bytes = vec![old_version.max(RECORD_VERSION)];
    let kept = keep_unknown(&old, &known, new);
    rmpv::encode::write_value(&mut bytes, &kept)
        .map_err(rmp_serde::encode::Error::InvalidValueWrite)?;
    Ok(bytes)
}

/// Decodes a stored record.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    Ok(T::deserialize(Lenient(&value_of(bytes)?))?)
}

/// The fields of a stored record as they are, brought to the newest version this code knows.
pub(super) fn value_of(bytes: &[u8]) -> Result<Value, DecodeError> {
    let (&version, mut rest) = bytes.split_first().ok_or(DecodeError::Empty)?;
    Ok(migrate(version, rmpv::decode::read_value(&mut rest)?))
}

/// Brings a record of an older version up to [`RECORD_VERSION`], one step for each version.
/// Version 1 is the first: there is no step yet.
fn migrate(_version: u8, value: Value) -> Value {
    value
}

fn to_value<T: Serialize>(record: &T) -> Result<Value, DecodeError> {
    let bytes = rmp_serde::to_vec_named(record)?;
    Ok(rmpv::decode::read_value(&mut bytes.as_slice())?)
}

/// `new` with whatever `old` has and `known`, which is what this version makes of `old`, lacks.
fn keep_unknown(old: &Value, known: &Value, new: Value) -> Value {
    match (old, known, new) {
        (Value::Map(old), Value::Map(known), Value::Map(mut new)) => {
            if field(known, "kind") == field(&new, "kind") {
                for (name, old) in old {
                    let place = new.iter_mut().find(|(other, _)| other == name);
                    match (known.iter().find(|(other, _)| other == name), place) {
                        (Some((_, known)), Some((_, place))) => {
                            let value = std::mem::replace(place, Value::Nil);
                            *place = keep_unknown(old, known, value);
                        }
                        (None, None) => new.push((name.clone(), old.clone())),
                        _ => {}
                    }
                }
            }
            Value::Map(new)
        }
        // An element is recognised by what this version knows of it.
        (Value::Array(old), Value::Array(known), Value::Array(new)) if old.len() == known.len() => {
            let mut left: Vec<_> = old.iter().zip(known).collect();
            let keep = |new: Value| {
                let Some(at) = left.iter().position(|(_, known)| **known == new) else {
                    return new;
                };
                left.remove(at).0.clone()
            };
            Value::Array(new.into_iter().map(keep).collect())
        }
        (_, _, new) => new,
    }
}

fn field<'a>(map: &'a [(Value, Value)], name: &str) -> Option<&'a Value> {
    map.iter()
        .find(|(other, _)| other.as_str() == Some(name))
        .map(|(_, value)| value)
}
