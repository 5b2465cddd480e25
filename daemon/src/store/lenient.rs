//! Reads MessagePack values into records, past fields that this version does not know.

use rmpv::Value;
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

/// Why a value does not read as a record.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct LenientError(String);

impl serde::de::Error for LenientError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// A deserializer that shows a struct only the fields it asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lenient<'a>(pub(super) &'a Value);

impl<'de> Deserializer<'de> for Lenient<'de> {
    type Error = LenientError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, LenientError> {
        match self.0 {
            Value::Nil => visitor.visit_unit(),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Integer(value) => match (value.as_u64(), value.as_i64()) {
                (Some(value), _) => visitor.visit_u64(value),
                (None, Some(value)) => visitor.visit_i64(value),
                (None, None) => Err(serde::de::Error::custom("an integer is out of range")),
            },
            Value::F32(value) => visitor.visit_f32(*value),
            Value::F64(value) => visitor.visit_f64(*value),
            Value::String(text) => match text.as_str() {
                Some(text) => visitor.visit_borrowed_str(text),
                None => Err(serde::de::Error::invalid_value(
                    Unexpected::Bytes(text.as_bytes()),
                    &"UTF-8 text",
                )),
            },
            Value::Binary(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::Array(elements) => visitor.visit_seq(Elements(elements.iter())),
            Value::Map(fields) => visitor.visit_map(Fields::all(fields)),
            Value::Ext(..) => Err(serde::de::Error::custom(
                "an extension type is not expected",
            )),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, LenientError> {
        match self.0 {
            Value::Nil => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, LenientError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, LenientError> {
        match self.0 {
            Value::Map(map) => visitor.visit_map(Fields {
                only: Some(fields),
                ..Fields::all(map)
            }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, LenientError> {
        match self.0 {
            Value::Map(fields) => {
                visitor.visit_enum(MapAccessDeserializer::new(Fields::all(fields)))
            }
            Value::String(text) => visitor.visit_enum(StringDeserializer::new(
                text.as_str().unwrap_or_default().to_owned(),
            )),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Elements<'a>(std::slice::Iter<'a, Value>);

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = LenientError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, LenientError> {
        self.0
            .next()
            .map(|value| seed.deserialize(Lenient(value)))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Fields<'a> {
    rest: std::slice::Iter<'a, (Value, Value)>,
    value: Option<&'a Value>,
    only: Option<&'static [&'static str]>,
}

impl<'a> Fields<'a> {
    fn all(fields: &'a [(Value, Value)]) -> Self {
        Self {
            rest: fields.iter(),
            value: None,
            only: None,
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = LenientError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, LenientError> {
        let only = self.only;
        let wanted = |name: &Value| {
            only.is_none_or(|only| name.as_str().is_some_and(|name| only.contains(&name)))
        };
        let Some((name, value)) = self.rest.find(|(name, _)| wanted(name)) else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(Lenient(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, LenientError> {
        match self.value.take() {
            Some(value) => seed.deserialize(Lenient(value)),
            None => Err(serde::de::Error::custom(
                "a value was asked for before its name",
            )),
        }
    }
}
