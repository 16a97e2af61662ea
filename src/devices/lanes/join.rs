//! One list of cards out of several sources' lists.

use crate::devices::{Address, CardInfo};

/// One card as the sources together know it.
#[derive(Debug, Clone)]
pub(super) struct Joined {
    pub(super) info: CardInfo,
    /// Source and place in its list.
    pub(super) places: Vec<(usize, usize)>,
    /// Whether any call gave a value in the last sweep that asked it.
    pub(super) answers: bool,
    pub(super) lost: bool,
}

impl Joined {
    /// The sources that know it.
    pub(super) fn sources(&self) -> Vec<usize> {
        self.places.iter().map(|(source, _)| *source).collect()
    }
}

/// Cards of all sources by address; those known by index only join the card of that index, or stay by index when there is none.
pub(super) fn join(lists: &[Vec<CardInfo>]) -> Vec<Joined> {
    let mut cards: Vec<Joined> = Vec::new();
    // Addresses first: an index alone cannot be joined to what is not there yet.
    for by_address in [true, false] {
        for (source, list) in lists.iter().enumerate() {
            for (place, info) in list.iter().enumerate().filter(|(_, info)| info.address.is_pci() == by_address) {
                let same = |card: &&mut Joined| match info.address {
                    Address::Index(index) => card.info.index == index && card.info.vendor == info.vendor,
                    address @ Address::Pci { .. } => card.info.address == address,
                };
                match cards.iter_mut().find(same) {
                    Some(card) => {
                        card.places.push((source, place));
                        fill(&mut card.info, info);
                    }
                    None => cards.push(Joined { info: info.clone(), places: vec![(source, place)], answers: true, lost: false }),
                }
            }
        }
    }
    cards
}

/// What `known` lacks and `other` has.
fn fill(known: &mut CardInfo, other: &CardInfo) {
    known.pci_ids = known.pci_ids.or(other.pci_ids);
    known.name = known.name.take().or_else(|| other.name.clone());
    known.serial = known.serial.take().or_else(|| other.serial.clone());
    known.unique_id = known.unique_id.take().or_else(|| other.unique_id.clone());
    known.vbios = known.vbios.take().or_else(|| other.vbios.clone());
    known.numa_node = known.numa_node.or(other.numa_node);
    known.minor = known.minor.or(other.minor);
    known.cores = known.cores.or(other.cores);
    if known.links.is_empty() {
        known.links.clone_from(&other.links);
    }
}
