//! A run that is steered: users, rate, pause, notes, cells, its end.

use super::*;

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
    let axes = wide.lines().filter(|line| line.contains("0:30") && line.contains('▴')).count();
    assert!(axes >= 2, "curves and strips: {axes}");
}

#[test]
fn a_run_that_does_not_send_yet_is_not_steered() {
    let tab = told(made_up::preparing(), 0);
    assert_eq!(reason(&tab, LoadCommand::Pause).unwrap().en, "it does not send yet");
    assert_eq!(reason(&tab, LoadCommand::SkipCell).unwrap().en, "this run is no series");
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
