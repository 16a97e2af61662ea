//! The tab as a person meets it: keys in, pictures and effects out.

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

#[test]
fn s_starts_a_test_of_the_embedded_engine_without_further_ado() {
    let mut tab = with_servers();
    let effects = press(&mut tab, "s");
    let Some(Effect::Start(spec)) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(spec.target.url, "http://127.0.0.1:41873");
    assert_eq!(spec.target.model.as_deref(), Some("eye-tiny"));
    assert_eq!(press(&mut tab, "s"), [], "a second press while it starts does nothing");
    tab.news(&watching());
    assert!(shows(&tab, "eye-tiny @ :41873"));
}

#[test]
fn a_fields_value_is_typed_in_place_and_started_with() {
    let mut tab = with_servers();
    assert_eq!(tab.form.cursor, Field::Load);
    press(&mut tab, "e");
    press(&mut tab, "backspace");
    type_in(&mut tab, "16");
    // On to the next field without leaving.
    press(&mut tab, "tab");
    press(&mut tab, "tab");
    press(&mut tab, "ctrl-u");
    type_in(&mut tab, "30s");
    press(&mut tab, "enter");
    assert!(tab.field().is_none());
    let Some(Effect::Start(spec)) = press(&mut tab, "s").into_iter().next() else { panic!("not started") };
    assert_eq!(spec.load, crate::bench::spec::Load::Concurrency(16));
    assert_eq!((spec.requests, spec.duration_s), (None, Some(30.0)));
}

#[test]
fn a_bad_value_is_told_beside_its_field_and_keeps_the_form_from_starting() {
    let mut tab = with_servers();
    press(&mut tab, "e");
    type_in(&mut tab, "x");
    press(&mut tab, "esc");
    assert!(shows(&tab, "! neither users (16) nor a rate (8/s)"));
    assert_eq!(reason(&tab, LoadCommand::Start).unwrap().en, "load: neither users (16) nor a rate (8/s)");
    assert_eq!(press(&mut tab, "s"), []);
}

#[test]
fn hints_and_faults_fit_beside_their_fields_at_80_columns() {
    for lang in [Lang::En, Lang::Zh] {
        for bad in [false, true] {
            let mut tab = with_servers();
            for field in Field::ALL {
                tab.form.cursor = field;
                let before = tab.form.text(field).to_owned();
                if bad {
                    tab.form.set(field, "?");
                }
                assert!(!text_of(&drawn(&tab, &look(lang, Palette::Mono), 80, 21)).contains('…'), "{field:?} {bad}");
                tab.form.set(field, &before);
            }
        }
    }
}

#[test]
fn another_server_is_chosen_with_left_and_right_and_stays_chosen() {
    let mut tab = with_servers();
    press(&mut tab, "g");
    press(&mut tab, "l");
    assert!(shows(&tab, "r1-32b"));
    let Some(Effect::Start(spec)) = press(&mut tab, "s").into_iter().next() else { panic!("not started") };
    assert_eq!(spec.target.url, "http://127.0.0.1:8000");
    tab.news(&News::Servers(Arc::from([])));
    tab.news(&servers());
    assert_eq!(tab.form.text(Field::Target), "http://127.0.0.1:8000");
}

#[test]
fn load_on_another_machine_is_asked_about_by_name() {
    let mut tab = with_servers();
    tab.form.set(Field::Target, "http://10.0.0.7:8000");
    let effects = press(&mut tab, "s");
    let [Effect::Confirm { ask, then }] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(ask.en.contains("http://10.0.0.7:8000") && ask.zh.contains("http://10.0.0.7:8000"));
    assert!(matches!(then.as_slice(), [Effect::Start(_)]));
}

#[test]
fn a_profile_fills_the_form() {
    let mut tab = with_servers();
    press(&mut tab, "o");
    let rows = tab.profiles.iter().position(|profile| profile.name == "steady").unwrap();
    for _ in 0..tab.profiles.len() {
        press(&mut tab, "k");
    }
    for _ in 0..rows {
        press(&mut tab, "j");
    }
    press(&mut tab, "enter");
    assert_eq!(tab.form.profile, "steady");
    assert_eq!(tab.form.text(Field::Target), "http://127.0.0.1:41873");
    press(&mut tab, "o");
    press(&mut tab, "esc");
    assert_eq!(tab.form.profile, "steady");
}

#[test]
fn the_form_starts_with_the_first_profile_it_is_given() {
    let own = LoadSpec { output_len: 999, ..profiles::bare() };
    let tab = Load::new(vec![("ours".to_owned(), own)]);
    assert_eq!((tab.form.profile.as_str(), tab.form.text(Field::Output)), ("ours", "999"));
    assert!(shows(&Load::new(Vec::new()), "new load test"));
}

#[test]
fn a_run_is_stopped_at_once_and_drained_once() {
    let mut tab = told(made_up::running(), 42);
    assert!(matches!(press(&mut tab, "d").as_slice(), [Effect::Steer(Steer::Drain), Effect::Tell(_)]));
    assert_eq!(press(&mut tab, "d"), []);
    assert!(matches!(press(&mut tab, "X").as_slice(), [Effect::Steer(Steer::Stop), Effect::Tell(_)]));
    assert_eq!(reason(&tab, LoadCommand::Stop).unwrap().en, "it is stopping");
    tab.news(&snapshot(Snapshot { phase: Phase::Stopped, ..made_up::running() }));
    assert_eq!(reason(&tab, LoadCommand::Stop).unwrap().en, "nothing runs");
    assert!(matches!(press(&mut tab, "s").first(), Some(Effect::Start(_))), "and again");
}

#[test]
fn a_start_that_was_refused_can_be_tried_again() {
    let mut tab = with_servers();
    press(&mut tab, "s");
    let problem = crate::base::Problem::failed("bench.start", said!("no room on the disk", "磁盘已满"));
    let effects = tab.news(&News::Bench(Bench::Refused(problem)));
    assert!(matches!(effects.as_slice(), [Effect::Complain(said)] if said.en.contains("no room on the disk")));
    assert!(matches!(press(&mut tab, "s").first(), Some(Effect::Start(_))));
}

#[test]
fn a_run_whose_process_is_gone_without_an_end_is_lost() {
    let mut tab = told(made_up::running(), 42);
    tab.news(&News::Bench(Bench::Gone { job: Arc::from("load-1"), state: crate::jobs::State::Lost }));
    assert!(shows(&tab, "lost"));
    assert_eq!(reason(&tab, LoadCommand::Start), None);
    let mut tab = told(made_up::finished(), 64);
    let effects = tab.news(&News::Bench(Bench::Gone { job: Arc::from("load-1"), state: crate::jobs::State::Exited }));
    assert!(!effects.contains(&Effect::Redraw), "an end that was seen before changes nothing on screen");
    assert!(shows(&tab, "finished"));
}

#[test]
fn the_figure_under_the_cursor_is_explained_with_its_samples() {
    let mut tab = told(made_up::running(), 42);
    for (key, title) in [
        ("g", "TTFT"),
        ("l", "TPOT"),
        ("l", "ITL"),
        ("j", "output tokens"),
        ("j", "in flight"),
        ("j", "server"),
        ("j", "client"),
        ("j", "errors"),
    ] {
        press(&mut tab, key);
        let explained = tab.explain().unwrap();
        assert!(explained.title.en.contains(title), "{key}: {}", explained.title.en);
        assert!(explained.rows.iter().any(|(label, _)| label.en == "vLLM 0.8.5"), "{title}");
        assert!(explained.rows.iter().all(|(_, said)| !said.en.is_empty() && !said.zh.is_empty()));
    }
    press(&mut tab, "g");
    assert!(tab.explain().unwrap().rows.iter().any(|(label, said)| label.en == "samples" && said.en.starts_with("764,")));
    let field = with_servers().explain().unwrap();
    assert!(field.title.en == "load" && field.rows.iter().any(|(label, _)| label.en == "together"), "{}", field.title.en);
    let names = |tab: &Load| tab.explain().unwrap().rows.into_iter().map(|(label, said)| (label.en, said.en)).collect::<Vec<_>>();
    assert!(names(&tab).iter().any(|(label, _)| *label == "AIPerf") && names(&tab).iter().any(|(label, _)| *label == "guidellm"));
    let mut tab = told(made_up::finished(), 64);
    let dir = tab.run.as_ref().unwrap().now.result_dir.clone();
    let ci95 = [("p99_ttft_ms".to_owned(), [180.0, 214.0])].into();
    tab.news(&News::Results(Box::new(Told::Regression { dir, against: None, ci95 })));
    assert!(names(&tab).iter().any(|(label, said)| *label == "95 % CI" && said == "P99 180 .. 214 ms"), "{:?}", names(&tab));
}

#[test]
fn enter_enlarges_the_panel_and_esc_goes_back_level_by_level() {
    let mut tab = told(made_up::running(), 42);
    press(&mut tab, "l");
    press(&mut tab, "enter");
    assert!(shows(&tab, "TPOT, time per output token") && shows(&tab, "P95"));
    press(&mut tab, "esc");
    assert!(shows(&tab, "ITL ms") && !shows(&tab, "P95"));
    press(&mut tab, "esc");
    assert!(shows(&tab, "new load test"));
    press(&mut tab, "esc");
    assert!(shows(&tab, "ITL ms"), "the run is still there");
}

#[test]
fn what_is_copied_is_the_panels_figures_and_the_command_line() {
    let mut tab = told(made_up::running(), 42);
    let Some(Effect::Copy(row)) = press(&mut tab, "y").pop() else { panic!("nothing copied") };
    assert!(row.contains("\tTTFT\tn=764\t") && row.contains("\tp99_ms="), "{row}");
    let Some(Effect::Copy(line)) = press(&mut tab, "c").pop() else { panic!("nothing copied") };
    assert!(line.starts_with("dcudeck bench run --url http://127.0.0.1:41873 --model eye-tiny --concurrency 4"), "{line}");
}

#[test]
fn equal_news_ask_for_no_redraw() {
    let mut tab = told(made_up::running(), 42);
    assert_eq!(tab.news(&snapshot(made_up::running())), []);
    assert_eq!(tab.news(&servers()), []);
    for fact in made_up::facts(42) {
        assert_eq!(tab.news(&News::Bench(Bench::Fact { job: Arc::from("load-1"), fact })), []);
    }
    assert_eq!(tab.news(&snapshot(made_up::finished())), [Effect::Redraw]);
    let other = News::Bench(Bench::Snapshot { job: Arc::from("another"), snapshot: Box::new(made_up::running()) });
    assert_eq!(tab.news(&other), [], "news of a run that is not watched");
}

#[test]
fn a_click_puts_the_cursor_on_the_panel_or_field_there() {
    let look = look(Lang::En, Palette::Mono);
    let area = Rect::new(0, 2, 80, 21);
    let mut tab = told(made_up::running(), 42);
    assert_eq!(tab.click(&look, area, Position::new(60, 8)), [Effect::Redraw]);
    assert_eq!(tab.focus.panel, Panel::Itl);
    assert_eq!(tab.click(&look, area, Position::new(60, 9)), [], "already there");
    tab.click(&look, area, Position::new(3, 16));
    assert_eq!(tab.focus.panel, Panel::InFlight);
    let mut tab = with_servers();
    tab.click(&look, area, Position::new(20, 3));
    assert_eq!(tab.form.cursor, Field::Target);
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

fn steered(effects: &[Effect]) -> &Steer {
    match effects.first() {
        Some(Effect::Steer(steer)) => steer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn users_are_steered_by_tenths_and_keys_pressed_fast_add_up() {
    let mut tab = told(Snapshot { users: Some(64), ..made_up::running() }, 42);
    assert_eq!(steered(&press(&mut tab, "+")), &Steer::Users { users: 70 });
    assert_eq!(steered(&press(&mut tab, "=")), &Steer::Users { users: 77 });
    assert_eq!(steered(&press(&mut tab, "-")), &Steer::Users { users: 70 });
    assert_eq!(press(&mut tab, "]"), [], "no rate in a closed loop");
    assert_eq!(reason(&tab, LoadCommand::Faster).unwrap().en, "this load is users: + and -");
    tab.news(&snapshot(Snapshot { users: Some(70), ..made_up::running() }));
    assert!(shows(&tab, "70 users"), "the rule line shows what is asked now");
}

#[test]
fn a_rate_is_steered_by_tenths_and_users_are_not() {
    let mut tab = told(Snapshot { users: None, rate: Some(8.0), ..made_up::running() }, 42);
    if let Some(run) = &mut tab.run {
        run.spec.load = crate::bench::spec::Load::Poisson(8.0);
    }
    assert_eq!(steered(&press(&mut tab, "]")), &Steer::Rate { rate: 8.8 });
    assert_eq!(press(&mut tab, "+"), []);
    assert_eq!(reason(&tab, LoadCommand::MoreUsers).unwrap().en, "this load is a rate: [ and ]");
}

#[test]
fn a_paused_run_says_so_and_p_goes_on() {
    let mut tab = told(made_up::running(), 42);
    assert_eq!(steered(&press(&mut tab, "p")), &Steer::Pause);
    tab.news(&snapshot(Snapshot { paused: true, held: 12, ..made_up::running() }));
    assert!(shows(&tab, "PAUSED") && shows(&tab, "held 12"));
    assert_eq!(steered(&press(&mut tab, "p")), &Steer::Resume);
}

#[test]
fn a_note_is_typed_on_the_last_row_and_sent_with_enter() {
    let mut tab = told(made_up::running(), 42);
    press(&mut tab, "a");
    type_in(&mut tab, "X+p GC");
    assert!(shows(&tab, "note on the time axis: X+p GC"));
    assert_eq!(steered(&press(&mut tab, "enter")), &Steer::Note { text: "X+p GC".to_owned() });
    assert!(tab.field().is_none());
    press(&mut tab, "a");
    type_in(&mut tab, "no");
    assert_eq!(press(&mut tab, "esc"), [Effect::Redraw]);
    press(&mut tab, "a");
    assert_eq!(press(&mut tab, "enter"), [Effect::Redraw], "an empty note is none");
}

#[test]
fn what_was_steered_stands_in_the_events_and_on_the_time_axis() {
    let tab = told(made_up::running(), 42);
    assert!(shows(&tab, "users 3 > 4"));
    let wide = text_of(&drawn(&tab, &look(Lang::En, Palette::Mono), 200, 57));
    let axes = wide.lines().filter(|line| line.contains("-30 s") && line.contains('▴')).count();
    assert!(axes >= 2, "curves and strips: {axes}");
}

#[test]
fn a_run_that_does_not_send_yet_is_not_steered() {
    let tab = told(made_up::preparing(), 0);
    assert_eq!(reason(&tab, LoadCommand::Pause).unwrap().en, "it does not send yet");
    assert_eq!(reason(&tab, LoadCommand::SkipCell).unwrap().en, "this run is no series");
}

#[test]
fn the_server_line_reads_na_without_a_server_that_answers() {
    let mut tab = told(made_up::running(), 42);
    let line = |tab: &Load| {
        let picture = text_of(&drawn(tab, &look(Lang::En, Palette::Mono), 80, 21));
        picture.lines().find(|line| line.starts_with(" server")).unwrap().to_owned()
    };
    assert!(line(&tab).contains("KV  71 %"), "{}", line(&tab));
    tab = told(Snapshot { server: Vec::new(), ..made_up::running() }, 5);
    assert!(!line(&tab).chars().any(|c| c.is_ascii_digit()), "{}", line(&tab));
}

#[test]
fn m_shows_latency_over_time_and_changes_it() {
    let mut tab = told(made_up::running(), 42);
    assert!(!shows(&tab, "over time"));
    press(&mut tab, "m");
    assert!(shows(&tab, "TTFT over time"));
    press(&mut tab, "m");
    assert!(shows(&tab, "ITL over time"));
    press(&mut tab, "h");
    assert!(shows(&tab, "errors") && !shows(&tab, "over time"), "another panel of the same place takes it back");
}

#[test]
fn the_cursor_walks_over_the_cells_and_a_waiting_one_can_be_skipped() {
    let mut tab = told(made_up::matrix(), 42);
    for _ in 0..4 {
        press(&mut tab, "j");
    }
    press(&mut tab, "j");
    assert_eq!(tab.focus.panel, Panel::Series);
    assert_eq!(reason(&tab, LoadCommand::SkipCell).unwrap().en, "it runs: K ends it");
    press(&mut tab, "l");
    assert_eq!(steered(&press(&mut tab, "x")), &Steer::SkipCell { key: Some("i2048-o128-c32-1".to_owned()) });
    assert_eq!(press(&mut tab, "r"), []);
    press(&mut tab, "k");
    assert_eq!(steered(&press(&mut tab, "r")), &Steer::RerunCell { key: "i512-o128-c32-1".to_owned() });
    let effects = press(&mut tab, "K");
    let [Effect::Confirm { ask, then }] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(ask.en.contains("i2048-o128-c8-1"));
    assert_eq!(then, &[Effect::Steer(Steer::SkipCell { key: None })]);
    assert_eq!(reason(&tab, LoadCommand::MoreUsers).unwrap().en, "a series sets its load itself");
}

#[test]
fn m_on_the_cells_changes_their_metric() {
    let mut tab = told(made_up::matrix(), 42);
    assert!(shows(&tab, "P99 TTFT ms  ░ <250 ▒ <500 ▓ <1,000 █ over"));
    tab.focus.go(Panel::Series);
    press(&mut tab, "m");
    assert!(shows(&tab, "P50 TTFT ms"));
    press(&mut tab, "enter");
    assert!(shows(&tab, "goodput") && shows(&tab, "E2EL"), "a cell's figures");
}

#[test]
fn a_search_marks_its_best_step_and_the_knee() {
    let tab = told(made_up::search(), 42);
    assert!(shows(&tab, "★") && shows(&tab, "knee") && shows(&tab, "!missed"));
}
