//! Keys sealed to the machine: files that are of no use without a credential of systemd's.
//!
//! systemd unseals the credential at each start, with the machine's TPM or its own secret
//! (`LoadCredentialEncrypted=`, `systemd-creds encrypt`), and shows it to this service only.

use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};

/// The name of the credential that seals the key files.
pub const SEAL_CREDENTIAL: &str = "doorward.reader-keys";

/// What a sealed file begins with; nonce, ciphertext and tag follow.
const MAGIC: &[u8] = b"doorward sealed reader key 1\n";
/// A secret of fewer bytes could be guessed.
const SECRET_BYTES: core::ops::RangeInclusive<usize> = 32..=4096;

/// Why a file cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The credential cannot be read.
    #[error("cannot read the credential `{}`", path.display())]
    Read {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The credential is too short or too long.
    #[error(
        "the credential `{SEAL_CREDENTIAL}` has {found} bytes, allowed are 32 to 4096 random ones"
    )]
    Length {
        /// Bytes it has.
        found: usize,
    },
    /// The file is sealed, and there is no credential.
    #[error("is sealed, and there is no credential `{SEAL_CREDENTIAL}` to open it")]
    NoCredential,
    /// The file was sealed with another credential, for another reader, or was changed.
    #[error("was sealed with another credential, for another reader, or was changed")]
    Wrong,
    /// The system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

/// What seals the key files.
pub(crate) struct Seal(LessSafeKey);

impl core::fmt::Debug for Seal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seal(redacted)")
    }
}

impl Seal {
    /// The seal of this machine, if the folder of credentials has one.
    pub(crate) fn load(credentials: Option<&Path>) -> Result<Option<Self>, SealError> {
        let Some(path) = credentials.map(|folder| folder.join(SEAL_CREDENTIAL)) else {
            return Ok(None);
        };
        match std::fs::read(&path) {
            Ok(secret) => Self::of(&secret).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SealError::Read { path, source }),
        }
    }

    fn of(secret: &[u8]) -> Result<Self, SealError> {
        if !SECRET_BYTES.contains(&secret.len()) {
            return Err(SealError::Length {
                found: secret.len(),
            });
        }
        let mut hash = Sha256::new();
        hash.update(MAGIC);
        hash.update(secret);
        let key = UnboundKey::new(&AES_256_GCM, &hash.finalize()).map_err(|_| SealError::Wrong)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// The sealed form of the key file of `reader`.
    pub(super) fn seal(&self, reader: &str, text: &str) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(SealError::Random)?;
        let mut sealed = text.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(reader.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| SealError::Wrong)?;
        Ok([MAGIC, &nonce, &sealed].concat())
    }
}

/// The text of a key file, sealed or not.
pub(super) fn open(seal: Option<&Seal>, reader: &str, bytes: Vec<u8>) -> Result<String, SealError> {
    let Some(sealed) = bytes.strip_prefix(MAGIC) else {
        return String::from_utf8(bytes).map_err(|_| SealError::Wrong);
    };
    let seal = seal.ok_or(SealError::NoCredential)?;
    let (nonce, sealed) = sealed
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(SealError::Wrong)?;
    let mut sealed = sealed.to_vec();
    let text = seal
        .0
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(reader.as_bytes()),
            &mut sealed,
        )
        .map_err(|_| SealError::Wrong)?;
    String::from_utf8(text.to_vec()).map_err(|_| SealError::Wrong)
}

/// Whether these bytes are sealed.
pub(super) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_credential_opens_for_the_same_reader() {
        let seal = Seal::of(&[7; 32]).unwrap();
        let sealed = seal.seal("front-in", "secret text").unwrap();
        assert!(is_sealed(&sealed));
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        let check = |seal: Option<&Seal>, reader: &str, bytes: &[u8]| {
            open(seal, reader, bytes.to_vec()).map_err(|error| error.to_string())
        };
        assert_eq!(
            check(Some(&seal), "front-in", &sealed).unwrap(),
            "secret text"
        );
        let other = Seal::of(&[8; 32]).unwrap();
        assert!(check(Some(&other), "front-in", &sealed).is_err());
        assert!(check(Some(&seal), "front-out", &sealed).is_err());
        assert!(
            check(None, "front-in", &sealed)
                .unwrap_err()
                .contains("no credential")
        );
        for at in MAGIC.len()..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(check(Some(&seal), "front-in", &changed).is_err(), "{at}");
        }
        assert!(check(Some(&seal), "front-in", MAGIC).is_err());
        assert_eq!(check(Some(&seal), "front-in", b"plain").unwrap(), "plain");
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(Seal::of(&[7; 31]).is_err());
        let folder = tempfile::tempdir().unwrap();
        assert!(Seal::load(Some(folder.path())).unwrap().is_none());
        std::fs::write(folder.path().join(SEAL_CREDENTIAL), [1; 64]).unwrap();
        assert!(Seal::load(Some(folder.path())).unwrap().is_some());
    }
}
