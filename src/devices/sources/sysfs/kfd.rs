//! Processes on cards, from the files of the compute driver.

use super::{names, text};
use crate::devices::{Address, Missing, ProcessUse, Who};
use std::{collections::BTreeMap, path::Path};

/// Every process below `proc`, with its memory on each card it uses.
pub(super) fn processes(kfd: &Path, cards: &[Address]) -> Result<Vec<ProcessUse>, Missing> {
    let proc = kfd.join("proc");
    if !proc.is_dir() {
        return Err(Missing::NotSupported);
    }
    let numbered = numbered(&kfd.join("topology/nodes"));
    let mut found = Vec::new();
    for pid in names(&proc).iter().filter_map(|name| name.parse::<u32>().ok()) {
        for (gpu, address) in numbered.iter().filter(|(_, address)| cards.contains(address)) {
            let folder = proc.join(pid.to_string());
            let bytes = text(&folder.join(format!("vram_{gpu}"))).ok().and_then(|text| text.parse::<u64>().ok());
            // The driver makes a file for every card the process opened; one it does not use holds 0.
            if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
                found.push(ProcessUse { pid, card: *address, mem_bytes: Some(bytes), util_pct: None, who: Who::default() });
            }
        }
    }
    Ok(found)
}

/// The driver's own numbers of the cards.
fn numbered(nodes: &Path) -> BTreeMap<u64, Address> {
    let one = |name: &String| {
        let node = nodes.join(name);
        let gpu = text(&node.join("gpu_id")).ok()?.parse::<u64>().ok().filter(|gpu| *gpu != 0)?;
        let properties = text(&node.join("properties")).ok()?;
        let property =
            |name: &str| properties.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse::<u64>().ok());
        Some((gpu, Address::of_rsmi(property("domain").unwrap_or(0) << 32 | property("location_id")?)))
    };
    names(nodes).iter().filter_map(one).collect()
}
