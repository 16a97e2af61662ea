//! What the client is told while it runs, and the clock its schedule runs on.
//!
//! A schedule is fixed beforehand in its own time. One mapping of that time to real time, shared by all who send, carries out a changed
//! rate (the rest of the schedule is stretched) and a pause (it stands still). Whoever sends looks at a counter for each request
//! and takes the mapping anew only when it has changed.

use crate::bench::client::Message;
use rustix::event::{EventfdFlags, eventfd};
use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::Duration,
};

/// Orders, shared by whoever gives them and whoever sends.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Orders(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    order: AtomicU8,
    /// Users of a closed loop.
    users: AtomicU32,
    /// Requests that are due and wait for room under the cap.
    held: AtomicU32,
    /// Rises with every change of the pace, of the users, of the order.
    changes: AtomicU32,
    pace: Mutex<Pace>,
    changed: Condvar,
    closed: bool,
    /// One per client thread, written to wake it.
    wakes: Vec<OwnedFd>,
}

/// One order. Later ones only ever tighten earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(in crate::bench) enum Order {
    /// Go on.
    Run = 0,
    /// Send nothing more.
    Drain = 1,
    /// Give up what is under way.
    Stop = 2,
}

impl Orders {
    /// Orders for this many threads: a closed loop of `users`, or an open one.
    pub(in crate::bench) fn new(threads: u32, users: Option<u32>, rate: Option<f64>) -> io::Result<Self> {
        let wakes = (0..threads).map(|_| Ok(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?)).collect::<io::Result<_>>()?;
        Ok(Self(Arc::new(Inner {
            order: AtomicU8::new(0),
            users: AtomicU32::new(users.unwrap_or(0)),
            held: AtomicU32::new(0),
            changes: AtomicU32::new(0),
            pace: Mutex::new(Pace::new(rate)),
            changed: Condvar::new(),
            closed: users.is_some(),
            wakes,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Pace> {
        self.0.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, pace: MutexGuard<'_, Pace>) {
        self.0.changes.fetch_add(1, Ordering::Release);
        drop(pace);
        self.0.changed.notify_all();
        for wake in &self.0.wakes {
            // Only a full counter could refuse, and then the thread is already being woken.
            let _ = rustix::io::write(wake, &1_u64.to_ne_bytes());
        }
    }

    /// How many client threads there are.
    pub(in crate::bench) fn threads(&self) -> u32 {
        u32::try_from(self.0.wakes.len()).unwrap_or(1)
    }

    /// What wakes one of the threads.
    pub(super) fn wake(&self, thread: usize) -> Option<&OwnedFd> {
        self.0.wakes.get(thread)
    }

    /// Gives an order; one already as strict stands.
    pub(in crate::bench) fn give(&self, order: Order) {
        self.0.order.fetch_max(order as u8, Ordering::Relaxed);
        self.tell(self.lock());
    }

    /// The order now.
    pub(in crate::bench) fn now(&self) -> Order {
        match self.0.order.load(Ordering::Relaxed) {
            0 => Order::Run,
            1 => Order::Drain,
            _ => Order::Stop,
        }
    }

    /// A counter that rises with every change.
    pub(in crate::bench) fn changes(&self) -> u32 {
        self.0.changes.load(Ordering::Acquire)
    }

    /// Waits for a change after `seen`, for `within` at most.
    pub(in crate::bench) fn wait(&self, seen: u32, within: Duration) {
        let pace = self.lock();
        if self.changes() == seen {
            drop(self.0.changed.wait_timeout(pace, within).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The mapping now.
    pub(in crate::bench) fn pace(&self) -> Pace {
        *self.lock()
    }

    /// A part of the run begins at `from_us`.
    pub(in crate::bench) fn begin(&self, from_us: u64) {
        let mut pace = self.lock();
        *pace = Pace { real_us: from_us, resumed_us: from_us, active_us: 0.0, schedule_us: 0.0, ..*pace };
        self.tell(pace);
    }

    /// Users wanted of a closed loop; `None` of an open one.
    pub(in crate::bench) fn users(&self) -> Option<u32> {
        self.0.closed.then(|| self.0.users.load(Ordering::Relaxed))
    }

    /// So many users from now on; the number before, where that was another.
    pub(in crate::bench) fn set_users(&self, users: u32) -> Option<u32> {
        let pace = self.lock();
        let from = self.0.closed.then(|| self.0.users.swap(users, Ordering::Relaxed)).filter(|&from| from != users)?;
        self.tell(pace);
        Some(from)
    }

    /// So many requests per second from `now_us` on; the rate before, where that was another and is known.
    pub(in crate::bench) fn set_rate(&self, rate: f64, now_us: u64) -> Option<f64> {
        let mut pace = self.lock();
        let from = pace.rate().filter(|&from| !self.0.closed && (from - rate).abs() > 1e-9)?;
        pace.set_rate(rate, now_us);
        self.tell(pace);
        Some(from)
    }

    /// The schedule's own rate is another from here on; what was changed about it stays changed.
    pub(in crate::bench) fn schedule_rate(&self, rate: f64) {
        let mut pace = self.lock();
        pace.schedule_rate = Some(rate);
        self.tell(pace);
    }

    /// Stands still, or goes on, from `now_us` on; whether that is a change.
    pub(in crate::bench) fn set_paused(&self, paused: bool, now_us: u64) -> bool {
        let mut pace = self.lock();
        let changes = pace.paused != paused;
        if changes {
            pace.set_paused(paused, now_us);
            self.tell(pace);
        }
        changes
    }

    /// This many requests are due and wait; whether that is news.
    pub(in crate::bench) fn set_held(&self, held: u32) -> bool {
        self.0.held.swap(held, Ordering::Relaxed) != held
    }

    /// Wakes everybody who waits: something they look at has changed.
    pub(in crate::bench) fn nudge(&self) {
        self.tell(self.lock());
    }

    /// What is asked now, for whoever watches.
    pub(in crate::bench) fn asking(&self) -> Message {
        let (users, pace) = (self.users(), self.pace());
        let rate = pace.rate().filter(|_| users.is_none());
        Message::Asking { users, rate, paused: pace.paused, held: self.0.held.load(Ordering::Relaxed) }
    }
}

/// How the time of a schedule maps to real time. Times in µs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::bench) struct Pace {
    /// A moment since the run's start …
    real_us: u64,
    /// … at which this much of the part had passed, pauses left out, …
    active_us: f64,
    /// … and this much of the schedule.
    schedule_us: f64,
    /// Schedule time that passes in a unit of real time, when it passes.
    factor: f64,
    paused: bool,
    /// When the part began, or sending last went on after a pause.
    pub(in crate::bench) resumed_us: u64,
    /// Requests per second of the schedule as drawn.
    schedule_rate: Option<f64>,
}

impl Pace {
    pub(in crate::bench) const fn new(schedule_rate: Option<f64>) -> Self {
        Self { real_us: 0, active_us: 0.0, schedule_us: 0.0, factor: 1.0, paused: false, resumed_us: 0, schedule_rate }
    }

    /// Sending is paused.
    pub(in crate::bench) const fn paused(&self) -> bool {
        self.paused
    }

    /// Requests per second asked for.
    fn rate(&self) -> Option<f64> {
        Some(self.schedule_rate? * self.factor)
    }

    /// Moves the fixed moment to `now_us`; before the part's start it stays.
    fn move_to(&mut self, now_us: u64) {
        let passed = now_us.saturating_sub(self.real_us) as f64;
        if passed > 0.0 {
            if !self.paused {
                self.active_us += passed;
                self.schedule_us += passed * self.factor;
            }
            self.real_us = now_us;
        }
    }

    fn set_rate(&mut self, rate: f64, now_us: u64) {
        self.move_to(now_us);
        if let Some(own) = self.schedule_rate.filter(|own| *own > 0.0) {
            self.factor = rate / own;
        }
    }

    fn set_paused(&mut self, paused: bool, now_us: u64) {
        self.move_to(now_us);
        self.paused = paused;
        if !paused {
            self.resumed_us = self.resumed_us.max(now_us);
        }
    }

    /// When a moment of the schedule is; `None` while it stands still.
    pub(in crate::bench) fn real_of(&self, schedule_us: u64) -> Option<u64> {
        (!self.paused).then(|| ahead(self.real_us, (schedule_us as f64 - self.schedule_us) / self.factor))
    }

    /// Where the schedule is at `now_us`.
    pub(in crate::bench) fn schedule_at(&self, now_us: u64) -> u64 {
        let mut at = *self;
        at.move_to(now_us);
        ahead(0, at.schedule_us)
    }

    /// Time of the part that has passed at `now_us`, pauses left out.
    pub(in crate::bench) fn active_at(&self, now_us: u64) -> u64 {
        let mut at = *self;
        at.move_to(now_us);
        ahead(0, at.active_us)
    }

    /// When this much of the part will have passed; never, while it stands still.
    pub(in crate::bench) fn real_of_active(&self, active_us: u64) -> u64 {
        if self.paused { u64::MAX } else { ahead(self.real_us, active_us as f64 - self.active_us) }
    }
}

/// `from_us` and so much later; times before zero are zero.
#[expect(clippy::cast_possible_truncation, reason = "µs of a run are far below 2^53; a cast beyond saturates")]
fn ahead(from_us: u64, by_us: f64) -> u64 {
    from_us.saturating_add_signed(by_us.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_rate_stretches_the_rest_of_the_schedule_and_a_pause_moves_it() {
        let orders = Orders::new(1, None, Some(10.0)).expect("descriptors");
        orders.begin(1_000_000);
        assert_eq!(orders.pace().real_of(500_000), Some(1_500_000));
        // After half a second twice as fast: what is due a second in comes a quarter of a second later.
        assert_eq!(orders.set_rate(20.0, 1_500_000), Some(10.0));
        assert_eq!(orders.set_rate(20.0, 1_500_000), None);
        assert_eq!(orders.pace().real_of(1_000_000), Some(1_750_000));
        assert!(orders.set_paused(true, 1_600_000) && !orders.set_paused(true, 1_650_000));
        assert_eq!((orders.pace().real_of(1_000_000), orders.pace().real_of_active(700_000)), (None, u64::MAX));
        assert_eq!(orders.pace().schedule_at(9_000_000), 700_000);
        assert!(orders.set_paused(false, 2_600_000));
        let pace = orders.pace();
        assert_eq!((pace.real_of(1_000_000), pace.resumed_us), (Some(2_750_000), 2_600_000));
        // 0.6 s of the part had passed before the pause.
        assert_eq!((pace.active_at(2_700_000), pace.real_of_active(1_000_000)), (700_000, 3_000_000));
    }

    #[test]
    fn a_pace_that_is_not_changed_keeps_every_moment_exact() {
        let mut pace = Pace::new(Some(3.0));
        pace.real_us = 123_457;
        for due in [0, 333_333, 1_000_000_000_001] {
            assert_eq!(pace.real_of(due), Some(123_457 + due));
        }
    }
}
