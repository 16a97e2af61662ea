//! The built-in profiles are read by the types they are for; the module that finds profiles knows none of those.

use dcudeck::{
    bench::spec::{Load, Spec},
    workspace::{Workspace, profiles},
};

#[test]
fn every_built_in_bench_profile_is_a_spec_that_ends() {
    let workspace = Workspace::at("/nonexistent");
    let all = profiles::list(&workspace, "bench");
    assert!(!all.is_empty());
    for profile in all {
        let spec: Spec = profiles::load(&workspace, "bench", &profile.name).expect("parses");
        assert_eq!(spec.name, profile.name);
        assert!(spec.requests.is_some() || spec.duration_s.is_some(), "{} never ends", profile.name);
        assert!(spec.target.url.is_empty(), "{} names a server", profile.name);
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
