//! One request, one answer, one connection.

use std::future::Future;
use std::path::Path;
use std::pin::{Pin, pin};
use std::task::Context;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, Connection};
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::UnixStream;

use super::{ANSWER_MAX, ClientError, connect};
use crate::{PROBLEM_JSON, ProblemDetails};

/// A call to be made.
#[derive(Debug)]
pub(super) struct Call {
    method: Method,
    pub(super) path: String,
    body: Option<Vec<u8>>,
    pub(super) if_match: Option<u64>,
}

impl Call {
    pub(super) fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            body: None,
            if_match: None,
        }
    }

    pub(super) fn json(mut self, body: &(impl Serialize + ?Sized)) -> Result<Self, ClientError> {
        self.body = Some(serde_json::to_vec(body).map_err(ClientError::Encode)?);
        Ok(self)
    }

    fn into_request(self) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(header::HOST, "doorward")
            .header(header::ACCEPT, "application/json, text/event-stream");
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(revision) = self.if_match {
            request = request.header(header::IF_MATCH, format!("\"{revision}\""));
        }
        request
            .body(Full::from(self.body.unwrap_or_default()))
            .map_err(ClientError::Request)
    }
}

/// A connection, driven by whoever waits for what comes over it: no task of its own is left behind
/// when a call is given up.
#[derive(Debug)]
pub(super) struct Wire {
    connection: Option<Connection<TokioIo<UnixStream>, Full<Bytes>>>,
}

impl Wire {
    /// Runs the connection until `future` is done.
    pub(super) async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| {
            self.poll(cx);
            future.as_mut().poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection {
            // How the connection ended is told to `future` through the answer or its body.
            if Pin::new(connection).poll(cx).is_ready() {
                self.connection = None;
            }
        }
    }
}

/// Makes the call; returns the answer's body.
pub(super) async fn exchange(socket: &Path, call: Call) -> Result<Vec<u8>, ClientError> {
    let path = call.path.clone();
    let (mut wire, response) = open(socket, call).await?;
    wire.drive(read_whole(&path, response.into_body())).await
}

/// Makes the call; returns the answer's head once it says success.
pub(super) async fn open(
    socket: &Path,
    call: Call,
) -> Result<(Wire, Response<Incoming>), ClientError> {
    let path = call.path.clone();
    let broken = |source| ClientError::Broken {
        path: path.clone(),
        source,
    };
    let request = call.into_request()?;
    let stream = connect::connect(socket).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let mut wire = Wire {
        connection: Some(connection),
    };
    let response = wire
        .drive(sender.send_request(request))
        .await
        .map_err(broken)?;
    if response.status().is_success() {
        return Ok((wire, response));
    }
    Err(wire.drive(refusal(&path, response)).await)
}

async fn read_whole(path: &str, mut body: Incoming) -> Result<Vec<u8>, ClientError> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|source| ClientError::Broken {
            path: path.to_owned(),
            source,
        })?;
        if let Some(data) = frame.data_ref() {
            if whole.len() + data.len() > ANSWER_MAX {
                return Err(ClientError::TooLarge {
                    path: path.to_owned(),
                });
            }
            whole.extend_from_slice(data);
        }
    }
    Ok(whole)
}

async fn refusal(path: &str, response: Response<Incoming>) -> ClientError {
    let status = response.status().as_u16();
    let media_type = media_type(&response);
    let body = match read_whole(path, response.into_body()).await {
        Ok(body) => body,
        Err(error) => return error,
    };
    if media_type == PROBLEM_JSON {
        match serde_json::from_slice::<ProblemDetails>(&body) {
            Ok(problem) => return ClientError::Problem(Box::new(problem)),
            Err(source) => {
                return ClientError::Decode {
                    path: path.to_owned(),
                    source,
                };
            }
        }
    }
    ClientError::Unexpected {
        path: path.to_owned(),
        status,
        found: format!("expected `{PROBLEM_JSON}`, found `{media_type}`"),
    }
}

/// The answer's media type without its parameters; empty when not said.
pub(super) fn media_type(response: &Response<Incoming>) -> String {
    let value = response.headers().get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    let text = text.unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_owned()
}
