//! The whole console by scripted keys and made-up news: what it asks for, what it shows, what that costs in bytes.

mod bytes;
mod listed;
mod pictures;
mod readme;

use self::listed::Listed;
use super::*;
use crate::{
    base::{Said, Text},
    bench::live::{Dist, Fact, Phase, Second, ServerSample, Snapshot, bin_of},
    bench::spec::{Limits, Load as Arrivals, Prompts, Slo, Target},
    console::{
        input::{TextInput, Typed},
        key,
        news::{Server, ServerState},
        tab::{Effect, Explained},
        tabs,
        tabs::load::LoadCommand,
        theme::{Palette, Theme},
    },
    text,
};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::{Frame, Terminal, backend::TestBackend, layout::Rect, text::Line};
use std::sync::Arc;

fn look(lang: Lang, palette: Palette, ascii: bool) -> Look {
    Look { lang, ascii, theme: Theme::new(palette), second: 0 }
}

fn app_of(tabs: Vec<Box<dyn Tab>>, look: Look, size: Size) -> App {
    let log = Path::new("/home/user/.local/state/dcudeck/dcudeck.log");
    let multiplexer = Multiplexer::None;
    App::new(&Setup { look, host: "dcu-01".to_owned(), log: Some(log), read_only: false, mouse: false, multiplexer, size }, tabs)
}

fn app() -> App {
    app_of(vec![Listed::boxed(TabId::Chat), Listed::boxed(TabId::Load)], look(Lang::En, Palette::Dark, false), Size::new(80, 24))
}

/// Presses keys, named and separated by blanks; returns what the last one asked for.
fn press(app: &mut App, keys: &str) -> Vec<Ask> {
    let mut asks = Vec::new();
    for name in keys.split_whitespace() {
        asks = app.input(Event::Key(key::of_name(name).unwrap()));
    }
    asks
}

fn screen(app: &App) -> String {
    let mut terminal = Terminal::new(TestBackend::new(app.size.width, app.size.height)).unwrap();
    terminal.draw(|frame| app.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let mut out = String::new();
    for y in 0..app.size.height {
        let mut row = String::new();
        let mut x = 0;
        while x < app.size.width {
            let symbol = buffer[(x, y)].symbol();
            row.push_str(symbol);
            x += u16::try_from(dcudeck_widgets::text::width(symbol)).unwrap().max(1);
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

fn spec() -> LoadSpec {
    LoadSpec {
        name: "quick".to_owned(),
        target: Target { url: "http://127.0.0.1:8000".to_owned(), model: Some("eye-tiny".to_owned()), ..Target::default() },
        load: Arrivals::Concurrency(16),
        prompts: Prompts::default(),
        output_len: 128,
        ignore_eos: true,
        requests: Some(10_000),
        duration_s: None,
        warmup: 8,
        seed: 7,
        limits: Limits::default(),
        slo: Slo { ttft_ms: Some(500.0), tpot_ms: Some(50.0), ..Slo::default() },
        ..LoadSpec::default()
    }
}

fn job() -> Arc<str> {
    Arc::from("quick-20261123T184031Z-ab2c")
}

fn server(name: &str) -> News {
    News::Servers(Arc::from([Server {
        name: name.to_owned(),
        url: Some("http://127.0.0.1:41873".to_owned()),
        model: Some("eye-tiny".to_owned()),
        state: ServerState::Ready,
        job: None,
        embedded: true,
    }]))
}

fn watching() -> News {
    News::Bench(Bench::Watching { job: job(), spec: Box::new(spec()) })
}

fn done(count: u64) -> News {
    News::Bench(Bench::Snapshot { job: job(), snapshot: Box::new(Snapshot { done: count, phase: Phase::Running, ..Snapshot::default() }) })
}

fn failure(class: &str) -> News {
    News::Bench(Bench::Fact { job: job(), fact: Fact::Failure { at_us: 1, class: class.to_owned(), example: "e".to_owned() } })
}

const INPUT: Ask = Ask::Draw(Urgency::Input);
const DATA: Ask = Ask::Draw(Urgency::Data);

#[test]
fn q_closes_what_is_open_before_it_leaves() {
    let mut app = app();
    for open in ["i", "L"] {
        press(&mut app, open);
        assert_eq!(press(&mut app, "q"), [INPUT]);
    }
    assert_eq!(press(&mut app, "q"), [Ask::Quit]);
}

#[test]
fn ctrl_c_goes_one_level_back_and_twice_in_a_row_leaves_from_anywhere() {
    let mut app = app();
    press(&mut app, "/ a L L");
    assert_ne!(press(&mut app, "ctrl-c"), [Ask::Quit]);
    assert_eq!(press(&mut app, "ctrl-c"), [Ask::Quit]);
    let mut app = self::app();
    press(&mut app, "? ctrl-c j");
    press(&mut app, "? ");
    assert_ne!(press(&mut app, "ctrl-c"), [Ask::Quit], "a key in between starts anew");
}

#[test]
fn in_a_text_field_every_printable_key_is_text_and_esc_leaves() {
    let mut app = app();
    press(&mut app, "/");
    press(&mut app, "q 1 6 ? : L X 眼");
    assert!(app.layers.is_empty());
    assert!(screen(&app).contains("q16?:LX眼"));
    press(&mut app, "esc");
    assert_eq!(press(&mut app, "q"), [Ask::Quit]);
}

#[test]
fn a_paste_is_text_in_a_field_and_nothing_elsewhere() {
    let mut app = app();
    assert_eq!(app.input(Event::Paste("qX\n".to_owned())), []);
    press(&mut app, "/");
    app.input(Event::Paste("one\x1b[31m\ntwo\n".to_owned()));
    assert!(screen(&app).contains("one two"));
}

#[test]
fn what_stops_asks_names_its_target_and_only_y_says_yes() {
    let mut app = app();
    press(&mut app, "j X");
    assert!(screen(&app).contains("stop the run of row 1?"));
    for no in ["enter", "n", "esc", "q", "ctrl-c"] {
        let asks = press(&mut app, no);
        assert!(!asks.iter().any(|ask| matches!(ask, Ask::Order(_) | Ask::Quit)), "{no}");
        assert!(app.layers.is_empty(), "{no}");
        press(&mut app, "X");
    }
    assert_eq!(press(&mut app, "x"), [], "neither yes nor no");
    assert_eq!(press(&mut app, "y")[0], Ask::Order(Order::Steer(Steer::Stop)));
    assert!(app.layers.is_empty());
}

#[test]
fn a_disabled_command_says_why_until_the_next_key() {
    let mut app = app();
    press(&mut app, "X");
    assert!(screen(&app).contains("nothing runs in row 0"));
    press(&mut app, "j");
    assert!(!screen(&app).contains("nothing runs in row 0"));
}

#[test]
fn read_only_refuses_what_starts_or_stops_and_nothing_else() {
    let mut app = app();
    app.header.read_only = true;
    for key in ["s", "j X"] {
        let asks = press(&mut app, key);
        assert!(!asks.iter().any(|ask| matches!(ask, Ask::Order(_))) && app.layers.is_empty(), "{key}");
        assert!(screen(&app).lines().last().unwrap().contains("read-only"));
    }
    assert!(press(&mut app, "y").iter().any(|ask| matches!(ask, Ask::Write(_))));
}

#[test]
fn a_frozen_view_stays_and_shows_the_newest_when_it_goes_on() {
    let mut app = app();
    app.news(done(1));
    press(&mut app, "f");
    assert!(screen(&app).contains("FROZEN"));
    for count in 2..500 {
        assert_eq!(app.news(done(count)), []);
    }
    assert!(screen(&app).contains("done 1\n"));
    assert_eq!(app.held.as_ref().map(Vec::len), Some(1), "of snapshots the newest is held");
    press(&mut app, "f");
    assert!(screen(&app).contains("done 499") && !screen(&app).contains("FROZEN"));
}

#[test]
fn facts_that_arrive_during_a_freeze_are_told_in_order_and_none_is_lost() {
    let mut held = Vec::new();
    for n in 0..100 {
        hold(&mut held, failure(&n.to_string()));
        hold(&mut held, done(n));
    }
    let classes: Vec<_> = held
        .iter()
        .filter_map(|news| match news {
            News::Bench(Bench::Fact { fact: Fact::Failure { class, .. }, .. }) => class.parse::<u32>().ok(),
            _ => None,
        })
        .collect();
    assert_eq!(classes, (0..100).collect::<Vec<_>>());
    assert_eq!(held.last(), Some(&done(99)));
}

#[test]
fn equal_news_and_passing_seconds_ask_for_no_frame() {
    let mut app = app();
    app.news(done(1));
    app.news(server("embedded/eye-tiny"));
    assert_eq!(app.news(done(1)), []);
    assert_eq!(app.news(server("embedded/eye-tiny")), []);
    assert_eq!(app.second(1), []);
    assert!(!app.ticking());
}

#[test]
fn a_tab_in_the_background_keeps_current_without_a_frame_and_its_error_leaves_a_mark() {
    // The Load tab is shown; both tabs take the news, the shown one asks for the frame.
    let mut app = app();
    press(&mut app, "f f");
    assert_eq!(app.news(done(3)), [DATA]);
    app.news(failure("timeout_stall"));
    assert_eq!(app.marked, [TabId::Chat]);
    assert!(screen(&app).contains("5 Chat!"));
    press(&mut app, "tab");
    assert!(screen(&app).contains("done 3"));
    assert!(!screen(&app).contains("5 Chat!"), "seen is seen");
}

#[test]
fn warnings_raise_the_log_badge_until_the_log_was_looked_at() {
    let mut app = app();
    let line = |level, text: &str| LogLine { at: jiff::Timestamp::UNIX_EPOCH, level, target: "t".to_owned(), text: text.to_owned() };
    assert_eq!(app.logged(line(tracing::Level::INFO, "all well")), []);
    assert_eq!(app.logged(line(tracing::Level::WARN, "look here")), [DATA]);
    assert!(screen(&app).lines().next().unwrap().ends_with("L1"));
    press(&mut app, "L");
    assert!(screen(&app).contains("look here"));
    press(&mut app, "L");
    assert!(screen(&app).lines().next().unwrap().ends_with('L'));
}

#[test]
fn the_help_runs_the_row_and_the_palette_finds_by_letters() {
    let mut app = app();
    press(&mut app, "? f r e e z e enter");
    assert!(app.held.is_some() && app.layers.is_empty());
    press(&mut app, ": l a n g enter");
    assert_eq!(app.lang(), Lang::Zh);
    assert!(screen(&app).contains("压测"));
    assert_eq!(press(&mut app, ": q u i t enter")[0], Ask::Quit);
}

#[test]
fn numbers_and_tab_change_tabs_and_a_tab_that_is_not_built_is_not_there() {
    let mut app = app();
    press(&mut app, "tab");
    assert_eq!(app.tab_id(), TabId::Chat);
    press(&mut app, "6");
    assert_eq!(app.tab_id(), TabId::Load);
    press(&mut app, "shift-tab");
    assert_eq!(app.tab_id(), TabId::Chat);
    assert_eq!(press(&mut app, "1"), []);
    assert_eq!(app.tab_id(), TabId::Chat);
}

#[test]
fn a_click_on_a_tab_shows_it_and_the_wheel_moves_the_cursor() {
    let mut app = app();
    let mouse = |kind, column, row| Event::Mouse(MouseEvent { kind, column, row, modifiers: crossterm::event::KeyModifiers::NONE });
    let down = |column, row| mouse(MouseEventKind::Down(MouseButton::Left), column, row);
    app.input(down(2, 1));
    assert_eq!(app.tab_id(), TabId::Chat);
    app.input(down(11, 1));
    assert_eq!(app.tab_id(), TabId::Load);
    assert_eq!(app.input(mouse(MouseEventKind::ScrollDown, 5, 5)), [INPUT]);
    assert_eq!(app.input(down(70, 1)), [], "beside the tabs");
}

#[test]
fn a_copy_goes_out_as_osc_52_and_says_it_was_sent() {
    let mut app = app();
    let asks = press(&mut app, "y");
    assert_eq!(asks[0], Ask::Write(b"\x1b]52;c;cm93IDA=\x07".to_vec()));
    assert!(screen(&app).contains("sent to the terminal's clipboard"));
}

#[test]
fn a_run_that_goes_on_is_known_when_the_console_is_left() {
    let mut app = app();
    assert_eq!(app.live_run(), None);
    app.news(watching());
    app.news(done(1));
    assert_eq!(app.live_run(), Some(&*job()));
    app.news(News::Bench(Bench::Snapshot { job: job(), snapshot: Box::new(Snapshot { phase: Phase::Finished, ..Snapshot::default() }) }));
    assert_eq!(app.live_run(), None);
}
