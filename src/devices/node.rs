//! The picture a face keeps of one node: every card, the host, and how fresh all of it is.

use super::{
    address::Address,
    card::CardInfo,
    field::Field,
    frame::{Frame, Group, Library, Readings},
    host::Host,
    processes::ProcessUse,
    reading::{Missing, Reading},
    source::Trouble,
};
use std::collections::BTreeMap;

/// A card whose newest reading is older than this is stale.
pub const STALE_AFTER_MS: u64 = 4_000;
/// Drivers round the two figures of memory apart.
const MEMORY_SLACK: f64 = 1.02;
/// Troubles kept, newest last.
const TROUBLES: usize = 20;

/// How far a card's figures can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Fresh.
    Ok,
    /// No new reading for a while: the sampler hangs, restarts or was stopped.
    Stale,
    /// Another process holds the card's lock.
    Busy,
    /// It was there and no longer answers.
    Lost,
}

impl State {
    /// Its word in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stale => "stale",
            Self::Busy => "busy",
            Self::Lost => "lost",
        }
    }
}

/// One card and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// What it is.
    pub info: CardInfo,
    /// Who samples it.
    pub group: Group,
    /// The newest reading of each field that was ever tried.
    pub readings: Readings,
    /// Whether its sampler still lists it.
    pub listed: bool,
}

impl Card {
    /// The reading of `field`, value or not.
    #[must_use]
    pub fn reading(&self, field: Field) -> Option<&Reading> {
        self.readings.get(&field)
    }

    /// The figure of `field`, however old.
    #[must_use]
    pub fn figure(&self, field: Field) -> Option<f64> {
        self.readings.get(&field)?.figure()
    }

    /// More memory in use than there is cannot be meant.
    fn check_memory(&mut self) {
        let (used, total) = (self.figure(Field::MemUsed), self.figure(Field::MemTotal));
        if let (Some(used), Some(total)) = (used, total)
            && used > total * MEMORY_SLACK
            && let Some(reading) = self.readings.get_mut(&Field::MemUsed)
        {
            *reading = Reading::missing(Missing::Abi, reading.origin, reading.at_us);
        }
    }

    /// Milliseconds since anything was read of it, at `now_us`; `None` before the first reading.
    #[must_use]
    pub fn age_ms(&self, now_us: u64) -> Option<u64> {
        self.readings.values().filter(|reading| reading.value.is_some()).map(|reading| reading.age_ms(now_us)).min()
    }

    /// How far its figures can be trusted at `now_us`.
    #[must_use]
    pub fn state(&self, now_us: u64) -> State {
        let any = |why| self.readings.values().any(|reading| reading.missing == Some(why));
        if !self.listed || (any(Missing::Gone) && self.readings.values().all(|reading| reading.value.is_none())) {
            State::Lost
        } else if any(Missing::Busy) {
            State::Busy
        } else if self.age_ms(now_us).is_none_or(|age| age > STALE_AFTER_MS) {
            State::Stale
        } else {
            State::Ok
        }
    }
}

/// One node: cards by address, host, processes, and what went wrong with sampling.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    cards: BTreeMap<Address, Card>,
    /// The host, once it was read.
    pub host: Option<Host>,
    processes: BTreeMap<Group, Vec<ProcessUse>>,
    libraries: BTreeMap<Group, Vec<Library>>,
    /// What went wrong, newest last.
    pub troubles: Vec<Trouble>,
}

impl Node {
    /// Of that name, with nothing known of it yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Cards in the order of their indices.
    #[must_use]
    pub fn cards(&self) -> Vec<&Card> {
        let mut all: Vec<&Card> = self.cards.values().collect();
        all.sort_by_key(|card| (card.info.index, card.info.address));
        all
    }

    /// The card at `address`.
    #[must_use]
    pub fn card(&self, address: Address) -> Option<&Card> {
        self.cards.get(&address)
    }

    /// Processes on the cards.
    pub fn processes(&self) -> impl Iterator<Item = &ProcessUse> {
        self.processes.values().flatten()
    }

    /// Libraries in use.
    pub fn libraries(&self) -> impl Iterator<Item = &Library> {
        self.libraries.values().flatten()
    }

    /// Takes in what the sampler of `group` sent.
    pub fn take(&mut self, group: Group, frame: Frame) {
        match frame {
            Frame::Cards { libraries, cards } => self.list(group, libraries, cards),
            Frame::Sweep(sweep) => {
                for (address, readings) in sweep {
                    let Some(card) = self.cards.get_mut(&address) else { continue };
                    for (field, reading) in readings {
                        match card.readings.get_mut(&field) {
                            Some(known) => known.follow(reading),
                            None => drop(card.readings.insert(field, reading)),
                        }
                    }
                    card.check_memory();
                }
            }
            Frame::Processes(processes) => drop(self.processes.insert(group, processes)),
            Frame::Host(host) => self.host = Some(*host),
            Frame::Trouble(trouble) => {
                self.troubles.retain(|known| *known != trouble);
                self.troubles.push(trouble);
                if self.troubles.len() > TROUBLES {
                    self.troubles.remove(0);
                }
            }
        }
    }

    /// The mean of `field` over the cards that have it.
    #[must_use]
    pub fn mean(&self, field: Field) -> Option<f64> {
        let figures: Vec<f64> = self.cards.values().filter_map(|card| card.figure(field)).collect();
        (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
    }

    /// The sum of `field` over the cards that have it.
    #[must_use]
    pub fn sum(&self, field: Field) -> Option<f64> {
        let mut figures = self.cards.values().filter_map(|card| card.figure(field)).peekable();
        figures.peek().is_some().then(|| figures.sum())
    }

    fn list(&mut self, group: Group, libraries: Vec<Library>, cards: Vec<CardInfo>) {
        self.libraries.insert(group, libraries);
        for card in self.cards.values_mut().filter(|card| card.group == group) {
            card.listed = false;
        }
        for info in cards {
            match self.cards.get_mut(&info.address) {
                Some(card) => (card.info, card.group, card.listed) = (info, group, true),
                None => drop(self.cards.insert(info.address, Card { info, group, readings: Readings::new(), listed: true })),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::{Origin, Vendor};

    fn two() -> (Node, Address, Address) {
        let (a, b) = ("43:00.0".parse().expect("reads"), "47:00.0".parse().expect("reads"));
        let mut node = Node::new("n");
        node.take(
            Group::Dcu,
            Frame::Cards {
                libraries: Vec::new(),
                // By index, not by address.
                cards: vec![CardInfo::new(b, 0, Vendor::Hygon), CardInfo::new(a, 1, Vendor::Hygon)],
            },
        );
        (node, a, b)
    }

    fn sweep(card: Address, field: Field, reading: Reading) -> Frame {
        Frame::Sweep(BTreeMap::from([(card, BTreeMap::from([(field, reading)]))]))
    }

    #[test]
    fn a_card_is_stale_until_it_was_read_and_again_when_nothing_comes() {
        let (mut node, a, _) = two();
        let state = |node: &Node, now| node.card(a).expect("listed").state(now);
        assert_eq!(state(&node, 0), State::Stale);
        node.take(Group::Dcu, sweep(a, Field::UtilPct, Reading::number(Field::UtilPct, 0.0, Origin::Rsmi, 0, 1_000)));
        assert_eq!(state(&node, 1_000), State::Ok);
        assert_eq!(state(&node, 1_000 + (STALE_AFTER_MS + 1) * 1_000), State::Stale);
        assert_eq!(node.card(a).expect("listed").age_ms(3_001_000), Some(3_000));
    }

    #[test]
    fn a_held_card_is_busy_a_silent_or_unlisted_one_lost_and_back_when_it_answers() {
        let (mut node, a, b) = two();
        let good = |at| Reading::number(Field::UtilPct, 5.0, Origin::Rsmi, 0, at);
        let bad = |why| Reading::missing(why, Origin::Rsmi, 2);
        let state = |node: &Node, card| node.card(card).expect("known").state(2);
        node.take(Group::Dcu, sweep(a, Field::UtilPct, good(1)));
        node.take(Group::Dcu, sweep(a, Field::UtilPct, bad(Missing::Busy)));
        assert_eq!((state(&node, a), node.card(a).expect("known").figure(Field::UtilPct)), (State::Busy, Some(5.0)));
        node.take(Group::Dcu, sweep(a, Field::UtilPct, bad(Missing::Gone)));
        assert_eq!((state(&node, a), node.card(a).expect("known").figure(Field::UtilPct)), (State::Lost, None));
        node.take(Group::Dcu, sweep(a, Field::UtilPct, good(2)));
        assert_eq!(state(&node, a), State::Ok);
        node.take(Group::Dcu, Frame::Cards { libraries: Vec::new(), cards: vec![CardInfo::new(b, 0, Vendor::Hygon)] });
        assert_eq!(state(&node, a), State::Lost);
        node.take(Group::Nvidia, Frame::Cards { libraries: Vec::new(), cards: Vec::new() });
        assert!(node.card(b).expect("known").listed, "another sampler's list says nothing of it");
        assert_eq!(node.cards().iter().map(|card| card.info.address).collect::<Vec<_>>(), [b, a]);
    }

    #[test]
    fn more_memory_in_use_than_there_is_is_no_figure() {
        let (mut node, a, _) = two();
        let memory = |field, gib: f64| Reading::number(field, gib * 1e9, Origin::Rsmi, 0, 1);
        node.take(Group::Dcu, sweep(a, Field::MemTotal, memory(Field::MemTotal, 64.0)));
        node.take(Group::Dcu, sweep(a, Field::MemUsed, memory(Field::MemUsed, 64.5)));
        assert_eq!(node.card(a).expect("known").figure(Field::MemUsed), Some(64.5e9));
        node.take(Group::Dcu, sweep(a, Field::MemUsed, memory(Field::MemUsed, 128.0)));
        let used = node.card(a).expect("known").reading(Field::MemUsed).expect("was tried");
        assert_eq!((used.figure(), used.missing), (None, Some(Missing::Abi)));
    }

    #[test]
    fn figures_of_the_node_leave_out_cards_without_one() {
        let (mut node, a, b) = two();
        assert_eq!((node.mean(Field::UtilPct), node.sum(Field::Power)), (None, None));
        node.take(Group::Dcu, sweep(a, Field::UtilPct, Reading::number(Field::UtilPct, 40.0, Origin::Rsmi, 0, 1)));
        node.take(Group::Dcu, sweep(b, Field::UtilPct, Reading::missing(Missing::Permission, Origin::Rsmi, 1)));
        assert_eq!(node.mean(Field::UtilPct), Some(40.0));
    }

    #[test]
    fn frames_cross_a_pipe_unchanged() {
        let (_, a, _) = two();
        for frame in [
            sweep(a, Field::UtilPct, Reading::number(Field::UtilPct, 40.0, Origin::Rsmi, 0, 1)),
            Frame::Cards { libraries: Vec::new(), cards: vec![CardInfo::new(a, 0, Vendor::Amd)] },
            Frame::Host(Box::new(Host { cpu_pct: Some(1.5), ..Host::default() })),
            Frame::Processes(vec![ProcessUse { pid: 7, card: a, mem_bytes: None, util_pct: None, who: crate::devices::Who::default() }]),
            Frame::Trouble(Trouble::new("rsmi.init", crate::said!("no", "否"))),
        ] {
            let line = serde_json::to_string(&frame).expect("writes");
            assert_eq!(serde_json::from_str::<Frame>(&line).expect("reads"), frame, "{line}");
        }
    }
}
