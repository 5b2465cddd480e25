//! What `site.toml` says of the broker, checked down to the files it names.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::{ClientCertificate, UplinkConfig, UplinkLogin, UplinkTls};

/// The largest certificate, key or password file read, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// The longest password, in bytes (MQTT 5, 1.5.6: the length of binary data has 16 bits).
pub const PASSWORD_BYTES_MAX: usize = 65_535;

/// The broker, with everything read that is needed to reach it.
#[derive(Clone)]
pub struct Broker {
    pub(super) config: UplinkConfig,
    pub(super) password: Option<String>,
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broker({}:{})", self.config.host, self.config.port)
    }
}

/// One thing wrong with what `site.toml` says of the broker.
#[derive(Debug, thiserror::Error)]
#[error("`{key}`: {cause}")]
pub struct BrokerProblem {
    /// The key in `site.toml`.
    pub key: &'static str,
    /// What is wrong.
    pub cause: BrokerCause,
}

/// What is wrong with a file of the broker's.
#[derive(Debug, thiserror::Error)]
pub enum BrokerCause {
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is larger than [`FILE_BYTES_MAX`].
    #[error("`{}` is larger than {FILE_BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// It is secret, and others can read it.
    #[error("`{}` has mode {mode:04o} and others can read it, allowed is 0640 or stricter", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not what it should be.
    #[error("`{}` {found}, allowed is {allowed}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What was found, without telling a secret.
        found: String,
        /// What it should be.
        allowed: &'static str,
    },
}

impl Broker {
    /// Reads every file that `config` names. All problems at once; never empty as an error.
    pub fn prepare(config: &UplinkConfig) -> Result<Self, Vec<BrokerProblem>> {
        let mut problems = Vec::new();
        let password = config
            .login
            .as_ref()
            .map(|login| keep(&mut problems, "uplink.password_file", password(login)));
        let tls = config
            .tls
            .as_ref()
            .map(|tls| client_config(tls, &mut problems));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            config: config.clone(),
            password: password.flatten(),
            tls: tls.flatten(),
        })
    }
}

fn keep<T>(
    problems: &mut Vec<BrokerProblem>,
    key: &'static str,
    result: Result<T, BrokerCause>,
) -> Option<T> {
    result
        .map_err(|cause| problems.push(BrokerProblem { key, cause }))
        .ok()
}

fn password(login: &UplinkLogin) -> Result<String, BrokerCause> {
    const ALLOWED: &str = "a password of 1 to 65535 bytes on its first line";
    let path = &login.password_file;
    let wrong = |found: &str| content(path, found, ALLOWED);
    let bytes = read(path, Access::Secret)?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8 text"))?;
    match text.lines().next().unwrap_or_default() {
        "" => Err(wrong("has an empty first line")),
        line if line.len() > PASSWORD_BYTES_MAX => Err(wrong("has a longer first line")),
        line => Ok(line.to_owned()),
    }
}

fn client_config(tls: &UplinkTls, problems: &mut Vec<BrokerProblem>) -> Option<Arc<ClientConfig>> {
    let roots = keep(problems, "uplink.tls.ca_file", roots(&tls.ca_file));
    let client = match &tls.client {
        None => Some(None),
        Some(client) => {
            let certificates = keep(
                problems,
                "uplink.tls.certificate_file",
                certificates(&client.certificate_file),
            );
            let key = keep(
                problems,
                "uplink.tls.key_file",
                private_key(&client.key_file),
            );
            certificates.zip(key).map(Some)
        }
    };
    let (roots, client) = roots.zip(client)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let result = versions.and_then(|builder| {
        let builder = builder.with_root_certificates(roots);
        match client {
            Some((certificates, key)) => builder.with_client_auth_cert(certificates, key),
            None => Ok(builder.with_no_client_auth()),
        }
    });
    let result = result.map_err(|error| unfit(tls, &error));
    keep(problems, "uplink.tls.key_file", result).map(Arc::new)
}

/// Words an error of rustls about a certificate and its key.
fn unfit(tls: &UplinkTls, error: &rustls::Error) -> BrokerCause {
    let key_file = |client: &ClientCertificate| client.key_file.clone();
    let path = tls
        .client
        .as_ref()
        .map_or_else(|| tls.ca_file.clone(), key_file);
    let found = match error {
        rustls::Error::InconsistentKeys(_) => {
            "is not the key of the certificate in `certificate_file`".to_owned()
        }
        other => format!("cannot be used: {other}"),
    };
    content(
        &path,
        &found,
        "the certificate's own private key, RSA, ECDSA or Ed25519",
    )
}

fn roots(path: &Path) -> Result<RootCertStore, BrokerCause> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| {
            content(
                path,
                &format!("has an unfit certificate ({error})"),
                CERTIFICATES,
            )
        })?;
    }
    Ok(roots)
}

const CERTIFICATES: &str = "one or more X.509 certificates in PEM";

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BrokerCause> {
    let bytes = read(path, Access::Public)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(content(path, "has no certificate", CERTIFICATES)),
        Ok(found) => Ok(found),
        Err(error) => Err(content(
            path,
            &format!("is broken PEM ({error})"),
            CERTIFICATES,
        )),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, BrokerCause> {
    let bytes = read(path, Access::Secret)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
        let allowed = "one private key in PEM, not encrypted";
        content(path, "has no private key", allowed)
    })
}

fn content(path: &Path, found: &str, allowed: &'static str) -> BrokerCause {
    BrokerCause::Content {
        path: path.to_owned(),
        found: found.to_owned(),
        allowed,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Public,
    Secret,
}

fn read(path: &Path, access: Access) -> Result<Vec<u8>, BrokerCause> {
    let failed = |source| BrokerCause::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if access == Access::Secret && mode & 0o007 != 0 {
        return Err(BrokerCause::Open {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(BrokerCause::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}
