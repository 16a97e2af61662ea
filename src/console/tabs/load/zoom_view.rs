//! One panel over the whole body.

use super::{
    drawn::{Metric, ms},
    event::Event,
    explain, lists_view,
    panel::{Focus, Panel},
    pen::Pen,
    picture::{self, Curve, near_percentile, over_pct},
    run_view, series_view,
    watched::Watched,
    words,
};
use crate::{console::wrap::wrap, text};
use dcudeck_widgets::figure;
use ratatui::layout::Rect;

/// Draws `panel` of `run` alone, below the run's rule line.
pub(super) fn draw(run: &Watched, focus: &Focus, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let panel = focus.panel;
    run_view::rule_line(run, area, pen);
    let body = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
    if body.is_empty() {
        return;
    }
    let x = pen.flow(body, 0, 0, pen.sign("▸", ">"), ink.accent);
    pen.flow(body, x, 0, panel.long_title().get(look.lang), ink.accent);
    match panel {
        Panel::Throughput => run_view::throughput_figures(run, Rect { height: 1, ..body }, pen),
        Panel::InFlight => run_view::in_flight_figures(run, Rect { height: 1, ..body }, pen),
        _ => {}
    }
    let body = Rect { y: body.y + 1, height: body.height - 1, ..body };
    match panel.metric() {
        Some(metric) => {
            let table = if body.height >= 10 { 3 } else { 0 };
            let chart = Rect { height: body.height - table, ..body };
            run_view::picture_of(run, panel, chart, pen);
            let rest = Rect { y: body.y + chart.height, height: table, ..body };
            percentiles(run, metric, rest, pen);
        }
        None => match panel {
            Panel::Errors => error_list(run, body, pen),
            Panel::Heat => {
                pen.right(body, body.width.saturating_sub(30), 0, 29, words::strip(focus.heat).get(look.lang), ink.strong);
                let body = Rect { y: body.y + 1, height: body.height.saturating_sub(1), ..body };
                picture::strip(run, focus.heat, body.intersection(area), pen.buf, look);
            }
            Panel::Series => {
                let below = if body.height >= 14 { 8 } else { 0 };
                series_view::draw(run, focus, Rect { height: body.height - below, ..body }, pen);
                series_view::drilled(run, focus, Rect { y: body.bottom() - below, height: below, ..body }, pen);
            }
            Panel::Routes => lists_view::routes(run, body, pen),
            Panel::Server => server(run, body, pen),
            Panel::Events => lists_view::whole_events(run, body, pen),
            Panel::Client => explanation_rows(run, panel, body, pen),
            _ => run_view::picture_of(run, panel, body, pen),
        },
    }
}

/// Percentiles from the least to the greatest in equal columns, then mean, count and goal.
fn percentiles(run: &Watched, metric: Metric, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let dist = run.dist(metric);
    let drawn = run.drawn(metric);
    let exact = |us: Option<u64>| (us.map(ms), false);
    let near = |percentile| (near_percentile(drawn, percentile), true);
    let columns = [
        (text!("min", "最小"), exact(dist.min_us), 0.0),
        (text!("P25", "P25"), near(25.0), 25.0),
        (text!("P50", "P50"), exact(dist.p50_us), 50.0),
        (text!("P75", "P75"), near(75.0), 75.0),
        (text!("P90", "P90"), exact(dist.p90_us), 90.0),
        (text!("P95", "P95"), near(95.0), 95.0),
        (text!("P99", "P99"), exact(dist.p99_us), 99.0),
        (text!("P99.9", "P99.9"), near(99.9), 99.9),
        (text!("max", "最大"), exact(dist.max_us), 0.0),
    ];
    let width = (area.width / 9).clamp(6, 12);
    for (x, (label, (value, near), percentile)) in (0..).map(|i| i * width).zip(columns) {
        pen.right(area, x, 0, width, label.get(look.lang), ink.plain);
        let unsure = percentile > 0.0 && super::watched::unsure(dist.n, percentile);
        let sign = match (value, unsure, near) {
            (None, ..) => "",
            (_, true, _) => "~",
            (_, false, true) => pen.sign("≈", "="),
            _ => "",
        };
        let style = if value.is_none() || unsure { ink.unsure } else { ink.strong };
        pen.right(area, x, 1, width, &format!("{sign}{}", words::latency(value)), style);
    }
    let x = pen.flow(area, 1, 2, "n ", ink.plain);
    let x = pen.left(area, x, 2, 9, &figure::count(dist.n), ink.strong);
    let x = pen.flow(area, x, 2, text!("mean ", "均值 ").get(look.lang), ink.plain);
    let x = pen.left(area, x, 2, 9, &words::latency(dist.mean_us.map(|us| us / 1_000.0)), ink.strong);
    if let Some(goal) = run.goal_ms(metric) {
        let sign = pen.sign("≤", "<=");
        let x = pen.flow(area, x, 2, text!("goal ", "目标 ").get(look.lang), ink.plain);
        let x = pen.flow(area, x, 2, &format!("{sign} {} ms", figure::compact(goal)), ink.strong);
        let x = pen.flow(area, x + 2, 2, text!("above ", "超出 ").get(look.lang), ink.plain);
        let over = over_pct(drawn, goal);
        let style = if over.is_some_and(|pct| pct > 0.0) { ink.look } else { ink.strong };
        pen.flow(area, x, 2, &over.map_or_else(|| "n/a".to_owned(), |pct| format!("{} %", words::percent(Some(pct)))), style);
    }
}

/// What waits and what runs in the servers, over the run.
fn server(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    run_view::server_figures(run, Rect { height: area.height.min(1), ..area }, pen);
    let rest = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }.intersection(area);
    let half = rest.height / 2;
    for (curve, title, part) in [
        (Curve::Running, text!("running", "运行"), Rect { height: half, ..rest }),
        (Curve::Waiting, text!("waiting", "等待"), Rect { y: rest.y + half, height: rest.height - half, ..rest }),
    ] {
        pen.left(part, 1, 0, 20, title.get(look.lang), ink.strong);
        let chart = Rect { y: part.y + 1, height: part.height.saturating_sub(1), ..part }.intersection(area);
        picture::curve(run, curve, chart, pen.buf, look);
    }
}

/// Each class with its count and the whole text of its example.
fn error_list(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    if run.now.errors_by_class.is_empty() {
        pen.flow(area, 1, 0, text!("none", "无").get(look.lang), ink.plain);
        return;
    }
    let mut classes: Vec<(&String, &u64)> = run.now.errors_by_class.iter().collect();
    classes.sort_by_key(|&(class, &count)| (std::cmp::Reverse(count), class));
    let mut y = 0;
    for (class, &count) in classes {
        let x = pen.left(area, 1, y, 24, class, ink.plain);
        pen.right(area, x, y, 7, &figure::count(count), ink.act);
        y += 1;
        let example = run.events.iter().find_map(|event| match event {
            Event::Failure { class: of, example, .. } if of == class => Some(example),
            _ => None,
        });
        for line in example.map(|example| wrap(example, usize::from(area.width.saturating_sub(4)))).unwrap_or_default() {
            pen.flow(area, 3, y, &line, ink.plain);
            y += 1;
        }
    }
}

/// Columns of the labels.
const LABEL: u16 = 13;

fn lines_of(words: &str, width: u16) -> Vec<String> {
    wrap(words, usize::from(width.saturating_sub(LABEL + 2).min(110)))
}

fn explanation_rows(run: &Watched, panel: Panel, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let mut y = 0;
    for (label, said) in explain::explain(panel, run) {
        pen.left(area, 1, y, LABEL - 1, label.get(look.lang), ink.plain);
        for line in lines_of(said.get(look.lang), area.width) {
            let line = if look.ascii { line.replace('≤', "<=").replace('−', "-") } else { line };
            pen.flow(area, LABEL, y, &line, ink.plain);
            y += 1;
        }
    }
}
