//! The tab as a person meets it: keys in, pictures and effects out.

mod form;
mod run;
mod steering;

use super::{
    made_up,
    testing::{drawn, look, press, shows, text_of},
    *,
};
use crate::{
    base::Lang,
    bench::live::{Phase, Snapshot},
    console::{
        news::ServerState,
        theme::{Palette, Theme},
    },
};
use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, style::Modifier};
use std::{cell::Cell, io, rc::Rc};

fn servers() -> News {
    let server = |name: &str, port: u16, embedded| Server {
        name: name.to_owned(),
        url: Some(format!("http://127.0.0.1:{port}")),
        model: Some(name.rsplit('/').next().unwrap_or(name).to_owned()),
        state: ServerState::Ready,
        job: None,
        embedded,
    };
    News::Servers(Arc::from([server("r1-32b", 8000, false), server("embedded/eye-tiny", 41873, true)]))
}

fn watching() -> News {
    News::Bench(Bench::Watching { job: Arc::from("load-1"), spec: Box::new(made_up::spec()) })
}

fn snapshot(snapshot: Snapshot) -> News {
    News::Bench(Bench::Snapshot { job: Arc::from("load-1"), snapshot: Box::new(snapshot) })
}

/// A tab that was told all of a run: its facts of `seconds` and `state` as the newest snapshot.
fn told(state: Snapshot, seconds: u32) -> Load {
    let mut tab = Load::default();
    tab.news(&servers());
    tab.news(&watching());
    for fact in made_up::facts(seconds) {
        tab.news(&News::Bench(Bench::Fact { job: Arc::from("load-1"), fact }));
    }
    tab.news(&snapshot(state));
    tab
}

fn type_in(tab: &mut Load, text: &str) {
    for c in text.chars() {
        press(tab, &c.to_string());
    }
}

fn reason(tab: &Load, command: LoadCommand) -> Option<Said> {
    tab.commands().into_iter().find(|live| live.command == Command::Load(command)).unwrap().disabled
}

fn with_servers() -> Load {
    let mut tab = Load::default();
    tab.news(&servers());
    tab
}

/// The states of the tab that its pictures are kept of.
fn states() -> Vec<(&'static str, Load)> {
    let mut heat = told(made_up::running(), 42);
    press(&mut heat, "m");
    let mut drilled = told(made_up::matrix(), 42);
    drilled.focus.go(Panel::Series);
    press(&mut drilled, "k");
    press(&mut drilled, "h");
    press(&mut drilled, "enter");
    vec![
        ("heat", heat),
        ("matrix", told(made_up::matrix(), 42)),
        ("drilled", drilled),
        ("search", told(made_up::search(), 42)),
        ("routes", told(made_up::routes(), 42)),
        ("form", with_servers()),
        ("running", told(made_up::running(), 42)),
        ("finished", told(made_up::finished(), 64)),
        ("failed", told(made_up::failed(), 12)),
    ]
}

#[test]
fn pictures_are_as_kept() {
    // The console's own three rows taken off 80×24, 120×40 and 200×60.
    for (width, height) in [(80, 21), (120, 37), (200, 57)] {
        for (lang, tag) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
            for (name, tab) in states() {
                let picture = text_of(&drawn(&tab, &look(lang, Palette::Dark), width, height));
                insta::assert_snapshot!(format!("{name}_{width}x{}_{tag}", height + 3), picture);
            }
        }
    }
}

#[test]
fn styles_are_as_kept() {
    let theme = Theme::new(Palette::Dark);
    let sign = |cell: &ratatui::buffer::Cell| match cell.fg {
        _ if cell.symbol() == " " => ' ',
        fg if Some(fg) == theme.accent.fg => 'a',
        fg if Some(fg) == theme.good.fg => 'g',
        fg if Some(fg) == theme.look.fg => 'l',
        fg if Some(fg) == theme.act.fg => '!',
        fg if Some(fg) == theme.unsure.fg => '~',
        fg if Some(fg) == theme.rule.fg => '-',
        _ if cell.modifier.contains(Modifier::BOLD) => 'B',
        _ => 'p',
    };
    for (name, tab) in [("running", told(made_up::running(), 42)), ("failed", told(made_up::failed(), 12))] {
        let buf = drawn(&tab, &look(Lang::En, Palette::Dark), 80, 21);
        let map: String = (0..21).map(|y| (0..80).map(|x| sign(&buf[(x, y)])).collect::<String>().trim_end().to_owned() + "\n").collect();
        insta::assert_snapshot!(format!("styles_{name}_80x24"), map);
    }
}

#[test]
fn every_size_draws_without_panic() {
    let mut tabs: Vec<Load> = states().into_iter().map(|(_, tab)| tab).collect();
    let mut editing = with_servers();
    press(&mut editing, "e");
    let mut choosing = with_servers();
    press(&mut choosing, "o");
    tabs.extend(vec![editing, choosing, told(made_up::preparing(), 0), Load::default()]);
    for panel in [Panel::Ttft, Panel::Throughput, Panel::Client, Panel::Errors, Panel::Events] {
        let mut tab = told(made_up::failed(), 12);
        (tab.focus.panel, tab.enlarged) = (panel, true);
        tabs.push(tab);
    }
    let ascii = Look { ascii: true, ..look(Lang::Zh, Palette::Sixteen) };
    for tab in &tabs {
        for width in (0..=130).step_by(13).chain([1, 40, 66, 80, 200]) {
            for height in (0..=60).step_by(10).chain([1, 2, 3, 7, 17, 21, 28]) {
                drawn(tab, &ascii, width, height);
            }
        }
    }
}

#[test]
fn ascii_draws_nothing_else_but_what_the_language_needs() {
    for (name, tab) in states() {
        let plain = Look { ascii: true, ..look(Lang::En, Palette::Mono) };
        for (width, height) in [(80, 21), (120, 37), (40, 7)] {
            let picture = text_of(&drawn(&tab, &plain, width, height));
            let odd: String = picture.chars().filter(|c| !c.is_ascii()).collect();
            assert_eq!(odd.replace('·', ""), "", "{name} {width}x{height}");
        }
    }
}

#[test]
fn figures_stand_in_the_same_columns_in_both_languages() {
    // A figure is a run of digits; where each ends must not depend on the words around it.
    let ends = |lang| {
        let buf = drawn(&told(made_up::running(), 42), &look(lang, Palette::Mono), 80, 21);
        let digit = |x: u16, y: u16| x < 80 && buf[(x, y)].symbol().starts_with(|c: char| c.is_ascii_digit());
        (1..17)
            .flat_map(|y| (0..80).filter(move |&x| digit(x, y) && !digit(x + 1, y)).map(move |x| (x, y)).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    assert_eq!(ends(Lang::En), ends(Lang::Zh));
}

/// Counts what a terminal would be sent.
#[derive(Clone, Default)]
struct Counter(Rc<Cell<usize>>);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes a second of a run seen on a terminal of this size: snapshots 4 times a second, a second's fact once.
fn bytes_per_second(width: u16, height: u16) -> usize {
    let count = Counter::default();
    let area = Rect::new(0, 0, width, height);
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(count.clone()), options).unwrap();
    let look = look(Lang::En, Palette::Dark);
    let mut tab = told(made_up::at(20_000_000, Phase::Running, 320), 20);
    terminal.draw(|frame| tab.draw(&look, frame, area)).unwrap();
    count.0.set(0);
    let mut facts =
        made_up::facts(36).into_iter().filter(|fact| matches!(fact, crate::bench::live::Fact::Second(second) if second.second >= 20));
    for quarter in 1..=60_u64 {
        tab.news(&snapshot(made_up::at(20_000_000 + quarter * 250_000, Phase::Running, 320 + quarter * 5)));
        if quarter % 4 == 0 {
            tab.news(&News::Bench(Bench::Fact { job: Arc::from("load-1"), fact: facts.next().unwrap() }));
        }
        terminal.draw(|frame| tab.draw(&look, frame, area)).unwrap();
    }
    count.0.get() / 15
}

#[test]
fn a_running_test_sends_at_most_15_kb_a_second_at_200_columns() {
    let (large, small) = (bytes_per_second(200, 57), bytes_per_second(80, 21));
    println!("200x60: {large} B/s, 80x24: {small} B/s");
    assert!(large <= 15_000, "{large} B/s at 200x60");
    assert!(small <= 4_000, "{small} B/s at 80x24");
}
