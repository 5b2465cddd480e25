//! Accepts connections, bounds them, and takes them down again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::response::IntoResponse;
use doorward_api::ProblemKind;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::caller::Caller;
use super::limits::{CONNECTIONS_MAX, HEAD_BYTES_MAX, HEADERS_MAX, REFUSALS_MAX, Times};
use super::office::{Desk, Office};
use super::refused::{Refused, finish};
use super::routes;
use super::socket::Socket;
use super::stall::StallGuard;

/// How long to wait after the system refused a connection, for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the local API on `socket` until `stop` is cancelled and its connections are done or
/// [`Times::drain`] is over. The socket is gone when this returns.
pub async fn serve(office: Office, socket: Socket, times: Times, stop: CancellationToken) {
    let (router, document) = routes::router();
    let desk = Desk::new(office, times, stop.clone(), document);
    let server = Server {
        router: router.with_state(desk.clone()),
        desk,
        users: socket.users.clone().into(),
    };
    let served = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let mut connections = JoinSet::new();
    loop {
        // Every arm is cancel-safe: a token, a join set and `accept` lose nothing when dropped.
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            accepted = socket.listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                log::warn!("the API could not accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Ok(place) = Arc::clone(&served).try_acquire_owned() {
            connections.spawn(server.clone().connection(stream, Place::Served(place)));
        } else if let Ok(place) = Arc::clone(&refusals).try_acquire_owned() {
            connections.spawn(server.clone().connection(stream, Place::Refused(place)));
        } else {
            log::warn!("the API closed a connection unheard: too many are open");
        }
    }
    drop(socket);
    let drained = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(times.drain, drained).await.is_err() {
        log::warn!("{} connections to the API were cut off", connections.len());
        connections.shutdown().await;
    }
    log::debug!("task `api` ended");
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        log::error!("a connection to the API ended badly: {error}");
    }
}

/// A connection's place among those that are open.
#[derive(Debug)]
enum Place {
    Served(#[allow(dead_code, reason = "held until the connection ends")] OwnedSemaphorePermit),
    Refused(#[allow(dead_code, reason = "held until the connection ends")] OwnedSemaphorePermit),
}

#[derive(Debug, Clone)]
struct Server {
    router: Router,
    desk: Desk,
    users: Arc<[u32]>,
}

impl Server {
    async fn connection(self, stream: UnixStream, place: Place) {
        let _counted = self.desk.count_connection();
        let stop = self.desk.stop.clone();
        let times = self.desk.times;
        let caller = match &place {
            Place::Served(_) => Caller::of(&stream, &self.users).await,
            Place::Refused(_) => {
                let detail = format!("{CONNECTIONS_MAX} connections are open already; try again");
                Caller::Barred(Refused::new(ProblemKind::Busy, detail))
            }
        };
        let keep_alive = matches!(caller, Caller::Known(_));
        let service = service_fn(|request| self.answer(&caller, request));
        let io = TokioIo::new(StallGuard::new(stream, times.write_stall));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(times.head)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .keep_alive(keep_alive)
            .serve_connection(io, service);
        let mut connection = std::pin::pin!(connection);
        // Both arms are cancel-safe: the connection is only polled here, and lives on.
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            log::debug!("a connection to the API broke: {error}");
        }
    }

    async fn answer(
        &self,
        caller: &Caller,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let began = Instant::now();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let response = match caller {
            Caller::Barred(refused) => refused.clone().into_response(),
            Caller::Known(_) => {
                request.extensions_mut().insert(caller.clone());
                self.route(request).await
            }
        };
        let response = finish(response, &path);
        log::debug!(
            "{method} {path} {} in {} us",
            response.status().as_u16(),
            began.elapsed().as_micros()
        );
        Ok(response)
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Body> {
        let limit = self.desk.times.request;
        let router = TowerToHyperService::new(self.router.clone());
        match tokio::time::timeout(limit, router.call(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => {
                let detail = format!(
                    "the request did not arrive or was not answered within {} s",
                    limit.as_secs()
                );
                Refused::new(ProblemKind::TimedOut, detail).into_response()
            }
        }
    }
}
