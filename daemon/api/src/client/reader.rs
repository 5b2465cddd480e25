//! Readers and their keys.

use hyper::Method;

use super::exchange::Call;
use super::{Client, ClientError};
use crate::page::escaped;
use crate::{InstallBody, InstallWindow};

impl Client {
    /// Opens the install window of a reader, for 1 to 60 minutes.
    pub async fn open_install(
        &self,
        reader: &str,
        minutes: u8,
    ) -> Result<InstallWindow, ClientError> {
        let path = format!("/v1/readers/{}/install", escaped(reader));
        let body = InstallBody { minutes };
        self.write(Method::POST, &path, &body).await
    }

    /// Closes the install window of a reader.
    pub async fn close_install(&self, reader: &str) -> Result<(), ClientError> {
        let path = format!("/v1/readers/{}/install", escaped(reader));
        self.send_for_nothing(Call::new(Method::DELETE, &path))
            .await
    }

    /// Gives a reader another key; returns once it has shown that it has it.
    pub async fn rotate_key(&self, reader: &str) -> Result<(), ClientError> {
        let path = format!("/v1/readers/{}/rotate-key", escaped(reader));
        self.send_for_nothing(Call::new(Method::POST, &path)).await
    }
}
