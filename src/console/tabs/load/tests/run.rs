//! A watched run on screen: its panels, what is explained, copied and clicked.

use super::*;
use crate::console::tabs::load::form::Field;

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
