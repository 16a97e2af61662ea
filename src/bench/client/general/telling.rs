//! What the recorder is told while requests are under way: live times, and second by second what came and how much was under way.

use super::General;
use crate::bench::client::{Message, dispatch::Dispatch};

/// The recorder is told of live times this often at most, µs.
const TELL_EVERY_US: u64 = 100_000;

/// What is told to the recorder while requests are under way.
#[derive(Default)]
pub(super) struct Live {
    pub(super) ttft_us: Vec<u64>,
    pub(super) itl_us: Vec<(u32, u32)>,
    pub(super) told_us: u64,
    pub(super) second: u32,
    pub(super) tokens: u64,
    pub(super) busy_us: u64,
    pub(super) counted_until_us: u64,
}

impl General {
    /// Adds the time since the last change to the requests under way, second by second.
    pub(super) fn count_busy(&self, now_us: u64) {
        let mut live = self.live.borrow_mut();
        while live.counted_until_us < now_us {
            let second = live.counted_until_us / 1_000_000;
            if second != u64::from(live.second) {
                self.close_second(&mut live, u32::try_from(second).unwrap_or(u32::MAX));
            }
            let until = now_us.min((second + 1) * 1_000_000);
            live.busy_us += u64::from(self.in_flight.get()) * (until - live.counted_until_us);
            live.counted_until_us = until;
        }
    }

    fn close_second(&self, live: &mut Live, next: u32) {
        let over = Message::Second { second: live.second, tokens: live.tokens, busy_us: live.busy_us, lag: Vec::new() };
        (live.second, live.tokens, live.busy_us) = (next, 0, 0);
        let _ = self.messages.send(over);
    }

    /// Tells the recorder what has gathered.
    pub(super) fn tell(&self, all: bool, dispatch: &Dispatch) {
        let now_us = self.shared.now_us();
        self.count_busy(now_us);
        let mut live = self.live.borrow_mut();
        if all && (live.tokens > 0 || live.busy_us > 0) {
            let second = live.second;
            self.close_second(&mut live, second);
        }
        if !all && now_us.saturating_sub(live.told_us) < TELL_EVERY_US {
            return;
        }
        live.told_us = now_us;
        if self.share.index == 0 && dispatch.capped() && self.shared.orders.set_held(if all { 0 } else { dispatch.held(now_us) }) {
            let _ = self.messages.send(self.shared.orders.asking());
        }
        if !live.itl_us.is_empty() || !live.ttft_us.is_empty() {
            let (ttft_us, itl_us) = (std::mem::take(&mut live.ttft_us), std::mem::take(&mut live.itl_us));
            let _ = self.messages.send(Message::Live { at_us: now_us, ttft_us, itl_us });
        }
    }
}
