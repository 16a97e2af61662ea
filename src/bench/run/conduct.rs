//! Stages carried out: the users of a closed loop are changed at their moments; of an open loop, whose moments the schedule already
//! holds, the rate that is told.

use crate::bench::{
    client::{Message, Orders, Shared},
    live::{Event, Mark},
    spec::Stage,
};
use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    time::Duration,
};

/// How often a rate that rises or falls evenly is told anew, µs.
const RAMP_TOLD_EVERY_US: u64 = 500_000;

/// What holds at a moment of a series of stages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Now {
    /// Which stage.
    stage: usize,
    /// Users.
    users: Option<u32>,
    /// Requests per second.
    rate: Option<f64>,
    /// When one of these is another, µs from the start.
    until_us: u64,
}

/// All stages together, µs.
pub(super) fn length_us(stages: &[Stage]) -> u64 {
    stages.iter().map(|stage| us(stage.duration_s)).sum()
}

/// Users of the first moment.
pub(super) fn first_users(stages: &[Stage]) -> Option<u32> {
    at(stages, 0)?.users
}

/// What holds at `at_us`; `None` when all stages are over.
pub(super) fn at(stages: &[Stage], at_us: u64) -> Option<Now> {
    let (mut from_us, mut before) = (0, None::<&Stage>);
    for (index, stage) in stages.iter().enumerate() {
        let length_us = us(stage.duration_s);
        let end_us = from_us + length_us;
        if at_us >= end_us {
            (from_us, before) = (end_us, Some(stage));
            continue;
        }
        let gone = (at_us - from_us) as f64 / length_us as f64;
        let level = |stage: &Stage| stage.concurrency.map(f64::from).or(stage.rate).unwrap_or(0.0);
        let (low, high) = (before.map_or(0.0, level), level(stage));
        let value = if stage.ramp { low + (high - low) * gone } else { high };
        if stage.concurrency.is_none() {
            let until_us = if stage.ramp { end_us.min(at_us + RAMP_TOLD_EVERY_US) } else { end_us };
            return Some(Now { stage: index, users: None, rate: Some(value), until_us });
        }
        let users = value.round();
        // A ramp goes in steps of one user, each half a user before its share of the time.
        let next = if high > low { users + 0.5 } else { users - 0.5 };
        let until_us = match (next - low) / (high - low) {
            share if stage.ramp && (0.0..1.0).contains(&share) => from_us + micros(share * length_us as f64) + 1,
            _ => end_us,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two numbers of users")]
        return Some(Now { stage: index, users: Some((users as u32).max(1)), rate: None, until_us: until_us.min(end_us) });
    }
    None
}

/// Carries the stages out until they, or the part, are over.
pub(super) fn conduct(stages: &[Stage], shared: &Shared, messages: &Sender<Message>, over: &AtomicBool) {
    let orders: &Orders = &shared.orders;
    let (mut last, mut marked): (Option<Now>, _) = (None, orders.users());
    while !over.load(Ordering::Relaxed) {
        let seen = orders.changes();
        let (pace, now_us) = (orders.pace(), shared.now_us());
        let closed = orders.users().is_some();
        let Some(now) = at(stages, if closed { pace.active_at(now_us) } else { pace.schedule_at(now_us) }) else { return };
        let steps = |last: Now| last.stage != now.stage;
        if last.is_none_or(|last| (last.stage, last.users, last.rate) != (now.stage, now.users, now.rate)) {
            if let Some(users) = now.users {
                orders.set_users(users);
                if last.is_some_and(steps)
                    && let Some(from) = marked.replace(users).filter(|&from| from != users)
                {
                    let _ = messages.send(Message::Event(Event { at_us: now_us, what: Mark::Users { from, to: users } }));
                }
            }
            if let Some(rate) = now.rate {
                orders.schedule_rate(rate);
            }
            let _ = messages.send(orders.asking());
            last = Some(now);
            // What was just changed is a change.
            continue;
        }
        let next_us = if closed { Some(pace.real_of_active(now.until_us)) } else { pace.real_of(now.until_us) };
        let wait_us = next_us.map_or(1_000_000, |at| at.saturating_sub(now_us).clamp(50, 1_000_000));
        orders.wait(seen, Duration::from_micros(wait_us));
    }
}

fn us(seconds: f64) -> u64 {
    micros(seconds * 1e6)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a checked duration")]
fn micros(us: f64) -> u64 {
    us.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(concurrency: u32, duration_s: f64, ramp: bool) -> Stage {
        Stage { concurrency: Some(concurrency), rate: None, duration_s, ramp }
    }

    #[test]
    fn users_step_at_the_edge_of_a_stage_and_one_by_one_in_a_ramp() {
        let stages = [users(2, 1.0, false), users(6, 4.0, true), users(3, 1.0, false), users(1, 2.0, true)];
        let users_at = |s: f64| at(&stages, us(s)).and_then(|now| now.users);
        assert_eq!(length_us(&stages), 8_000_000);
        assert_eq!((users_at(0.0), users_at(0.999), users_at(1.0)), (Some(2), Some(2), Some(2)));
        assert_eq!((users_at(2.0), users_at(3.0), users_at(4.9), users_at(5.0)), (Some(3), Some(4), Some(6), Some(3)));
        assert_eq!((users_at(7.0), users_at(7.9), users_at(8.0)), (Some(2), Some(1), None));
        // Following every change gives every number once.
        let (mut at_us, mut seen) = (0, Vec::new());
        while let Some(now) = at(&stages, at_us) {
            assert!(now.until_us > at_us);
            seen.extend(now.users);
            at_us = now.until_us;
        }
        assert_eq!(seen, [2, 2, 3, 4, 5, 6, 3, 3, 2, 1]);
    }

    #[test]
    fn a_rate_in_stages_is_told_as_it_rises() {
        let stages = [Stage { concurrency: None, rate: Some(10.0), duration_s: 10.0, ramp: true }];
        let now = at(&stages, 5_000_000).expect("a stage");
        assert_eq!((now.rate, now.users, now.until_us), (Some(5.0), None, 5_500_000));
    }
}
