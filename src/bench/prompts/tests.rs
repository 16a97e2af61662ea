use super::*;
use std::collections::HashSet;

fn material(spec: &Spec) -> Arc<Material> {
    Arc::new(Material::open(spec, |_| Ok(Words::estimated())).expect("needs no file"))
}

fn of(endpoint: Endpoint, random: spec::Random, seed: u64) -> (Spec, Prompts) {
    let target = spec::Target { endpoint, ..spec::Target::default() };
    let spec = Spec { prompts: spec::Prompts::Random(random), target, seed, ..Spec::default() };
    let prompts = Prompts::new(&spec, &material(&spec), "run-1");
    (spec, prompts)
}

fn ids(prompts: &Prompts, p: u64, warmup: bool) -> Vec<u32> {
    match prompts.get(p, warmup, None).swap_remove(0).prompt {
        Prompt::Ids(ids) => ids,
        other => panic!("{other:?}"),
    }
}

#[test]
fn random_ids_have_the_length_asked_for_and_stay_in_the_safe_range() {
    let (_, prompts) = of(Endpoint::Completions, spec::Random::of(8192), 7);
    let ids = ids(&prompts, 3, false);
    assert_eq!(ids.len(), 8192);
    assert!(ids.iter().all(|id| (300..=999).contains(id)));
    let mean = ids.iter().map(|&id| f64::from(id)).sum::<f64>() / 8192.0;
    assert!((mean - 649.5).abs() < 10.0, "{mean}");
}

#[test]
fn a_prompt_depends_on_seed_and_number_alone_and_no_two_agree() {
    let (mut spec, prompts) = of(Endpoint::Completions, spec::Random::of(32), 1);
    let again = prompts.clone();
    let mut seen = HashSet::new();
    for p in (0..500).rev() {
        assert_eq!(ids(&prompts, p, false), ids(&again, p, false));
        for warmup in [false, true] {
            assert!(seen.insert(ids(&prompts, p, warmup)), "{p} {warmup}");
        }
    }
    let other = of(Endpoint::Completions, spec::Random::of(32), 2).1;
    assert_ne!(ids(&prompts, 0, false), ids(&other, 0, false));
    // A cold run's prompts are its own: the same again under its nonce, others under any other.
    spec.cold = true;
    let cold = |nonce: &str| ids(&Prompts::new(&spec, &material(&spec), nonce), 0, false);
    assert_eq!(cold("a"), cold("a"));
    assert!(HashSet::from([cold("a"), cold("b"), ids(&prompts, 0, false)]).len() == 3);
}

#[test]
fn lengths_are_drawn_evenly_from_the_range_and_are_the_same_in_a_cold_run() {
    let random = spec::Random { range_ratio: 0.25, ..spec::Random::of(100) };
    let (mut spec, prompts) = of(Endpoint::Completions, random, 3);
    let lengths = |prompts: &Prompts| -> Vec<(usize, u32)> {
        (0..4000).map(|p| (ids(prompts, p, false).len(), prompts.get(p, false, None)[0].output_len)).collect()
    };
    let drawn = lengths(&prompts);
    let inputs: HashSet<usize> = drawn.iter().map(|(input, _)| *input).collect();
    assert_eq!((inputs.iter().min(), inputs.iter().max(), inputs.len()), (Some(&75), Some(&125), 51));
    let mean = drawn.iter().map(|(_, output)| f64::from(*output)).sum::<f64>() / 4000.0;
    assert!((mean - 128.0).abs() < 1.5, "{mean}");
    assert!(drawn.iter().all(|(_, output)| (96..=160).contains(output)));
    spec.cold = true;
    assert_eq!(lengths(&Prompts::new(&spec, &material(&spec), "n")), drawn);
}

#[test]
fn a_group_shares_its_prefix_and_nothing_more() {
    let random = spec::Random { prefix_ratio: 0.75, prefix_groups: 3, ..spec::Random::of(64) };
    let (_, prompts) = of(Endpoint::Completions, random, 3);
    let common = |a: &[u32], b: &[u32]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let all: Vec<Vec<u32>> = (0..12).map(|p| ids(&prompts, p, false)).collect();
    for (a, first) in all.iter().enumerate() {
        for (b, second) in all.iter().enumerate().skip(a + 1) {
            let shared = common(first, second);
            assert!(if a % 3 == b % 3 { (48..52).contains(&shared) } else { shared < 4 }, "{a} {b} {shared}");
        }
    }
    // The warm-up leaves the group's prefix in the cache, and nothing else of the measured prompts.
    assert!((48..52).contains(&common(&ids(&prompts, 0, true), &all[0])));
}

#[test]
fn a_turn_repeats_what_was_said_before_it_and_adds_its_own_length() {
    let random = spec::Random { turns: 3, ..spec::Random::of(10) };
    let (_, prompts) = of(Endpoint::Completions, random.clone(), 5);
    let turns: Vec<Vec<u32>> =
        prompts.get(4, false, None).into_iter().map(|t| if let Prompt::Ids(ids) = t.prompt { ids } else { panic!() }).collect();
    assert_eq!(turns.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10 + 128 + 10, 10 + 2 * (128 + 10)]);
    assert!(turns[1].starts_with(&turns[0]) && turns[2].starts_with(&turns[1]));
    let (_, chat) = of(Endpoint::Chat, random, 5);
    let Prompt::Messages(last) = chat.get(4, false, None).swap_remove(2).prompt else { panic!("messages") };
    assert_eq!(last.iter().map(|m| m.role.as_str()).collect::<Vec<_>>(), ["user", "assistant", "user", "assistant", "user"]);
    assert_eq!(last.iter().map(|m| m.content.split(' ').count()).collect::<Vec<_>>(), [10, 128, 10, 128, 10]);
    assert_eq!(chat.turns(4, false), 3);
}

#[test]
fn a_trace_gives_lengths_and_which_blocks_are_shared() {
    let (_, prompts) = of(Endpoint::Completions, spec::Random::of(10), 5);
    let row = |blocks: &[u64]| trace::Row { at_us: 0, input_len: Some(1200), output_len: Some(7), blocks: blocks.into() };
    let get = |p: u64, blocks: &[u64]| {
        let turn = prompts.get(p, false, Some(&row(blocks))).swap_remove(0);
        assert_eq!(turn.output_len, 7);
        if let Prompt::Ids(ids) = turn.prompt { ids } else { panic!("ids") }
    };
    let (a, b) = (get(0, &[1, 2, 3]), get(1, &[1, 2, 9]));
    assert_eq!((a.len(), b.len()), (1200, 1200));
    assert!(a[..1024] == b[..1024] && a[1024..] != b[1024..]);
    assert_ne!(get(0, &[]), get(1, &[]));
}

/// A vocabulary in which each word is a token behind a space, long words two, and a template of four tokens a message stands around.
struct Toy {
    asked: usize,
}

impl Count for Toy {
    fn by(&self) -> &'static str {
        "server"
    }

    fn count(&mut self, said: &[&str]) -> Result<Option<u64>, Problem> {
        self.asked += 1;
        let words = |text: &str| text.split(' ').map(|word| if word.len() > 5 { 2 } else { 1 }).sum::<u64>();
        Ok(Some(3 + said.iter().map(|text| 4 + words(text)).sum::<u64>()))
    }
}

#[test]
fn counted_words_make_prompts_exact_with_the_template_and_without_long_words() {
    let mut toy = Toy { asked: 0 };
    let words = Words::counted(&mut toy, true).expect("counts");
    assert_eq!(words.by(), "server");
    assert!(toy.asked < 60, "{}", toy.asked);
    let random = spec::Random { turns: 2, ..spec::Random::of(50) };
    let (spec, _) = of(Endpoint::Chat, random, 5);
    let prompts = Prompts::new(&spec, &Arc::new(Material::Words(words)), "");
    for p in 0..40 {
        let turns = prompts.get(p, false, None);
        let counts: Vec<u64> = turns
            .iter()
            .map(|turn| {
                let Prompt::Messages(said) = &turn.prompt else { panic!("messages") };
                toy.count(&said.iter().map(|m| m.content.as_str()).collect::<Vec<_>>()).expect("counts").expect("a count")
            })
            .collect();
        // The made-up answer is 128 tokens, the second question makes 50 with the template around it.
        assert_eq!(counts, [50, 50 + 128 + 50]);
    }
}

#[test]
fn words_that_do_not_add_up_are_told_as_estimated() {
    struct Odd;
    impl Count for Odd {
        fn by(&self) -> &'static str {
            "server"
        }
        fn count(&mut self, said: &[&str]) -> Result<Option<u64>, Problem> {
            Ok(Some(said.iter().map(|text| text.len() as u64 / 3).sum()))
        }
    }
    assert_eq!(Words::counted(&mut Odd, false).expect("counts"), Words::estimated());
}
