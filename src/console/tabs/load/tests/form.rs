//! The form on screen: typed into, filled from profiles, started from.

use super::*;
use crate::console::tabs::load::form::Field;

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
fn a_start_that_was_refused_can_be_tried_again() {
    let mut tab = with_servers();
    press(&mut tab, "s");
    let problem = crate::base::Problem::failed("bench.start", crate::said!("no room on the disk", "磁盘已满"));
    let effects = tab.news(&News::Bench(Bench::Refused(problem)));
    assert!(matches!(effects.as_slice(), [Effect::Complain(said)] if said.en.contains("no room on the disk")));
    assert!(matches!(press(&mut tab, "s").first(), Some(Effect::Start(_))));
}
