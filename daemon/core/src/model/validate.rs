use core::fmt;

/// The longest name, in characters.
pub const NAME_MAX: usize = 100;

/// One thing wrong with a change.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The field, such as `doors[2]`.
    pub field: String,
    /// What was wrong, what was found, and what is allowed.
    pub message: String,
}

/// Everything wrong with a change, all at once. Never empty when returned as an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", problem.field, problem.message)?;
        }
        Ok(())
    }
}

impl Problems {
    /// Adds one.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem {
            field: field.into(),
            message: message.into(),
        });
    }

    /// Adds those of `inner`, each field behind `prefix`.
    pub fn add_within(&mut self, prefix: &str, inner: Self) {
        for Problem { field, message } in inner.0 {
            self.add(format!("{prefix}{field}"), message);
        }
    }

    /// `Ok` when there are none.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

/// Bounds that a record must keep on its own, without looking at others.
pub trait Validate {
    /// Adds each field out of bounds to `problems`.
    fn validate(&self, problems: &mut Problems);
}
