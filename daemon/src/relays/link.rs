//! One open line: carries out a question and its answer.
//!
//! tokio-modbus puts the questions and reads the answers. Between it and the line stands a
//! [`Port`], for what its client does not do:
//!
//! - On a serial line it hands up exactly the frame that answers the question: noise, late answers
//!   and answers of other units stay below. On a network it leaves out late answers to questions
//!   that were given up, and ends the connection on any other foreign transaction.
//! - Its RTU client refuses the echo of function 05 unless the value is 0xFF00 or 0x0000, and
//!   closes the connection's stream over it. Boards that time pulses take the time there, so that
//!   one exchange is put as a frame of our own through the same port.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use doorward_wire::board::{ModbusRequest, ReplyError, ReplyValue, mbap, rtu};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_modbus::client::{Client, Context};
use tokio_modbus::slave::{Slave, SlaveContext};
use tokio_modbus::{Request, Response};

use super::driver::Outcome;
use crate::serial::{self, SerialStream};

/// The longest frame on either kind of line.
const FRAME_BYTES_MAX: usize = mbap::FRAME_BYTES_MAX;
/// Bytes read off a line at once.
const READ_BYTES: usize = 256;
/// The first transaction of our own frames; tokio-modbus counts from 0.
const OWN_TRANSACTION: u16 = 0x8000;

/// An open line.
pub(crate) struct Link {
    port: Shared,
    client: Context,
    transaction: u16,
    /// The silence that a serial line needs before a frame.
    silence: Duration,
    quiet_since: Instant,
}

impl Link {
    /// A line on an open serial port.
    pub(crate) fn rtu(stream: SerialStream, baud: u32) -> Self {
        let finder = Finder::Rtu(rtu::ReplyFinder::default());
        let port = Shared::new(Stream::Serial(stream), finder);
        let client = tokio_modbus::client::rtu::attach(port.clone());
        Self::new(port, client, Duration::from_micros(rtu::silence_us(baud)))
    }

    /// A line on an open connection.
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        let finder = Finder::Mbap(mbap::ReplyFinder::default());
        let port = Shared::new(Stream::Tcp(stream), finder);
        let client = tokio_modbus::client::tcp::attach(port.clone());
        Self::new(port, client, Duration::ZERO)
    }

    fn new(port: Shared, client: Context, silence: Duration) -> Self {
        Self {
            port,
            client,
            transaction: OWN_TRANSACTION,
            silence,
            quiet_since: Instant::now(),
        }
    }

    /// Puts a question and waits for the answer, `timeout` at most, or until something is more
    /// `urgent`. An error means that the line is of no use any more.
    ///
    /// Not cancel-safe: to be awaited to its end.
    pub(crate) async fn exchange(
        &mut self,
        unit: u8,
        request: ModbusRequest,
        timeout: Duration,
        urgent: impl Future<Output = ()>,
    ) -> io::Result<Outcome> {
        let silent = self.quiet_since + self.silence;
        if silent > Instant::now() {
            tokio::time::sleep_until(silent).await;
        }
        self.port.lock().begin(unit, &request)?;
        let exchange = async {
            if request.is_standard() {
                self.ask_client(unit, request).await
            } else {
                self.ask_own(unit, request).await
            }
        };
        // What is left of the exchange is given up when another arm is taken; the port then tells
        // whether the question was written whole.
        let result = tokio::select! {
            result = exchange => Some(result),
            () = tokio::time::sleep(timeout) => None,
            () = urgent => None,
        };
        self.quiet_since = Instant::now();
        result.unwrap_or_else(|| self.port.lock().end_in_silence())
    }

    async fn ask_client(&mut self, unit: u8, request: ModbusRequest) -> io::Result<Outcome> {
        self.client.set_slave(Slave(unit));
        match self.client.call(client_request(request)).await {
            Ok(Ok(response)) => Ok(outcome(request, &response)),
            Ok(Err(exception)) => Ok(Outcome::Exception(exception.into())),
            Err(tokio_modbus::Error::Transport(error)) => Err(error),
            Err(tokio_modbus::Error::Protocol(error)) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, error))
            }
        }
    }

    /// The exchange that tokio-modbus cannot do.
    async fn ask_own(&mut self, unit: u8, request: ModbusRequest) -> io::Result<Outcome> {
        let is_serial = self.silence > Duration::ZERO;
        let mut frame = [0; FRAME_BYTES_MAX];
        let (start, end) = if is_serial {
            let sent = rtu::RequestFrame::new(unit, &request);
            self.port.write_all(sent.bytes()).await?;
            (1, 2)
        } else {
            self.transaction = self.transaction.wrapping_add(1) | OWN_TRANSACTION;
            let sent = mbap::RequestFrame::new(self.transaction, unit, &request);
            self.port.write_all(sent.bytes()).await?;
            (mbap::HEADER_BYTES, 0)
        };
        // The port hands up whole frames, one at a time.
        let length = self.port.read(&mut frame).await?;
        let pdu = frame[..length].get(start..length.saturating_sub(end));
        match request.parse_reply(pdu.ok_or(io::ErrorKind::UnexpectedEof)?) {
            Ok(value) => Ok(Outcome::Reply(value)),
            Err(ReplyError::Exception { code }) => Ok(Outcome::Exception(code)),
            Err(error @ ReplyError::Unfitting { .. }) => {
                log::warn!("unit {unit}: {error}");
                Ok(Outcome::Silence)
            }
        }
    }
}

fn client_request(request: ModbusRequest) -> Request<'static> {
    match request {
        ModbusRequest::ReadCoils { address, count } => Request::ReadCoils(address, count),
        ModbusRequest::ReadDiscreteInputs { address, count } => {
            Request::ReadDiscreteInputs(address, count)
        }
        ModbusRequest::ReadHoldingRegisters { address, count } => {
            Request::ReadHoldingRegisters(address, count)
        }
        ModbusRequest::ReadInputRegisters { address, count } => {
            Request::ReadInputRegisters(address, count)
        }
        ModbusRequest::WriteCoil { address, value } => {
            Request::WriteSingleCoil(address, value == 0xFF00)
        }
        ModbusRequest::WriteRegister { address, value } => {
            Request::WriteSingleRegister(address, value)
        }
        ModbusRequest::WriteCoils { address, on } => {
            Request::WriteMultipleCoils(address, vec![on].into())
        }
    }
}

/// What an answer says, if it fits the question: tokio-modbus compares the function only.
fn outcome(request: ModbusRequest, response: &Response) -> Outcome {
    let bits = |bits: &[bool], count: u16| {
        let count = usize::from(count);
        (bits.len() == count.next_multiple_of(8)).then(|| {
            let bits = bits.iter().take(count).enumerate();
            ReplyValue::Bits(bits.fold(0, |all, (at, &bit)| all | u64::from(bit) << at))
        })
    };
    let registers = |registers: &[u16], count: u16| {
        (registers.len() == usize::from(count)).then(|| ReplyValue::Registers(registers.to_vec()))
    };
    let value = match (request, response) {
        (ModbusRequest::ReadCoils { count, .. }, Response::ReadCoils(read))
        | (ModbusRequest::ReadDiscreteInputs { count, .. }, Response::ReadDiscreteInputs(read)) => {
            bits(read, count)
        }
        (
            ModbusRequest::ReadHoldingRegisters { count, .. },
            Response::ReadHoldingRegisters(read),
        )
        | (ModbusRequest::ReadInputRegisters { count, .. }, Response::ReadInputRegisters(read)) => {
            registers(read, count)
        }
        (ModbusRequest::WriteCoil { address, value }, Response::WriteSingleCoil(echo, on)) => {
            (*echo == address && *on == (value == 0xFF00)).then_some(ReplyValue::Done)
        }
        (
            ModbusRequest::WriteRegister { address, value },
            Response::WriteSingleRegister(echo, written),
        ) => (*echo == address && *written == value).then_some(ReplyValue::Done),
        (ModbusRequest::WriteCoils { address, .. }, Response::WriteMultipleCoils(echo, count)) => {
            (*echo == address && *count == 1).then_some(ReplyValue::Done)
        }
        _ => None,
    };
    value.map_or_else(
        || {
            log::warn!("the answer {response:?} does not fit the question {request:?}");
            Outcome::Silence
        },
        Outcome::Reply,
    )
}

/// The line, in the hands of tokio-modbus and of [`Link`]. They run in one task and take turns,
/// so the lock is never waited for.
#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<Port>>);

impl Shared {
    fn new(stream: Stream, finder: Finder) -> Self {
        Self(Arc::new(Mutex::new(Port {
            stream,
            finder,
            frame: [0; FRAME_BYTES_MAX],
            frame_bytes: 0,
            handed_bytes: 0,
            unsent_bytes: 0,
            is_at_start: false,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Port> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line, and the answer awaited on it.
#[derive(Debug)]
struct Port {
    stream: Stream,
    finder: Finder,
    /// The answer's frame.
    frame: [u8; FRAME_BYTES_MAX],
    frame_bytes: usize,
    /// How much of the frame was handed up.
    handed_bytes: usize,
    /// How much of the question was not written yet.
    unsent_bytes: usize,
    /// Nothing of the question was written yet.
    is_at_start: bool,
}

#[derive(Debug)]
enum Stream {
    Serial(SerialStream),
    Tcp(TcpStream),
}

#[derive(Debug)]
enum Finder {
    Rtu(rtu::ReplyFinder),
    Mbap(mbap::ReplyFinder),
}

impl Port {
    /// Gets ready for a question: what a serial line received until now answers nothing.
    fn begin(&mut self, unit: u8, request: &ModbusRequest) -> io::Result<()> {
        self.frame_bytes = 0;
        self.handed_bytes = 0;
        self.is_at_start = true;
        let pdu_bytes = request.pdu().bytes().len();
        match &mut self.finder {
            Finder::Rtu(finder) => {
                self.unsent_bytes = 1 + pdu_bytes + 2;
                finder.expect(unit, request.function(), request.reply_bytes());
            }
            Finder::Mbap(_) => self.unsent_bytes = mbap::HEADER_BYTES + pdu_bytes,
        }
        match &self.stream {
            Stream::Serial(stream) => serial::discard_received(stream),
            Stream::Tcp(_) => Ok(()),
        }
    }

    /// No answer came in time. A question that was written in part makes the line useless.
    fn end_in_silence(&self) -> io::Result<Outcome> {
        if self.unsent_bytes > 0 {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the line takes no bytes",
            ));
        }
        if let Finder::Rtu(finder) = &self.finder
            && finder.stray_bytes() > 0
        {
            log::debug!("{} bytes came that answer nothing", finder.stray_bytes());
        }
        Ok(Outcome::Silence)
    }

    /// Looks for the answer in what was received.
    fn find(&mut self) -> io::Result<bool> {
        match &mut self.finder {
            Finder::Rtu(finder) => {
                let Some(frame) = finder.frame() else {
                    return Ok(false);
                };
                self.frame_bytes = frame.len();
                self.frame[..frame.len()].copy_from_slice(frame);
            }
            Finder::Mbap(finder) => {
                let frame = finder.frame().map_err(io::Error::other)?;
                let Some((frame, length)) = frame else {
                    return Ok(false);
                };
                self.frame_bytes = length;
                self.frame = frame;
            }
        }
        Ok(true)
    }

    fn push(&mut self, bytes: &[u8]) {
        match &mut self.finder {
            Finder::Rtu(finder) => finder.push(bytes),
            Finder::Mbap(finder) => finder.push(bytes),
        }
    }

    const fn room(&self) -> usize {
        match &self.finder {
            Finder::Rtu(_) => READ_BYTES,
            Finder::Mbap(finder) => finder.room(),
        }
    }
}

impl AsyncRead for Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut port = self.lock();
        while port.frame_bytes == 0 && !port.find()? {
            let mut bytes = [0; READ_BYTES];
            let room = port.room().min(READ_BYTES);
            let mut read = ReadBuf::new(&mut bytes[..room]);
            ready!(match &mut port.stream {
                Stream::Serial(stream) => Pin::new(stream).poll_read(cx, &mut read),
                Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut read),
            })?;
            if read.filled().is_empty() {
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the line was closed");
                return Poll::Ready(Err(error));
            }
            port.push(read.filled());
        }
        let rest = &port.frame[port.handed_bytes..port.frame_bytes];
        let count = rest.len().min(buf.remaining());
        if count == 0 {
            // The answer was taken; there is none to the next question yet.
            return Poll::Pending;
        }
        buf.put_slice(&rest[..count]);
        port.handed_bytes += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Shared {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut port = self.lock();
        if port.is_at_start
            && let (Finder::Mbap(finder), [high, low, ..]) = (&mut port.finder, bytes)
        {
            finder.expect(u16::from_be_bytes([*high, *low]));
        }
        port.is_at_start = false;
        let count = ready!(match &mut port.stream {
            Stream::Serial(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
        })?;
        port.unsent_bytes = port.unsent_bytes.saturating_sub(count);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match &mut self.lock().stream {
            // The kernel sends what it was given. The serial driver's flush would block the
            // thread until the last bit is on the wire.
            Stream::Serial(_) => Poll::Ready(Ok(())),
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match &mut self.lock().stream {
            Stream::Serial(_) => Poll::Ready(Ok(())),
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
