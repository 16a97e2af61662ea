//! Reads with the kernel's receive stamp, in the server's time.

use crate::base::stamp::{self, Pair};
use std::os::fd::AsFd;

pub(super) use crate::base::stamp::{ask, monotonic_ns as now_ns};

/// Longest time a request can have waited to be read, ns: an older stamp means that the wall clock was stepped.
const OLDEST_NS: u64 = 600_000_000_000;

/// One read: how many bytes, when it returned, and the kernel's stamp of its last segment, both `CLOCK_MONOTONIC` ns.
pub(super) struct Read {
    pub(super) bytes: usize,
    pub(super) at_ns: u64,
    pub(super) kernel_ns: Option<u64>,
}

/// Reads what there is into `buffer`, without waiting.
pub(super) fn read(socket: impl AsFd, buffer: &mut [u8]) -> rustix::io::Result<Read> {
    let (bytes, stamp) = stamp::read(socket, buffer)?;
    let pair = Pair::now();
    let at_ns = pair.monotonic_ns();
    Ok(Read { bytes, at_ns, kernel_ns: stamp.and_then(|stamp| pair.stamped_ns(stamp, at_ns, OLDEST_NS)) })
}
