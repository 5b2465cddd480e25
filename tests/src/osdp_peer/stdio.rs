//! Orders from standard input and reports to standard output, without ever waiting in a read.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::marker::PhantomData;
use std::os::fd::{AsFd as _, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest order accepted, in bytes.
const ORDER_BYTES_MAX: usize = 64 * 1024;

/// Orders as they come in.
#[derive(Debug)]
pub(super) struct Orders<T> {
    stdin: io::Stdin,
    partial: VecDeque<u8>,
    closed: bool,
    kind: PhantomData<T>,
}

impl<T: DeserializeOwned> Orders<T> {
    pub(super) fn from_stdin() -> io::Result<Self> {
        Ok(Self {
            stdin: io::stdin(),
            partial: VecDeque::new(),
            closed: false,
            kind: PhantomData,
        })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stdin.as_fd()
    }

    /// Whether whoever gave the orders is gone.
    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    /// The orders that are complete.
    pub(super) fn take(&mut self) -> io::Result<Vec<T>> {
        let mut orders = Vec::new();
        let mut buffer = [0; 4096];
        while !self.closed && readable(self.stdin.as_fd())? {
            let count = nix::unistd::read(&self.stdin, &mut buffer)?;
            self.closed = count == 0;
            self.partial.extend(&buffer[..count]);
        }
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            orders.push(serde_json::from_slice(&line).map_err(io::Error::other)?);
        }
        if self.partial.len() > ORDER_BYTES_MAX {
            return Err(io::Error::other(format!(
                "an order is longer than {ORDER_BYTES_MAX} bytes"
            )));
        }
        Ok(orders)
    }
}

/// Says one thing.
pub(super) fn report<T: Serialize>(report: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

fn readable(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    Ok(poll(&mut fds, PollTimeout::ZERO)? > 0)
}
