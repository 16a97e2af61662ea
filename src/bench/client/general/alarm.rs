//! What wakes the loop of the general client: a moment of the schedule, to the µs (tokio's own timers go by the ms), or an order.

use crate::bench::client::{Orders, Share};
use rustix::{
    fd::OwnedFd,
    time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime},
};
use std::io;
use tokio::io::{Interest, unix::AsyncFd};

/// A timer and the thread's eventfd; of one runtime.
pub(super) struct Alarm {
    timer: AsyncFd<OwnedFd>,
    orders: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// For the thread of `share`; inside its runtime.
    pub(super) fn new(orders: &Orders, share: Share) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let wake = orders.wake(share.index as usize).ok_or_else(|| io::Error::other("no such thread"))?.try_clone()?;
        Ok(Self { timer: watched(timer)?, orders: watched(wake)? })
    }

    /// Waits until this moment, `CLOCK_MONOTONIC` µs, or until an order or a change of the pace comes.
    pub(super) async fn wait(&self, until_us: u64) {
        let value = i64::try_from(until_us).unwrap_or(i64::MAX);
        let at = Timespec { tv_sec: value / 1_000_000, tv_nsec: value % 1_000_000 * 1_000 };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: at };
        if timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &once).is_err() {
            return;
        }
        // Neither can fail other than by having nothing to say yet.
        tokio::select! {
            _ = told(&self.timer) => {}
            _ = told(&self.orders) => {}
        }
    }
}

fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is the `OwnedFd`'s own, and stays so as long as it is registered: nothing here closes or replaces it.
    unsafe { AsyncFd::register(fd) }.map_err(io::Error::from)
}

/// Waits for a count to become other than zero and takes it.
async fn told(fd: &AsyncFd<OwnedFd>) -> io::Result<usize> {
    fd.async_io(Interest::READABLE, |fd| Ok(rustix::io::read(fd, &mut [0; 8])?)).await
}
