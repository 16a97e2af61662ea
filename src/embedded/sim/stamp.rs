//! Kernel receive stamps of a TCP socket: when the bytes reached this machine, not when we woke up to read them.
//!
//! `SO_TIMESTAMPING` with `RX_SOFTWARE` (kernel documentation, `networking/timestamping.rst`). A read that returns several
//! segments carries the stamp of the last; stamps are `CLOCK_REALTIME` and are mapped to run time by a paired clock read.

use rustix::{
    net::{RecvAncillaryBuffer, RecvFlags, recvmsg},
    time::{ClockId, Timespec, clock_gettime},
};
use std::{
    io::IoSliceMut,
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd as _},
};

// asm-generic/socket.h and linux/net_tstamp.h
const SOL_SOCKET: i32 = 1;
const SO_TIMESTAMPING: i32 = 37;
const SOF_TIMESTAMPING_RX_SOFTWARE: u32 = 1 << 3;
const SOF_TIMESTAMPING_SOFTWARE: u32 = 1 << 4;

unsafe extern "C" {
    fn setsockopt(socket: i32, level: i32, name: i32, value: *const u32, length: u32) -> i32;
}

/// Asks for receive stamps; sockets accepted from a listener inherit it. The kernel switches stamping on for the whole host
/// some milliseconds after the first socket asked; segments before that have none.
pub(super) fn ask(socket: impl AsFd) -> bool {
    let flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    // SAFETY: the descriptor is open for the call and `value` points to four readable bytes, as `length` says.
    unsafe { setsockopt(socket.as_fd().as_raw_fd(), SOL_SOCKET, SO_TIMESTAMPING, &raw const flags, 4) == 0 }
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub(super) fn now_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic)).unwrap_or(0)
}

fn nanoseconds(t: Timespec) -> Option<u64> {
    u64::try_from(t.tv_sec).ok()?.checked_mul(1_000_000_000)?.checked_add(u64::try_from(t.tv_nsec).ok()?)
}

/// One read: how many bytes, when it returned, and the kernel's stamp of its last segment, both `CLOCK_MONOTONIC` ns.
pub(super) struct Read {
    pub(super) bytes: usize,
    pub(super) at_ns: u64,
    pub(super) kernel_ns: Option<u64>,
}

/// Reads what there is into `buffer`, without waiting.
pub(super) fn read(socket: impl AsFd, buffer: &mut [u8]) -> rustix::io::Result<Read> {
    // Room for the message header and its three time stamps, with some to spare.
    let mut control = [MaybeUninit::new(0u8); 128];
    let length;
    {
        let mut ancillary = RecvAncillaryBuffer::new(&mut control);
        length = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut ancillary, RecvFlags::DONTWAIT)?.bytes;
    }
    let at_ns = now_ns();
    let real_ns = nanoseconds(clock_gettime(ClockId::Realtime));
    // SAFETY: every byte was initialised above; the kernel only overwrites them.
    let control = control.map(|byte| unsafe { byte.assume_init() });
    let kernel_ns = stamp_in(&control).zip(real_ns).and_then(|(stamp, real)| {
        // A stamp is never of the future and never older than a request can have waited; else the wall clock was stepped.
        let age = real.checked_sub(stamp).filter(|age| *age < 600_000_000_000)?;
        at_ns.checked_sub(age)
    });
    Ok(Read { bytes: length, at_ns, kernel_ns })
}

/// The software stamp in a control buffer, `CLOCK_REALTIME` ns.
fn stamp_in(control: &[u8]) -> Option<u64> {
    // rustix aligns the buffer for `cmsghdr`; the header starts at the first byte it may use, everything before is zero.
    let word = |at: usize| Some(i64::from_ne_bytes(control.get(at..at + 8)?.try_into().ok()?));
    let half = |at: usize| Some(i32::from_ne_bytes(control.get(at..at + 4)?.try_into().ok()?));
    (0..8).find_map(|at| {
        // cmsghdr of 64-bit Linux: length (8), level (4), type (4), then struct scm_timestamping: software stamp first.
        let found = word(at)? == 64 && half(at + 8)? == SOL_SOCKET && half(at + 12)? == SO_TIMESTAMPING;
        found.then(|| nanoseconds(Timespec { tv_sec: word(at + 16)?, tv_nsec: word(at + 24)? }).filter(|ns| *ns > 0)).flatten()
    })
}
