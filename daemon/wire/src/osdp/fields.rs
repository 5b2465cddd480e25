//! Reading the fields of a message, with errors that say which field was wrong.

/// Why the bytes of a message could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No code at all.
    #[error("message is empty")]
    Empty,
    /// A code this side does not know.
    #[error("message code `{0:#04x}` is not known")]
    UnknownCode(u8),
    /// Too few bytes, or too many.
    #[error("{message} has {found} bytes of data, expected {expected}")]
    Length {
        /// The message's name in the standard.
        message: &'static str,
        /// Bytes found behind the code.
        found: usize,
        /// What is allowed.
        expected: &'static str,
    },
    /// A field with a value that is not allowed.
    #[error("{message} has {field} `{found}`, allowed are {allowed}")]
    Value {
        /// The message's name in the standard.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// Its value.
        found: u32,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// The data of one message, read from the front.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    message: &'static str,
    expected: &'static str,
    total: usize,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The data of `message`, whose lengths are as `expected` says.
    pub(crate) const fn new(message: &'static str, expected: &'static str, data: &'a [u8]) -> Self {
        Self {
            message,
            expected,
            total: data.len(),
            rest: data,
        }
    }

    pub(crate) const fn wrong_length(&self) -> DecodeError {
        DecodeError::Length {
            message: self.message,
            found: self.total,
            expected: self.expected,
        }
    }

    pub(crate) fn wrong_value(
        &self,
        field: &'static str,
        found: impl Into<u32>,
        allowed: &'static str,
    ) -> DecodeError {
        DecodeError::Value {
            message: self.message,
            field,
            found: found.into(),
            allowed,
        }
    }

    /// Other data of the same message.
    pub(crate) const fn of<'b>(&self, data: &'b [u8]) -> Fields<'b> {
        Fields {
            message: self.message,
            expected: self.expected,
            total: self.total,
            rest: data,
        }
    }

    /// All that is left.
    pub(crate) const fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| self.wrong_length())?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| self.wrong_length())?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// That everything has been read.
    pub(crate) fn end(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.wrong_length())
        }
    }
}
