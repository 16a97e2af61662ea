use super::*;

fn schedule(load: &str, more: &str) -> Schedule {
    let text = format!(r#"{{"load": {load}{more}}}"#);
    Schedule::open(&serde_json::from_str(&text).expect(&text)).expect("opens")
}

fn moments(load: &str, more: &str, count: usize) -> Vec<u64> {
    schedule(load, more).moments(false).take(count).map(|due| due.expect("an open loop")).collect()
}

/// Gaps in units of the mean gap.
fn gaps(moments: &[u64], rate: f64) -> Vec<f64> {
    moments.windows(2).map(|pair| (pair[1] - pair[0]) as f64 * rate / 1e6).collect()
}

fn mean_and_cv(gaps: &[f64]) -> (f64, f64) {
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let var = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n;
    (mean, var.sqrt() / mean)
}

/// Greatest distance of the sample's distribution from `cdf`, times the root of the sample's size (Kolmogorov, Smirnov).
fn ks(mut sample: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let apart = |(k, x): (usize, &f64)| {
        let f = cdf(*x);
        (f - k as f64 / n).abs().max(((k + 1) as f64 / n - f).abs())
    };
    sample.iter().enumerate().map(apart).fold(0.0, f64::max) * n.sqrt()
}

/// Above this a sample is not of the distribution, with one false alarm in a thousand.
const KS_0_001: f64 = 1.95;

#[test]
fn at_a_rate_moments_are_multiples_of_the_spacing_and_never_drift() {
    assert_eq!(moments(r#"{"rate": 40.0}"#, "", 4), [0, 25_000, 50_000, 75_000]);
    assert_eq!(schedule(r#"{"rate": 3.0}"#, "").moments(false).nth(300_000), Some(Some(100_000_000_000)));
    assert_eq!(schedule(r#"{"rate": 40.0}"#, r#", "duration_s": 1.0"#).arrivals(u64::MAX), Some(40));
    assert_eq!(schedule(r#"{"rate": 40.0}"#, r#", "duration_s": 1.0"#).arrivals(8), Some(8));
    assert_eq!(schedule(r#"{"concurrency": 4}"#, "").moments(false).next(), Some(None));
}

#[test]
fn poisson_gaps_are_exponential_at_the_rate_asked_for() {
    for seed in [0, 1, 7] {
        let all = moments(r#"{"poisson": 200.0}"#, &format!(r#", "seed": {seed}"#), 20_001);
        let gaps = gaps(&all, 200.0);
        let (mean, cv) = mean_and_cv(&gaps);
        // The standard error of the mean is 0.7 %, of the cv about 1 %.
        assert!((mean - 1.0).abs() < 0.025 && (cv - 1.0).abs() < 0.03, "{seed}: {mean} {cv}");
        let d = ks(gaps, |x| 1.0 - (-x).exp());
        assert!(d < KS_0_001, "{seed}: {d}");
    }
}

#[test]
fn gamma_gaps_have_the_rate_and_the_burstiness_asked_for() {
    for shape in [0.25, 0.5, 2.0, 4.0_f64] {
        let all = moments(&format!(r#"{{"gamma": {{"rate": 50.0, "burstiness": {shape}}}}}"#), "", 20_001);
        let gaps = gaps(&all, 50.0);
        let (mean, cv) = mean_and_cv(&gaps);
        assert!((mean - 1.0).abs() < 0.05 && (cv * shape.sqrt() - 1.0).abs() < 0.06, "{shape}: {mean} {cv}");
        // Distributions of gamma in closed form: shape 1/2 is that of a squared normal, whole shapes are sums of exponentials.
        let erlang = |k: i32, x: f64| {
            let scaled = x * f64::from(k);
            let mut term = 1.0;
            let sum: f64 = (0..k)
                .map(|i| {
                    if i > 0 {
                        term *= scaled / f64::from(i);
                    }
                    term
                })
                .sum();
            1.0 - (-scaled).exp() * sum
        };
        let d = if shape > 1.5 {
            #[expect(clippy::cast_possible_truncation, reason = "2 and 4")]
            ks(gaps, |x| erlang(shape as i32, x))
        } else if shape > 0.3 {
            ks(gaps, |x| erf((x * 0.5).sqrt()))
        } else {
            continue;
        };
        assert!(d < KS_0_001, "{shape}: {d}");
    }
}

/// The error function by its series; enough for arguments below 5.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    (2.0 / std::f64::consts::PI.sqrt() * sum).min(1.0)
}

#[test]
fn another_seed_is_another_process_and_the_warm_up_is_one_of_its_own() {
    let (a, b) = (moments(r#"{"poisson": 10.0}"#, "", 5_000), moments(r#"{"poisson": 10.0}"#, r#", "seed": 1"#, 5_000));
    assert_eq!(a, moments(r#"{"poisson": 10.0}"#, r#", "output_len": 3, "prompts": {"random": {"input_len": 9}}"#, 5_000));
    assert_ne!(a, b);
    let (x, y) = (gaps(&a, 10.0), gaps(&b, 10.0));
    let together = x.iter().zip(&y).map(|(x, y)| (x - 1.0) * (y - 1.0)).sum::<f64>() / x.len() as f64;
    // Uncorrelated: 0 with a standard error of 0.014.
    assert!(together.abs() < 0.05, "{together}");
    let one = schedule(r#"{"poisson": 10.0}"#, "");
    assert_ne!(one.moments(true).next(), one.moments(false).next());
    assert_eq!(one.moments(false).next(), one.moments(false).next());
}

#[test]
fn stages_have_the_arrivals_of_their_rates_and_ramps_and_then_end() {
    let stages = r#"{"stages": [{"rate": 100.0, "duration_s": 50.0, "ramp": true}, {"rate": 100.0, "duration_s": 20.0},
        {"rate": 20.0, "duration_s": 50.0, "ramp": true}, {"rate": 400.0, "duration_s": 10.0}]}"#;
    let one = schedule(stages, "");
    let all: Vec<u64> = one.moments(false).flatten().collect();
    let within = |from_s: u64, to_s: u64| all.iter().filter(|us| (from_s * 1_000_000..to_s * 1_000_000).contains(*us)).count() as f64;
    // The area under the rate, and four times the root of it as room.
    for (from, to, expected) in [
        (0, 25, 625.0_f64),
        (25, 50, 1_875.0),
        (50, 70, 2_000.0),
        (70, 95, 2_000.0),
        (95, 120, 1_000.0),
        (120, 130, 4_000.0),
        (0, 130, 11_500.0),
    ] {
        let counted = within(from, to);
        assert!((counted - expected).abs() < 4.0 * expected.sqrt(), "{from} to {to}: {counted}");
    }
    assert!(all.is_sorted() && all.last().is_some_and(|last| *last < 130_000_000));
    assert_eq!(one.arrivals(u64::MAX), Some(all.len() as u64));
    // Mapped to the axis of expected arrivals the gaps are exponential again: that is what the inverse has to undo.
    let flat = |us: u64| {
        let mut t = us as f64 / 1e6;
        let mut sum = 0.0;
        for (long, from, to) in [(50.0, 0.0, 100.0), (20.0, 100.0, 100.0), (50.0, 100.0, 20.0), (10.0, 400.0, 400.0_f64)] {
            let inside = t.clamp(0.0, long);
            sum += from * inside + (to - from) / (2.0 * long) * inside * inside;
            t -= long;
        }
        sum
    };
    let gaps: Vec<f64> = all.windows(2).map(|pair| flat(pair[1]) - flat(pair[0])).collect();
    let d = ks(gaps, |x| 1.0 - (-x).exp());
    assert!(d < KS_0_001, "{d}");
}

fn trace(name: &str, content: &str, speed: f64) -> Result<Trace, Problem> {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join(name);
    std::fs::write(&path, content).expect("writes");
    Trace::read(&path, speed)
}

#[test]
fn both_kinds_of_traces_are_played_from_their_first_arrival_at_any_speed() {
    let mooncake = concat!(
        r#"{"timestamp": 27000, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}"#,
        "\n",
        r#"{"timestamp": 30500, "input_length": 10, "output_length": 5}"#,
        "\n"
    );
    let rows = trace("m.jsonl", mooncake, 2.0).expect("reads").rows().to_vec();
    let row = |at_us, input, output, blocks: &[u64]| trace::Row {
        at_us,
        input_len: Some(input),
        output_len: Some(output),
        blocks: blocks.into(),
    };
    assert_eq!(rows, [row(0, 6955, 52, &[46, 47]), row(1_750_000, 10, 5, &[])]);
    let burst = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n45.5,GPT-4,1087,230,1317,API log\n";
    assert_eq!(trace("b.csv", burst, 1.0).expect("reads").rows(), [row(0, 472, 18, &[]), row(40_500_000, 1087, 230, &[])]);
}

#[test]
fn a_bad_row_of_a_trace_is_named_by_file_and_line() {
    for (name, content, place) in [
        ("m.jsonl", "{\"timestamp\": 1}\n{\"timestamp\": \"x\"}\n", "m.jsonl:2: no arrival"),
        ("m.jsonl", "{\"timestamp\": 1, \"input_length\": 5000000}\n", "m.jsonl:1: a length beyond"),
        ("b.csv", "Timestamp,Model\n1,a\n\nx,a\n", "b.csv:4: Timestamp is no number"),
        ("b.csv", "Time,Model\n", "b.csv:1: the heading has no column"),
        ("b.csv", "Timestamp,Request tokens\n1\n", "b.csv:2: Request tokens is no number"),
        ("e.jsonl", "\n", "holds no arrival"),
    ] {
        let problem = trace(name, content, 1.0).expect_err(content).to_string();
        assert!(problem.contains(place), "{problem}");
    }
}
