//! The history as a person meets it: keys in, pictures and effects out.

use super::{
    super::{
        Load,
        testing::{drawn, look, press, shows, text_of},
    },
    made_up, *,
};
use crate::{
    base::Lang,
    bench::spec::SaveTokens,
    console::{
        news::{Bench, News},
        results::{
            Autopsy, Opened, Told,
            requests::{By, Wish},
        },
        tab::Tab as _,
        theme::Palette,
    },
};

fn tell(tab: &mut Load, told: Told) -> Vec<Effect> {
    tab.news(&News::Results(Box::new(told)))
}

/// All results that are known.
fn entries(list: Vec<Listed>) -> Told {
    Told::List(Arc::from(list))
}

fn keys(tab: &mut Load, keys: &str) -> Vec<Effect> {
    keys.split_whitespace().map(|name| press(tab, name)).last().unwrap_or_default()
}

fn reason(tab: &Load, command: Command) -> Option<String> {
    tab.commands().into_iter().find(|live| live.command == command).and_then(|live| live.disabled).map(|said| said.en)
}

/// A tab that shows `n` results.
fn with(n: u32) -> Load {
    let mut tab = Load::default();
    keys(&mut tab, "H");
    tell(&mut tab, entries(made_up::list(n)));
    tab
}

fn with_result() -> Load {
    with_opened(&made_up::opened())
}

fn with_opened(opened: &Opened) -> Load {
    let mut tab = with(12);
    keys(&mut tab, "enter");
    tell(&mut tab, Told::Opened(Box::new(opened.clone())));
    tell(&mut tab, regression(&opened.dir));
    tell(&mut tab, Told::Requests(made_up::told_requests(opened, Wish::default())));
    tab
}

fn regression(dir: &Path) -> Told {
    Told::Regression { dir: dir.to_path_buf(), against: Some(Box::new(made_up::against())), ci95: BTreeMap::new() }
}

fn with_request(autopsy: Autopsy) -> Load {
    let mut tab = with_result();
    keys(&mut tab, "enter");
    tell(&mut tab, Told::Autopsy(Box::new(autopsy)));
    tab
}

fn with_series() -> Load {
    let mut tab = with(12);
    keys(&mut tab, "j j enter");
    tell(&mut tab, Told::Opened(Box::new(made_up::opened_series())));
    tab
}

fn with_comparison(sides: u32, series: bool) -> Load {
    let mut tab = with(12);
    keys(&mut tab, "v");
    tell(&mut tab, Told::Compared(Box::new(made_up::compared(sides, series))));
    tab
}

fn states() -> Vec<(&'static str, Load)> {
    let mut marked = with(12);
    keys(&mut marked, "space j space");
    vec![
        ("list", with(40)),
        ("marked", marked),
        ("empty", with(0)),
        ("result", with_result()),
        ("routes", with_opened(&made_up::opened_routes())),
        ("series", with_series()),
        ("request", with_request(made_up::autopsy(true))),
        ("request_not_kept", with_request(made_up::autopsy(false))),
        ("request_failed", with_request(made_up::failed_autopsy())),
        ("compare", with_comparison(2, false)),
        ("compare_series", with_comparison(3, true)),
    ]
}

#[test]
fn pictures_are_as_kept() {
    for (width, height) in [(80, 21), (200, 57)] {
        for (lang, tag) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
            for (name, tab) in states() {
                let picture = text_of(&drawn(&tab, &look(lang, Palette::Dark), width, height));
                insta::assert_snapshot!(format!("{name}_{width}x{}_{tag}", height + 3), picture);
            }
        }
    }
}

#[test]
fn every_size_draws_without_panic() {
    for (_, tab) in states() {
        let ascii = Look { ascii: true, ..look(Lang::Zh, Palette::Sixteen) };
        for width in (0..=130).step_by(13).chain([1, 3, 16, 18, 26, 40, 80, 150, 200]) {
            for height in (0..=60).step_by(7).chain([1, 2, 3, 4, 5, 6, 8, 10, 13, 15, 17, 21]) {
                drawn(&tab, &ascii, width, height);
            }
        }
    }
}

#[test]
fn ascii_draws_nothing_else_but_what_names_need() {
    let plain = Look { ascii: true, ..look(Lang::En, Palette::Mono) };
    for (name, tab) in states() {
        for (width, height) in [(80, 21), (200, 57), (40, 7)] {
            let picture = text_of(&drawn(&tab, &plain, width, height));
            let odd: String = picture.chars().filter(|c| !c.is_ascii() && !c.is_alphanumeric()).collect();
            // The console folds these everywhere.
            assert_eq!(odd.replace(['·', '±', '×', '≤', '…'], ""), "", "{name} {width}x{height}");
        }
    }
}

#[test]
fn the_history_is_asked_for_when_it_is_shown_and_again_when_a_run_ends() {
    let mut tab = Load::default();
    assert!(keys(&mut tab, "H").contains(&Effect::Results(Wanted::List)));
    assert!(shows(&tab, "reading"));
    tell(&mut tab, entries(made_up::list(3)));
    assert!(shows(&tab, "3 results"));
    let job = |state| {
        let row = JobRow { id: "load-1".to_owned(), kind: "bench".to_owned(), name: "load".to_owned(), state, log: PathBuf::new() };
        News::Jobs(Arc::from([row]))
    };
    assert_eq!(tab.news(&job(jobs::State::Running)), [Effect::Results(Wanted::List)]);
    assert_eq!(tab.news(&job(jobs::State::Running)), []);
    assert_eq!(tab.news(&job(jobs::State::Exited)), [Effect::Results(Wanted::List)]);
}

#[test]
fn the_same_list_again_asks_for_no_redraw_and_a_new_one_keeps_the_cursor_on_its_result() {
    let mut tab = with(12);
    assert_eq!(tell(&mut tab, entries(made_up::list(12))), []);
    keys(&mut tab, "j j j");
    let before = made_up::listed(3).entry.id;
    assert!(shows(&tab, &before));
    let mut list = made_up::list(12);
    list.insert(0, made_up::listed(17));
    tell(&mut tab, entries(list));
    assert!(shows(&tab, &before));
}

#[test]
fn every_word_of_the_filter_must_be_found() {
    let mut tab = with(12);
    keys(&mut tab, "/ r 1 - 3 2 b");
    assert!(shows(&tab, "3 of 12 results"));
    keys(&mut tab, "space");
    keys(&mut tab, "x q z enter");
    assert!(shows(&tab, "no result has all of these words"));
    keys(&mut tab, "/ esc");
    assert!(shows(&tab, "12 results"), "Esc takes the filter away");
}

#[test]
fn a_result_is_deleted_only_after_a_question_that_names_it() {
    let mut tab = with(12);
    let effects = keys(&mut tab, "D");
    let id = made_up::listed(0).entry.id;
    let dir = made_up::listed(0).entry.result_dir;
    let [Effect::Confirm { ask, then }] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(ask.en.contains(&id) && ask.zh.contains(&id));
    assert_eq!(then, &[Effect::Results(Wanted::Delete(dir.clone()))]);
    let effects = tell(&mut tab, Told::Deleted(dir));
    assert!(effects.contains(&Effect::Results(Wanted::List)));
    assert!(shows(&tab, "11 results"));
}

#[test]
fn a_result_that_is_still_written_is_watched_and_not_deleted() {
    let mut tab = with(12);
    keys(&mut tab, "j j j j j j j");
    let dir = made_up::listed(7).entry.result_dir;
    assert_eq!(made_up::listed(7).entry.state, "running");
    assert_eq!(keys(&mut tab, "enter"), [Effect::Results(Wanted::Watch(dir))]);
    assert!(reason(&tab, Command::History(HistoryCommand::Delete)).unwrap().contains("stop it first"));
}

#[test]
fn the_marked_results_are_compared_oldest_first() {
    let mut tab = with(12);
    keys(&mut tab, "space j space");
    let effects = keys(&mut tab, "v");
    let [Effect::Results(Wanted::Compare(dirs)), ..] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(dirs, &[made_up::listed(2).entry.result_dir, made_up::listed(0).entry.result_dir]);
    tell(&mut tab, Told::Compared(Box::new(made_up::compared(2, false))));
    assert!(shows(&tab, "+10.2") && shows(&tab, "! worse") && shows(&tab, "cold in A, warm in B"));
    keys(&mut tab, "esc");
    assert!(shows(&tab, "12 results"));
}

#[test]
fn the_form_is_filled_from_what_a_result_asked() {
    let mut tab = with(12);
    keys(&mut tab, "j e");
    assert!(shows(&tab, "new load test"));
    assert_eq!(tab.form.spec(), made_up::listed(1).entry.spec);
    keys(&mut tab, "H");
    keys(&mut tab, "G k k k k k");
    assert_eq!(reason(&tab, Command::Load(LoadCommand::Edit)).unwrap(), "an imported result does not say what was asked");
}

#[test]
fn requests_are_sorted_by_key_and_failed_ones_come_on_top() {
    let mut tab = with_result();
    let opened = made_up::opened();
    let effects = keys(&mut tab, "t");
    let wish = Wish { by: By::Tpot, ..Wish::default() };
    assert_eq!(effects.first(), Some(&Effect::Results(Wanted::Requests { dir: opened.dir.clone(), wish: wish.clone() })));
    assert!(shows(&tab, "reading"));
    assert_eq!(tell(&mut tab, Told::Requests(made_up::told_requests(&opened, Wish::default()))), [], "an older answer is passed over");
    tell(&mut tab, Told::Requests(made_up::told_requests(&opened, wish)));
    assert!(shows(&tab, "requests by TPOT"));
    let effects = keys(&mut tab, "!");
    let Some(Effect::Results(Wanted::Requests { wish, .. })) = effects.first() else { panic!("{effects:?}") };
    assert!(wish.failed_first);
    tell(&mut tab, Told::Requests(made_up::told_requests(&opened, wish.clone())));
    assert!(shows(&tab, "! timeout_first_token"));
}

#[test]
fn a_result_is_shown_at_once_and_held_against_the_last_comparable_when_that_is_known() {
    let mut tab = with(12);
    keys(&mut tab, "enter");
    assert!(shows(&tab, "reading"));
    let opened = made_up::opened();
    let effects = tell(&mut tab, Told::Opened(Box::new(opened.clone())));
    assert!(effects.contains(&Effect::Results(Wanted::Regression(opened.dir.clone()))));
    assert!(shows(&tab, "being compared with 11-24 01:12") && shows(&tab, "r1-32b-20261124T011205Z-a2b1: same model"));
    tell(&mut tab, regression(&opened.dir));
    assert!(shows(&tab, "! worse than 11-24 01:12"));
    keys(&mut tab, "esc enter");
    assert!(!tell(&mut tab, Told::Opened(Box::new(opened))).iter().any(|effect| matches!(effect, Effect::Results(_))), "it is known");
}

#[test]
fn what_nobody_waits_for_any_more_does_not_come_on_screen() {
    let mut tab = with(12);
    keys(&mut tab, "enter");
    keys(&mut tab, "j j enter");
    assert_eq!(tell(&mut tab, Told::Opened(Box::new(made_up::opened()))), []);
    tell(&mut tab, Told::Opened(Box::new(made_up::opened_series())));
    assert!(shows(&tab, "cells"));
    assert_eq!(tell(&mut tab, Told::Compared(Box::new(made_up::compared(2, false)))), []);
}

#[test]
fn the_first_requests_are_listed_while_the_rest_is_read_and_the_cursor_stays_on_its_request() {
    let mut tab = with(12);
    keys(&mut tab, "enter");
    let opened = made_up::opened();
    tell(&mut tab, Told::Opened(Box::new(opened.clone())));
    let all = made_up::told_requests(&opened, Wish::default());
    let rows: Arc<[_]> = all.rows.iter().take(100).cloned().collect();
    let order = crate::console::results::requests::arrange(&rows, &Wish::default()).into();
    let first = crate::console::results::Requests { rows, order, read_pct: Some(8.3), ..all.clone() };
    let third = first.get(2).unwrap().i.to_string();
    tell(&mut tab, Told::Requests(first));
    assert!(shows(&tab, "the first 100, reading 8 %"));
    keys(&mut tab, "j j");
    tell(&mut tab, Told::Requests(all));
    assert!(shows(&tab, "1,200 · ms"));
    let picture = text_of(&drawn(&tab, &look(Lang::En, Palette::Mono), 80, 21));
    let here = picture.lines().find(|line| line.starts_with('▸')).unwrap_or_default();
    assert!(here.split_whitespace().nth(1) == Some(third.as_str()), "{here}");
}

#[test]
fn a_request_whose_arrivals_are_not_there_says_whose_were_to_be_kept() {
    for (save, says) in [(SaveTokens::None, "save_tokens: none"), (SaveTokens::Sample, "slowest 1 %"), (SaveTokens::All, "was to save all")]
    {
        let mut autopsy = made_up::autopsy(false);
        autopsy.save_tokens = Some(save);
        assert!(shows(&with_request(autopsy), says), "{save:?}");
    }
}

#[test]
fn a_cell_of_a_series_says_so_and_is_not_deleted_alone() {
    let mut tab = with_series();
    keys(&mut tab, "enter");
    let mut opened = made_up::opened();
    opened.dir = made_up::opened_series().dir.join("cells").join("i128-o512-c1-1");
    tell(&mut tab, Told::Opened(Box::new(opened)));
    assert!(shows(&tab, "cell i128-o512-c1-1 · eye-tiny") && shows(&tab, "a cell of"));
    assert!(reason(&tab, Command::History(HistoryCommand::Delete)).unwrap().contains("whole results"));
}

#[test]
fn a_request_opens_with_its_neighbours_and_esc_goes_back_level_by_level() {
    let mut tab = with_result();
    let effects = keys(&mut tab, "enter");
    assert!(matches!(effects.first(), Some(Effect::Results(Wanted::Autopsy { .. }))));
    tell(&mut tab, Told::Autopsy(Box::new(made_up::autopsy(true))));
    assert!(shows(&tab, "request 1107") && shows(&tab, "640 before token 42"));
    assert!(matches!(keys(&mut tab, "l").first(), Some(Effect::Results(Wanted::Autopsy { .. }))));
    assert!(keys(&mut tab, "y").contains(&Effect::Copy("eye-tiny-20261124T001205Z-a2b0-1107".to_owned())));
    keys(&mut tab, "esc");
    assert!(shows(&tab, "requests by TTFT"));
    keys(&mut tab, "esc");
    assert!(shows(&tab, "12 results"));
    keys(&mut tab, "esc");
    assert!(shows(&tab, "new load test"));
}

#[test]
fn a_cell_of_a_series_opens_as_a_result_and_one_that_waits_does_not() {
    let mut tab = with_series();
    let effects = keys(&mut tab, "enter");
    let Some(Effect::Results(Wanted::Open { dir, live: false })) = effects.first() else { panic!("{effects:?}") };
    assert!(dir.ends_with("cells/i128-o512-c1-1"), "{dir:?}");
    assert_eq!(keys(&mut tab, "G enter"), []);
}

#[test]
fn a_watched_run_that_ended_is_held_against_the_last_comparable() {
    let mut tab = Load::default();
    let job: Arc<str> = Arc::from("load-1");
    let spec = Box::new(super::super::made_up::spec());
    tab.news(&News::Bench(Bench::Watching { job: Arc::clone(&job), spec }));
    let snapshot = super::super::made_up::finished();
    let dir = snapshot.result_dir.clone();
    tab.news(&News::Bench(Bench::Snapshot { job: Arc::clone(&job), snapshot: Box::new(snapshot) }));
    let effects = tab.news(&News::Bench(Bench::Gone { job, state: jobs::State::Exited }));
    assert_eq!(effects, [Effect::Results(Wanted::Regression(dir.clone()))]);
    assert_eq!(tell(&mut tab, regression(&dir)), [Effect::Redraw]);
    assert!(shows(&tab, "! worse than 11-24 01:12  TTFT P99 +10.2 %  tok/s +3.1 %"));
    assert!(shows(&tab, "r1-32b-20261124T011205Z-a2b1: same model, load, prompts, lengths"));
    tell(&mut tab, Told::Regression { dir, against: None, ci95: BTreeMap::new() });
    assert!(shows(&tab, "no earlier result asked the same"));
}

#[test]
fn a_running_result_that_is_watched_already_comes_on_screen_at_once() {
    let mut tab = with(12);
    keys(&mut tab, "j j j j j j j");
    let job: Arc<str> = Arc::from("load-1");
    tab.news(&News::Bench(Bench::Watching { job: Arc::clone(&job), spec: Box::new(super::super::made_up::spec()) }));
    let mut snapshot = super::super::made_up::finished();
    snapshot.result_dir = made_up::listed(7).entry.result_dir;
    tab.news(&News::Bench(Bench::Snapshot { job, snapshot: Box::new(snapshot) }));
    keys(&mut tab, "H");
    assert_eq!(keys(&mut tab, "enter"), [Effect::Redraw]);
    assert!(shows(&tab, "TTFT ms"));
}

#[test]
fn what_cannot_be_read_is_told_where_it_was_asked_for() {
    let mut tab = Load::default();
    keys(&mut tab, "H");
    let problem = || crate::base::Problem::failed("bench.history", said!("the folder cannot be read", "无法读取文件夹"));
    tell(&mut tab, Told::Refused { wanted: Wanted::List, problem: problem() });
    assert!(shows(&tab, "the folder cannot be read"));
    let wanted = Wanted::Open { dir: PathBuf::from("/x"), live: false };
    let effects = tell(&mut tab, Told::Refused { wanted, problem: problem() });
    assert!(matches!(effects.as_slice(), [Effect::Complain(_)]));
}

#[test]
fn a_move_of_the_cursor_restyles_two_rows_and_no_more() {
    let look = look(Lang::En, Palette::Dark);
    let mut tab = with_result();
    let before = drawn(&tab, &look, 200, 57);
    keys(&mut tab, "j");
    let after = drawn(&tab, &look, 200, 57);
    let rows: std::collections::BTreeSet<u16> = before.diff(&after).into_iter().map(|(_, y, _)| y).collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
}
