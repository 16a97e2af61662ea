//! The tab as a person meets it: keys in, pictures and effects out.

use super::{made_up, *};
use crate::{
    base::Lang,
    bench::live::Snapshot,
    console::{
        news::ServerState,
        theme::{Palette, Theme},
    },
};
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, style::Modifier};

pub(super) fn look(lang: Lang, palette: Palette) -> Look {
    Look { lang, ascii: false, theme: Theme::new(palette), second: 0 }
}

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
pub(super) fn told(state: Snapshot, seconds: u32) -> Load {
    let mut tab = Load::default();
    tab.news(&servers());
    tab.news(&watching());
    for fact in made_up::facts(seconds) {
        tab.news(&News::Bench(Bench::Fact { job: Arc::from("load-1"), fact }));
    }
    tab.news(&snapshot(state));
    tab
}

pub(super) fn drawn(tab: &Load, look: &Look, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| tab.draw(look, frame, frame.area())).unwrap();
    terminal.backend().buffer().clone()
}

fn ansi(buf: &Buffer) -> String {
    use ratatui::style::Color;
    let mut out = String::new();
    for y in 0..buf.area.height {
        let mut skip = 0;
        for x in 0..buf.area.width {
            let cell = &buf[(x, y)];
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let mut sgr = "0".to_owned();
            if cell.modifier.contains(Modifier::BOLD) {
                sgr.push_str(";1");
            }
            if cell.modifier.contains(Modifier::REVERSED) {
                sgr.push_str(";7");
            }
            if let Color::Indexed(i) = cell.fg {
                sgr.push_str(&format!(";38;5;{i}"));
            }
            if let Color::Indexed(i) = cell.bg {
                sgr.push_str(&format!(";48;5;{i}"));
            }
            out.push_str(&format!("\x1b[{sgr}m{}", cell.symbol()));
            skip = dcudeck_widgets::text::width(cell.symbol()).saturating_sub(1);
        }
        out.push_str("\x1b[0m\n");
    }
    out
}

#[test]
fn demo() {
    let Ok(dir) = std::env::var("DEMO") else { return };
    for (lang, tag) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
        for (w, h) in [(80, 21), (120, 37), (200, 57), (40, 7), (50, 20)] {
            let mut form = Load::default();
            form.news(&servers());
            let mut bad = Load::default();
            bad.news(&servers());
            bad.form.set(Field::Load, "many");
            let mut zoom = told(made_up::running(), 42);
            zoom.enlarged = true;
            let mut zoomt = told(made_up::running(), 42);
            zoomt.enlarged = true;
            zoomt.panel = Panel::Throughput;
            let mut zoome = told(made_up::failed(), 12);
            zoome.enlarged = true;
            zoome.panel = Panel::Errors;
            let mut prof = Load::default();
            prof.choosing = Some(1);
            for (name, tab) in [
                ("form", form),
                ("bad", bad),
                ("running", told(made_up::running(), 42)),
                ("start", told(made_up::preparing(), 0)),
                ("finished", told(made_up::finished(), 64)),
                ("failed", told(made_up::failed(), 12)),
                ("zoom", zoom),
                ("zoomt", zoomt),
                ("zoome", zoome),
                ("prof", prof),
            ] {
                let buf = drawn(&tab, &look(lang, Palette::Dark), w, h);
                std::fs::write(format!("{dir}/{name}-{tag}-{w}.ansi"), ansi(&buf)).unwrap();
            }
        }
    }
}
