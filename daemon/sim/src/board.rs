//! The relay board: a Modbus TCP server with coils and discrete inputs.

use std::future::Ready;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response};

use crate::line::monotonic_ns;

/// Coils and discrete inputs, each from address 0: profile `generic-coil`.
pub(crate) const POINTS: u16 = 16;

/// A coil was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CoilWrite {
    /// From 0.
    pub(crate) coil: usize,
    pub(crate) is_on: bool,
    /// `CLOCK_MONOTONIC`, when the request was read.
    pub(crate) at_ns: u64,
}

/// A running board.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) address: SocketAddr,
    inputs: Arc<AtomicU16>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Board {
    /// Serves on a free port of this machine. Writes of coils go to `writes`, dropped when nobody
    /// takes them.
    pub(crate) fn start(writes: SyncSender<CoilWrite>) -> io::Result<Self> {
        let inputs = Arc::<AtomicU16>::default();
        let state = Arc::new(State {
            coils: Mutex::default(),
            inputs: Arc::clone(&inputs),
            writes,
        });
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("sim-board".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, state, stopped)) {
                    log::error!("the virtual relay board stopped: {error}");
                }
            })?;
        Ok(Self {
            address,
            inputs,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Sets a discrete input, from 0.
    pub(crate) fn set_input(&self, input: usize, level: bool) {
        if level {
            self.inputs.fetch_or(1 << input, Ordering::Relaxed);
        } else {
            self.inputs.fetch_and(!(1 << input), Ordering::Relaxed);
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // The thread may have ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    state: Arc<State>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let server = Server::new(TcpListener::from_std(listener)?);
    let on_connected = |stream: tokio::net::TcpStream, peer| {
        let state = Arc::clone(&state);
        async move {
            stream.set_nodelay(true)?;
            accept_tcp_connection(stream, peer, move |_| {
                Ok(Some(Connection(Arc::clone(&state))))
            })
        }
    };
    // Cancel-safe: what is dropped is being ended.
    tokio::select! {
        served = server.serve(&on_connected, |error| log::debug!("virtual relay board: {error}")) => served,
        _ = stopped => Ok(()),
    }
}

#[derive(Debug)]
struct State {
    coils: Mutex<u16>,
    inputs: Arc<AtomicU16>,
    writes: SyncSender<CoilWrite>,
}

struct Connection(Arc<State>);

impl Service for Connection {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        std::future::ready(self.0.answer(&request))
    }
}

impl State {
    fn answer(&self, request: &Request<'_>) -> Result<Response, ExceptionCode> {
        match request {
            Request::ReadCoils(address, count) => {
                let coils = *self.coils.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(Response::ReadCoils(bits(coils, *address, *count)?))
            }
            Request::ReadDiscreteInputs(address, count) => {
                let inputs = self.inputs.load(Ordering::Relaxed);
                Ok(Response::ReadDiscreteInputs(bits(
                    inputs, *address, *count,
                )?))
            }
            Request::WriteSingleCoil(address, is_on) => {
                self.write(*address, &[*is_on])?;
                Ok(Response::WriteSingleCoil(*address, *is_on))
            }
            Request::WriteMultipleCoils(address, levels) => {
                self.write(*address, levels)?;
                let count =
                    u16::try_from(levels.len()).map_err(|_| ExceptionCode::IllegalDataValue)?;
                Ok(Response::WriteMultipleCoils(*address, count))
            }
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }

    fn write(&self, address: u16, levels: &[bool]) -> Result<(), ExceptionCode> {
        let at_ns = monotonic_ns();
        let first = usize::from(address);
        if first + levels.len() > usize::from(POINTS) {
            return Err(ExceptionCode::IllegalDataAddress);
        }
        let mut coils = self.coils.lock().unwrap_or_else(PoisonError::into_inner);
        for (coil, &is_on) in (first..).zip(levels) {
            if is_on {
                *coils |= 1 << coil;
            } else {
                *coils &= !(1 << coil);
            }
            let write = CoilWrite { coil, is_on, at_ns };
            // A board does not wait for anybody who looks at it.
            let _ = self.writes.try_send(write);
        }
        Ok(())
    }
}

fn bits(points: u16, address: u16, count: u16) -> Result<Vec<bool>, ExceptionCode> {
    match address.checked_add(count) {
        Some(end) if end <= POINTS && count > 0 => {
            Ok((address..end).map(|at| points & (1 << at) != 0).collect())
        }
        _ => Err(ExceptionCode::IllegalDataAddress),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;
    use tokio_modbus::client::{Reader as _, Writer as _};

    #[test]
    fn points_outside_the_board_are_refused() {
        let (writes, _kept) = sync_channel(4);
        let state = State {
            coils: Mutex::default(),
            inputs: Arc::default(),
            writes,
        };
        for (request, expect) in [
            (Request::ReadCoils(0, 17), ExceptionCode::IllegalDataAddress),
            (Request::ReadCoils(3, 0), ExceptionCode::IllegalDataAddress),
            (
                Request::ReadDiscreteInputs(0xFFFF, 2),
                ExceptionCode::IllegalDataAddress,
            ),
            (
                Request::WriteSingleCoil(16, true),
                ExceptionCode::IllegalDataAddress,
            ),
            (
                Request::WriteMultipleCoils(15, Cow::Owned(vec![true, true])),
                ExceptionCode::IllegalDataAddress,
            ),
            (
                Request::ReadHoldingRegisters(0, 1),
                ExceptionCode::IllegalFunction,
            ),
        ] {
            assert_eq!(state.answer(&request), Err(expect), "{request:?}");
        }
    }

    #[tokio::test]
    async fn a_client_writes_coils_and_reads_inputs() {
        let (writes, seen) = sync_channel(4);
        let board = Board::start(writes).unwrap();
        board.set_input(0, true);
        board.set_input(5, true);
        board.set_input(5, false);
        let mut client = tokio_modbus::client::tcp::connect(board.address)
            .await
            .unwrap();
        client.write_single_coil(2, true).await.unwrap().unwrap();
        let coils = client.read_coils(0, 4).await.unwrap().unwrap();
        assert_eq!(coils, [false, false, true, false]);
        let inputs = client.read_discrete_inputs(0, 6).await.unwrap().unwrap();
        assert_eq!(inputs, [true, false, false, false, false, false]);
        let write = seen.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!((write.coil, write.is_on), (2, true));
    }
}
