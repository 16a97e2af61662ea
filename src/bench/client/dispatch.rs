//! Who sends what next: users that are free, requests that are due, turns of conversations. Of one client thread; without sockets
//! or clocks, so that every client can use it.

use super::{Order, Part, Prepared, Share, Shared, orders::Pace, queue::Next};
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

/// Longest wait told: orders, limits and seconds are looked at in between.
pub(super) const LONGEST_WAIT_US: u64 = 100_000;
/// How long a queue that is empty is left alone.
const STARVED_US: u64 = 100;

/// What there is to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// This, now. It counts as under way from here on.
    Send {
        /// What.
        request: Prepared,
        /// When it should have been sent.
        planned_us: u64,
    },
    /// Nothing for so long.
    Wait(u64),
    /// Nothing more, unless a conversation under way goes on.
    Over,
}

/// The requests of one thread in one part of a run.
pub(super) struct Dispatch {
    shared: Arc<Shared>,
    part: Part,
    share: Share,
    seen: Option<u32>,
    pace: Pace,
    /// When users without a request became free.
    free: VecDeque<u64>,
    /// Users, with a request or without.
    users: u32,
    next: Option<Prepared>,
    /// Next turns of conversations, and when the turns before them ended.
    turns: VecDeque<(u64, Prepared)>,
    over: bool,
    /// The time was over before the requests were.
    pub(super) by_time: bool,
}

impl Dispatch {
    pub(super) fn new(shared: &Arc<Shared>, part: &Part, share: Share) -> Self {
        Self {
            shared: Arc::clone(shared),
            part: part.clone(),
            share,
            seen: None,
            pace: shared.orders.pace(),
            free: VecDeque::new(),
            users: 0,
            next: None,
            turns: VecDeque::new(),
            over: false,
            by_time: false,
        }
    }

    /// What to send at `now_us`.
    pub(super) fn next(&mut self, now_us: u64) -> Due {
        let orders = &self.shared.orders;
        // Requests that fail at once free their users at once: an order must be able to come between.
        if orders.now() != Order::Run {
            return Due::Over;
        }
        let changes = orders.changes();
        if self.seen != Some(changes) {
            self.seen = Some(changes);
            self.pace = orders.pace();
            self.hire(now_us);
        }
        if self.pace.paused() {
            return Due::Wait(LONGEST_WAIT_US);
        }
        let until_us = self.part.until_us.map_or(u64::MAX, |until| self.pace.real_of_active(until));
        if now_us >= until_us {
            self.by_time |= !self.over || !self.turns.is_empty();
            self.turns.clear();
            return Due::Over;
        }
        if let Some((end_us, request)) = self.turns.pop_front() {
            self.count();
            return Due::Send { request, planned_us: end_us.max(self.pace.resumed_us) };
        }
        if self.over {
            return Due::Over;
        }
        let due = if self.part.closed { self.closed(now_us) } else { self.open(now_us, until_us) };
        match due {
            Due::Wait(us) => Due::Wait(us.min(until_us.saturating_sub(now_us)).min(LONGEST_WAIT_US)),
            due => due,
        }
    }

    /// Brings the number of users to what is wanted; those who have a request retire when it ends.
    fn hire(&mut self, now_us: u64) {
        let Some(wanted) = self.shared.orders.users().filter(|_| self.part.closed) else { return };
        let wanted = self.share.of(wanted);
        while self.users < wanted {
            self.free.push_back(now_us.max(self.part.from_us));
            self.users += 1;
        }
        while self.users > wanted && self.free.pop_back().is_some() {
            self.users -= 1;
        }
    }

    fn closed(&mut self, now_us: u64) -> Due {
        let Some(&free_us) = self.free.front() else { return Due::Wait(LONGEST_WAIT_US) };
        // The part may begin a moment from now.
        if free_us > now_us {
            return Due::Wait(free_us - now_us);
        }
        match self.part.queue.take() {
            Next::NotYet => Due::Wait(STARVED_US),
            Next::Over => self.ran_out(),
            Next::Request(request) => {
                self.free.pop_front();
                self.count();
                Due::Send { request, planned_us: free_us.max(self.pace.resumed_us) }
            }
        }
    }

    fn open(&mut self, now_us: u64, until_us: u64) -> Due {
        let request = match self.next.take() {
            Some(request) => request,
            None => match self.part.queue.take() {
                Next::Request(request) => request,
                Next::NotYet => return Due::Wait(STARVED_US),
                Next::Over => return self.ran_out(),
            },
        };
        let planned_us = request.due_us.and_then(|due| self.pace.real_of(due)).unwrap_or(now_us);
        if planned_us >= until_us {
            (self.over, self.by_time) = (true, true);
            return Due::Over;
        }
        if planned_us > now_us {
            self.next = Some(request);
            return Due::Wait(planned_us - now_us);
        }
        if let Some(cap) = self.part.cap {
            let counted = self.shared.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < cap).then_some(n + 1));
            if counted.is_err() {
                // Whichever thread has room first takes it: the one whose request ends.
                self.part.queue.put_back(request);
                return Due::Wait(LONGEST_WAIT_US);
            }
        } else {
            self.count();
        }
        Due::Send { request, planned_us }
    }

    fn ran_out(&mut self) -> Due {
        self.over = true;
        Due::Over
    }

    fn count(&self) {
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// A request of this thread ended at `end_us`: its conversation goes on with `then`, or its user is free.
    pub(super) fn ended(&mut self, end_us: u64, then: Option<Box<Prepared>>) {
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        let retires = self.part.closed && self.shared.orders.users().is_some_and(|wanted| self.users > self.share.of(wanted));
        match then {
            Some(then) if !retires => self.turns.push_back((end_us, *then)),
            _ if retires => self.users -= 1,
            _ if self.part.closed => self.free.push_back(end_us),
            _ => {}
        }
    }

    /// Requests that are due and wait for room; 0 where there is no cap.
    pub(super) fn held(&self, now_us: u64) -> u32 {
        match self.part.cap {
            Some(_) if now_us >= self.part.from_us => self.part.queue.due_by(self.pace.schedule_at(now_us)),
            _ => 0,
        }
    }

    /// The part keeps a cap.
    pub(super) fn capped(&self) -> bool {
        self.part.cap.is_some()
    }
}
