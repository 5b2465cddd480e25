//! What a backup is locked with, and what opens it: passphrases and keys of age (age-encryption.org).

use std::fmt;
use std::io::{Read, Write};

use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor, Identity, Recipient};

/// The shortest passphrase, in characters.
pub const PASSPHRASE_MIN: usize = 12;

/// What a backup is locked with.
#[derive(Clone)]
pub enum Lock {
    /// Whoever knows it opens the backup.
    Passphrase(SecretString),
    /// A public key, `age1…`: whoever has the identity opens the backup.
    Recipient(age::x25519::Recipient),
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Passphrase(…)",
            Self::Recipient(_) => "Recipient(…)",
        })
    }
}

/// What opens a backup.
pub enum Opener {
    /// The passphrase.
    Passphrase(SecretString),
    /// Identities, each of which may fit.
    Identities(Vec<age::x25519::Identity>),
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener(…)")
    }
}

/// Why a lock or what opens one is refused.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Too short.
    #[error("the passphrase has {found} characters, at least {PASSPHRASE_MIN} are needed")]
    Short {
        /// Its length.
        found: usize,
    },
    /// Not a public key.
    #[error("`{found}` is not a recipient, expected `age1…`, as `age-keygen` prints it")]
    Recipient {
        /// What was given.
        found: String,
    },
    /// Not a file of identities.
    #[error(
        "there is no identity in it, expected a line `AGE-SECRET-KEY-1…`, as `age-keygen` writes it"
    )]
    Identity,
    /// It does not fit.
    #[error("{}", match .0 {
        Wanted::Passphrase => "it is not the passphrase that the backup was locked with",
        Wanted::Identity => "the backup was locked for somebody else",
    })]
    Wrong(Wanted),
    /// The file is none of age's, or its beginning is damaged.
    #[error("it is not a backup, or its beginning is damaged")]
    NotAge(#[source] DecryptError),
    /// It cannot be locked.
    #[error("it cannot be locked: {0}")]
    Encrypt(String),
}

/// What did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The passphrase.
    Passphrase,
    /// The identity.
    Identity,
}

impl Lock {
    /// A passphrase of at least [`PASSPHRASE_MIN`] characters.
    pub fn passphrase(text: &str) -> Result<Self, LockError> {
        match text.chars().count() {
            found if found < PASSPHRASE_MIN => Err(LockError::Short { found }),
            _ => Ok(Self::Passphrase(SecretString::from(text.to_owned()))),
        }
    }

    /// A public key, `age1…`.
    pub fn recipient(text: &str) -> Result<Self, LockError> {
        let recipient = text.trim().parse().map_err(|_| LockError::Recipient {
            found: text.to_owned(),
        });
        recipient.map(Self::Recipient)
    }

    /// Locks what is written, and says what opens it again: for a recipient, beside its own
    /// identity, one that is made for this backup and forgotten after it was checked.
    pub(super) fn wrap<W: Write>(
        &self,
        to: W,
    ) -> Result<(age::stream::StreamWriter<W>, Opener), LockError> {
        let encrypt = |error: &dyn fmt::Display| LockError::Encrypt(error.to_string());
        let (encryptor, opener) = match self {
            Self::Passphrase(passphrase) => (
                Encryptor::with_user_passphrase(passphrase.clone()),
                Opener::Passphrase(passphrase.clone()),
            ),
            Self::Recipient(recipient) => {
                let check = age::x25519::Identity::generate();
                let own = check.to_public();
                let both: [&dyn Recipient; 2] = [recipient, &own];
                let encryptor = Encryptor::with_recipients(both.into_iter());
                (
                    encryptor.map_err(|error| encrypt(&error))?,
                    Opener::Identities(vec![check]),
                )
            }
        };
        let writer = encryptor.wrap_output(to).map_err(|error| encrypt(&error))?;
        Ok((writer, opener))
    }
}

impl Opener {
    /// A passphrase.
    #[must_use]
    pub fn passphrase(text: &str) -> Self {
        Self::Passphrase(SecretString::from(text.to_owned()))
    }

    /// The identities in the text of a file as `age-keygen` writes it.
    pub fn identities(text: &str) -> Result<Self, LockError> {
        let lines = text.lines().map(str::trim);
        let keys: Vec<_> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| LockError::Identity)?;
        if keys.is_empty() {
            return Err(LockError::Identity);
        }
        Ok(Self::Identities(keys))
    }

    /// Opens what was locked.
    pub(super) fn open<R: Read>(&self, from: R) -> Result<age::stream::StreamReader<R>, LockError> {
        let decryptor = Decryptor::new(from).map_err(LockError::NotAge)?;
        let (opened, wanted) = match self {
            Self::Passphrase(passphrase) => {
                let identity = age::scrypt::Identity::new(passphrase.clone());
                let identities = std::iter::once(&identity as &dyn Identity);
                (decryptor.decrypt(identities), Wanted::Passphrase)
            }
            Self::Identities(keys) => {
                let identities = keys.iter().map(|key| key as &dyn Identity);
                (decryptor.decrypt(identities), Wanted::Identity)
            }
        };
        opened.map_err(|error| match error {
            DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed
            | DecryptError::NoMatchingKeys => LockError::Wrong(wanted),
            other => LockError::NotAge(other),
        })
    }
}
