//! `librocm_smi64`, AMD's and Hygon's, loaded when it runs.
//!
//! The functions that are called stand in `rocm_smi.h`, an own header without any vendor's structures; `bindings.rs` is made from it.
//! Which layout the library uses is told by the functions it has, never by its version or file name; what decodes to nothing
//! plausible is [`Missing::Abi`]. The library is opened so that a lock held by another process gives [`Missing::Busy`] at once.
//!
//! Deliberately absent: every function that sets anything, the `gpu_metrics` structure (96 to 1832 bytes), and PCIe throughput,
//! whose call takes a second on hardware.

/// Calls a function with its out-parameter last; a function the library lacks is not supported.
macro_rules! get {
    ($library:expr, $function:ident($($argument:expr),*)) => {
        match &$library.$function {
            Err(_) => Err(Missing::NotSupported),
            Ok(function) => {
                let mut out = Default::default();
                // SAFETY: the signature is the header's, `out` outlives the call and is as large as the function may write.
                let status = unsafe { function($($argument,)* &raw mut out) };
                decode::checked(status).map(|()| out)
            }
        }
    };
}

/// Calls a function that writes text.
macro_rules! words {
    ($library:expr, $function:ident($card:expr)) => {
        $library.$function.as_ref().ok().and_then(|function| {
            let mut buffer = [0_u8; 256];
            // SAFETY: the signature is the header's; the last byte is not offered and stays zero.
            let status = unsafe { function($card, buffer.as_mut_ptr().cast(), 255) };
            decode::text(status, &buffer)
        })
    };
}

#[allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    clippy::pedantic,
    clippy::expect_used,
    clippy::undocumented_unsafe_blocks,
    reason = "made by bindgen"
)]
mod bindings;
mod decode;
mod identity;
mod load;
mod processes;

use crate::{
    base::clean,
    devices::{Address, Call, CardInfo, Field, Library, Missing, Origin, ProcessUse, Source, Steps, Taken, Trouble, Vendor},
    said,
};
use bindings::{Rsmi, rsmi_room};
use decode::{Layout, Scale};
use std::{
    fs, ptr,
    time::{Duration, Instant},
};

/// Every vendor's GPUs, not AMD's alone.
const ALL_GPUS: u64 = 0x1;
/// One lock a thread of this process; Hygon, and AMD from 6.2.
const THREAD_ONLY_MUTEX: u64 = 0x400_0000_0000_0000;
/// A held lock gives "busy" at once instead of waiting for its holder.
const NEVER_WAIT: u64 = 0x800_0000_0000_0000;
/// Opening waits up to 5 s for the lock of each card; the flag does not cover it.
const OPEN_LIMIT: Duration = Duration::from_secs(8);
/// An opening that failed sooner than this did not wait for a lock.
const NO_LOCK: Duration = Duration::from_secs(1);
/// Any other call outside the lanes.
const CALL_LIMIT: Duration = Duration::from_secs(3);
/// What one call of Hygon's windowed use blocks for.
const WINDOW_MS: u32 = 120;
impl Default for rsmi_room {
    fn default() -> Self {
        Self { words: [0; 512] }
    }
}

/// One kind of call and how its answer is read.
struct Row {
    call: Call,
    read: fn(&mut RocmSmi, u32, &mut Taken),
}

const fn row(name: &'static str, fields: &'static [Field], read: fn(&mut RocmSmi, u32, &mut Taken)) -> Row {
    Row { call: Call::new(name, fields), read }
}

/// Rank of a use that is a mean over a window the call itself blocks for.
const WINDOWED: u8 = 30;

const ROWS: &[Row] = &[
    row("rsmi_dev_busy_percent_get", &[Field::UtilPct], |s, i, t| {
        t.result(Field::UtilPct, get!(s.rsmi, rsmi_dev_busy_percent_get(i)).map(|v: u32| v.into()), 0);
    }),
    Row {
        call: Call::new("rsmi_dev_hcu_util_get", &[Field::UtilPct]).rank(WINDOWED),
        read: |s, i, t| {
            let usage = get!(s.rsmi, rsmi_dev_hcu_util_get(i, WINDOW_MS)).and_then(|v| s.hcu_scale.percent(v));
            t.result(Field::UtilPct, usage, WINDOW_MS);
        },
    },
    row("rsmi_dev_cu_usage_get", &[Field::CuPct], |s, i, t| {
        let usage = get!(s.rsmi, rsmi_dev_cu_usage_get(i)).and_then(|v| s.cu_scale.percent(v));
        t.result(Field::CuPct, usage, 0);
    }),
    row("rsmi_dev_memory_busy_percent_get", &[Field::MemBusyPct], |s, i, t| {
        t.result(Field::MemBusyPct, get!(s.rsmi, rsmi_dev_memory_busy_percent_get(i)).map(|v: u32| v.into()), 0);
    }),
    row("rsmi_dev_memory_usage_get", &[Field::MemUsed], |s, i, t| {
        t.result(Field::MemUsed, get!(s.rsmi, rsmi_dev_memory_usage_get(i, 0)).map(|v: u64| v as f64), 0);
    }),
    row("rsmi_dev_memory_total_get", &[Field::MemTotal], |s, i, t| {
        t.result(Field::MemTotal, get!(s.rsmi, rsmi_dev_memory_total_get(i, 0)).map(|v: u64| v as f64), 0);
    }),
    row("rsmi_dev_temp_metric_get edge", &[Field::TempEdge], |s, i, t| {
        t.result(Field::TempEdge, s.temperature(i, 0, CURRENT), 0);
    }),
    row("rsmi_dev_temp_metric_get junction", &[Field::TempJunction], |s, i, t| {
        t.result(Field::TempJunction, s.temperature(i, 1, CURRENT), 0);
    }),
    row("rsmi_dev_temp_metric_get memory", &[Field::TempMemory], |s, i, t| {
        t.result(Field::TempMemory, s.temperature(i, 2, CURRENT), 0);
    }),
    row("rsmi_dev_temp_metric_get core", &[Field::TempCore], |s, i, t| {
        let core = if s.layout == Layout::Hygon { s.temperature(i, 11, CURRENT) } else { Err(Missing::NotSupported) };
        t.result(Field::TempCore, core, 0);
    }),
    row("rsmi_dev_temp_metric_get critical", &[Field::TempLimit], |s, i, t| {
        t.result(Field::TempLimit, s.temperature(i, 1, CRITICAL).or_else(|_| s.temperature(i, 0, CRITICAL)), 0);
    }),
    row("rsmi_dev_power_get", &[Field::Power], |s, i, t| {
        t.result(Field::Power, s.power(i).map(micro), 0);
    }),
    row("rsmi_dev_power_cap_get", &[Field::PowerCap], |s, i, t| {
        t.result(Field::PowerCap, get!(s.rsmi, rsmi_dev_power_cap_get(i, 0)).map(micro), 0);
    }),
    row("rsmi_dev_energy_count_get", &[Field::Energy], |s, i, t| t.result(Field::Energy, s.energy(i), 0)),
    row("rsmi_dev_gpu_clk_freq_get core", &[Field::CoreClk, Field::CoreClkMax], |s, i, t| {
        s.clock(i, 0, [Field::CoreClk, Field::CoreClkMax], t);
    }),
    row("rsmi_dev_gpu_clk_freq_get memory", &[Field::MemClk, Field::MemClkMax], |s, i, t| {
        s.clock(i, 4, [Field::MemClk, Field::MemClkMax], t);
    }),
    row("rsmi_dev_volt_metric_get", &[Field::Voltage], |s, i, t| {
        t.result(Field::Voltage, get!(s.rsmi, rsmi_dev_volt_metric_get(i, 0, CURRENT)).map(|v: i64| v as f64), 0);
    }),
    row("rsmi_dev_fan_speed_get", &[Field::FanPct], |s, i, t| t.result(Field::FanPct, s.fan(i), 0)),
    row("rsmi_dev_fan_rpms_get", &[Field::FanRpm], |s, i, t| {
        t.result(Field::FanRpm, get!(s.rsmi, rsmi_dev_fan_rpms_get(i, 0)).map(|v: i64| v as f64), 0);
    }),
    row("rsmi_dev_ecc_count_get", &[Field::EccCe, Field::EccUe], |s, i, t| {
        let counts = s.ecc(i);
        t.result(Field::EccCe, counts.map(|(ce, _)| ce as f64), 0);
        t.result(Field::EccUe, counts.map(|(_, ue)| ue as f64), 0);
    }),
    row("rsmi_dev_memory_reserved_pages_get", &[Field::BadPages], |s, i, t| {
        t.result(Field::BadPages, s.bad_pages(i).map(f64::from), 0);
    }),
    row("rsmi_dev_pci_replay_counter_get", &[Field::PcieReplays], |s, i, t| {
        t.result(Field::PcieReplays, get!(s.rsmi, rsmi_dev_pci_replay_counter_get(i)).map(|v: u64| v as f64), 0);
    }),
    row("rsmi_dev_perf_level_get", &[Field::PerfLevel], |s, i, t| match get!(s.rsmi, rsmi_dev_perf_level_get(i)) {
        Ok(level) => t.words(Field::PerfLevel, decode::perf_level(level)),
        Err(why) => t.missing(Field::PerfLevel, why),
    }),
];

/// The metric "now" of temperatures and voltages.
const CURRENT: i32 = 0;
/// The metric "critical" of temperatures.
const CRITICAL: i32 = 5;

/// The library, opened.
pub struct RocmSmi {
    rsmi: Rsmi,
    file: String,
    layout: Layout,
    calls: Vec<Call>,
    addresses: Vec<Address>,
    /// Indices of the library, by place in `addresses`.
    indices: Vec<u32>,
    open: bool,
    cu_scale: Scale,
    hcu_scale: Scale,
}

impl RocmSmi {
    /// Loads the library from `RSMI_LIB`, the vendor's folders or the loader's path.
    ///
    /// # Errors
    /// When there is none, or what is there lacks a function without which nothing can be told.
    pub fn load() -> Result<Self, Trouble> {
        let (rsmi, file) = load::load()?;
        let layout = Layout::of(rsmi.rsmi_dev_power_get.is_ok(), rsmi.rsmi_dev_hcu_util_get.is_ok());
        let calls = ROWS.iter().map(|row| row.call).collect();
        let (cu_scale, hcu_scale) = Default::default();
        Ok(Self { rsmi, file, layout, calls, addresses: Vec::new(), indices: Vec::new(), open: false, cu_scale, hcu_scale })
    }

    /// Opens the library, again if it was open: cards are numbered at that moment.
    fn open(&mut self, steps: &mut dyn Steps) -> Result<u32, Trouble> {
        self.close();
        let never_wait = if self.layout == Layout::Hygon { NEVER_WAIT | THREAD_ONLY_MUTEX } else { NEVER_WAIT };
        let mut count = self.open_with(never_wait, steps)?;
        if count == 0 {
            self.close();
            count = self.open_with(never_wait | ALL_GPUS, steps)?;
        }
        Ok(count)
    }

    fn open_with(&mut self, flags: u64, steps: &mut dyn Steps) -> Result<u32, Trouble> {
        let began = Instant::now();
        let mut opened = self.init(flags, steps);
        // A library that does not know the flags; not one that waited for a lock, which would now wait without end.
        if matches!(opened, Err(Missing::Other(1 | 8))) && began.elapsed() < NO_LOCK {
            opened = self.init(flags & ALL_GPUS, steps);
        }
        opened.map_err(|why| {
            if began.elapsed() < NO_LOCK {
                Trouble::new("rsmi.init", said!("rocm_smi does not start: {}", "rocm_smi 无法启动：{}", decode::status_words(why)))
            } else {
                Trouble::new("rsmi.held", said!("another process holds the lock of a card; trying again", "其他进程持有某卡的锁；稍后重试"))
            }
        })?;
        self.open = true;
        get!(self.rsmi, rsmi_num_monitor_devices()).map_err(|why| {
            Trouble::new("rsmi.count", said!("rocm_smi counts no cards: {}", "rocm_smi 无法计数：{}", decode::status_words(why)))
        })
    }

    fn init(&self, flags: u64, steps: &mut dyn Steps) -> Result<(), Missing> {
        let Ok(init) = &self.rsmi.rsmi_init else { return Err(Missing::NotSupported) };
        if !steps.enter("rsmi_init", OPEN_LIMIT) {
            return Err(Missing::Timeout);
        }
        // SAFETY: as the header says; the library is not open.
        decode::checked(unsafe { init(flags) })
    }

    fn close(&mut self) {
        if let (true, Ok(shut_down)) = (self.open, &self.rsmi.rsmi_shut_down) {
            // SAFETY: as the header says; it is open.
            let _ = unsafe { shut_down() };
        }
        self.open = false;
    }

    fn temperature(&self, card: u32, sensor: u32, metric: i32) -> Result<f64, Missing> {
        get!(self.rsmi, rsmi_dev_temp_metric_get(card, sensor, metric)).map(|v: i64| v as f64 / 1e3)
    }

    /// Microwatt.
    fn power(&self, card: u32) -> Result<u64, Missing> {
        let Ok(get) = &self.rsmi.rsmi_dev_power_get else { return get!(self.rsmi, rsmi_dev_power_ave_get(card, 0)) };
        let (mut power, mut kind) = (0, 0);
        // SAFETY: as the header says; both outlive the call.
        decode::checked(unsafe { get(card, &raw mut power, &raw mut kind) }).map(|()| power)
    }

    /// Joule.
    fn energy(&self, card: u32) -> Result<f64, Missing> {
        let Ok(get) = &self.rsmi.rsmi_dev_energy_count_get else { return Err(Missing::NotSupported) };
        let (mut ticks, mut resolution, mut at) = (0_u64, 0.0_f32, 0);
        // SAFETY: as the header says; all three outlive the call.
        decode::checked(unsafe { get(card, &raw mut ticks, &raw mut resolution, &raw mut at) })?;
        Ok(ticks as f64 * f64::from(resolution) / 1e6)
    }

    fn clock(&mut self, card: u32, clock: i32, [now, most]: [Field; 2], taken: &mut Taken) {
        let mhz = get!(self.rsmi, rsmi_dev_gpu_clk_freq_get(card, clock))
            .and_then(|room: rsmi_room| decode::frequencies(&room.words, self.layout).ok_or(Missing::Abi));
        taken.result(now, mhz.map(|(now, _)| now), 0);
        taken.result(most, mhz.map(|(_, most)| most), 0);
    }

    fn fan(&self, card: u32) -> Result<f64, Missing> {
        let speed: i64 = get!(self.rsmi, rsmi_dev_fan_speed_get(card, 0))?;
        let most: u64 = get!(self.rsmi, rsmi_dev_fan_speed_max_get(card, 0))?;
        if most == 0 { Err(Missing::NotSupported) } else { Ok(speed as f64 / most as f64 * 100.0) }
    }

    /// Corrected and uncorrected errors of all blocks that count any.
    fn ecc(&self, card: u32) -> Result<(u64, u64), Missing> {
        let (mut sum, mut why) = (None, Missing::NotSupported);
        for block in (0..decode::ECC_BLOCKS).map(|bit| 1_u64 << bit) {
            match get!(self.rsmi, rsmi_dev_ecc_count_get(card, block)).map(|room: rsmi_room| decode::error_counts(&room.words)) {
                Ok((ce, ue)) => {
                    let (ce_sum, ue_sum): (u64, u64) = sum.unwrap_or_default();
                    sum = Some((ce_sum.saturating_add(ce), ue_sum.saturating_add(ue)));
                }
                Err(Missing::NotSupported) => {}
                Err(other) => why = other,
            }
        }
        sum.ok_or(why)
    }

    fn bad_pages(&self, card: u32) -> Result<u32, Missing> {
        let Ok(get) = &self.rsmi.rsmi_dev_memory_reserved_pages_get else { return Err(Missing::NotSupported) };
        let mut count = 0;
        // SAFETY: as the header says; without room for records only their number is written.
        decode::checked(unsafe { get(card, &raw mut count, ptr::null_mut()) }).map(|()| count)
    }
}

fn micro(value: u64) -> f64 {
    value as f64 / 1e6
}

impl Source for RocmSmi {
    fn origin(&self) -> Origin {
        Origin::Rsmi
    }

    fn library(&self) -> Option<Library> {
        let version = get!(self.rsmi, rsmi_version_get()).ok().map(|room: rsmi_room| decode::version(&room.words));
        Some(Library {
            name: "rocm_smi".to_owned(),
            file: self.file.clone(),
            version,
            driver: driver(),
            abi: Some(self.layout.word().to_owned()),
        })
    }

    fn cards(&mut self, steps: &mut dyn Steps) -> Result<Vec<CardInfo>, Trouble> {
        let count = self.open(steps)?;
        (self.addresses, self.indices) = (Vec::new(), Vec::new());
        let mut cards = Vec::new();
        for index in 0..count {
            if !steps.enter("identity of a card (rocm_smi)", CALL_LIMIT) {
                break;
            }
            // A card of another vendor has a library of its own.
            if let Ok(info) = self.info(index, index)
                && matches!(info.vendor, Vendor::Hygon | Vendor::Amd)
            {
                self.addresses.push(info.address);
                self.indices.push(index);
                cards.push(info);
            }
        }
        for (info, &index) in cards.iter_mut().zip(&self.indices) {
            info.links = self.links(index, steps);
        }
        Ok(cards)
    }

    fn calls(&self) -> &[Call] {
        &self.calls
    }

    fn call(&mut self, call: usize, card: usize, taken: &mut Taken) {
        if let (Some(row), Some(&index)) = (ROWS.get(call), self.indices.get(card)) {
            (row.read)(self, index, taken);
        }
    }

    fn processes(&mut self) -> Result<Vec<ProcessUse>, Missing> {
        self.uses()
    }
}

impl Drop for RocmSmi {
    fn drop(&mut self) {
        self.close();
    }
}

/// Version of the kernel's driver: Hygon's newer, Hygon's older, AMD's.
fn driver() -> Option<String> {
    ["hycu", "hydcu", "amdgpu"].iter().find_map(|module| {
        let version = fs::read_to_string(format!("/sys/module/{module}/version")).ok()?;
        Some(format!("{module} {}", clean(version.trim())))
    })
}
