//! The kernel's receive stamps of a TCP socket: when bytes reached this machine, not when somebody woke up to read them.
//!
//! `SO_TIMESTAMPING` with `RX_SOFTWARE` (kernel documentation, `networking/timestamping.rst`). Bytes read in one go have the moment the
//! last of them came, and smaller reads would not help: the kernel merges segments in its queue where it can, and keeps the last one's
//! stamp. Stamps are `CLOCK_REALTIME`; a paired read of both clocks maps them.

use rustix::{
    io::Errno,
    time::{ClockId, Timespec, clock_gettime},
};
use std::{
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd as _},
};

/// What the kernel puts beside the bytes: `struct scm_timestamping`, whose first time is the software stamp.
#[repr(C)]
struct Stamps {
    header: libc::cmsghdr,
    times: [libc::timespec; 3],
}

/// Asks for receive stamps; sockets accepted from a listener inherit it. The kernel switches stamping on for the whole host some
/// milliseconds after the first socket asked; segments before that have none. Whether the kernel knows them.
pub fn ask(socket: impl AsFd) -> bool {
    let flags = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
    // SAFETY: the descriptor is open for the call and the value points to four readable bytes, as the length says.
    unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPING, (&raw const flags).cast(), 4) == 0 }
}

/// Reads what there is into `buffer`, without waiting: bytes, and the kernel's stamp of the last segment, `CLOCK_REALTIME` ns.
///
/// # Errors
/// As `recvmsg(2)`; `EAGAIN` when there is nothing.
pub fn read(socket: impl AsFd, buffer: &mut [u8]) -> rustix::io::Result<(usize, Option<u64>)> {
    let mut stamps = MaybeUninit::<Stamps>::uninit();
    let mut space = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: a message header is numbers and pointers; all zero is one without name, buffers and control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (&raw mut space, 1);
    (message.msg_control, message.msg_controllen) = (stamps.as_mut_ptr().cast(), size_of::<Stamps>());
    // SAFETY: the descriptor is open for the call; the header points to `buffer` and `stamps`, writable for the lengths it says.
    let bytes = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let Ok(bytes) = usize::try_from(bytes) else { return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)) };
    if message.msg_controllen < size_of::<Stamps>() {
        return Ok((bytes, None));
    }
    // SAFETY: the kernel wrote the whole of it, as the length it gave back says; any bytes are numbers.
    let Stamps { header, times: [software, ..] } = unsafe { stamps.assume_init() };
    let ours = header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == libc::SO_TIMESTAMPING;
    let stamp = ours.then(|| nanoseconds(software.tv_sec, software.tv_nsec)).flatten();
    Ok((bytes, stamp.filter(|ns| *ns > 0)))
}

/// Segments with data the socket has received so far; `None` where the kernel does not count them.
pub fn segments(socket: impl AsFd) -> Option<u32> {
    // linux/tcp.h: `tcpi_data_segs_in` of `struct tcp_info`, which only ever grows at its end.
    const AT: usize = 152;
    let mut info = [0_u8; AT + 4];
    let mut length = libc::socklen_t::try_from(info.len()).ok()?;
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open for the call and `info` is writable for `length` bytes.
    let got = unsafe { libc::getsockopt(socket, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &raw mut length) };
    let count = info.get(AT..).filter(|_| got == 0 && length as usize == info.len())?;
    Some(u32::from_ne_bytes(count.try_into().ok()?))
}

fn nanoseconds(seconds: i64, ns: i64) -> Option<u64> {
    u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?.checked_add(u64::try_from(ns).ok()?)
}

fn now_ns(clock: ClockId) -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    nanoseconds(tv_sec, tv_nsec).unwrap_or(0)
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[must_use]
pub fn monotonic_ns() -> u64 {
    now_ns(ClockId::Monotonic)
}

/// Longest time two reads of one clock, with the other clock's between them, take when nothing came between, ns.
const APART_NS: u64 = 2_000;

/// Both clocks read together: once for all reads of a moment.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    real_ns: u64,
    mono_ns: u64,
}

impl Pair {
    /// Now. Between two reads of one clock, so that being put aside between the clocks shows, and is tried again.
    #[must_use]
    pub fn now() -> Self {
        let read = || {
            let (before_ns, real_ns, mono_ns) = (monotonic_ns(), now_ns(ClockId::Realtime), monotonic_ns());
            (mono_ns.saturating_sub(before_ns), Self { real_ns, mono_ns })
        };
        let mut best = read();
        for _ in 0..3 {
            if best.0 <= APART_NS {
                break;
            }
            let again = read();
            if again.0 < best.0 {
                best = again;
            }
        }
        best.1
    }

    /// `CLOCK_MONOTONIC` of it, ns.
    #[must_use]
    pub const fn monotonic_ns(self) -> u64 {
        self.mono_ns
    }

    /// `CLOCK_MONOTONIC` ns of a stamp that was read by `read_ns`. `None` when it cannot be right, so that the wall clock was stepped:
    /// a stamp is never of the future, and never older than `oldest_ns`, as long as the reader can have slept.
    #[must_use]
    pub fn stamped_ns(self, stamp_ns: u64, read_ns: u64, oldest_ns: u64) -> Option<u64> {
        let at = self.mono_ns.checked_add_signed(i64::try_from(stamp_ns).ok()? - i64::try_from(self.real_ns).ok()?)?;
        // Two clock reads are not one: a few µs of overshoot are the pair's own.
        (at <= read_ns + 20_000 && read_ns.saturating_sub(at) < oldest_ns).then(|| at.min(read_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read as _, Write as _},
        net::{TcpListener, TcpStream},
    };

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_stamp_keeps_its_distance_to_the_pair_and_a_stepped_clock_is_noticed() {
        let pair = Pair { real_ns: 5 * SECOND, mono_ns: SECOND };
        let stamped = |stamp, read| pair.stamped_ns(stamp, read, 10 * SECOND);
        assert_eq!(stamped(5 * SECOND + 100_000, SECOND + 150_000), Some(SECOND + 100_000));
        assert_eq!(stamped(5 * SECOND - 1_000_000, SECOND), Some(SECOND - 1_000_000));
        assert_eq!(stamped(5 * SECOND + 155_000, SECOND + 150_000), Some(SECOND + 150_000));
        assert_eq!(stamped(6 * SECOND, SECOND + 150_000), None);
        assert_eq!(stamped(4 * SECOND + 1, 20 * SECOND), None);
        assert_eq!(stamped(1, 20 * SECOND), None);
    }

    #[test]
    fn what_a_late_reader_finds_is_stamped_at_the_time_it_came() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("bound");
        let late = TcpStream::connect(address).expect("connects");
        assert!(ask(&late), "a kernel that knows receive stamps");
        let (mut peer, _) = listener.accept().expect("accepts");
        // Round trips on another connection pass the time while nobody reads ours.
        let mut other = TcpStream::connect(address).expect("connects");
        let (mut echo, _) = listener.accept().expect("accepts");
        let until = monotonic_ns() + 10 * SECOND;
        // The kernel begins to stamp a moment after the first socket of the machine asked for it.
        loop {
            peer.write_all(b"early").expect("writes");
            let written = monotonic_ns();
            while monotonic_ns() < written + 20_000_000 {
                other.write_all(b"x").expect("writes");
                echo.read_exact(&mut [0]).expect("reads");
            }
            let (bytes, stamp) = read(&late, &mut [0; 16]).expect("reads");
            assert_eq!(bytes, 5);
            if let Some(stamp) = stamp {
                let (pair, read) = (Pair::now(), monotonic_ns());
                let at = pair.stamped_ns(stamp, read, 10 * SECOND).expect("no clock was stepped");
                assert!(at <= written + 5_000_000 && read >= at + 10_000_000, "stamped {at}, written {written}, read {read}");
                return;
            }
            assert!(monotonic_ns() < until, "a socket that takes SO_TIMESTAMPING stamps");
        }
    }

    #[test]
    fn segments_read_together_have_the_last_ones_stamp_and_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let reader = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        assert!(ask(&reader), "a kernel that knows receive stamps");
        let (mut peer, _) = listener.accept().expect("accepts");
        peer.set_nodelay(true).expect("option");
        let until = monotonic_ns() + 10 * SECOND;
        for round in 1.. {
            let mut last = 0;
            for _ in 0..3 {
                last = monotonic_ns();
                peer.write_all(b"token").expect("writes");
            }
            let (bytes, stamp) = read(&reader, &mut [0; 16]).expect("reads");
            assert_eq!((bytes, segments(&reader)), (15, Some(3 * round)));
            let (pair, read) = (Pair::now(), monotonic_ns());
            if let Some(at) = stamp.and_then(|stamp| pair.stamped_ns(stamp, read, 10 * SECOND)) {
                // A pair of clock reads is a few µs wide.
                assert!(at + 20_000 >= last, "stamped {at}, the last was written at {last}");
                return;
            }
            assert!(monotonic_ns() < until, "a socket that takes SO_TIMESTAMPING stamps");
        }
    }
}
