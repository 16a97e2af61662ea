//! Files below `/sys`, as the drivers of AMD and Hygon write them: works without any library, also in a container.
//!
//! Deliberately absent: `chip_power_average`, whose unit is documented as another than its values show.

mod kfd;

use crate::{
    base::clean,
    devices::{Address, Call, CardInfo, Field, Library, Missing, Origin, ProcessUse, Source, Steps, Taken, Trouble, Vendor},
    said,
};
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

/// Before a vendor's library: the file is the cheaper way to the same figure.
const CHEAP: u8 = 5;
/// After a vendor's library.
const FALLBACK: u8 = 20;
/// Looking at the files of one card.
const LOOK_LIMIT: Duration = Duration::from_secs(3);

/// How the text of a file is read.
#[derive(Clone, Copy)]
enum Form {
    /// A number, divided.
    Number(f64),
    /// `16.0 GT/s PCIe`: the generation.
    Generation,
    /// `1: 800Mhz *`: the marked clock and the greatest.
    Clocks,
    /// `ue: 1` and `ce: 17`.
    Errors,
    /// Words.
    Words,
}

/// Where a file lies.
#[derive(Clone, Copy)]
enum At {
    /// In the device's folder.
    Device(&'static str),
    /// In its hwmon folder.
    Hwmon(&'static str),
    /// The temperature of that label in its hwmon folder.
    Sensor(&'static str),
}

struct Row {
    call: Call,
    at: At,
    form: Form,
}

const fn row(name: &'static str, fields: &'static [Field], at: At, form: Form, rank: u8) -> Row {
    Row { call: Call::new(name, fields).rank(rank), at, form }
}

const fn device(name: &'static str, fields: &'static [Field], form: Form) -> Row {
    row(name, fields, At::Device(name), form, FALLBACK)
}

const ROWS: &[Row] = &[
    row("gpu_busy_percent", &[Field::UtilPct], At::Device("gpu_busy_percent"), Form::Number(1.0), CHEAP),
    device("mem_busy_percent", &[Field::MemBusyPct], Form::Number(1.0)),
    device("mem_info_vram_used", &[Field::MemUsed], Form::Number(1.0)),
    device("mem_info_vram_total", &[Field::MemTotal], Form::Number(1.0)),
    row("temp edge", &[Field::TempEdge], At::Sensor("edge"), Form::Number(1e3), FALLBACK),
    row("temp junction", &[Field::TempJunction], At::Sensor("junction"), Form::Number(1e3), FALLBACK),
    row("temp mem", &[Field::TempMemory], At::Sensor("mem"), Form::Number(1e3), FALLBACK),
    row("temp core", &[Field::TempCore], At::Sensor("core"), Form::Number(1e3), FALLBACK),
    row("temp2_crit", &[Field::TempLimit], At::Hwmon("temp2_crit"), Form::Number(1e3), FALLBACK),
    row("power1_average", &[Field::Power], At::Hwmon("power1_average"), Form::Number(1e6), FALLBACK),
    row("power1_input", &[Field::Power], At::Hwmon("power1_input"), Form::Number(1e6), FALLBACK + 1),
    row("power1_cap", &[Field::PowerCap], At::Hwmon("power1_cap"), Form::Number(1e6), FALLBACK),
    row("in0_input", &[Field::Voltage], At::Hwmon("in0_input"), Form::Number(1.0), FALLBACK),
    device("pp_dpm_sclk", &[Field::CoreClk, Field::CoreClkMax], Form::Clocks),
    device("pp_dpm_mclk", &[Field::MemClk, Field::MemClkMax], Form::Clocks),
    device("current_link_speed", &[Field::LinkGen], Form::Generation),
    device("current_link_width", &[Field::LinkWidth], Form::Number(1.0)),
    device("max_link_speed", &[Field::LinkGenMax], Form::Generation),
    device("max_link_width", &[Field::LinkWidthMax], Form::Number(1.0)),
    device("pcie_replay_count", &[Field::PcieReplays], Form::Number(1.0)),
    device("ras/umc_err_count", &[Field::EccCe, Field::EccUe], Form::Errors),
    device("power_dpm_force_performance_level", &[Field::PerfLevel], Form::Words),
];

struct Found {
    device: PathBuf,
    hwmon: Option<PathBuf>,
    /// `temp1_input` and so on by label.
    sensors: Vec<(String, PathBuf)>,
    address: Address,
}

/// The files of all cards.
pub struct Sysfs {
    root: PathBuf,
    calls: Vec<Call>,
    found: Vec<Found>,
}

impl Sysfs {
    /// Below `root`, which is `/sys` but for tests.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), calls: ROWS.iter().map(|row| row.call).collect(), found: Vec::new() }
    }

    fn look(&self, number: u32, place: u32) -> Option<(CardInfo, Found)> {
        let device = fs::canonicalize(self.root.join(format!("class/drm/card{number}/device"))).ok()?;
        let hex = |file: &str| u16::from_str_radix(text(&device.join(file)).ok()?.trim_start_matches("0x"), 16).ok();
        let vendor_id = hex("vendor")?;
        let vendor = Vendor::of_pci(vendor_id);
        if !matches!(vendor, Vendor::Hygon | Vendor::Amd) {
            return None;
        }
        let address: Address = device.file_name()?.to_str()?.parse().ok()?;
        let words = |file: &str| text(&device.join(file)).ok().map(|text| clean(&text).into_owned()).filter(|text| !text.is_empty());
        let mut info = CardInfo::new(address, place, vendor);
        info.pci_ids = hex("device").map(|id| (vendor_id, id));
        info.name = words("product_name");
        info.serial = words("serial_number");
        info.unique_id = words("unique_id");
        info.vbios = words("vbios_version");
        info.numa_node = words("numa_node").and_then(|node| node.parse().ok());
        info.minor = names(&device.join("drm")).iter().find_map(|name| name.strip_prefix("renderD")?.parse().ok());
        let hwmon = names(&device.join("hwmon")).first().map(|name| device.join("hwmon").join(name));
        let sensors = hwmon.iter().flat_map(|hwmon| sensors(hwmon)).collect();
        Some((info, Found { device, hwmon, sensors, address }))
    }
}

/// `temp1_input` … `temp4_input` by their labels; without one the first is the edge's.
fn sensors(hwmon: &Path) -> Vec<(String, PathBuf)> {
    let one = |k: u32| {
        let label = text(&hwmon.join(format!("temp{k}_label"))).ok().or_else(|| (k == 1).then(|| "edge".to_owned()))?;
        Some((label, hwmon.join(format!("temp{k}_input"))))
    };
    (1..=4).filter_map(one).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The text of a file without the blanks around it.
fn text(path: &Path) -> Result<String, Missing> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Missing::NotSupported,
            ErrorKind::PermissionDenied => Missing::Permission,
            ErrorKind::ResourceBusy => Missing::Busy,
            _ => match error.raw_os_error() {
                // What a driver answers for a card that fell off the bus.
                Some(libc::ENODEV | libc::ENXIO) => Missing::Gone,
                Some(libc::EOPNOTSUPP | libc::EINVAL) => Missing::NotSupported,
                code => Missing::Other(code.unwrap_or(-1)),
            },
        }),
    }
}

/// PCIe generation of a speed such as `16.0 GT/s PCIe`.
fn generation(text: &str) -> Option<f64> {
    let speed: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    let known = [2.5, 5.0, 8.0, 16.0, 32.0, 64.0];
    known.iter().zip(1_u8..).find(|(of, _)| (speed - **of).abs() < 0.1).map(|(_, generation)| generation.into())
}

/// The marked clock and the greatest, MHz, of lines such as `1: 800Mhz *`.
fn clocks(text: &str) -> Option<(f64, f64)> {
    let (mut now, mut most) = (None, None::<f64>);
    for line in text.lines() {
        let (_, rest) = line.split_once(':')?;
        let figure = rest.trim().trim_end_matches('*').trim();
        let digits = figure.len() - figure.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let mhz: f64 = figure.get(..digits)?.parse().ok()?;
        most = Some(most.map_or(mhz, |most| most.max(mhz)));
        if line.contains('*') {
            now = Some(mhz);
        }
    }
    Some((now?, most?))
}

/// The count after `ue:` or `ce:`.
fn errors(text: &str, which: &str) -> Option<f64> {
    text.lines().find_map(|line| line.trim().strip_prefix(which)?.trim().parse::<u64>().ok()).map(|count| count as f64)
}

impl Source for Sysfs {
    fn origin(&self) -> Origin {
        Origin::Sysfs
    }

    fn library(&self) -> Option<Library> {
        None
    }

    fn cards(&mut self, steps: &mut dyn Steps) -> Result<Vec<CardInfo>, Trouble> {
        self.found = Vec::new();
        let drm = self.root.join("class/drm");
        if !drm.is_dir() {
            return Err(Trouble::new("sysfs.drm", said!("no graphics or accelerator driver is loaded", "未加载显卡或加速卡驱动")));
        }
        let mut numbers: Vec<u32> = names(&drm).iter().filter_map(|name| name.strip_prefix("card")?.parse().ok()).collect();
        numbers.sort_unstable();
        let mut cards = Vec::new();
        for number in numbers {
            if !steps.enter("files of a card (sysfs)", LOOK_LIMIT) {
                break;
            }
            let place = u32::try_from(cards.len()).unwrap_or(u32::MAX);
            if let Some((info, found)) = self.look(number, place) {
                cards.push(info);
                self.found.push(found);
            }
        }
        Ok(cards)
    }

    fn calls(&self) -> &[Call] {
        &self.calls
    }

    fn call(&mut self, call: usize, card: usize, taken: &mut Taken) {
        let (Some(row), Some(found)) = (ROWS.get(call), self.found.get(card)) else { return };
        let path = match row.at {
            At::Device(file) => Some(found.device.join(file)),
            At::Hwmon(file) => found.hwmon.as_ref().map(|hwmon| hwmon.join(file)),
            At::Sensor(label) => found.sensors.iter().find(|(known, _)| known == label).map(|(_, path)| path.clone()),
        };
        // An empty file was caught between two writes (only ever seen on files that stand in for sysfs): once more.
        let read = |path: &Path| text(path).and_then(|first| if first.is_empty() { text(path) } else { Ok(first) });
        let content = path.ok_or(Missing::NotSupported).and_then(|path| read(&path));
        let content = match content {
            Ok(content) => content,
            Err(why) => {
                for field in row.call.fields {
                    taken.missing(*field, why);
                }
                return;
            }
        };
        let values: [Option<f64>; 2] = match row.form {
            Form::Words => {
                for field in row.call.fields {
                    taken.words(*field, &content);
                }
                return;
            }
            Form::Number(divisor) => [content.parse::<f64>().ok().map(|value| value / divisor), None],
            Form::Generation => [generation(&content), None],
            Form::Clocks => clocks(&content).map_or([None; 2], |(now, most)| [Some(now), Some(most)]),
            Form::Errors => [errors(&content, "ce:"), errors(&content, "ue:")],
        };
        for (field, value) in row.call.fields.iter().zip(values) {
            taken.result(*field, value.ok_or(Missing::Abi), 0);
        }
    }

    fn processes(&mut self) -> Result<Vec<ProcessUse>, Missing> {
        let cards: Vec<Address> = self.found.iter().map(|found| found.address).collect();
        kfd::processes(&self.root.join("class/kfd/kfd"), &cards)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Unwatched;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    fn card(root: &Path, files: &[(&str, &str)]) {
        let device = root.join("devices/0000:43:00.0");
        fs::create_dir_all(root.join("class/drm/card0")).expect("mkdir");
        for (file, content) in files {
            let path = device.join(file);
            fs::create_dir_all(path.parent().expect("has one")).expect("mkdir");
            fs::write(path, content).expect("writes");
        }
        symlink(device, root.join("class/drm/card0/device")).expect("links");
    }

    fn read(sysfs: &mut Sysfs, name: &str) -> Vec<(Field, Option<f64>, Option<Missing>)> {
        let call = sysfs.calls().iter().position(|call| call.name == name).expect("is a call");
        let mut taken = Taken::new(Origin::Sysfs, "43:00.0".parse().expect("reads"));
        sysfs.call(call, 0, &mut taken);
        let sweep = taken.into_sweep().into_values().next().expect("one card");
        sweep.into_iter().map(|(field, reading)| (field, reading.figure(), reading.missing)).collect()
    }

    #[test]
    fn files_of_a_card_give_figures_in_the_units_of_their_fields() {
        let root = tempfile::tempdir().expect("temporary folder");
        card(
            root.path(),
            &[
                ("vendor", "0x1d94\n"),
                ("device", "0x6210\n"),
                ("gpu_busy_percent", "97\n"),
                ("hwmon/hwmon3/temp2_label", "junction\n"),
                ("hwmon/hwmon3/temp2_input", "57000\n"),
                ("hwmon/hwmon3/power1_average", "100000000\n"),
                ("pp_dpm_sclk", "0: 300Mhz \n1: 1500Mhz *\n"),
                ("current_link_speed", "16.0 GT/s PCIe\n"),
                ("ras/umc_err_count", "ue: 1\nce: 17\n"),
                ("numa_node", "-1\n"),
            ],
        );
        let mut sysfs = Sysfs::at(root.path());
        let cards = sysfs.cards(&mut Unwatched).expect("looks");
        assert_eq!((cards[0].vendor, cards[0].numa_node, cards[0].serial.as_deref()), (Vendor::Hygon, None, None));
        assert_eq!(read(&mut sysfs, "gpu_busy_percent"), [(Field::UtilPct, Some(97.0), None)]);
        assert_eq!(read(&mut sysfs, "temp junction"), [(Field::TempJunction, Some(57.0), None)]);
        assert_eq!(read(&mut sysfs, "temp edge"), [(Field::TempEdge, None, Some(Missing::NotSupported))]);
        assert_eq!(read(&mut sysfs, "power1_average"), [(Field::Power, Some(100.0), None)]);
        assert_eq!(read(&mut sysfs, "pp_dpm_sclk"), [(Field::CoreClk, Some(1500.0), None), (Field::CoreClkMax, Some(1500.0), None)]);
        assert_eq!(read(&mut sysfs, "current_link_speed"), [(Field::LinkGen, Some(4.0), None)]);
        assert_eq!(read(&mut sysfs, "ras/umc_err_count"), [(Field::EccCe, Some(17.0), None), (Field::EccUe, Some(1.0), None)]);
    }

    #[test]
    fn a_figure_out_of_range_or_no_number_is_not_shown() {
        let root = tempfile::tempdir().expect("temporary folder");
        card(root.path(), &[("vendor", "0x1002"), ("gpu_busy_percent", "65535"), ("mem_info_vram_used", "")]);
        let mut sysfs = Sysfs::at(root.path());
        sysfs.cards(&mut Unwatched).expect("looks");
        assert_eq!(read(&mut sysfs, "gpu_busy_percent"), [(Field::UtilPct, None, Some(Missing::Abi))]);
        assert_eq!(read(&mut sysfs, "mem_info_vram_used"), [(Field::MemUsed, None, Some(Missing::Abi))]);
    }

    proptest! {
        #[test]
        fn no_content_of_a_file_ends_the_reader(content in "\\PC*|[0-9: \n*Mhz.]*") {
            let _ = (clocks(&content), generation(&content), errors(&content, "ce:"));
        }
    }
}
