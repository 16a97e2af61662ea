//! The form, without the screen.

use super::{
    super::made_up,
    spec::{starting_matrix, starting_search},
    *,
};
use crate::bench::spec::{Endpoint, Matrix, Over, Prompts, Random, SaveTokens, Search};

#[test]
fn a_form_gives_back_the_spec_it_was_filled_from() {
    let mut spec = made_up::spec();
    assert_eq!(Form::new(&spec.name, &spec).spec(), Some(spec.clone()));
    spec.load = crate::bench::spec::Load::Rate(2.5);
    spec.prompts = Prompts::File { path: "prompts.jsonl".into(), multi_turn: false };
    spec.duration_s = Some(90.0);
    spec.target.endpoint = Endpoint::Chat;
    spec.slo.e2el_ms = None;
    assert_eq!(Form::new(&spec.name, &spec).spec(), Some(spec.clone()));
    spec.prompts = Prompts::Random(Random { prefix_ratio: 0.29, prefix_groups: 4, turns: 3, ..Random::of(256) });
    spec.load = crate::bench::spec::Load::Gamma { rate: 8.0, burstiness: 0.5 };
    (spec.cold, spec.max_concurrency, spec.save_tokens) = (true, Some(64), SaveTokens::All);
    spec.limits.max_error_rate_pct = 2.5;
    assert_eq!(Form::new(&spec.name, &spec).spec(), Some(spec.clone()));
    spec.matrix = Some(Matrix { repeats: 3, drain_s: 9.0, ..starting_matrix() });
    assert_eq!(Form::new(&spec.name, &spec).spec(), Some(spec.clone()));
    (spec.matrix, spec.search) = (None, Some(Search { over: Over::Rate, from: 0.5, within_pct: 2.0, ..starting_search() }));
    assert_eq!(Form::new(&spec.name, &spec).spec(), Some(spec));
}

#[test]
fn the_fields_of_a_series_are_there_when_it_is_one() {
    let mut form = Form::new("quick", &made_up::spec());
    assert!(!form.fields().contains(&Field::CellLoad));
    form.cursor = Field::Series;
    form.choose(&[], true);
    assert!(form.fields().contains(&Field::CellLoad) && !form.fields().contains(&Field::Range));
    form.set(Field::CellLoad, "1 16");
    assert!(form.estimate().unwrap().en.starts_with("6 cells · 7,200 requests · "));
    form.choose(&[], true);
    assert!(form.fields().contains(&Field::Range));
}

#[test]
fn a_bad_value_is_named_and_no_spec_is_made_of_it() {
    for (field, bad) in [
        (Field::Target, ""),
        (Field::Target, "ftp://host"),
        (Field::Target, "http://host/?key=1"),
        (Field::Target, "http://me:secret@host:1"),
        (Field::Input, "0"),
        (Field::Output, "many"),
        (Field::Load, "0"),
        (Field::Load, "-1/s"),
        (Field::Load, "NaN/s"),
        (Field::Until, ""),
        (Field::Until, "soon"),
        (Field::Until, "1 2"),
        (Field::Warmup, "-3"),
        (Field::Seed, "x"),
        (Field::Ttft, "0"),
        (Field::E2el, "inf"),
    ] {
        let mut form = Form::new("quick", &made_up::spec());
        form.set(field, bad);
        assert_eq!(form.first_fault().map(|(field, _)| field), Some(field), "{bad:?}");
        assert_eq!(form.spec(), None, "{field:?} {bad:?}");
    }
}

#[test]
fn a_profile_without_a_target_keeps_the_chosen_one() {
    let mut form = Form::new("quick", &made_up::spec());
    form.set(Field::Target, "http://127.0.0.1:9000");
    let mut spec = made_up::spec();
    spec.target.url.clear();
    spec.target.model = None;
    form.apply("steady", &spec);
    assert_eq!(form.text(Field::Target), "http://127.0.0.1:9000");
    assert!(!form.changed);
}
