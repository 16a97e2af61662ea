//! What the screen costs a slow link, and that nothing from outside reaches it as a control sequence.

use super::*;
use crate::console::painter::Painter;

const WIDE: Size = Size::new(200, 60);

/// A run after `second` seconds and `quarter` quarters: about 60 requests a second, latencies that wander.
pub(super) fn running(second: u64, quarter: u64) -> News {
    let ticks = second * 4 + quarter;
    let n = ticks * 15;
    let dist = |samples: u64, centre_us: f64| {
        let mut bins = std::collections::BTreeMap::new();
        for step in 0..40_u32 {
            let wave = 1.0 + 0.2 * ((ticks as f64) / 7.0 + f64::from(step)).sin();
            let us = centre_us * (0.5 + f64::from(step) / 20.0) * wave;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "latencies of some ms")]
            let bin = bin_of(us as u64);
            *bins.entry(bin).or_insert(0) += 1 + samples / 40 / u64::from(1 + step.abs_diff(15));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "latencies of some ms")]
        let at = |factor: f64| Some((centre_us * factor * (1.0 + 0.05 * (ticks as f64).sin())) as u64);
        Dist {
            n: samples,
            mean_us: Some(centre_us),
            min_us: at(0.4),
            p50_us: at(1.0),
            p90_us: at(1.6),
            p99_us: at(2.2),
            max_us: at(3.0),
            bins: bins.into_iter().collect(),
        }
    };
    let snapshot = Snapshot {
        at_us: ticks * 250_000,
        phase: Phase::Running,
        measured_from_us: Some(2_000_000),
        model: "eye-tiny".to_owned(),
        planned: Some(10_000),
        sent: n + 16,
        done: n,
        failed: n / 500,
        in_flight: 14 + u32::try_from(ticks % 5).unwrap(),
        output_tokens: n * 128,
        input_tokens: n * 128,
        good: Some(n * 9 / 10),
        ttft: dist(n, 180_000.0),
        tpot: dist(n, 14_000.0),
        itl: dist(n * 127, 13_000.0),
        e2el: dist(n, 1_900_000.0),
        ..Snapshot::default()
    };
    News::Bench(Bench::Snapshot { job: job(), snapshot: Box::new(snapshot) })
}

/// What the second `second` of that run told: its row, where its latencies lay, what the server said of itself.
fn second(second: u32) -> [News; 3] {
    let row = Fact::Second(Second {
        second,
        output_tokens: 7_000 + u64::from(second * 37 % 900),
        done: 60,
        failed: 0,
        in_flight_mean: 15.5,
        warmup: second < 2,
    });
    let spread = |centre_us: u64, samples: u32| {
        let bins = (0..24_u32).map(|step| {
            // Some seconds are slow, none is like another.
            let slow = if second % 13 == 12 { 2 } else { 1 };
            let us = centre_us * slow * u64::from(20 + step * 3 + second * 7 % 5) / 50;
            (bin_of(us), 1 + samples / (1 + step.abs_diff(10) * step.abs_diff(10) + second * 31 % 3))
        });
        bins.collect::<std::collections::BTreeMap<_, _>>().into_iter().collect()
    };
    let heat = Fact::Heat { second, ttft: spread(180_000, 60), itl: spread(13_000, 7_000) };
    let wander = |base: f64, by: f64| Some(base + by * f64::from(second * 37 % 10));
    let server = Fact::Server(ServerSample {
        at_us: u64::from(second) * 1_000_000,
        running: wander(12.0, 0.5),
        waiting: wander(0.0, 0.7),
        kv_pct: wander(60.0, 2.0),
        preemptions: Some(f64::from(second % 3)),
        cache_hit_pct: wander(10.0, 3.0),
        ttft_ms: wander(160.0, 7.0),
        queue_ms: wander(30.0, 4.0),
        prefill_ms: wander(90.0, 6.0),
        decode_ms: wander(800.0, 21.0),
        ..ServerSample::default()
    });
    [row, heat, server].map(|fact| News::Bench(Bench::Fact { job: job(), fact }))
}

fn painter(size: Size) -> Painter<Vec<u8>> {
    Painter::new(Vec::new(), size).unwrap()
}

/// Draws when `asks` want it; the bytes that cost.
fn draw(app: &App, painter: &mut Painter<Vec<u8>>, asks: &[Ask]) -> usize {
    if asks.iter().any(|ask| matches!(ask, Ask::Draw(_))) { painter.frame(|frame| app.draw(frame)).unwrap() } else { 0 }
}

#[test]
fn the_first_frame_costs_at_most_20_kb_and_an_idle_second_nothing() {
    let mut app = app_of(tabs::all(), look(Lang::Zh, Palette::Dark, false), WIDE);
    app.news(server("embedded/eye-tiny"));
    let mut painter = painter(WIDE);
    let first = painter.frame(|frame| app.draw(frame)).unwrap();
    assert!(first <= 20_000, "{first} bytes");
    for now in 1..60 {
        let asks = app.second(now);
        assert_eq!(draw(&app, &mut painter, &asks), 0);
        let asks = app.news(server("embedded/eye-tiny"));
        assert_eq!(draw(&app, &mut painter, &asks), 0);
    }
    assert_eq!(painter.written(), first as u64);
}

#[test]
fn moving_the_cursor_costs_at_most_1_kb_in_a_list_and_in_every_tab() {
    for tabs in [vec![Listed::boxed(TabId::Load)], tabs::all()] {
        let mut app = app_of(tabs, look(Lang::En, Palette::Dark, false), WIDE);
        app.news(server("embedded/eye-tiny"));
        let mut painter = painter(WIDE);
        painter.frame(|frame| app.draw(frame)).unwrap();
        for keys in ["j", "j", "k", "?", "down", "down", "up"] {
            let asks = press(&mut app, keys);
            let cost = draw(&app, &mut painter, &asks);
            // Opening the sheet draws it.
            assert!(cost <= 1_000 || keys == "?", "{keys}: {cost} bytes");
        }
    }
}

#[test]
fn a_running_load_test_costs_at_most_15_kb_a_second() {
    for (size, limit) in [(WIDE, 15_000), (Size::new(80, 24), 5_000)] {
        let mut app = app_of(tabs::all(), look(Lang::En, Palette::Dark, false), size);
        let mut painter = painter(size);
        app.news(server("embedded/eye-tiny"));
        app.news(watching());
        app.news(running(0, 1));
        painter.frame(|frame| app.draw(frame)).unwrap();
        let before = painter.written();
        let seconds = 60;
        for now in 0..seconds {
            let mut asks: Vec<Ask> = second(u32::try_from(now).unwrap()).into_iter().flat_map(|news| app.news(news)).collect();
            asks.extend(app.second(now));
            for quarter in 0..4 {
                asks.extend(app.news(running(now, quarter)));
                draw(&app, &mut painter, &asks);
                asks.clear();
            }
        }
        let rate = (painter.written() - before) / seconds;
        println!("{}x{}: {rate} bytes a second", size.width, size.height);
        assert!(rate <= limit, "{rate} bytes a second at {size:?}");
    }
}

#[test]
fn a_followed_log_costs_at_most_3_kb_a_second_at_thirty_lines_a_second() {
    for size in [Size::new(80, 24), WIDE] {
        let mut app = app_of(tabs::all(), look(Lang::En, Palette::Dark, false), size);
        let mut painter = painter(size);
        press(&mut app, "L");
        painter.frame(|frame| app.draw(frame)).unwrap();
        let before = painter.written();
        let seconds = 20;
        // Ten frames a second, the most there are by default.
        for frame in 0..seconds * 10 {
            let mut asks = Vec::new();
            for n in frame * 3..frame * 3 + 3 {
                let text = format!("request {n} done in {} ms, {} tokens", n * 37 % 900, n * 13 % 128);
                let at = jiff::Timestamp::from_second(i64::try_from(n / 30).unwrap()).unwrap();
                asks.extend(app.logged(LogLine { at, level: tracing::Level::INFO, target: "t".to_owned(), text }));
            }
            draw(&app, &mut painter, &asks);
        }
        let rate = (painter.written() - before) / seconds;
        println!("{}x{}: {rate} bytes a second", size.width, size.height);
        assert!(rate <= 3_000, "{rate} bytes a second at {size:?}");
    }
}

/// Everything a terminal could act on, in one text.
const HOSTILE: &str = "a\x1b]52;c;cm0gLXJm\x07b\x1b[2Jc\x1bP1$r0m\x1b\\d\u{9b}31me\u{9d}0;t\u{9c}f\u{202e}g\u{2066}h\x08\x7f\x1bci\r\nj\tk";

#[test]
fn nothing_from_outside_reaches_the_terminal_as_a_control_sequence() {
    let mut app = app_of(tabs::all(), look(Lang::En, Palette::Dark, false), WIDE);
    let mut painter = painter(WIDE);
    let hostile = HOSTILE.to_owned();
    let problem = crate::base::Problem::failed("x", Said::same(HOSTILE)).field(HOSTILE);
    let mut spec = spec();
    (spec.name, spec.target.url, spec.target.model) = (hostile.clone(), format!("http://{HOSTILE}"), Some(hostile.clone()));
    let failed = Server {
        name: hostile.clone(),
        url: Some(hostile.clone()),
        model: Some(hostile.clone()),
        state: ServerState::Failed(problem.clone()),
        job: None,
        embedded: true,
    };
    let ready = Server { state: ServerState::Ready, ..failed.clone() };
    let snapshot = Snapshot {
        phase: Phase::Failed,
        model: hostile.clone(),
        failed: 3,
        errors_by_class: [(hostile.clone(), 3)].into(),
        failure: Some(hostile.clone()),
        result_dir: HOSTILE.into(),
        ..Snapshot::default()
    };
    let news = [
        News::Servers(Arc::from([failed, ready])),
        News::Jobs(Arc::from([crate::console::news::JobRow {
            id: hostile.clone(),
            kind: hostile.clone(),
            name: hostile.clone(),
            state: crate::jobs::State::Running,
            log: HOSTILE.into(),
        }])),
        News::Bench(Bench::Watching { job: job(), spec: Box::new(spec) }),
        News::Bench(Bench::Fact { job: job(), fact: Fact::Failure { at_us: 1, class: hostile.clone(), example: hostile.clone() } }),
        News::Bench(Bench::Snapshot { job: job(), snapshot: Box::new(snapshot) }),
        News::Bench(Bench::Refused(problem)),
    ];
    for news in news {
        app.news(news.cleaned());
        painter.frame(|frame| app.draw(frame)).unwrap();
    }
    // The log cleans what it takes in; see base::log.
    let text = crate::base::clean(HOSTILE).into_owned();
    app.logged(LogLine { at: jiff::Timestamp::UNIX_EPOCH, level: tracing::Level::ERROR, target: "t".to_owned(), text });
    for keys in ["L", "L", "esc", "j", "e", "esc", "enter", "i", "esc", "?"] {
        press(&mut app, keys);
        painter.frame(|frame| app.draw(frame)).unwrap();
    }
    app.input(Event::Paste(HOSTILE.to_owned()));
    painter.frame(|frame| app.draw(frame)).unwrap();
    harmless(painter.out());
}

/// Only text, and the sequences the painter itself writes: `CSI … m`, `H`, `h`, `l`, `J`, `r`, `M`, `L`.
fn harmless(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b') {
        assert_eq!(crate::base::clean(before), before);
        let sequence = after.strip_prefix('[').unwrap_or_else(|| panic!("ESC {:?}", after.chars().next()));
        let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        let (parameters, tail) = sequence.split_at(end);
        assert!(parameters.chars().all(|c| c.is_ascii_digit() || c == ';' || c == '?'), "CSI {parameters}");
        assert!("mHhlJrML".contains(&tail[..1]), "CSI {parameters}{}", &tail[..1]);
        assert!(tail[..1] != *"J" || parameters == "2", "only the first frame clears");
        rest = &tail[1..];
    }
    assert_eq!(crate::base::clean(rest), rest);
    assert_eq!(text.matches("\x1b[2J").count(), 1);
}
