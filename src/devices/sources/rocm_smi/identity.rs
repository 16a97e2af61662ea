//! What a card is, and how it is joined to the others.

use super::{CALL_LIMIT, RocmSmi, decode};
use crate::devices::{Address, CardInfo, Link, LinkKind, Missing, Steps, Vendor};

impl RocmSmi {
    /// Identity of a card; without an address there is no telling it from others.
    pub(super) fn info(&self, card: u32, place: u32) -> Result<CardInfo, Missing> {
        let address = get!(self.rsmi, rsmi_dev_pci_id_get(card)).map(Address::of_rsmi)?;
        let vendor_id: Option<u16> = get!(self.rsmi, rsmi_dev_vendor_id_get(card)).ok();
        let device_id: Option<u16> = get!(self.rsmi, rsmi_dev_id_get(card)).ok();
        let mut info = CardInfo::new(address, place, vendor_id.map_or(Vendor::Other, Vendor::of_pci));
        info.pci_ids = vendor_id.zip(device_id);
        info.name = words!(self.rsmi, rsmi_dev_name_get(card));
        info.serial = words!(self.rsmi, rsmi_dev_serial_number_get(card));
        info.vbios = words!(self.rsmi, rsmi_dev_vbios_version_get(card));
        info.unique_id = get!(self.rsmi, rsmi_dev_unique_id_get(card)).ok().map(|id: u64| format!("{id:016x}"));
        info.numa_node = get!(self.rsmi, rsmi_topo_numa_affinity_get(card)).ok().and_then(|node: i32| u32::try_from(node).ok());
        info.minor = get!(self.rsmi, rsmi_dev_drm_render_minor_get(card)).ok();
        info.cores = get!(self.rsmi, rsmi_dev_cu_num_get(card)).ok().and_then(|cores: i32| u32::try_from(cores).ok());
        Ok(info)
    }

    /// Ways from a card to the others.
    pub(super) fn links(&self, card: u32, steps: &mut dyn Steps) -> Vec<Link> {
        let mut links = Vec::new();
        for (&to, &address) in self.indices.iter().zip(&self.addresses).filter(|(to, _)| **to != card) {
            let Ok(get) = &self.rsmi.rsmi_topo_get_link_type else { break };
            // Debian's build ends the process here by an assertion when two cards are joined by PCIe directly.
            if !steps.enter("rsmi_topo_get_link_type", CALL_LIMIT) {
                break;
            }
            let (mut hops, mut kind) = (0, 0);
            // SAFETY: as the header says; both outlive the call.
            if decode::checked(unsafe { get(card, to, &raw mut hops, &raw mut kind) }).is_err() {
                continue;
            }
            let kind = match kind {
                1 => LinkKind::Pcie,
                2 => LinkKind::Xgmi,
                _ => LinkKind::Unknown,
            };
            let weight = get!(self.rsmi, rsmi_topo_get_link_weight(card, to)).ok();
            links.push(Link { to: address, kind, hops: Some(hops), weight });
        }
        links
    }
}
