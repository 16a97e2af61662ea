use super::*;
use crate::devices::{Call, CardInfo, Unwatched, Vendor};
use std::{
    sync::{Arc, Mutex},
    thread,
};

/// What a made-up card library does, changed while it runs.
#[derive(Default)]
struct Machine {
    cards: Vec<u8>,
    gone: BTreeSet<u8>,
    held: bool,
    /// Whether the library cannot be opened.
    closed: bool,
    /// (card, call) in the order of the calls.
    made: Vec<(u8, &'static str)>,
    looked: u32,
}

struct Library {
    machine: Arc<Mutex<Machine>>,
    calls: Vec<Call>,
    /// Milliseconds a call of that place takes.
    takes: Vec<u64>,
    there: Vec<u8>,
    origin: Origin,
}

fn address(bus: u8) -> Address {
    Address::Pci { domain: 0, bus, device: 0, function: 0 }
}

impl Source for Library {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn library(&self) -> Option<super::Library> {
        None
    }

    fn cards(&mut self, _: &mut dyn Steps) -> Result<Vec<CardInfo>, Trouble> {
        let mut machine = self.machine.lock().expect("is free");
        machine.looked += 1;
        if machine.closed {
            return Err(Trouble::new("closed", crate::said!("closed", "关闭")));
        }
        self.there = machine.cards.iter().copied().filter(|card| !machine.gone.contains(card)).collect();
        Ok((0..).zip(&self.there).map(|(index, bus)| CardInfo::new(address(*bus), index, Vendor::Hygon)).collect())
    }

    fn calls(&self) -> &[Call] {
        &self.calls
    }

    fn call(&mut self, call: usize, card: usize, taken: &mut Taken) {
        let bus = self.there[card];
        thread::sleep(Duration::from_millis(self.takes[call]));
        let mut machine = self.machine.lock().expect("is free");
        machine.made.push((bus, self.calls[call].name));
        for field in self.calls[call].fields {
            match (machine.gone.contains(&bus), machine.held) {
                (true, _) => taken.missing(*field, Missing::NotSupported),
                (false, true) => taken.missing(*field, Missing::Busy),
                (false, false) => taken.number(*field, f64::from(bus), 0),
            }
        }
    }
}

fn lanes(cards: &[u8], calls: &[(Call, u64)]) -> (Lanes<Unwatched>, Arc<Mutex<Machine>>) {
    let machine = Arc::new(Mutex::new(Machine { cards: cards.to_vec(), ..Machine::default() }));
    let (calls, takes) = calls.iter().copied().unzip();
    let source = Library { machine: Arc::clone(&machine), calls, takes, there: Vec::new(), origin: Origin::Rsmi };
    (Lanes::new(vec![Box::new(source)], Unwatched), machine)
}

fn step(lanes: &mut Lanes<Unwatched>) -> (Vec<Frame>, BTreeMap<Address, Readings>) {
    let mut out = Vec::new();
    assert!(matches!(lanes.step(&mut out), Next::At(_)));
    let sweeps = out.iter().filter_map(|frame| match frame {
        Frame::Sweep(sweep) => Some(sweep.clone()),
        _ => None,
    });
    let sweep = sweeps.flatten().collect();
    (out, sweep)
}

const USE: Call = Call::new("use", &[Field::UtilPct]);
const DEAR_USE: Call = Call::new("dear use", &[Field::UtilPct]).rank(1);
const CAP: Call = Call::new("cap", &[Field::PowerCap]);

#[test]
fn a_cheap_call_is_taken_before_a_preferred_one_that_is_dear() {
    let (mut lanes, machine) = lanes(&[1], &[(DEAR_USE, 40), (USE, 0)]);
    let (_, first) = step(&mut lanes);
    assert_eq!(first[&address(1)][&Field::UtilPct].figure(), Some(1.0));
    machine.lock().expect("is free").made.clear();
    step(&mut lanes);
    assert_eq!(machine.lock().expect("is free").made, [(1, "use")]);
}

#[test]
fn a_dear_call_takes_turns_over_the_cards_and_leaves_the_fast_lane_its_time() {
    let (mut lanes, machine) = lanes(&[1, 2, 3], &[(DEAR_USE, 200), (Call::new("power", &[Field::Power]), 0)]);
    step(&mut lanes);
    machine.lock().expect("is free").made.clear();
    for _ in 0..6 {
        step(&mut lanes);
    }
    let made = machine.lock().expect("is free").made.clone();
    let dear: Vec<u8> = made.iter().filter(|(_, name)| *name == "dear use").map(|(card, _)| *card).collect();
    // 7 × 300 ms saved, 200 ms and a little a call.
    assert!((5..=10).contains(&dear.len()), "{made:?}");
    assert!([1, 2, 3].iter().all(|card| dear.contains(card)), "{made:?}");
    assert_eq!(made.iter().filter(|(_, name)| *name == "power").count(), 18, "each card each second");
}

#[test]
fn what_rarely_changes_is_asked_once_in_ten_sweeps() {
    let (mut lanes, machine) = lanes(&[1, 2], &[(USE, 0), (CAP, 0)]);
    step(&mut lanes);
    machine.lock().expect("is free").made.clear();
    for _ in 0..RARE_TICKS {
        step(&mut lanes);
    }
    let made = machine.lock().expect("is free").made.clone();
    let count = |name| made.iter().filter(|(_, made)| *made == name).count();
    assert_eq!((count("use"), count("cap")), (20, 2));
}

#[test]
fn a_card_that_stops_answering_is_gone_is_looked_for_and_comes_back() {
    let (mut lanes, machine) = lanes(&[1, 2], &[(USE, 0), (CAP, 0)]);
    step(&mut lanes);
    machine.lock().expect("is free").gone.insert(2);
    step(&mut lanes);
    let (_, sweep) = step(&mut lanes);
    let lost = &sweep[&address(2)];
    assert!(lost.values().all(|reading| reading.missing == Some(Missing::Gone)) && lost.len() == 2, "{lost:?}");
    assert_eq!(sweep[&address(1)][&Field::UtilPct].figure(), Some(1.0));
    let listed = |lanes: &mut Lanes<Unwatched>| {
        (0..40).find_map(|_| {
            step(lanes).0.into_iter().find_map(|frame| if let Frame::Cards { cards, .. } = frame { Some(cards.len()) } else { None })
        })
    };
    assert_eq!(listed(&mut lanes), Some(1));
    machine.lock().expect("is free").gone.clear();
    assert_eq!(listed(&mut lanes), Some(2));
    let (_, sweep) = step(&mut lanes);
    assert_eq!(sweep[&address(2)][&Field::UtilPct].figure(), Some(2.0));
    let looked = machine.lock().expect("is free").looked;
    (0..40).for_each(|_| drop(step(&mut lanes)));
    assert_eq!(machine.lock().expect("is free").looked, looked, "with all cards there nobody looks for any");
}

#[test]
fn a_card_that_is_held_when_it_is_first_looked_at_is_read_once_it_is_let_go() {
    let (mut lanes, machine) = lanes(&[1], &[(USE, 0)]);
    machine.lock().expect("is free").held = true;
    let (_, first) = step(&mut lanes);
    assert_eq!(first[&address(1)][&Field::UtilPct].missing, Some(Missing::Busy));
    machine.lock().expect("is free").held = false;
    assert_eq!(step(&mut lanes).1[&address(1)][&Field::UtilPct].figure(), Some(1.0));
}

#[test]
fn a_call_that_must_not_be_made_is_not_made() {
    struct Without;
    impl Steps for Without {
        fn enter(&mut self, name: &'static str, _: Duration) -> bool {
            name != "use"
        }
    }
    let (lanes, machine) = lanes(&[1], &[(USE, 0), (CAP, 0)]);
    let mut lanes = Lanes::new(lanes.sources, Without);
    for _ in 0..20 {
        lanes.step(&mut Vec::new());
    }
    assert!(machine.lock().expect("is free").made.iter().all(|(_, name)| *name == "cap"));
}

#[test]
fn cards_known_by_index_join_the_card_of_that_index_and_vendor() {
    let pci = |bus, index, vendor| CardInfo::new(address(bus), index, vendor);
    let by_index = |index| CardInfo::new(Address::Index(index), index, Vendor::Hygon);
    let mut named = pci(9, 0, Vendor::Hygon);
    named.serial = Some("T1".to_owned());
    let joined = join(&[vec![by_index(0), by_index(1)], vec![pci(9, 0, Vendor::Hygon), pci(3, 1, Vendor::Amd)], vec![named]]);
    let seen: Vec<_> = joined.iter().map(|card| (card.info.address, card.info.serial.as_deref(), card.places.clone())).collect();
    assert_eq!(
        seen,
        [(address(9), Some("T1"), vec![(1, 0), (2, 0), (0, 0)]), (address(3), None, vec![(1, 1)]), (Address::Index(1), None, vec![(0, 1)]),]
    );
}

#[test]
fn a_library_that_could_not_be_opened_is_opened_later_and_its_calls_join_those_of_the_files() {
    let (library, closed) = lanes(&[1], &[(CAP, 0)]);
    let (files, _) = lanes(&[1], &[(USE, 0)]);
    closed.lock().expect("is free").closed = true;
    let sources = library.sources.into_iter().chain(files.sources).collect();
    let mut lanes = Lanes::new(sources, Unwatched);
    let (out, first) = step(&mut lanes);
    assert!(out.iter().any(|frame| matches!(frame, Frame::Trouble(trouble) if trouble.kind == "closed")));
    assert_eq!(first[&address(1)].keys().copied().collect::<Vec<_>>(), [Field::UtilPct]);
    closed.lock().expect("is free").closed = false;
    let cap = (0..20).find_map(|_| step(&mut lanes).1.get(&address(1))?.get(&Field::PowerCap).cloned());
    assert_eq!(cap.and_then(|reading| reading.figure()), Some(1.0));
    assert_eq!(step(&mut lanes).1[&address(1)][&Field::UtilPct].figure(), Some(1.0));
}
