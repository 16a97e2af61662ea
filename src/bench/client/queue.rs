//! Prepared requests on their way from the thread that writes them to the threads that send them.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// A request ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::bench) struct Prepared {
    /// Its number within its part.
    pub(in crate::bench) i: u64,
    /// When it is due, µs from the part's start; `None` in a closed loop.
    pub(in crate::bench) due_us: Option<u64>,
    /// Which of the addresses it goes to.
    pub(in crate::bench) to: u16,
    /// Which route it belongs to.
    pub(in crate::bench) route: u16,
    /// Which turn of its conversation it is, from 0.
    pub(in crate::bench) turn: u16,
    /// Output tokens asked for; 0: not exactly so many.
    pub(in crate::bench) asked: u32,
    /// The conversation's next turn, sent by the same user once this one was answered well.
    pub(in crate::bench) then: Option<Box<Prepared>>,
    /// Head and body.
    pub(in crate::bench) bytes: Vec<u8>,
}

/// What the queue has for a thread that wants to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Request(Prepared),
    /// The writer is behind: the client is the limit.
    NotYet,
    /// There will be no more.
    Over,
}

/// A bounded queue. Taking never waits; putting waits for room.
#[derive(Debug)]
pub(in crate::bench) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    max_requests: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    requests: VecDeque<Prepared>,
    bytes: usize,
    /// Somebody waits for so many requests.
    primed_by: usize,
    over: bool,
}

impl Queue {
    /// A queue for at most this many requests and, as long as it holds one, this many bytes.
    pub(in crate::bench) fn new(max_requests: usize, max_bytes: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), max_requests, max_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn full(&self, state: &State) -> bool {
        state.requests.len() >= self.max_requests || (state.bytes >= self.max_bytes && !state.requests.is_empty())
    }

    /// Half empty: the writer, once stopped, is woken for many requests rather than for each.
    fn roomy(&self, state: &State) -> bool {
        state.requests.is_empty() || (state.requests.len() * 2 <= self.max_requests && state.bytes * 2 <= self.max_bytes)
    }

    /// Puts a request in, once there is room; `false` when the queue was closed meanwhile.
    pub(in crate::bench) fn put(&self, request: Prepared) -> bool {
        let mut state = self.lock();
        if self.full(&state) {
            while !self.roomy(&state) && !state.over {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        if state.over {
            return false;
        }
        state.bytes += request.bytes.len();
        state.requests.push_back(request);
        if self.full(&state) || state.requests.len() == state.primed_by {
            self.changed.notify_all();
        }
        true
    }

    /// There will be no more requests; those inside are still given out.
    pub(in crate::bench) fn close(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    /// Waits until the queue holds so many requests, or is full or closed: whatever is due at the start can be sent at once.
    pub(in crate::bench) fn primed(&self, requests: usize) {
        let mut state = self.lock();
        state.primed_by = requests;
        while !self.full(&state) && state.requests.len() < requests && !state.over {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Puts a request that was taken back in its place, before all others.
    pub(super) fn put_back(&self, request: Prepared) {
        let mut state = self.lock();
        state.bytes += request.bytes.len();
        state.requests.push_front(request);
    }

    /// How many of the requests inside are due by this moment of the schedule.
    pub(super) fn due_by(&self, schedule_us: u64) -> u32 {
        let state = self.lock();
        let due = state.requests.partition_point(|request| request.due_us.is_some_and(|due| due <= schedule_us));
        u32::try_from(due).unwrap_or(u32::MAX)
    }

    /// The next request, without waiting for one.
    pub(super) fn take(&self) -> Next {
        let mut state = self.lock();
        let was_roomy = self.roomy(&state);
        match state.requests.pop_front() {
            Some(request) => {
                state.bytes -= request.bytes.len();
                if !was_roomy && self.roomy(&state) {
                    self.changed.notify_all();
                }
                Next::Request(request)
            }
            None if state.over => Next::Over,
            None => Next::NotYet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(i: u64, len: usize) -> Prepared {
        Prepared { i, bytes: vec![0; len], ..Prepared::default() }
    }

    #[test]
    fn what_was_put_in_comes_out_in_order_and_then_it_is_over() {
        let queue = Queue::new(4, 1 << 20);
        assert_eq!(queue.take(), Next::NotYet);
        assert!(queue.put(request(0, 1)) && queue.put(request(1, 1)));
        queue.close();
        assert!(!queue.put(request(2, 1)));
        assert_eq!(queue.take(), Next::Request(request(0, 1)));
        assert_eq!(queue.take(), Next::Request(request(1, 1)));
        assert_eq!(queue.take(), Next::Over);
    }

    #[test]
    fn the_writer_waits_for_room_by_count_and_by_bytes() {
        for (max_requests, max_bytes) in [(2, 1 << 20), (100, 20)] {
            let queue = Queue::new(max_requests, max_bytes);
            std::thread::scope(|scope| {
                let writer = scope.spawn(|| (0..50).all(|i| queue.put(request(i, 10))));
                queue.primed(usize::MAX);
                assert!(queue.lock().requests.len() <= 2);
                let mut got = 0;
                while got < 50 {
                    match queue.take() {
                        Next::Request(r) => {
                            assert_eq!(r.i, got);
                            got += 1;
                        }
                        _ => std::thread::yield_now(),
                    }
                }
                assert!(writer.join().expect("ends"));
            });
        }
    }
}
