use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

/// A timer with the kernel's precision. tokio's own rounds up to the next millisecond, which is the
/// time that ten bytes take at 115,200 baud.
#[derive(Debug)]
pub(super) struct LineTimer {
    timer: AsyncFd<PollableTimer>,
}

impl LineTimer {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe; what it asks for holds: the timer owns its descriptor"
        )]
        let timer = AsyncFd::new(PollableTimer(timer))?;
        Ok(Self { timer })
    }

    /// Goes off once after `delay`, at once for zero, or never.
    pub(super) fn set(&self, delay: Option<Duration>) -> io::Result<()> {
        let PollableTimer(timer) = self.timer.get_ref();
        match delay {
            Some(delay) => {
                // Zero would switch the timer off.
                let delay = TimeSpec::from_duration(delay.max(Duration::from_nanos(1)));
                timer.set(Expiration::OneShot(delay), TimerSetTimeFlags::empty())?;
            }
            None => timer.unset()?,
        }
        Ok(())
    }

    /// Waits until it goes off. Cancel-safe: a timer that went off stays so until it is set anew.
    pub(super) async fn wait(&self) -> io::Result<()> {
        let mut ready = self.timer.readable().await?;
        ready.clear_ready();
        Ok(())
    }
}

/// [`AsyncFd`] asks for a raw descriptor, which `TimerFd` does not offer itself.
#[derive(Debug)]
struct PollableTimer(TimerFd);

impl AsRawFd for PollableTimer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
