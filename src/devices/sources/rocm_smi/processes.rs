//! Processes as the library knows them.

use super::{RocmSmi, bindings::rsmi_room, decode};
use crate::devices::{Missing, ProcessUse, Who};
use std::ptr;

/// Processes asked for at once beyond those the library counted.
const MORE_PROCESSES: u32 = 16;
/// Words of one process in every version: pid and pasid, memory, sdma, compute units.
const PROCESS_WORDS: usize = 4;

impl RocmSmi {
    /// Every process on every card.
    pub(super) fn uses(&self) -> Result<Vec<ProcessUse>, Missing> {
        Ok(self.pids()?.into_iter().flat_map(|pid| self.uses_of(pid)).collect())
    }

    /// Every process that has a card open.
    fn pids(&self) -> Result<Vec<u32>, Missing> {
        let Ok(get) = &self.rsmi.rsmi_compute_process_info_get else { return Err(Missing::NotSupported) };
        let mut count = 0;
        // SAFETY: as the header says; without room only their number is written.
        decode::checked(unsafe { get(ptr::null_mut(), &raw mut count) })?;
        count = count.saturating_add(MORE_PROCESSES);
        let words = PROCESS_WORDS * usize::try_from(count).unwrap_or(0);
        let mut rooms = vec![rsmi_room::default(); words / 512 + 1];
        // SAFETY: as the header says; there is room for `count` processes of 32 bytes.
        decode::checked(unsafe { get(rooms.as_mut_ptr(), &raw mut count) })?;
        let words: Vec<u64> = rooms.iter().flat_map(|room| room.words).collect();
        let all = words.chunks_exact(PROCESS_WORDS).take(usize::try_from(count).unwrap_or(0));
        Ok(all.filter_map(|process| process.first().map(|word| low(*word))).filter(|pid| *pid != 0).collect())
    }

    /// The library's indices of the cards `pid` uses.
    fn cards_of(&self, pid: u32) -> Result<Vec<u32>, Missing> {
        let Ok(get) = &self.rsmi.rsmi_compute_process_gpus_get else { return Err(Missing::NotSupported) };
        let mut cards = vec![0_u32; self.indices.len().max(64)];
        let mut count = size(cards.len());
        // SAFETY: as the header says; there is room for `count` indices.
        decode::checked(unsafe { get(pid, cards.as_mut_ptr(), &raw mut count) })?;
        cards.truncate(usize::try_from(count).unwrap_or(0));
        Ok(cards)
    }

    fn uses_of(&self, pid: u32) -> Vec<ProcessUse> {
        let one = |card, mem_bytes| ProcessUse { pid, card, mem_bytes, util_pct: None, who: Who::default() };
        let memory = |room: rsmi_room| room.words.get(1).copied();
        if self.rsmi.rsmi_compute_process_info_by_device_get.is_ok() {
            let each = self.indices.iter().zip(&self.addresses).filter_map(|(&index, &address)| {
                let bytes = get!(self.rsmi, rsmi_compute_process_info_by_device_get(pid, index)).ok().and_then(memory)?;
                (bytes > 0).then(|| one(address, Some(bytes)))
            });
            return each.collect();
        }
        let cards = self.cards_of(pid).unwrap_or_default();
        // This figure is the sum over all cards: it is that of a card only when there is one.
        let bytes = if cards.len() == 1 { get!(self.rsmi, rsmi_compute_process_info_by_pid_get(pid)).ok().and_then(memory) } else { None };
        let place = |card: &u32| self.indices.iter().position(|index| index == card);
        cards.iter().filter_map(|card| Some(one(*self.addresses.get(place(card)?)?, bytes))).collect()
    }
}

fn size(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn low(word: u64) -> u32 {
    word as u32
}
