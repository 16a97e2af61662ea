//! Hygon's `libhydmi`: one cheap call for the use of a card. It numbers cards as the vendor's other tools do and knows no
//! addresses, so its cards are joined to those of another source by index.

use crate::{
    devices::{Address, Call, CardInfo, Field, Library, Missing, Origin, Source, Steps, Taken, Trouble, Vendor},
    said,
};
use std::{path::Path, time::Duration};

const FILES: &[&str] = &["/opt/hyhal/lib/libhydmi.so.1", "/opt/hyhal/lib/libhydmi.so", "libhydmi.so.1", "libhydmi.so"];
/// The vendor's own advice for the use of a card; preferred over every other.
const CALLS: &[Call] = &[Call::new("dmiGetDevBusyPercent", &[Field::UtilPct]).rank(1)];
const CALL_LIMIT: Duration = Duration::from_secs(3);
/// Status: `/dev/mkfd` cannot be opened.
const NO_MKFD: i32 = 3;

type GetCount = unsafe extern "C" fn(*mut i32) -> i32;
type GetBusy = unsafe extern "C" fn(i32, *mut i32) -> i32;

/// The library.
pub struct Hydmi {
    file: String,
    count: GetCount,
    busy: GetBusy,
    /// Last: the functions are in it.
    _library: libloading::Library,
}

impl Hydmi {
    /// Loads it; `None` where there is none or it has not the two functions.
    #[must_use]
    pub fn load() -> Option<Self> {
        FILES.iter().filter(|file| !file.starts_with('/') || Path::new(file).is_file()).find_map(|file| Self::of(file))
    }

    fn of(file: &str) -> Option<Self> {
        // SAFETY: its initialisers run; it is the vendor's, in a process of its own.
        let library = unsafe { libloading::Library::new(file) }.ok()?;
        // SAFETY: the signatures are those of the vendor's header.
        let count = *unsafe { library.get::<GetCount>(b"dmiGetDeviceCount\0") }.ok()?;
        // SAFETY: as above.
        let busy = *unsafe { library.get::<GetBusy>(b"dmiGetDevBusyPercent\0") }.ok()?;
        Some(Self { file: file.to_owned(), count, busy, _library: library })
    }
}

impl Source for Hydmi {
    fn origin(&self) -> Origin {
        Origin::Hydmi
    }

    fn library(&self) -> Option<Library> {
        Some(Library { name: "hydmi".to_owned(), file: self.file.clone(), version: None, driver: None, abi: None })
    }

    fn cards(&mut self, steps: &mut dyn Steps) -> Result<Vec<CardInfo>, Trouble> {
        if !steps.enter("dmiGetDeviceCount", CALL_LIMIT) {
            return Ok(Vec::new());
        }
        let mut count = 0;
        // SAFETY: as the header says; `count` outlives the call.
        match unsafe { (self.count)(&raw mut count) } {
            0 => Ok((0..u32::try_from(count).unwrap_or(0)).map(|i| CardInfo::new(Address::Index(i), i, Vendor::Hygon)).collect()),
            NO_MKFD => Err(Trouble::new("hydmi.mkfd", said!("libhydmi cannot open /dev/mkfd", "libhydmi 无法打开 /dev/mkfd"))),
            status => {
                Err(Trouble::new("hydmi.count", said!("libhydmi counts no cards: status {status}", "libhydmi 无法计数：状态 {status}")))
            }
        }
    }

    fn calls(&self) -> &[Call] {
        CALLS
    }

    fn call(&mut self, _: usize, card: usize, taken: &mut Taken) {
        let mut percent = 0;
        // SAFETY: as the header says; `percent` outlives the call.
        let status = i32::try_from(card).map_or(-1, |card| unsafe { (self.busy)(card, &raw mut percent) });
        let value = match status {
            0 => Ok(percent.into()),
            NO_MKFD => Err(Missing::Permission),
            other => Err(Missing::Other(other)),
        };
        taken.result(Field::UtilPct, value, 0);
    }
}
