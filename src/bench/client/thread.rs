//! One client thread: its loop, its connections, what is due.

mod answers;

use super::{
    Message, Order, Outcome, Part, Share, Shared,
    conn::{Active, Conn, State, connect_failed},
    dispatch::{Dispatch, Due, LONGEST_WAIT_US},
    socket::{self, Pair},
};
use crate::bench::{live::bin_of, record::Class};
use rustix::{
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
    io::Errno,
    time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create, timerfd_settime,
    },
};
use std::{
    io,
    mem::MaybeUninit,
    num::NonZeroU64,
    os::fd::OwnedFd,
    sync::{Arc, atomic::Ordering, mpsc::Sender},
};

/// Sockets looked at in one round: enough to share the wake-up, few enough to keep rounds short.
const EVENTS: usize = 256;
/// The read buffer of a thread; what one round reads has to fit.
const BUFFER_BYTES: usize = 1 << 20;
/// Most bytes of one read.
const READ_BYTES: usize = 128 << 10;
/// Less room than this ends a round's reading.
const LEAST_ROOM_BYTES: usize = 16 << 10;
/// Bins of lags; the last holds all beyond ten seconds, which is more than a stamp is believed.
const LAG_BINS: usize = 384;
/// After `[DONE]` the end of the body is awaited this long; then the answer counts as over and the connection is given up.
const AFTER_DONE_US: u64 = 1_000_000;
/// The epoll tag of the eventfd.
const WAKE: u64 = u64::MAX;
/// And of the timer that ends long waits: one that ticks by itself costs less than a timeout with every wait.
const TICK: u64 = u64::MAX - 1;

/// One client thread.
pub(super) struct Thread {
    shared: Arc<Shared>,
    share: Share,
    messages: Sender<Message>,
    epoll: OwnedFd,
    conns: Vec<Slot>,
    free: Vec<usize>,
    /// Connections without a request by their address, the last used on top.
    idle: Vec<Vec<usize>>,
    buffer: Vec<u8>,
    events: Vec<MaybeUninit<Event>>,
    /// Kept between rounds for their room.
    reads: Vec<Read>,
    ticks: OwnedFd,
    live: Live,
    in_flight: u32,
    warmup: bool,
    /// Of the part that runs.
    dispatch: Option<Dispatch>,
    looked_us: u64,
}

/// A place for a connection; the generation tells late events of an earlier one apart.
#[derive(Default)]
struct Slot {
    generation: u32,
    conn: Option<Conn>,
}

/// What this thread tells the recorder while requests are under way.
#[derive(Default)]
struct Live {
    ttft_us: Vec<u64>,
    itl_us: Vec<(u32, u32)>,
    told_us: u64,
    held_us: u64,
    second: u32,
    tokens: u64,
    busy_us: u64,
    counted_until_us: u64,
    /// Lags of the loop in this second, on the grid of [`bin_of`].
    lag: Vec<u32>,
}

/// A read of this round.
struct Read {
    slot: usize,
    generation: u32,
    from: usize,
    what: Result<usize, Errno>,
    at_us: u64,
}

impl Thread {
    pub(super) fn new(shared: Arc<Shared>, share: Share, messages: Sender<Message>) -> io::Result<Self> {
        // Timers of the kernel's default slack would send each request up to 50 µs late.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        if let Some(wake) = shared.orders.wake(share.index as usize) {
            epoll::add(&epoll, wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        }
        let ticks = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let every = Timespec { tv_sec: 0, tv_nsec: i64::try_from(LONGEST_WAIT_US * 1_000).unwrap_or(i64::MAX) };
        timerfd_settime(&ticks, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: every, it_value: every })?;
        epoll::add(&epoll, &ticks, EventData::new_u64(TICK), EventFlags::IN)?;
        Ok(Self {
            reads: Vec::with_capacity(EVENTS),
            ticks,
            idle: vec![Vec::new(); shared.to.len()],
            shared,
            share,
            messages,
            epoll,
            conns: Vec::new(),
            free: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            events: vec![MaybeUninit::uninit(); EVENTS],
            live: Live { lag: vec![0; LAG_BINS], ..Live::default() },
            in_flight: 0,
            warmup: false,
            dispatch: None,
            looked_us: 0,
        })
    }

    /// Opens `count` connections in all and waits until each is open or has failed; requests later open their own where one is missing.
    pub(super) fn connect(&mut self, count: u32) -> io::Result<Outcome> {
        let watch = Watch::start();
        let addresses = self.shared.to.len().max(1);
        for k in self.conns.len()..count as usize {
            if self.open(u16::try_from(k % addresses).unwrap_or(0), None).is_err() {
                break;
            }
        }
        while self.conns.iter().flat_map(|slot| &slot.conn).any(|c| c.state == State::Connecting) && self.shared.orders.now() < Order::Stop
        {
            self.round(LONGEST_WAIT_US)?;
        }
        Ok(watch.stop())
    }

    /// Runs one part: sends what is due until there is no more, awaits what is under way.
    pub(super) fn part(&mut self, part: &Part) -> io::Result<Outcome> {
        let watch = Watch::start();
        self.warmup = part.warmup;
        self.dispatch = Some(Dispatch::new(&self.shared, part, self.share));
        self.live.counted_until_us = self.now_us();
        loop {
            if self.shared.orders.now() == Order::Stop {
                self.give_up();
            }
            match self.send_due() {
                Some(sleep_us) if sleep_us < LONGEST_WAIT_US => {
                    self.wake_in(sleep_us)?;
                    self.round(LONGEST_WAIT_US)?;
                }
                Some(_) => self.round(LONGEST_WAIT_US)?,
                None if self.in_flight == 0 => break,
                None => self.round(LONGEST_WAIT_US)?,
            }
        }
        self.tell(self.now_us(), true);
        let by_time = self.dispatch.take().is_some_and(|dispatch| dispatch.by_time);
        Ok(Outcome { by_time, ..watch.stop() })
    }

    /// Lets the timer end the next wait at the planned moment. The timeout of a wait would not do: without `epoll_pwait2`, which kernels
    /// before 5.11 lack, it goes by whole ms, and half of all requests would be sent more than half a ms late.
    fn wake_in(&self, sleep_us: u64) -> io::Result<()> {
        let us = |us: u64| Timespec { tv_sec: 0, tv_nsec: i64::try_from(us * 1_000).unwrap_or(i64::MAX) };
        // A timer set to zero would never end.
        let timer = Itimerspec { it_interval: us(LONGEST_WAIT_US), it_value: us(sleep_us.max(1)) };
        Ok(timerfd_settime(&self.ticks, TimerfdTimerFlags::empty(), &timer).map(drop)?)
    }

    /// Sends what is due now. How long until more is; `None`: there is no more.
    fn send_due(&mut self) -> Option<u64> {
        loop {
            let now_us = self.now_us();
            match self.dispatch.as_mut()?.next(now_us) {
                Due::Over => return None,
                Due::Wait(us) => return Some(us),
                Due::Send { request, planned_us } => {
                    self.count_busy(now_us);
                    self.in_flight += 1;
                    if !self.warmup {
                        self.shared.sent.fetch_add(1, Ordering::Relaxed);
                    }
                    self.place(Box::new(Active::new(request, planned_us, now_us)));
                }
            }
        }
    }

    /// Puts a request on an idle connection, or on a new one.
    fn place(&mut self, active: Box<Active>) {
        let to = active.request.to;
        if let Some(slot) = self.idle.get_mut(usize::from(to)).and_then(Vec::pop) {
            if let Some(conn) = self.conns.get_mut(slot).and_then(|s| s.conn.as_mut()) {
                conn.active = Some(active);
                self.write(slot);
            }
            return;
        }
        if let Err((error, active)) = self.open(to, Some(active))
            && let Some(active) = active
        {
            let message = connect_failed(&self.shared.address(to), error);
            self.finish(active, Some((Class::Connect, message)), self.now_us());
        }
    }

    /// Opens a connection to an address, with a request on it or without.
    fn open(&mut self, to: u16, active: Option<Box<Active>>) -> Result<(), (Errno, Option<Box<Active>>)> {
        let Some(&address) = self.shared.to.get(usize::from(to)) else { return Err((Errno::DESTADDRREQ, active)) };
        let mut conn = match Conn::begin(address, to, self.now_us()) {
            Ok(conn) => conn,
            Err(error) => return Err((error, active)),
        };
        if !conn.stamped {
            self.shared.unstamped.store(true, Ordering::Relaxed);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.conns.push(Slot::default());
            self.conns.len() - 1
        });
        let Some(place) = self.conns.get_mut(slot) else { return Err((Errno::NFILE, active)) };
        place.generation = place.generation.wrapping_add(1);
        let tag = EventData::new_u64(u64::from(place.generation) << 32 | slot as u64);
        let flags = if conn.watches_writes { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        if let Err(error) = epoll::add(&self.epoll, &conn.socket, tag, flags) {
            self.free.push(slot);
            return Err((error, active));
        }
        conn.active = active;
        let (open, waiting) = (conn.state == State::Open, conn.active.is_some());
        place.conn = Some(conn);
        self.shared.opened.fetch_add(1, Ordering::Relaxed);
        if let Some(connections) = &self.shared.connections {
            connections.fetch_add(1, Ordering::Relaxed);
        }
        if open && waiting {
            self.write(slot);
        } else if open {
            self.rest(slot);
        }
        Ok(())
    }

    /// A connection has no request.
    fn rest(&mut self, slot: usize) {
        let to = self.conns.get(slot).and_then(|s| s.conn.as_ref()).map(|conn| usize::from(conn.to));
        if let Some(idle) = to.and_then(|to| self.idle.get_mut(to))
            && !idle.contains(&slot)
        {
            idle.push(slot);
        }
    }

    /// Writes what is left of a connection's request.
    fn write(&mut self, slot: usize) {
        let shared = Arc::clone(&self.shared);
        let Some(place) = self.conns.get_mut(slot) else { return };
        let Some(conn) = place.conn.as_mut() else { return };
        match conn.write(|| shared.now_us(), shared.expected) {
            Ok(all) => {
                if conn.watches_writes == all {
                    conn.watches_writes = !all;
                    let flags = if all { EventFlags::IN } else { EventFlags::IN | EventFlags::OUT };
                    let tag = EventData::new_u64(u64::from(place.generation) << 32 | slot as u64);
                    // The descriptor is registered: this cannot fail short of memory, and then the limits end the request.
                    let _ = epoll::modify(&self.epoll, &conn.socket, tag, flags);
                }
            }
            Err(error) => {
                let step = conn.write_failed(error);
                self.step(slot, step, shared.now_us());
            }
        }
    }

    /// One round: wait, read everything that is ready, then look into it.
    fn round(&mut self, sleep_us: u64) -> io::Result<()> {
        let wait = Timespec { tv_sec: 0, tv_nsec: i64::try_from(sleep_us.min(LONGEST_WAIT_US) * 1_000).unwrap_or(0) };
        let mut events = std::mem::take(&mut self.events);
        let woken = match epoll::wait(&self.epoll, events.as_mut_slice(), Some(&wait).filter(|_| sleep_us < LONGEST_WAIT_US)) {
            Ok((woken, _)) => &*woken,
            Err(Errno::INTR) => &[],
            Err(error) => return Err(error.into()),
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut reads = std::mem::take(&mut self.reads);
        let mut writable = Vec::new();
        let (mut used, pair) = (0, Pair::now());
        let now_us = pair.mono_us().saturating_sub(self.shared.zero_us);
        for event in woken {
            let (tag, flags) = (event.data.u64(), event.flags);
            if tag == WAKE {
                if let Some(wake) = self.shared.orders.wake(self.share.index as usize) {
                    let _ = rustix::io::read(wake, &mut [0; 8]);
                }
                continue;
            }
            if tag == TICK {
                let _ = rustix::io::read(&self.ticks, &mut [0; 8]);
                continue;
            }
            let slot = usize::try_from(tag & u64::from(u32::MAX)).unwrap_or(usize::MAX);
            let Some(place) = self.conns.get_mut(slot).filter(|s| u64::from(s.generation) == tag >> 32) else { continue };
            let Some(conn) = place.conn.as_mut() else { continue };
            if conn.state == State::Connecting || flags.contains(EventFlags::OUT) {
                writable.push(slot);
            }
            if conn.state == State::Connecting || !flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR | EventFlags::RDHUP)
            {
                continue;
            }
            let room = buffer.len() - used;
            if room < LEAST_ROOM_BYTES {
                // The rest is still ready in the next round.
                break;
            }
            let Some(space) = buffer.get_mut(used..used + room.min(READ_BYTES)) else { break };
            match socket::read(&conn.socket, space) {
                Ok((n, stamp)) => {
                    let read_us = self.shared.zero_us + self.shared.now_us();
                    let at_us = if let Some(at_us) = stamp.and_then(|stamp| pair.monotonic_us(stamp, read_us)) {
                        let bin = usize::from(bin_of(read_us - at_us)).min(LAG_BINS - 1);
                        if let Some(count) = self.live.lag.get_mut(bin) {
                            *count += 1;
                        }
                        at_us
                    } else {
                        self.shared.user_stamps.fetch_add(u64::from(n > 0), Ordering::Relaxed);
                        read_us
                    };
                    let at_us = at_us.saturating_sub(self.shared.zero_us);
                    reads.push(Read { slot, generation: place.generation, from: used, what: Ok(n), at_us });
                    used += n;
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => {
                    reads.push(Read { slot, generation: place.generation, from: used, what: Err(error), at_us: self.shared.now_us() });
                }
            }
        }
        for slot in writable {
            self.writable(slot);
        }
        for read in &reads {
            self.take_in(read, &buffer);
        }
        reads.clear();
        self.events = events;
        self.buffer = buffer;
        self.reads = reads;
        self.look_at_limits(now_us);
        self.tell(now_us, false);
        Ok(())
    }

    fn now_us(&self) -> u64 {
        self.shared.now_us()
    }
}

/// CPU and wall time of a task.
pub(super) struct Watch {
    cpu_us: u64,
    wall_us: u64,
}

impl Watch {
    fn cpu_now_us() -> u64 {
        let t = clock_gettime(ClockId::ThreadCPUTime);
        u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1_000
    }

    pub(super) fn start() -> Self {
        Self { cpu_us: Self::cpu_now_us(), wall_us: crate::base::clock::monotonic_us() }
    }

    pub(super) fn stop(&self) -> Outcome {
        Outcome { cpu_us: Self::cpu_now_us() - self.cpu_us, wall_us: crate::base::clock::monotonic_us() - self.wall_us, by_time: false }
    }
}
