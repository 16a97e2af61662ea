//! One round of a client thread: wait, read everything that is ready, then look into it.

use super::{State, TICK, Thread, WAKE};
use crate::base::stamp::{self, Pair};
use rustix::{
    event::epoll::{self, Event, EventFlags},
    io::Errno,
    thread::nanosleep,
    time::Timespec,
};
use std::{io, mem::MaybeUninit, sync::atomic::Ordering};

/// Sockets looked at in one round: enough to share the wake-up, few enough to keep rounds short.
const EVENTS: usize = 256;
/// The read buffer of a thread; what one round reads has to fit.
const BUFFER_BYTES: usize = 1 << 20;
/// Most bytes of one read.
const READ_BYTES: usize = 128 << 10;
/// Less room than this ends a round's reading.
const LEAST_ROOM_BYTES: usize = 16 << 10;
/// Longest time a client thread can have slept while bytes waited, ns: an older stamp means that the wall clock was stepped.
const OLDEST_NS: u64 = 10_000_000_000;
/// How long a thread lets reads gather, µs, while they come thick: a hundredth of the lag at which a run counts as limited by its client.
const GATHER_US: u64 = 100;
/// A round with more reads than this has no need to wait for company.
const GATHERED: usize = 32;
/// How long no read is waited for once two tokens of one stream came in one, µs.
const APART_US: u64 = 100_000;

/// A read of this round.
pub(super) struct Read {
    pub(super) slot: usize,
    pub(super) generation: u32,
    pub(super) from: usize,
    pub(super) what: Result<usize, Errno>,
    pub(super) at_us: u64,
}

/// Whether to let reads gather before the next look at the sockets. Waking up for each costs more than all the rest, and the kernel
/// has stamped them already. Not where a look missed would lose a moment: without kernel stamps, and while the tokens of a stream
/// come closer together than the looks.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// The last look came soon after the one before and found something.
    dense: bool,
    /// Not before this, µs since the run's start.
    not_before_us: u64,
}

impl Gather {
    /// How long to let reads gather when something else is due in `due_us`, µs.
    fn pause_us(&self, now_us: u64, due_us: u64) -> u64 {
        if self.dense && now_us >= self.not_before_us { GATHER_US.min(due_us) } else { 0 }
    }

    /// A round found `reads`, after it waited `waited_us` for the first of them; `paused`: it had let them gather before.
    fn found(&mut self, reads: usize, waited_us: u64, paused: bool) {
        self.dense = (1 + usize::from(paused)..=GATHERED).contains(&reads) && waited_us < GATHER_US;
    }

    /// Moments would be lost: look at once for a while.
    pub(super) const fn look_at_once(&mut self, now_us: u64) {
        self.not_before_us = now_us + APART_US;
    }
}

/// What a round works on, kept for its room.
#[derive(Default)]
pub(super) struct Desk {
    events: Vec<MaybeUninit<Event>>,
    buffer: Vec<u8>,
    /// Bytes of the buffer that hold what this round read.
    used: usize,
    reads: Vec<Read>,
    writable: Vec<usize>,
    /// Sockets that were ready and may hold more, for the next round: edges do not come twice.
    unread: Vec<(u64, EventFlags)>,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            events: vec![MaybeUninit::uninit(); EVENTS],
            buffer: vec![0; BUFFER_BYTES],
            reads: Vec::with_capacity(EVENTS),
            ..Self::default()
        }
    }
}

impl Thread {
    /// Waits until something is ready or the timer ticks, reads everything that is ready, then looks into it. The next moment of the
    /// schedule is `due_us` away, and the timer set for it.
    pub(super) fn round(&mut self, due_us: u64) -> io::Result<()> {
        let mut desk = std::mem::take(&mut self.desk);
        let mut events = std::mem::take(&mut desk.events);
        let unread = std::mem::take(&mut desk.unread);
        let mut began_us = self.now_us();
        let pause_us = if unread.is_empty() { self.gather.pause_us(began_us, due_us) } else { 0 };
        if pause_us > 0 {
            // A signal only ends it early.
            let _ = nanosleep(&timespec(pause_us));
            began_us += pause_us;
        }
        let at_once = (!unread.is_empty()).then_some(timespec(0));
        let woken = match epoll::wait(&self.epoll, events.as_mut_slice(), at_once.as_ref()) {
            Ok((woken, _)) => &*woken,
            Err(Errno::INTR) => &[],
            Err(error) => return Err(error.into()),
        };
        let pair = Pair::now();
        let now_us = (pair.monotonic_ns() / 1_000).saturating_sub(self.shared.zero_us);
        desk.used = 0;
        for (tag, flags) in unread {
            self.ready(tag, flags, pair, &mut desk);
        }
        for event in woken {
            self.ready(event.data.u64(), event.flags, pair, &mut desk);
        }
        self.gather.found(desk.reads.len(), now_us.saturating_sub(began_us), pause_us > 0);
        for slot in desk.writable.drain(..) {
            self.writable(slot);
        }
        let mut tokens = 0;
        for read in desk.reads.drain(..) {
            tokens += self.take_in(&read, &desk.buffer);
        }
        if tokens > 0 && !self.warmup {
            self.shared.tokens.fetch_add(tokens, Ordering::Relaxed);
        }
        desk.events = events;
        self.desk = desk;
        self.look_at_limits(now_us);
        self.tell(now_us, false);
        Ok(())
    }

    /// Something is ready: reads what there is.
    fn ready(&mut self, tag: u64, flags: EventFlags, pair: Pair, desk: &mut Desk) {
        if tag == WAKE {
            if let Some(wake) = self.shared.orders.wake(self.share.index as usize) {
                let _ = rustix::io::read(wake, &mut [0; 8]);
            }
            return;
        }
        if tag == TICK {
            // The kernel sets the next tick when this one is read.
            let _ = rustix::io::read(&self.ticks, &mut [0; 8]);
            return;
        }
        let slot = usize::try_from(tag & u64::from(u32::MAX)).unwrap_or(usize::MAX);
        let Some(place) = self.conns.get_mut(slot).filter(|s| u64::from(s.generation) == tag >> 32) else { return };
        let Some(conn) = place.conn.as_mut() else { return };
        let closing = flags.intersects(EventFlags::HUP | EventFlags::ERR | EventFlags::RDHUP);
        let readable = closing || flags.contains(EventFlags::IN);
        if conn.state == State::Connecting {
            desk.writable.push(slot);
            if readable {
                desk.unread.push((tag, flags));
            }
            return;
        }
        if flags.contains(EventFlags::OUT) && conn.watches_writes {
            desk.writable.push(slot);
        }
        if !readable {
            return;
        }
        let room = desk.buffer.len() - desk.used;
        let space = desk.buffer.get_mut(desk.used..desk.used + room.min(READ_BYTES)).filter(|_| room >= LEAST_ROOM_BYTES);
        let Some(space) = space else {
            desk.unread.push((tag, flags));
            return;
        };
        let (what, at_us, all) = match stamp::read(&conn.socket, space) {
            Ok((n, stamp)) => {
                let read_ns = stamp::monotonic_ns();
                let stamped_ns = stamp.and_then(|stamp| pair.stamped_ns(stamp, read_ns, OLDEST_NS));
                let at_us = stamped_ns.unwrap_or(read_ns) / 1_000;
                if stamped_ns.is_some() {
                    self.live.count_lag(read_ns / 1_000 - at_us);
                } else if n > 0 {
                    self.shared.user_stamps.fetch_add(1, Ordering::Relaxed);
                    self.gather.look_at_once(self.shared.now_us());
                }
                // What did not fill the space was all there was; the end of the stream is asked for by itself.
                (Ok(n), at_us.saturating_sub(self.shared.zero_us), n < space.len() && !(closing && n > 0))
            }
            Err(Errno::AGAIN) => return,
            Err(Errno::INTR) => {
                desk.unread.push((tag, flags));
                return;
            }
            Err(error) => (Err(error), self.shared.now_us(), true),
        };
        if !all {
            desk.unread.push((tag, flags));
        }
        desk.reads.push(Read { slot, generation: place.generation, from: desk.used, what, at_us });
        desk.used += what.unwrap_or(0);
    }
}

fn timespec(us: u64) -> Timespec {
    Timespec { tv_sec: 0, tv_nsec: i64::try_from(us * 1_000).unwrap_or(0) }
}
