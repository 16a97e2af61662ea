//! The two traits of samplers: [`Source`], single calls on cards; [`Feed`], anything that gives frames at its own pace.

use super::{
    address::Address,
    card::CardInfo,
    field::Field,
    frame::{Frame, Library, Readings},
    processes::ProcessUse,
    reading::{Missing, Origin, Reading},
};
use crate::base::{Said, clock};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// Something of a sampler that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Stable word for scripts and alarms, such as `rsmi.init`.
    pub kind: String,
    /// What happened, in both languages.
    pub said: Said,
}

impl Trouble {
    /// Under that word.
    #[must_use]
    pub fn new(kind: &str, said: Said) -> Self {
        Self { kind: kind.to_owned(), said }
    }
}

/// One kind of call a source can make on a card, and the fields it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The function, file or flag: what a log names.
    pub name: &'static str,
    /// What it reads. A field may stand in several calls, also of several sources: the one of the least rank that works and is
    /// cheap is used.
    pub fields: &'static [Field],
    /// Order among calls that read the same field, the least first.
    pub rank: u8,
    /// Whether one call serves all cards (a command that prints a table).
    pub all_cards: bool,
}

impl Call {
    /// The rank of a call that is as good as the next.
    pub const RANK: u8 = 10;

    /// A call on one card, of the usual rank.
    #[must_use]
    pub const fn new(name: &'static str, fields: &'static [Field]) -> Self {
        Self { name, fields, rank: Self::RANK, all_cards: false }
    }

    /// Preferred over calls of a greater rank.
    #[must_use]
    pub const fn rank(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }
}

/// Where a source says what it is about to do, so that a call that hangs or ends the process is known by name and left out the
/// next time. Calls made through [`Source::call`] are announced for the source; those inside [`Source::cards`] it announces itself.
pub trait Steps {
    /// `name` is about to be called and may take `limit`; `false` when it must not be called.
    fn enter(&mut self, name: &'static str, limit: Duration) -> bool;
}

/// [`Steps`] of a source that nobody watches: everything may be called.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Steps for Unwatched {
    fn enter(&mut self, _: &'static str, _: Duration) -> bool {
        true
    }
}

/// A sampler of cards. It keeps its own list of cards, by index, and lives in one thread.
pub trait Source: Send {
    /// Who stands behind its readings.
    fn origin(&self) -> Origin;

    /// The library in use, `None` for plain files.
    fn library(&self) -> Option<Library>;

    /// Looks for the cards there are now, also again after a card was lost. Their place in the list is the `card` of the other functions.
    ///
    /// # Errors
    /// When there is no telling: the library does not start, the driver is not loaded.
    fn cards(&mut self, steps: &mut dyn Steps) -> Result<Vec<CardInfo>, Trouble>;

    /// The calls it can make, in the order of preference where two read the same field.
    fn calls(&self) -> &[Call];

    /// Makes the call with that place in [`Source::calls`] on a card (any card where it serves all) and puts down each of its
    /// fields, value or not.
    fn call(&mut self, call: usize, card: usize, taken: &mut Taken);

    /// Every process on every card, without [`ProcessUse::who`].
    ///
    /// # Errors
    /// When the source does not know processes.
    fn processes(&mut self) -> Result<Vec<ProcessUse>, Missing> {
        Err(Missing::NotSupported)
    }
}

/// Where a [`Source`] puts what a call gave.
#[derive(Debug)]
pub struct Taken {
    origin: Origin,
    at_us: u64,
    card: Address,
    sweep: BTreeMap<Address, Readings>,
}

impl Taken {
    /// For a call on `card`, made now.
    #[must_use]
    pub fn new(origin: Origin, card: Address) -> Self {
        Self { origin, at_us: clock::monotonic_us(), card, sweep: BTreeMap::new() }
    }

    /// What follows is of that card: for calls that serve all cards.
    pub fn of(&mut self, card: Address) -> &mut Self {
        self.card = card;
        self
    }

    /// A figure in the field's unit, over the last `window_ms` (0: now).
    pub fn number(&mut self, field: Field, value: f64, window_ms: u32) {
        self.put(field, Reading::number(field, value, self.origin, window_ms, self.at_us));
    }

    /// Words.
    pub fn words(&mut self, field: Field, words: &str) {
        self.put(field, Reading::words(words, self.origin, self.at_us));
    }

    /// Nothing, and why.
    pub fn missing(&mut self, field: Field, why: Missing) {
        self.put(field, Reading::missing(why, self.origin, self.at_us));
    }

    /// A figure or why there is none.
    pub fn result(&mut self, field: Field, value: Result<f64, Missing>, window_ms: u32) {
        match value {
            Ok(value) => self.number(field, value, window_ms),
            Err(why) => self.missing(field, why),
        }
    }

    fn put(&mut self, field: Field, reading: Reading) {
        self.sweep.entry(self.card).or_default().insert(field, reading);
    }

    /// All of it.
    #[must_use]
    pub fn into_sweep(self) -> BTreeMap<Address, Readings> {
        self.sweep
    }
}

/// When a [`Feed`] wants to be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At that moment of `CLOCK_MONOTONIC`, µs.
    At(u64),
    /// Never: it has ended.
    End,
}

/// Anything that gives frames at its own pace: cards through their lanes, the host, a replayed file, another node's exporter.
pub trait Feed: Send {
    /// Adds the frames that are due now to `out`.
    fn step(&mut self, out: &mut Vec<Frame>) -> Next;
}
