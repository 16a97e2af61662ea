//! Sources as one stream of frames: which call reads which field of which card, and how often.
//!
//! Libraries differ a thousandfold in what a call costs (a use percentage takes 50 µs from AMD's and a second from Hygon's). So at
//! the start each call is timed on each card. Per card and field the call of the least rank that works and is cheap is kept, else
//! the cheapest; cheap calls go into the **fast lane**, once a second or, for what rarely changes, every ten seconds; the others
//! into the **slow lane**, which takes turns and at most a third of the time.

mod join;

use super::{
    address::Address,
    field::{Field, Pace},
    frame::{Frame, Library, Readings},
    processes::Names,
    reading::{Missing, Origin, Reading},
    source::{Feed, Next, Source, Steps, Taken, Trouble},
};
use crate::base::clock;
use join::{Joined, join};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Between two sweeps of the fast lane.
const TICK_US: u64 = 1_000_000;
/// Sweeps between two readings of what rarely changes.
const RARE_TICKS: u64 = 10;
/// Sweeps between two looks at the processes.
const PROCESS_TICKS: u64 = 3;
/// A call that takes longer belongs into the slow lane.
const CHEAP_US: u64 = 30_000;
/// What the whole fast lane may take of a sweep.
const FAST_LANE_US: u64 = 500_000;
/// What the slow lane may take of each sweep, saved up over at most [`SAVED_TICKS`].
const SLOW_LANE_US: u64 = 300_000;
const SAVED_TICKS: u64 = 20;
/// After so many answers of "not offered" in a row a call is asked less often.
const REFUSALS: u32 = 3;
/// Looking for cards again while one is lost or a source lists none: first and longest wait, in sweeps.
const LOOK_TICKS: (u64, u64) = (3, 60);
/// The trouble of the source that reads files.
const NO_FILES: &str = "sysfs.drm";
/// What any call may take, and how much longer than when it was timed.
const LEAST_LIMIT: Duration = Duration::from_secs(3);
const LIMIT_FACTOR: u64 = 5;
/// Listing the processes of all cards.
const PROCESS_LIMIT: Duration = Duration::from_secs(5);

/// One call on one card that was chosen for its fields.
#[derive(Debug, Clone, PartialEq)]
struct Slot {
    source: usize,
    call: usize,
    /// Place in the source's own list.
    place: usize,
    card: Address,
    fields: Vec<Field>,
    pace: Pace,
    cost_us: u64,
    fast: bool,
    refused: u32,
}

/// Sources of one group, read through their lanes. `S` says what is about to be called.
pub struct Lanes<S> {
    sources: Vec<Box<dyn Source>>,
    steps: S,
    cards: Vec<Joined>,
    /// Every card there ever was: one that is missing is looked for again.
    known: BTreeSet<Address>,
    /// Whether a source could not list its cards at the last look.
    silent: bool,
    slots: Vec<Slot>,
    /// Next of the slow lane.
    turn: usize,
    saved_us: u64,
    tick: u64,
    next_us: u64,
    look_at: u64,
    look_wait: u64,
    told: BTreeSet<String>,
    names: Names,
}

impl<S: Steps + Send> Lanes<S> {
    /// Reads `sources`, where two know the same card the first's identity of it.
    #[must_use]
    pub fn new(sources: Vec<Box<dyn Source>>, steps: S) -> Self {
        Self {
            sources,
            steps,
            cards: Vec::new(),
            known: BTreeSet::new(),
            silent: false,
            slots: Vec::new(),
            turn: 0,
            saved_us: SLOW_LANE_US,
            tick: 0,
            next_us: clock::monotonic_us(),
            look_at: 0,
            look_wait: LOOK_TICKS.0,
            told: BTreeSet::new(),
            names: Names::default(),
        }
    }

    /// Looks for cards, joins what the sources know of them, and times the calls on those that are new or back.
    fn look(&mut self, out: &mut Vec<Frame>) -> BTreeMap<Address, Readings> {
        let before: BTreeMap<Address, Vec<usize>> =
            self.cards.iter().filter(|card| !card.lost).map(|card| (card.info.address, card.sources())).collect();
        let mut lists = Vec::new();
        let mut troubles = Vec::new();
        for source in &mut self.sources {
            lists.push(source.cards(&mut self.steps).unwrap_or_else(|trouble| {
                troubles.push(trouble);
                Vec::new()
            }));
        }
        self.cards = join(&lists);
        self.silent = !troubles.is_empty();
        for trouble in troubles {
            // A machine whose cards show no files (in a container) has cards all the same.
            if self.cards.is_empty() || trouble.kind != NO_FILES {
                self.tell(trouble, out);
            }
        }
        let libraries: Vec<Library> = self.sources.iter().filter_map(|source| source.library()).collect();
        out.push(Frame::Cards { libraries, cards: self.cards.iter().map(|card| card.info.clone()).collect() });
        let steady = self.cards.len() == before.len() && self.cards.iter().all(|card| before.contains_key(&card.info.address));
        self.known.extend(self.cards.iter().map(|card| card.info.address));
        let known = std::mem::take(&mut self.slots);
        let mut first = BTreeMap::new();
        for card in self.cards.clone() {
            let address = card.info.address;
            // A source that has joined or left changes which call is the best.
            if before.get(&address).is_some_and(|sources| *sources == card.sources()) {
                self.slots.extend(known.iter().filter(|slot| slot.card == address).filter_map(|slot| moved(slot, &card)));
            } else {
                self.time(&card, &mut first);
            }
        }
        self.assign();
        self.look_wait = if steady { (self.look_wait * 2).min(LOOK_TICKS.1) } else { LOOK_TICKS.0 };
        self.look_at = self.tick + self.look_wait;
        first
    }

    fn tell(&mut self, trouble: Trouble, out: &mut Vec<Frame>) {
        if self.told.insert(trouble.kind.clone()) {
            out.push(Frame::Trouble(trouble));
        }
    }

    /// Times the calls of every source on `card` and keeps a slot for each that is the best for a field.
    fn time(&mut self, card: &Joined, first: &mut BTreeMap<Address, Readings>) {
        // By rank, then in the order of the sources.
        let mut all: Vec<(u8, usize, usize, usize)> = Vec::new();
        for &(source, place) in &card.places {
            let calls = self.sources.get(source).map(|source| source.calls()).unwrap_or_default();
            all.extend(calls.iter().enumerate().map(|(call, c)| (c.rank, source, place, call)));
        }
        all.sort_unstable();
        let mut best: BTreeMap<Field, Slot> = BTreeMap::new();
        let mut refused: Readings = Readings::new();
        for (_, source, place, call) in all {
            let Some(row) = self.sources.get(source).and_then(|source| source.calls().get(call).copied()) else { continue };
            let wanted = |field: &&Field| best.get(field).is_none_or(|slot| slot.cost_us > CHEAP_US);
            let made = row.all_cards && self.slots.iter().any(|slot| (slot.source, slot.call) == (source, call));
            if made || !row.fields.iter().any(|field| wanted(&field)) {
                continue;
            }
            let slot = Slot {
                source,
                call,
                place,
                card: card.info.address,
                fields: Vec::new(),
                pace: row.fields.iter().map(|field| field.pace()).min().unwrap_or(Pace::Rare),
                cost_us: 0,
                fast: false,
                refused: 0,
            };
            let Some((cost_us, taken)) = self.timed(&slot) else { continue };
            for (address, readings) in taken {
                for (field, reading) in readings {
                    // A held card's calls are as good as those that answered: it will be let go.
                    let works = reading.value.is_some() || reading.missing.is_some_and(Missing::keeps);
                    let better = best.get(&field).is_none_or(|known| known.cost_us > CHEAP_US && cost_us < known.cost_us);
                    if address != card.info.address {
                        first.entry(address).or_default().entry(field).or_insert(reading);
                    } else if !works {
                        refused.entry(field).or_insert(reading);
                    } else if better {
                        first.entry(address).or_default().insert(field, reading);
                        best.insert(field, Slot { cost_us, ..slot.clone() });
                    }
                }
            }
        }
        // Why a field stays empty is worth knowing once.
        for (field, reading) in refused {
            first.entry(card.info.address).or_default().entry(field).or_insert(reading);
        }
        for (field, slot) in best {
            match self.slots.iter_mut().find(|s| (s.source, s.call, s.card) == (slot.source, slot.call, slot.card)) {
                Some(known) => known.fields.push(field),
                None => self.slots.push(Slot { fields: vec![field], ..slot }),
            }
        }
    }

    /// The median of three tries, of one when that was dear; with what the last gave.
    fn timed(&mut self, slot: &Slot) -> Option<(u64, BTreeMap<Address, Readings>)> {
        let (mut cost, mut taken) = self.make(slot, LEAST_LIMIT)?;
        if cost <= CHEAP_US {
            let mut costs = [cost, 0, 0];
            for cost in costs.iter_mut().skip(1) {
                (*cost, taken) = self.make(slot, LEAST_LIMIT)?;
            }
            costs.sort_unstable();
            cost = costs.get(1).copied().unwrap_or(cost);
        }
        Some((cost, taken))
    }

    /// Makes the call of `slot`; `None` when it must not be made.
    fn make(&mut self, slot: &Slot, limit: Duration) -> Option<(u64, BTreeMap<Address, Readings>)> {
        let source = self.sources.get_mut(slot.source)?;
        let name = source.calls().get(slot.call)?.name;
        if !self.steps.enter(name, limit) {
            return None;
        }
        let mut taken = Taken::new(source.origin(), slot.card);
        let began = clock::monotonic_us();
        source.call(slot.call, slot.place, &mut taken);
        let took = clock::monotonic_us().saturating_sub(began);
        Some((took, taken.into_sweep().into_iter().map(|(address, readings)| (self.joined(slot.source, address), readings)).collect()))
    }

    /// The address under which the card is known that `source` calls `address`.
    fn joined(&self, source: usize, address: Address) -> Address {
        let Address::Index(index) = address else { return address };
        let same = |card: &&Joined| card.info.index == index && card.places.iter().any(|(of, _)| *of == source);
        self.cards.iter().find(same).map_or(address, |card| card.info.address)
    }

    /// Cheap calls into the fast lane, the cheapest first, as long as it has room.
    fn assign(&mut self) {
        let mut by_cost: Vec<usize> = (0..self.slots.len()).collect();
        by_cost.sort_by_key(|k| self.slots.get(*k).map_or(0, |slot| slot.cost_us));
        let mut room = FAST_LANE_US;
        for k in by_cost {
            if let Some(slot) = self.slots.get_mut(k) {
                slot.fast = slot.cost_us <= CHEAP_US && slot.cost_us <= room;
                if slot.fast && slot.pace == Pace::Fast {
                    room -= slot.cost_us;
                }
            }
        }
    }

    /// Makes the calls that are due: the fast lane's, then of the slow lane what its saved time allows.
    fn sweep(&mut self) -> BTreeMap<Address, Readings> {
        let mut sweep = BTreeMap::new();
        for k in 0..self.slots.len() {
            // What rarely changes is spread over its sweeps; so is what the card keeps refusing.
            let turn = (self.tick + k as u64).is_multiple_of(RARE_TICKS);
            if self.slots.get(k).is_some_and(|slot| slot.fast && (turn || slot.pace == Pace::Fast && slot.refused < REFUSALS)) {
                self.run(k, &mut sweep);
            }
        }
        self.saved_us = (self.saved_us + SLOW_LANE_US).min(SLOW_LANE_US * SAVED_TICKS);
        let slow: Vec<usize> = (0..self.slots.len()).filter(|k| self.slots.get(*k).is_some_and(|slot| !slot.fast)).collect();
        for _ in 0..slow.len() {
            self.turn = (self.turn + 1) % slow.len();
            let Some(&k) = slow.get(self.turn) else { break };
            let cost = self.slots.get(k).map_or(0, |slot| slot.cost_us);
            // A dear call waits until it is saved up for; one dearer than can be saved up is made with what there is.
            if cost > self.saved_us && self.saved_us < SLOW_LANE_US * SAVED_TICKS {
                self.turn = (self.turn + slow.len() - 1) % slow.len();
                break;
            }
            let took = self.run(k, &mut sweep);
            self.saved_us = self.saved_us.saturating_sub(took);
        }
        sweep
    }

    /// Makes the call of one slot; gives what it took, µs.
    fn run(&mut self, k: usize, sweep: &mut BTreeMap<Address, Readings>) -> u64 {
        let Some(slot) = self.slots.get(k).cloned() else { return 0 };
        let limit = LEAST_LIMIT.max(Duration::from_micros(slot.cost_us * LIMIT_FACTOR));
        let Some((took, taken)) = self.make(&slot, limit) else { return 0 };
        let mut answered = false;
        for (address, readings) in taken {
            let kept = readings.into_iter().filter(|(field, _)| address != slot.card || slot.fields.contains(field));
            for (field, reading) in kept {
                answered |= reading.value.is_some() || reading.missing.is_some_and(Missing::keeps);
                sweep.entry(address).or_default().insert(field, reading);
            }
        }
        if let Some(slot) = self.slots.get_mut(k) {
            slot.refused = if answered { 0 } else { slot.refused.saturating_add(1) };
            // A moving mean: a machine that was busy when the call was timed is not held against it for ever.
            slot.cost_us = (slot.cost_us * 7 + took) / 8;
        }
        took
    }

    /// A card of which nothing answers any more is gone: the library says "not supported" to everything then.
    fn notice_lost(&mut self, sweep: &mut BTreeMap<Address, Readings>) {
        for card in &mut self.cards {
            let Some(readings) = sweep.get_mut(&card.info.address) else { continue };
            let answers = readings.values().any(|reading| reading.value.is_some() || reading.missing.is_some_and(Missing::keeps));
            // Two sweeps in a row: one may have met a file between two writes.
            if !answers && !card.answers {
                card.lost = true;
                let (origin, at_us) = readings.values().next().map_or((Origin::Sysfs, 0), |reading| (reading.origin, reading.at_us));
                for slot in self.slots.iter().filter(|slot| slot.card == card.info.address) {
                    readings.extend(slot.fields.iter().map(|field| (*field, Reading::missing(Missing::Gone, origin, at_us))));
                }
            }
            card.answers = answers;
        }
    }

    fn processes(&mut self, out: &mut Vec<Frame>) {
        if self.cards.is_empty() || !self.steps.enter("processes", PROCESS_LIMIT) {
            return;
        }
        // Files know the memory of each process on each card; older libraries only its sum.
        let mut order: Vec<&mut Box<dyn Source>> = self.sources.iter_mut().collect();
        order.sort_by_key(|source| source.origin() != Origin::Sysfs);
        let lists: Vec<_> = order.into_iter().filter_map(|source| source.processes().ok()).collect();
        if let Some(list) = lists.iter().find(|list| !list.is_empty()).or(lists.first()) {
            let mut list = list.clone();
            self.names.fill(&mut list);
            out.push(Frame::Processes(list));
        }
    }
}

/// The slot of a card that may have another place in its source's list now.
fn moved(slot: &Slot, card: &Joined) -> Option<Slot> {
    let &(_, place) = card.places.iter().find(|(source, _)| *source == slot.source)?;
    Some(Slot { place, ..slot.clone() })
}

impl<S: Steps + Send> Feed for Lanes<S> {
    /// The sweep comes last: after the first one a face knows all that can be known at once.
    fn step(&mut self, out: &mut Vec<Frame>) -> Next {
        let there = self.cards.iter().filter(|card| !card.lost).count();
        let due = self.silent || there == 0 || there < self.known.len();
        let mut sweep = if self.tick == 0 || due && self.tick >= self.look_at { self.look(out) } else { self.sweep() };
        self.notice_lost(&mut sweep);
        if self.tick.is_multiple_of(PROCESS_TICKS) {
            self.processes(out);
        }
        if self.tick == 0 || !sweep.is_empty() {
            out.push(Frame::Sweep(sweep));
        }
        // With nothing to read the next step is the next look.
        let ticks = if self.cards.is_empty() { self.look_at.saturating_sub(self.tick).max(1) } else { 1 };
        self.tick += ticks;
        // A sweep that took longer than its second does not make the next ones hurry.
        self.next_us = (self.next_us + TICK_US * ticks).max(clock::monotonic_us());
        Next::At(self.next_us)
    }
}

#[cfg(test)]
mod tests;
