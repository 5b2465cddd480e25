//! Calls about OSDP buses.

use hyper::Method;

use super::{Client, ClientError};
use crate::bus::{BusJob, BusStatus, RaiseSpeedBody, ScanBody};
use crate::page::escaped;

impl Client {
    /// Every OSDP bus with its readers' figures.
    pub async fn buses(&self) -> Result<Vec<BusStatus>, ClientError> {
        self.read("/v1/buses").await
    }

    /// Begins to take all readers of a bus to the highest speed that all accept.
    pub async fn raise_speed(
        &self,
        bus: &str,
        body: &RaiseSpeedBody,
    ) -> Result<BusJob, ClientError> {
        let path = format!("/v1/buses/{}/raise-speed", escaped(bus));
        self.write(Method::POST, &path, body).await
    }

    /// Begins to look for readers on a bus. It is given up where nobody asks for it.
    pub async fn scan(&self, bus: &str, body: &ScanBody) -> Result<BusJob, ClientError> {
        let path = format!("/v1/buses/{}/scan", escaped(bus));
        self.write(Method::POST, &path, body).await
    }

    /// What was last ordered of a bus, and how far it is.
    pub async fn bus_job(&self, bus: &str) -> Result<BusJob, ClientError> {
        self.read(&format!("/v1/buses/{}/job", escaped(bus))).await
    }

    /// Ends what goes on at a bus: a scan at once, readers on their way to another speed go back.
    pub async fn cancel_bus_job(&self, bus: &str) -> Result<BusJob, ClientError> {
        let path = format!("/v1/buses/{}/cancel", escaped(bus));
        self.write(Method::POST, &path, &serde_json::json!({}))
            .await
    }
}
