use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use doorward_wire::osdp::Mono;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

/// A timer with the kernel's precision. tokio's own rounds up to the next millisecond, which is the
/// time that ten bytes take at 115,200 baud.
#[derive(Debug)]
pub(super) struct LineTimer {
    timer: AsyncFd<PollableTimer>,
    /// When it goes off.
    armed: Option<Mono>,
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
        Ok(Self { timer, armed: None })
    }

    /// Goes off at a time, which may be past; or earlier, if it was set to go off earlier: a
    /// deadline that is put off with every frame costs no system call.
    pub(super) fn set(&mut self, at: Option<Mono>, now: Mono) -> io::Result<()> {
        let Some(at) = at else {
            return Ok(());
        };
        if self.armed.is_some_and(|armed| armed <= at) {
            return Ok(());
        }
        let delay = Duration::from_micros(at.since_us(now));
        // Zero would switch the timer off.
        let delay = TimeSpec::from_duration(delay.max(Duration::from_nanos(1)));
        let PollableTimer(timer) = self.timer.get_ref();
        timer.set(Expiration::OneShot(delay), TimerSetTimeFlags::empty())?;
        self.armed = Some(at);
        Ok(())
    }

    /// Waits until it goes off. Cancel-safe: a timer that went off stays so until it is set anew.
    pub(super) async fn wait(&mut self) -> io::Result<()> {
        let mut ready = self.timer.readable().await?;
        ready.clear_ready();
        self.armed = None;
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
