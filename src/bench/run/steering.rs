//! Steering a run from elsewhere: the control socket, a signal.

use crate::{
    base::{
        clean,
        clock::{Epoch, monotonic_us},
    },
    bench::{
        client::{Message, Order, Orders, Shared},
        distributed::Together,
        live::{Event, Mark, Phase, Steer},
        results::StoppedBy,
    },
};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc::Sender};
use tokio::sync::watch;

/// Longest note, characters.
const NOTE_CHARS: usize = 200;
/// Bounds of what can be asked for, those of a spec.
const USERS: std::ops::RangeInclusive<u32> = 1..=65_536;
/// Requests per second likewise.
const RATE: std::ops::RangeInclusive<f64> = 0.001..=1_000_000.0;

/// Steers a run from elsewhere: the control socket, a signal. Every wish that changes something is an event of the run.
#[derive(Debug, Default)]
pub struct Steering {
    asked: Mutex<Asked>,
    /// Looked at before the client exists.
    stop: watch::Sender<bool>,
    /// The other processes that send the same load, in one of several workers.
    together: OnceLock<Box<dyn Together>>,
    /// Who else is told of every wish: the coordinator of several workers.
    told: Mutex<Option<Sender<Steer>>>,
}

#[derive(Debug, Default)]
struct Asked {
    by: Option<StoppedBy>,
    /// Wishes from before there was a client.
    early: Vec<Steer>,
    run: Option<Attached>,
}

/// The run that is steered.
#[derive(Debug)]
struct Attached {
    orders: Orders,
    messages: Sender<Message>,
    zero_us: u64,
}

impl Steering {
    /// Carries a wish out. The first reason to end is the one the result names, but a stop outranks a drain.
    pub fn ask(&self, steer: Steer) {
        self.tell(&steer);
        match steer {
            Steer::Stop => self.give(Order::Stop, StoppedBy::Stop),
            Steer::Drain => self.give(Order::Drain, StoppedBy::Drain),
            _ => {
                let mut asked = self.lock();
                match &asked.run {
                    Some(run) => run.change(&steer),
                    None => asked.early.push(steer),
                }
            }
        }
    }

    /// As a stop, by a signal.
    pub fn signal(&self) {
        self.tell(&Steer::Stop);
        self.give(Order::Stop, StoppedBy::Signal);
    }

    /// The run begins when the others do.
    pub(in crate::bench) fn join(&self, together: Box<dyn Together>) {
        let _ = self.together.set(together);
    }

    /// Every wish from here on goes to `to` as well.
    pub(in crate::bench) fn tell_to(&self, to: Sender<Steer>) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(to);
    }

    fn tell(&self, steer: &Steer) {
        if let Some(to) = &*self.told.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = to.send(steer.clone());
        }
    }

    /// The clock that all workers share; `None`: the run is on its own.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.together.get().map(|together| together.epoch())
    }

    /// When a part begins, µs since the run's start: at once, or when all workers have come here.
    pub(super) fn begin(&self, phase: Phase, shared: &Shared) -> u64 {
        let agreed = self.together.get().and_then(|together| together.begin(phase));
        shared.now_us().max(agreed.unwrap_or(0))
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, order: Order, by: StoppedBy) {
        let mut asked = self.lock();
        if asked.by.is_none_or(|earlier| earlier == StoppedBy::Drain) {
            asked.by = Some(by);
        }
        if order == Order::Stop || asked.run.is_none() {
            self.stop.send_replace(true);
        }
        if let Some(run) = &asked.run {
            let tighter = run.orders.now() < order;
            run.orders.give(order);
            if tighter {
                run.mark(if order == Order::Stop { Mark::Stop } else { Mark::Drain });
                if order == Order::Drain {
                    let _ = run.messages.send(Message::Phase { at_us: run.now_us(), phase: Phase::Draining });
                }
            }
        }
    }

    /// Becomes true once the run is to end before it has begun.
    pub(super) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// The run has begun: from here on wishes reach it.
    pub(super) fn attach(&self, orders: &Orders, messages: &Sender<Message>, zero_us: u64) {
        let mut asked = self.lock();
        if *self.stop.borrow() {
            orders.give(Order::Stop);
        }
        let run = Attached { orders: orders.clone(), messages: messages.clone(), zero_us };
        asked.early.drain(..).for_each(|steer| run.change(&steer));
        asked.run = Some(run);
    }

    /// The run is over: nothing reaches it any more.
    pub(super) fn detach(&self) {
        self.lock().run = None;
    }

    pub(in crate::bench) fn by(&self) -> Option<StoppedBy> {
        self.lock().by
    }
}

impl Attached {
    fn now_us(&self) -> u64 {
        monotonic_us().saturating_sub(self.zero_us)
    }

    // A recorder that is gone has said why; the run ends by itself.
    fn mark(&self, what: Mark) {
        let _ = self.messages.send(Message::Event(Event { at_us: self.now_us(), what }));
    }

    /// Carries out a wish other than to end.
    fn change(&self, steer: &Steer) {
        let changed = match steer {
            Steer::Users { users } => {
                let to = *users.clamp(USERS.start(), USERS.end());
                self.orders.set_users(to).map(|from| Mark::Users { from, to })
            }
            Steer::Rate { rate } if rate.is_finite() => {
                let to = rate.clamp(*RATE.start(), *RATE.end());
                self.orders.set_rate(to, self.now_us()).map(|from| Mark::Rate { from, to })
            }
            Steer::Pause => self.orders.set_paused(true, self.now_us()).then_some(Mark::Pause),
            Steer::Resume => self.orders.set_paused(false, self.now_us()).then_some(Mark::Resume),
            Steer::Note { text } => {
                let text = clean(text).split_whitespace().collect::<Vec<_>>().join(" ");
                let text: String = text.chars().take(NOTE_CHARS).collect();
                (!text.is_empty()).then_some(Mark::Note { text })
            }
            // Cells are the series' own affair.
            Steer::Rate { .. } | Steer::Stop | Steer::Drain | Steer::SkipCell { .. } | Steer::RerunCell { .. } => None,
        };
        let Some(mark) = changed else { return };
        let asks_anew = !matches!(mark, Mark::Note { .. });
        self.mark(mark);
        if asks_anew {
            let _ = self.messages.send(self.orders.asking());
        }
    }
}
