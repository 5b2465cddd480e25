//! A short list held inline.

use core::fmt;
use core::ops::Deref;

/// Up to `N` values without an allocation. Reads as a slice.
#[derive(Clone, Copy)]
pub struct Few<T, const N: usize> {
    len: usize,
    items: [T; N],
}

/// More values than fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{found} values given, at most {allowed} are allowed")]
pub struct TooMany {
    /// How many were given.
    pub found: usize,
    /// How many are allowed.
    pub allowed: usize,
}

impl<T: Copy + Default, const N: usize> Few<T, N> {
    /// No value.
    #[must_use]
    pub fn new() -> Self {
        Self {
            len: 0,
            items: [T::default(); N],
        }
    }

    /// One value; `N` is at least 1 wherever this crate uses it.
    #[must_use]
    pub fn one(item: T) -> Self {
        Self {
            len: 1.min(N),
            items: [item; N],
        }
    }

    /// A copy of `items`.
    pub fn from_slice(items: &[T]) -> Result<Self, TooMany> {
        let mut few = Self::new();
        for item in items {
            few.push(*item).map_err(|_| TooMany {
                found: items.len(),
                allowed: N,
            })?;
        }
        Ok(few)
    }

    /// Adds `item` at the end.
    pub fn push(&mut self, item: T) -> Result<(), TooMany> {
        let Some(slot) = self.items.get_mut(self.len) else {
            return Err(TooMany {
                found: self.len + 1,
                allowed: N,
            });
        };
        *slot = item;
        self.len += 1;
        Ok(())
    }

    /// The values, to be changed in place.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.items[..self.len]
    }
}

impl<T: Copy + Default, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items[..self.len]
    }
}

impl<T: PartialEq, const N: usize> PartialEq for Few<T, N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq, const N: usize> Eq for Few<T, N> {}

impl<T: fmt::Debug, const N: usize> fmt::Debug for Few<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_up_to_its_limit() {
        let mut few = Few::<u8, 2>::from_slice(&[1, 2]).unwrap();
        assert_eq!(&*few, [1, 2]);
        assert_eq!(
            few.push(3),
            Err(TooMany {
                found: 3,
                allowed: 2
            })
        );
        assert_eq!(
            Few::<u8, 2>::from_slice(&[1; 5]),
            Err(TooMany {
                found: 5,
                allowed: 2
            })
        );
    }

    #[test]
    fn equality_ignores_what_is_behind_the_end() {
        assert_eq!(Few::<u8, 4>::one(7), Few::from_slice(&[7]).unwrap());
    }
}
