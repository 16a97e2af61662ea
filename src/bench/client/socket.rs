//! The client's sockets: connecting without waiting, and reads with the kernel's receive stamp.
//!
//! `SO_TIMESTAMPING` with `RX_SOFTWARE` (kernel documentation, `networking/timestamping.rst`): the kernel notes when a segment came
//! in, so that a client that wakes up late does not make the server look slow. A read that returns several segments carries the
//! stamp of the last. Stamps are `CLOCK_REALTIME`; a paired read of both clocks maps them.

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvFlags, SocketFlags, SocketType, connect, ipproto, recvmsg, socket_with,
        sockopt::set_tcp_nodelay,
    },
    time::{ClockId, Timespec, clock_gettime},
};
use std::{
    io::IoSliceMut,
    mem::MaybeUninit,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
};

// asm-generic/socket.h and linux/net_tstamp.h
const SOL_SOCKET: i32 = 1;
const SO_TIMESTAMPING: i32 = 37;
const SOF_TIMESTAMPING_RX_SOFTWARE: u32 = 1 << 3;
const SOF_TIMESTAMPING_SOFTWARE: u32 = 1 << 4;

unsafe extern "C" {
    fn setsockopt(socket: i32, level: i32, name: i32, value: *const u32, length: u32) -> i32;
}

/// A connection begun.
pub(super) struct Begun {
    pub(super) socket: OwnedFd,
    /// Connected already; else it will become writable.
    pub(super) connected: bool,
    /// The kernel stamps what comes in.
    pub(super) stamped: bool,
}

/// Begins a connection to `to`, without waiting for it.
pub(super) fn begin(to: SocketAddr) -> rustix::io::Result<Begun> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, Some(ipproto::TCP))?;
    set_tcp_nodelay(&socket, true)?;
    let stamped = ask_for_stamps(&socket);
    let connected = match connect(&socket, &to) {
        Ok(()) => true,
        Err(Errno::INPROGRESS) => false,
        Err(error) => return Err(error),
    };
    Ok(Begun { socket, connected, stamped })
}

fn ask_for_stamps(socket: &OwnedFd) -> bool {
    let flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    // SAFETY: the descriptor is open for the call and `value` points to four readable bytes, as `length` says.
    unsafe { setsockopt(socket.as_fd().as_raw_fd(), SOL_SOCKET, SO_TIMESTAMPING, &raw const flags, 4) == 0 }
}

/// Reads what there is into `buffer`, without waiting: bytes, and the kernel's stamp of the last segment, `CLOCK_REALTIME` ns.
pub(super) fn read(socket: &OwnedFd, buffer: &mut [u8]) -> rustix::io::Result<(usize, Option<u64>)> {
    // Room for the message header and its three time stamps, with some to spare.
    let mut control = [MaybeUninit::new(0_u8); 96];
    let bytes;
    {
        let mut ancillary = RecvAncillaryBuffer::new(&mut control);
        bytes = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut ancillary, RecvFlags::DONTWAIT)?.bytes;
    }
    // SAFETY: every byte was initialised above; the kernel only overwrites them.
    let control = control.map(|byte| unsafe { byte.assume_init() });
    Ok((bytes, stamp_in(&control)))
}

/// The software stamp in a control buffer, `CLOCK_REALTIME` ns.
fn stamp_in(control: &[u8; 96]) -> Option<u64> {
    // rustix aligns the buffer for `cmsghdr`; the header starts at the first byte it may use, everything before is zero.
    let word = |at: usize| Some(i64::from_ne_bytes(control.get(at..at + 8)?.try_into().ok()?));
    let half = |at: usize| Some(i32::from_ne_bytes(control.get(at..at + 4)?.try_into().ok()?));
    (0..8).find_map(|at| {
        // cmsghdr of 64-bit Linux: length (8), level (4), type (4), then struct scm_timestamping: software stamp first.
        let found = word(at)? == 64 && half(at + 8)? == SOL_SOCKET && half(at + 12)? == SO_TIMESTAMPING;
        found.then(|| nanoseconds(Timespec { tv_sec: word(at + 16)?, tv_nsec: word(at + 24)? }).filter(|ns| *ns > 0)).flatten()
    })
}

fn nanoseconds(t: Timespec) -> Option<u64> {
    u64::try_from(t.tv_sec).ok()?.checked_mul(1_000_000_000)?.checked_add(u64::try_from(t.tv_nsec).ok()?)
}

/// Both clocks read together, once per round of reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    real_ns: u64,
    mono_us: u64,
}

impl Pair {
    /// Now.
    pub(super) fn now() -> Self {
        let real_ns = nanoseconds(clock_gettime(ClockId::Realtime)).unwrap_or(0);
        Self { real_ns, mono_us: crate::base::clock::monotonic_us() }
    }

    /// `CLOCK_MONOTONIC` of it, µs.
    pub(super) const fn mono_us(self) -> u64 {
        self.mono_us
    }

    /// `CLOCK_MONOTONIC` µs of a kernel stamp read between this pair and `now_us`. `None` when it cannot be right, so that the wall
    /// clock was stepped: a stamp is never of the future, and never older than a reader can have slept.
    pub(super) fn monotonic_us(self, stamp_ns: u64, now_us: u64) -> Option<u64> {
        let offset_ns = i64::try_from(stamp_ns).ok()? - i64::try_from(self.real_ns).ok()?;
        let at = self.mono_us.checked_add_signed(offset_ns.div_euclid(1_000))?;
        // Two clock reads are not one: a few µs of overshoot are the pair's own.
        (at <= now_us + 20 && now_us.saturating_sub(at) < 10_000_000).then(|| at.min(now_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_keeps_its_distance_to_the_pair_and_a_stepped_clock_is_noticed() {
        let pair = Pair { real_ns: 5_000_000_000, mono_us: 1_000_000 };
        assert_eq!(pair.monotonic_us(5_000_100_000, 1_000_150), Some(1_000_100));
        assert_eq!(pair.monotonic_us(4_999_000_000, 1_000_150), Some(999_000));
        assert_eq!(pair.monotonic_us(5_000_155_000, 1_000_150), Some(1_000_150));
        assert_eq!(pair.monotonic_us(6_000_000_000, 1_000_150), None);
        assert_eq!(pair.monotonic_us(1, 20_000_000), None);
    }

    #[test]
    fn what_a_late_reader_finds_is_stamped_at_the_time_it_came() {
        use std::io::{Read as _, Write as _};
        let now = crate::base::clock::monotonic_us;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("bound");
        let begun = begin(address).expect("connects");
        let (mut peer, _) = listener.accept().expect("accepts");
        // Round trips on another connection pass the time while nobody reads ours.
        let mut other = std::net::TcpStream::connect(address).expect("connects");
        let (mut echo, _) = listener.accept().expect("accepts");
        let until = now() + 10_000_000;
        // The kernel begins to stamp a moment after the first socket of the machine asked for it.
        loop {
            peer.write_all(b"early").expect("writes");
            let written_us = now();
            while now() < written_us + 20_000 {
                other.write_all(b"x").expect("writes");
                echo.read_exact(&mut [0]).expect("reads");
            }
            let (bytes, stamp) = read(&begun.socket, &mut [0; 16]).expect("reads");
            assert_eq!(bytes, 5);
            if let Some(stamp) = stamp {
                let (pair, read_us) = (Pair::now(), now());
                let at_us = pair.monotonic_us(stamp, read_us).expect("no clock was stepped");
                assert!(at_us <= written_us + 5_000 && read_us >= at_us + 10_000, "stamped {at_us}, written {written_us}, read {read_us}");
                return;
            }
            assert!(begun.stamped && now() < until, "a socket that takes SO_TIMESTAMPING stamps");
        }
    }
}
