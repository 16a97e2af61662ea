//! What a client thread does with what it read: answers, their ends, limits, and what the recorder is told.

use super::{AFTER_DONE_US, Read, Thread};
use crate::bench::{
    client::{
        Message,
        conn::{Active, State, Step, connect_failed},
        failure,
        stream::Brought,
    },
    record::Class,
};
use rustix::io::Errno;
use std::sync::atomic::Ordering;

/// The recorder is told of live times this often at most, µs.
const TELL_EVERY_US: u64 = 100_000;
/// And whenever so many have gathered.
const TELL_AT: usize = 16_384;

impl Thread {
    /// A connection became writable: it is open now, or has room again.
    pub(super) fn writable(&mut self, slot: usize) {
        let Some(conn) = self.conns.get_mut(slot).and_then(|s| s.conn.as_mut()) else { return };
        if conn.state == State::Connecting
            && let Err(why) = conn.connected()
        {
            let message = format!("no connection to {}: {why}", self.shared.address(conn.to));
            let step = Step::Over { keep: false, error: Some((Class::Connect, message)) };
            self.step(slot, step, self.now_us());
            return;
        }
        let waiting = conn.active.is_some();
        self.write(slot);
        if !waiting {
            self.rest(slot);
        }
    }

    /// Looks into one read.
    pub(super) fn take_in(&mut self, read: &Read, buffer: &[u8]) {
        let measured = !self.warmup;
        let Some(place) = self.conns.get_mut(read.slot).filter(|s| s.generation == read.generation) else { return };
        let Some(conn) = place.conn.as_mut() else { return };
        conn.since_us = conn.since_us.max(read.at_us);
        let live = &mut self.live;
        let step = match read.what {
            Ok(0) => conn.closed(None),
            Err(error) => conn.closed(Some(error)),
            Ok(n) => {
                let sent_us = conn.active.as_deref().and_then(|a| a.sent_us).unwrap_or(read.at_us);
                // A stamp of the kernel may be earlier than the end of our write; an answer is never earlier than its request.
                let at_us = read.at_us.max(sent_us);
                let (mut tokens, mut last, mut first) = (0_u64, None::<(u64, u64)>, false);
                let bytes = buffer.get(read.from..read.from + n).unwrap_or_default();
                let step = conn.feed(bytes, at_us, |Brought { tokens: n, gap_us }| {
                    tokens += u64::from(n);
                    match (gap_us, &mut last) {
                        (None, _) => {
                            first = true;
                            if measured {
                                live.ttft_us.push(at_us.saturating_sub(sent_us));
                            }
                        }
                        // The events of one read share its gap; those that came with the first token have none.
                        (Some(0), Some((_, more))) => *more += u64::from(n),
                        (Some(gap), _) if n > 0 && !first => last = Some((gap, u64::from(n))),
                        _ => {}
                    }
                });
                live.tokens += tokens;
                if measured && tokens > 0 {
                    self.shared.tokens.fetch_add(tokens, Ordering::Relaxed);
                    if let Some((gap, tokens)) = last {
                        live.itl_us
                            .push((u32::try_from(gap / tokens.max(1)).unwrap_or(u32::MAX), u32::try_from(tokens).unwrap_or(u32::MAX)));
                    }
                }
                step
            }
        };
        self.step(read.slot, step, read.at_us);
    }

    /// Carries out what a connection's state calls for.
    pub(super) fn step(&mut self, slot: usize, step: Step, at_us: u64) {
        match step {
            Step::More => {}
            Step::Stale => {
                if let Some(active) = self.drop_conn(slot) {
                    let again = Box::new(active.again());
                    let to = again.request.to;
                    if let Err((error, Some(active))) = self.open(to, Some(again)) {
                        let message = connect_failed(&self.shared.address(to), error);
                        self.finish(active, Some((Class::Connect, message)), at_us);
                    }
                }
            }
            Step::Over { keep, error } => {
                let active = if keep {
                    self.rest(slot);
                    self.conns.get_mut(slot).and_then(|s| s.conn.as_mut()).and_then(|conn| {
                        conn.served += 1;
                        conn.active.take()
                    })
                } else {
                    self.drop_conn(slot).map(Box::new)
                };
                if let Some(active) = active {
                    self.finish(active, error, at_us);
                }
            }
        }
    }

    /// Closes a connection and gives back its request.
    fn drop_conn(&mut self, slot: usize) -> Option<Active> {
        // Closing the descriptor takes it out of epoll.
        let conn = self.conns.get_mut(slot).and_then(|s| s.conn.take())?;
        if let Some(idle) = self.idle.get_mut(usize::from(conn.to)) {
            idle.retain(|&s| s != slot);
        }
        self.free.push(slot);
        if let Some(connections) = &self.shared.connections {
            connections.fetch_sub(1, Ordering::Relaxed);
        }
        conn.active.map(|active| *active)
    }

    /// A request is over: tell the recorder, free its user.
    pub(super) fn finish(&mut self, mut active: Box<Active>, error: Option<(Class, String)>, end_us: u64) {
        let end_us = end_us.max(active.started_us);
        self.count_busy(self.now_us());
        self.in_flight = self.in_flight.saturating_sub(1);
        let then = active.request.then.take();
        if error.is_some() {
            let turns = std::iter::successors(then.as_deref(), |turn| turn.then.as_deref()).count();
            self.shared.skipped.fetch_add(turns as u64, Ordering::Relaxed);
        }
        if let Some(dispatch) = &mut self.dispatch {
            dispatch.ended(end_us, then.filter(|_| error.is_none()));
        }
        self.shared.count_end(error.as_ref().map(|(class, _)| *class));
        self.shared.coalesced.fetch_add(u64::from(active.arrivals.coalesced()), Ordering::Relaxed);
        let mut record = active.into_record(self.warmup, end_us);
        record.error = error.map(|(class, message)| failure(class, &message, self.shared.key.as_ref()));
        // A recorder that is gone has said why; the run ends by itself.
        let _ = self.messages.send(Message::Finished(Box::new(record)));
    }

    /// Gives up everything under way.
    pub(super) fn give_up(&mut self) {
        let now_us = self.now_us();
        for slot in 0..self.conns.len() {
            if let Some(active) = self.drop_conn(slot) {
                self.finish(Box::new(active), Some((Class::Stopped, "the run was stopped".to_owned())), now_us);
            }
        }
    }

    /// Closes every connection.
    pub(in crate::bench::client) fn close(&mut self) {
        for slot in 0..self.conns.len() {
            self.drop_conn(slot);
        }
    }

    /// Ends requests that have waited longer than their limits, looking often enough for the shortest.
    pub(super) fn look_at_limits(&mut self, now_us: u64) {
        let limits = self.shared.limits;
        let shortest = limits.connect_s.min(limits.first_token_s).min(limits.stall_s);
        if now_us.saturating_sub(self.looked_us) < us(shortest / 16.0).clamp(5_000, 250_000) {
            return;
        }
        self.looked_us = now_us;
        let (connect, first, stall) = (us(limits.connect_s), us(limits.first_token_s), us(limits.stall_s));
        for slot in 0..self.conns.len() {
            let Some(conn) = self.conns.get(slot).and_then(|s| s.conn.as_ref()) else { continue };
            let waited = now_us.saturating_sub(conn.since_us);
            let over = match (&conn.active, conn.state) {
                (_, State::Connecting) if waited > connect => Some((
                    Class::TimeoutConnect,
                    format!("no connection to {} within {} s", self.shared.address(conn.to), limits.connect_s),
                )),
                (_, State::Connecting) | (None, _) => None,
                (Some(active), State::Open) => {
                    if active.done_us.is_some_and(|done| now_us.saturating_sub(done) > AFTER_DONE_US) {
                        let (step, done_us) = (conn.closed(Some(Errno::TIMEDOUT)), active.done_us);
                        self.step(slot, step, done_us.unwrap_or(now_us));
                        continue;
                    }
                    let since_sent = now_us.saturating_sub(active.sent_us.unwrap_or(active.started_us));
                    if !active.arrivals.started() && since_sent > first {
                        Some((Class::TimeoutFirstToken, format!("no token within {} s", limits.first_token_s)))
                    } else if active.arrivals.started() && waited > stall {
                        let tokens = active.arrivals.counted();
                        Some((Class::TimeoutStall, format!("nothing more within {} s, after {tokens} tokens", limits.stall_s)))
                    } else {
                        None
                    }
                }
            };
            if over.is_some() {
                self.step(slot, Step::Over { keep: false, error: over }, now_us);
            }
        }
    }

    /// Adds the time since the last change to the requests under way, second by second.
    pub(super) fn count_busy(&mut self, now_us: u64) {
        while self.live.counted_until_us < now_us {
            let second = self.live.counted_until_us / 1_000_000;
            if second != u64::from(self.live.second) {
                self.close_second(u32::try_from(second).unwrap_or(u32::MAX));
            }
            let until = now_us.min((second + 1) * 1_000_000);
            self.live.busy_us += u64::from(self.in_flight) * (until - self.live.counted_until_us);
            self.live.counted_until_us = until;
        }
    }

    fn close_second(&mut self, next: u32) {
        let live = &mut self.live;
        let lag = (0_u16..).zip(&mut live.lag).filter(|(_, count)| **count > 0).map(|(bin, count)| (bin, std::mem::take(count))).collect();
        let over = Message::Second { second: live.second, tokens: live.tokens, busy_us: live.busy_us, lag };
        (live.second, live.tokens, live.busy_us) = (next, 0, 0);
        let _ = self.messages.send(over);
    }

    /// Tells the recorder what has gathered.
    pub(super) fn tell(&mut self, now_us: u64, all: bool) {
        self.count_busy(now_us);
        if all && (self.live.tokens > 0 || self.live.busy_us > 0) {
            self.close_second(self.live.second);
        }
        let live = &mut self.live;
        let look = all || now_us.saturating_sub(live.held_us) >= TELL_EVERY_US;
        if let Some(dispatch) = self.dispatch.as_ref().filter(|d| look && self.share.index == 0 && d.capped()) {
            live.held_us = now_us;
            // At the end nothing waits any more.
            if self.shared.orders.set_held(if all { 0 } else { dispatch.held(now_us) }) {
                let _ = self.messages.send(self.shared.orders.asking());
            }
        }
        let due = all || now_us.saturating_sub(live.told_us) >= TELL_EVERY_US || live.itl_us.len() >= TELL_AT;
        if due && (!live.itl_us.is_empty() || !live.ttft_us.is_empty()) {
            live.told_us = now_us;
            let (ttft_us, itl_us) = (std::mem::take(&mut live.ttft_us), std::mem::take(&mut live.itl_us));
            let _ = self.messages.send(Message::Live { at_us: now_us, ttft_us, itl_us });
        }
    }
}

/// Seconds of a checked spec as µs.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "specs are checked to lie between 0 and an hour")]
fn us(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}
