//! The built-in profiles are read by the types they are for; the module that finds profiles knows none of those.

use std::{fs, path::Path};

use dcudeck::{
    bench::spec::{Load, Spec},
    workspace::{Workspace, profiles},
};

#[test]
fn every_built_in_bench_profile_is_a_spec_that_ends() {
    let workspace = Workspace::at("/nonexistent");
    let all = profiles::list(&workspace, "bench");
    assert_eq!(all.len(), fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/bench")).expect("lists").count());
    for profile in all {
        let mut spec: Spec = profiles::load(&workspace, "bench", &profile.name).expect("parses");
        assert_eq!(spec.name, profile.name);
        assert!(spec.requests.is_some() || spec.duration_s.is_some(), "{} never ends", profile.name);
        assert!(spec.target.url.is_empty(), "{} names a server", profile.name);
        "http://127.0.0.1:8000".clone_into(&mut spec.target.url);
        spec.check().unwrap_or_else(|problem| panic!("{}: {problem}", profile.name));
    }
}

#[test]
fn the_quick_profile_is_a_closed_loop_and_the_steady_one_a_rate() {
    let workspace = Workspace::at("/nonexistent");
    let load = |name| profiles::load::<Spec>(&workspace, "bench", name).expect("parses").load;
    assert_eq!(load("quick"), Load::Concurrency(4));
    assert_eq!(load("steady"), Load::Rate(2.0));
}

#[test]
fn every_key_of_a_built_in_profile_is_explained_once() {
    let workspace = Workspace::at("/nonexistent");
    for profile in profiles::list(&workspace, "bench") {
        let (text, _) = profiles::text(&workspace, "bench", &profile.name).expect("reads");
        assert!(text.starts_with("# "), "{} does not say what it is for", profile.name);
        // A block of top-level keys begins with a comment; blocks are set apart by blank lines.
        for block in text.split("\n\n").filter(|block| block.lines().any(|line| !line.starts_with('#'))) {
            assert!(block.trim_start().contains('#'), "{}: {block}", profile.name);
        }
    }
}

#[test]
fn the_series_profiles_are_series_and_the_standard_matrix_is_the_standard_one() {
    let workspace = Workspace::at("/nonexistent");
    let matrix = profiles::load::<Spec>(&workspace, "bench", "matrix").expect("parses").matrix.expect("a matrix");
    assert_eq!((matrix.input_len, matrix.output_len), (vec![128, 512, 2048, 8192], vec![128, 512, 1024]));
    assert_eq!((matrix.concurrency.first(), matrix.concurrency.last()), (Some(&1), Some(&256)));
    assert!(profiles::load::<Spec>(&workspace, "bench", "slo-search").expect("parses").search.is_some());
}

#[test]
fn a_mistake_in_a_bench_profile_is_told_with_its_line_and_the_nearest_key() {
    for (text, told) in [
        ("load:\n  concurency: 4\n", "p.yaml:2: concurency"),
        ("load:\n  concurrency: 4\nlimits:\n  stal_s: 3\n", "p.yaml:4: stal_s: unknown key; did you mean stall_s?"),
        ("load:\n  concurrency: 4\nrequest: 3\n", "p.yaml:3: request: unknown key; did you mean requests?"),
        ("load:\n  concurrency: many\n", "p.yaml:2: concurrency: "),
        ("name: x\n", "load: the key is missing"),
    ] {
        let problem = profiles::parse::<Spec>(text, std::path::Path::new("p.yaml")).expect_err("wrong");
        assert!(problem.to_string().contains(told), "{problem}");
        assert_eq!(problem.exit(), dcudeck::base::Exit::BadInput);
    }
}
