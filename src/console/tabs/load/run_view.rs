//! A load test on screen: running, ended, or lost.

use super::{
    drawn::{Metric, ms},
    heat::HeatOf,
    layout::{Beside, Layout, Wanted},
    lists_view,
    panel::{Focus, Panel},
    pen::{Pen, cells},
    picture::{self, Curve, verdict},
    watched::Watched,
    words,
};
use crate::{base::Text, bench::live::Phase, text};
use dcudeck_widgets::figure;
use ratatui::{layout::Rect, style::Style};

/// Cells of the progress bar.
const BAR: u16 = 6;

/// Draws `run` with the cursor on `panel`.
pub(super) fn draw(run: &Watched, focus: &Focus, area: Rect, pen: &mut Pen<'_>) {
    rule_line(run, area, pen);
    match Layout::of(area, wanted(run, focus)) {
        Layout::Stacked { rows, picture } => stacked(run, focus.panel, rows, picture, pen),
        Layout::Beside(parts) => beside(run, focus, &parts, area, pen),
    }
}

/// What `run` wants of the layout.
pub(super) fn wanted(run: &Watched, focus: &Focus) -> Wanted {
    let first = [Panel::Series, Panel::Routes].into_iter().find(|panel| panel.of_run(run));
    let rows = match &run.now.series {
        // A row more: the last one says where the result of a run that ended lies.
        Some(series) => super::series_view::rows_wanted(series) + 1,
        None => u16::try_from(run.now.routes.len() + 2).unwrap_or(u16::MAX),
    };
    Wanted { shared: focus.shared(run), first, rows }
}

/// The last row for a note that is typed; where its text goes.
pub(super) fn note_line(area: Rect, pen: &mut Pen<'_>) -> Rect {
    let row = Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area };
    let label = text!(" note on the time axis: ", " 时间轴备注：").get(pen.look.lang);
    let x = pen.left(row, 0, 0, cells(label), label, pen.look.theme.accent);
    pen.left(row, x, 0, row.width.saturating_sub(x), "", pen.look.theme.plain);
    Rect { x: row.x + x.min(row.width), width: row.width.saturating_sub(x + 1), ..row }
}

/// Sign and style of a run's state.
pub(super) fn state_look(run: &Watched, pen: &Pen<'_>) -> (&'static str, Style) {
    let ink = &pen.look.theme;
    match run.now.phase {
        _ if run.lost => (pen.sign("✖", "x"), ink.act),
        Phase::Failed => (pen.sign("✖", "x"), ink.act),
        _ if run.now.paused && !run.now.phase.ended() => (pen.sign("‖", "!"), ink.look),
        Phase::Preparing | Phase::Warmup | Phase::Draining => (pen.sign("◐", "o"), ink.accent),
        Phase::Running => (pen.sign("●", "*"), ink.accent),
        Phase::Finished => (pen.sign("✔", "+"), ink.good),
        Phase::Stopped => (pen.sign("■", "#"), ink.plain),
    }
}

/// The first row: what is tested, and how far it is.
pub(super) fn rule_line(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let (sign, style) = state_look(run, pen);
    pen.rule(area, 0);
    let state = format!("{sign} {}", words::state(run).get(look.lang));
    let time = words::clock(run.now.at_us);
    let progress = run.progress();
    let bar = area.width >= 60;
    // From the left: a blank, state, blank, time, blank, bar, percent (6), blank, the rule's end. Only a new phase or an hour
    // passed changes a width.
    let right = 11 + cells(&state) + cells(&time) + if bar { BAR } else { 0 };
    let x = area.width.saturating_sub(right);
    let room = x.saturating_sub(4);
    // Where there is no room for all of it, what changes says most.
    let names = words::shapes_now(run);
    let name = names.iter().find(|name| cells(name.get(look.lang)) <= room).or(names.last());
    let name = name.map_or("", |name| name.get(look.lang));
    let name = dcudeck_widgets::text::fit(name, usize::from(room), look.ascii).into_owned();
    if room >= 6 {
        let after = pen.flow(area, 1, 0, " ", ink.plain);
        let after = pen.flow(area, after, 0, &name, ink.strong);
        pen.flow(area, after, 0, " ", ink.plain);
    }
    let mut x = pen.flow(area, x, 0, " ", ink.plain);
    x = pen.flow(area, x, 0, &state, style);
    x = pen.flow(area, x, 0, " ", ink.plain);
    x = pen.flow(area, x, 0, &time, ink.plain);
    x = pen.flow(area, x, 0, " ", ink.plain);
    if bar {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of 6 cells")]
        let full = progress.map_or(0, |share| (share * f64::from(BAR)).round() as u16).min(BAR);
        x = pen.flow(area, x, 0, &pen.sign("▮", "#").repeat(usize::from(full)), ink.plain);
        x = pen.flow(area, x, 0, &pen.sign("▯", ".").repeat(usize::from(BAR - full)), ink.rule);
    }
    let percent = progress.map_or_else(|| "      ".to_owned(), |share| format!("{:>4} %", (share * 100.0).floor()));
    x = pen.flow(area, x, 0, &percent, ink.plain);
    pen.flow(area, x, 0, " ", ink.plain);
}

/// A panel's heading, with the cursor's sign before it.
pub(super) fn heading(panel: Panel, cursor: Panel, title: &str, area: Rect, x: u16, y: u16, pen: &mut Pen<'_>) -> u16 {
    let (sign, style) = if panel == cursor { (pen.sign("▸", ">"), pen.look.theme.accent) } else { (" ", pen.look.theme.strong) };
    let x = pen.flow(area, x, y, sign, style);
    pen.flow(area, x, y, title, style)
}

fn beside(run: &Watched, focus: &Focus, parts: &Beside, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let cursor = focus.panel;
    for (panel, part) in [Panel::Ttft, Panel::Tpot, Panel::Itl].into_iter().zip(parts.histograms) {
        histogram(run, panel, cursor, part, pen);
    }
    pen.rule(parts.seam, 0);
    for part in parts.histograms.iter().skip(1) {
        let x = part.x - 1 - area.x;
        pen.upright(area, x, part.y - area.y, part.height);
        pen.joint(parts.seam, x, 0, "┴");
    }
    if parts.charts {
        let x = parts.in_flight.x - 1 - area.x;
        let crosses = parts.histograms.iter().any(|part| part.x == parts.in_flight.x);
        pen.joint(parts.seam, x, 0, if crosses { "┼" } else { "┬" });
        pen.upright(area, x, parts.in_flight.y - area.y, parts.in_flight.height);
        for (panel, part, curve) in
            [(Panel::Throughput, parts.throughput, Curve::Throughput), (Panel::InFlight, parts.in_flight, Curve::InFlight)]
        {
            // Headings of charts stand on the seam, their figures on the two rows below it.
            let head = Rect { x: part.x, width: part.width, ..parts.seam };
            let end = heading(panel, cursor, panel.title().get(look.lang), head, 1, 0, pen);
            pen.flow(head, end, 0, " ", ink.plain);
            let chart = Rect { y: part.y + 2, height: part.height.saturating_sub(2), ..part };
            picture::curve(run, curve, inset(chart), pen.buf, look);
        }
        throughput_rows(run, parts.throughput, pen);
        in_flight_rows(run, parts.in_flight, pen);
    } else {
        throughput_line(run, cursor, parts.throughput, pen);
        in_flight_line(run, cursor, parts.in_flight, pen);
    }
    server_line(run, cursor, parts.server, pen);
    client_line(run, cursor, parts.client, pen);
    if let Some(strips) = parts.heat {
        let [left, right] = strips;
        pen.rule(Rect { x: area.x, y: left.y, width: area.width, height: 1 }, 0);
        for (of, part) in [(HeatOf::Ttft, left), (HeatOf::Itl, right)] {
            let head = Rect { height: 1, ..part };
            let chosen = if of == focus.heat { cursor } else { Panel::Ttft };
            let end = heading(Panel::Heat, chosen, words::strip(of).get(look.lang), head, 1, 0, pen);
            pen.flow(head, end, 0, " ", ink.plain);
            picture::strip(run, of, inset(Rect { y: part.y + 1, height: part.height.saturating_sub(1), ..part }), pen.buf, look);
        }
        let x = right.x - 1 - area.x;
        pen.joint(Rect { x: area.x, y: left.y, width: area.width, height: 1 }, x, 0, "┬");
        pen.upright(area, x, left.y + 1 - area.y, left.height.saturating_sub(1));
    }
    lists_view::draw(run, focus, parts, area, pen);
}

/// `area` less a column at each side.
fn inset(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

/// Heading with the sample count, picture, and the percentile rows.
fn histogram(run: &Watched, panel: Panel, cursor: Panel, area: Rect, pen: &mut Pen<'_>) {
    let Some(metric) = panel.metric() else { return };
    let (look, ink) = (pen.look, &pen.look.theme);
    heading(panel, cursor, panel.title().get(look.lang), area, 0, 0, pen);
    let dist = run.dist(metric);
    let count = format!("n {:>6}", figure::count(dist.n));
    pen.right(area, area.width.saturating_sub(9), 0, 8, &count, ink.plain);
    let picture = inset(Rect { y: area.y + 1, height: area.height.saturating_sub(3), ..area });
    picture::histogram(run, metric, picture, pen.buf, look);
    let second = area.width.saturating_sub(12).min(17);
    let rows = [
        [("P50", dist.p50_us, 50.0), ("P90", dist.p90_us, 90.0)],
        [("P99", dist.p99_us, 99.0), (text!("max", "最大").get(look.lang), dist.max_us, 0.0)],
    ];
    for (y, row) in (area.height.saturating_sub(2)..).zip(rows) {
        for (x, (label, us, percentile)) in [1, second].into_iter().zip(row) {
            // A maximum is exact and has no goal of its own.
            let (sign, style) = if percentile > 0.0 {
                verdict(run, metric, us, percentile, look)
            } else {
                ("", if us.is_some() { ink.strong } else { ink.unsure })
            };
            pen.left(area, x, y, 5, label, ink.plain);
            pen.right(area, x + 4, y, 7, &format!("{sign}{}", words::latency(us.map(ms))), style);
        }
    }
}

/// A label and a figure at the right of its place; returns the x after both.
fn figure_at(area: Rect, x: u16, y: u16, label: Text, value: &str, width: u16, pen: &mut Pen<'_>) -> u16 {
    let (look, ink) = (pen.look, &pen.look.theme);
    let label_width = cells(label.en).max(cells(label.zh));
    let x = pen.left(area, x, y, label_width, label.get(look.lang), ink.plain);
    let style = if value == "n/a" { ink.unsure } else { ink.strong };
    pen.right(area, x, y, width, value, style)
}

const TOTAL: Text = text!("total", "合计");
const REQUESTS: Text = text!("req/s", "请求/s");
const GOODPUT: Text = text!("goodput", "达标");
const DONE: Text = text!("done", "完成");
const FAILED: Text = text!("failed", "失败");

/// First column of the sparklines: behind the longest heading and its figure.
const SPARK_X: u16 = 20;

fn throughput_line(run: &Watched, cursor: Panel, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    heading(Panel::Throughput, cursor, Panel::Throughput.title().get(look.lang), area, 0, 0, pen);
    pen.right(area, 12, 0, 6, &figure::fixed(run.output_rate(), 6), ink.strong);
    spark(run, Curve::Throughput, area, pen);
    throughput_figures(run, area, pen);
}

/// Total, requests and goodput at the right of a row.
pub(super) fn throughput_figures(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let x = area.width.saturating_sub(FIGURES);
    let x = figure_at(area, x, 0, TOTAL, figure::fixed(run.total_rate(), 6).trim_start(), 7, pen);
    let x = figure_at(area, x + 2, 0, REQUESTS, figure::fixed(run.request_rate(), 6).trim_start(), 6, pen);
    figure_at(area, x + 2, 0, GOODPUT, figure::fixed(run.goodput(), 6).trim_start(), 6, pen);
}

/// Columns of the figures right of the sparklines.
const FIGURES: u16 = 5 + 1 + 6 + 2 + 6 + 6 + 2 + 7 + 6 + 1;

fn spark(run: &Watched, which: Curve, area: Rect, pen: &mut Pen<'_>) {
    let until = area.width.saturating_sub(FIGURES);
    let room = Rect { x: area.x + SPARK_X, width: until.saturating_sub(SPARK_X + 2), ..area };
    picture::curve(run, which, room.intersection(area), pen.buf, pen.look);
}

fn in_flight_line(run: &Watched, cursor: Panel, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    heading(Panel::InFlight, cursor, Panel::InFlight.title().get(look.lang), area, 0, 0, pen);
    pen.right(area, 12, 0, 6, &figure::count(u64::from(run.now.in_flight)), ink.strong);
    spark(run, Curve::InFlight, area, pen);
    in_flight_figures(run, area, pen);
}

/// Done and failed at the right of a row.
pub(super) fn in_flight_figures(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let x = area.width.saturating_sub(FIGURES);
    let x = figure_at(area, x, 0, text!("done", "完成"), &figure::count(run.now.done), 8, pen);
    failed_figure(run, area, x + 2, pen, 0);
}

/// Failed requests and their share: red with a sign once there are some.
fn failed_figure(run: &Watched, area: Rect, x: u16, pen: &mut Pen<'_>, y: u16) -> u16 {
    let (look, ink) = (pen.look, &pen.look.theme);
    let some = run.now.failed > 0;
    let style = if some { ink.act } else { ink.strong };
    let x = pen.left(area, x, y, 6, FAILED.get(look.lang), ink.plain);
    let sign = if some { "!" } else { "" };
    let x = pen.right(area, x, y, 7, &format!("{sign}{}", figure::count(run.now.failed)), style);
    let share = run.failed_pct().map_or_else(|| "n/a".to_owned(), |pct| format!("{} %", words::percent(Some(pct))));
    pen.right(area, x + 1, y, 8, &share, if some { ink.act } else { ink.plain })
}

fn throughput_rows(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let pairs = [
        [(text!("mean", "平均"), run.output_rate()), (TOTAL, run.total_rate())],
        [(REQUESTS, run.request_rate()), (GOODPUT, run.goodput())],
    ];
    for (y, row) in (0..).zip(pairs) {
        for (x, (label, value)) in [1, 18].into_iter().zip(row) {
            let style = if value.is_some() { ink.strong } else { ink.unsure };
            let x = pen.left(area, x, y, 8, label.get(look.lang), ink.plain);
            pen.right(area, x, y, 6, &figure::fixed(value, 6), style);
        }
    }
}

fn in_flight_rows(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    pen.left(area, 1, 0, 6, text!("now", "当前").get(look.lang), ink.plain);
    pen.right(area, 7, 0, 7, &figure::count(u64::from(run.now.in_flight)), ink.strong);
    pen.left(area, 17, 0, 6, DONE.get(look.lang), ink.plain);
    pen.right(area, 23, 0, 7, &figure::count(run.now.done), ink.strong);
    failed_figure(run, area, 1, pen, 1);
}

/// What the server says of itself.
fn server_line(run: &Watched, cursor: Panel, area: Rect, pen: &mut Pen<'_>) {
    heading(Panel::Server, cursor, Panel::Server.title().get(pen.look.lang), area, 0, 0, pen);
    server_figures(run, Rect { x: area.x + 8, width: area.width.saturating_sub(8), ..area }, pen);
}

/// The figures of the server's line.
pub(super) fn server_figures(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let now = run.servers.figures(run.now.at_us, run.ended());
    let plain = |v: Option<f64>| v.map_or_else(|| "n/a".to_owned(), |v| figure::count(whole(v)));
    let share = |v: Option<f64>| v.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.0} %"));
    let x = figure_at(area, 0, 0, text!("run", "运行"), &plain(now.running), 5, pen);
    let x = figure_at(area, x + 2, 0, text!("wait", "等待"), &plain(now.waiting), 5, pen);
    let x = figure_at(area, x + 2, 0, text!("KV", "KV"), &share(now.kv_pct), 6, pen);
    let x = figure_at(area, x + 2, 0, text!("preempt", "抢占"), &plain(now.preemptions), 4, pen);
    let x = figure_at(area, x + 2, 0, text!("hit", "命中"), &share(now.cache_hit_pct), 6, pen);
    let x = figure_at(area, x + 2, 0, text!("TTFT", "TTFT"), words::latency(now.ttft_ms).as_str(), 6, pen);
    if area.width >= 84 {
        let x = figure_at(area, x + 2, 0, text!("queue", "排队"), words::latency(now.queue_ms).as_str(), 6, pen);
        let x = figure_at(area, x + 2, 0, text!("prefill", "预填充"), words::latency(now.prefill_ms).as_str(), 6, pen);
        figure_at(area, x + 2, 0, text!("decode", "解码"), words::latency(now.decode_ms).as_str(), 7, pen);
    }
}

/// A count the server tells as a float.
fn whole(v: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and counts are not negative")]
    let n = v.round() as u64;
    n
}

/// Whether the figures are about the server.
fn client_line(run: &Watched, cursor: Panel, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    heading(Panel::Client, cursor, Panel::Client.title().get(look.lang), area, 0, 0, pen);
    let (word, style) = match run.client_limited() {
        None => ("n/a", ink.unsure),
        Some(false) => (text!("ok", "正常").get(look.lang), ink.good),
        Some(true) => (text!("! limited", "! 受限").get(look.lang), ink.act),
    };
    pen.left(area, 8, 0, 9, word, style);
    let now = &run.now.client;
    let lag = now.send_lag_p99_us.map_or_else(|| "n/a".to_owned(), |us| format!("{} ms", words::latency(Some(ms(us)))));
    let cpu = now.cpu_pct.map_or_else(|| "n/a".to_owned(), |pct| format!("{pct:.0} %"));
    let loop_lag = now.loop_lag_p99_us.map_or_else(|| "n/a".to_owned(), |us| format!("{} ms", words::latency(Some(ms(us)))));
    let x = figure_at(area, SPARK_X, 0, text!("lag P99", "滞后P99"), &lag, 8, pen);
    let x = figure_at(area, x + 2, 0, text!("loop", "循环"), &loop_lag, 8, pen);
    let x = figure_at(area, x + 2, 0, text!("CPU", "CPU"), &cpu, 5, pen);
    let connections = now.connections.map_or_else(|| "n/a".to_owned(), |open| figure::count(u64::from(open)));
    figure_at(area, x + 2, 0, text!("conn", "连接"), &connections, 7, pen);
}

/// One row a panel, and the picture of the one under the cursor.
fn stacked(run: &Watched, cursor: Panel, rows: Rect, picture: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    for (y, panel) in (0..).zip([Panel::Ttft, Panel::Tpot, Panel::Itl]) {
        let Some(metric) = panel.metric() else { continue };
        let dist = run.dist(metric);
        heading(panel, cursor, panel.title().get(look.lang), rows, 0, y, pen);
        for (x, label, us, percentile) in [(10, "P50", dist.p50_us, 50.0), (24, "P99", dist.p99_us, 99.0)] {
            let (sign, style) = verdict(run, metric, us, percentile, look);
            pen.left(rows, x, y, 4, label, ink.plain);
            pen.right(rows, x + if x > 20 { 8 } else { 4 }, y, 7, &format!("{sign}{}", words::latency(us.map(ms))), style);
        }
    }
    heading(Panel::Throughput, cursor, Panel::Throughput.title().get(look.lang), rows, 0, 3, pen);
    pen.right(rows, 14, 3, 7, &figure::fixed(run.output_rate(), 6), ink.strong);
    pen.left(rows, 24, 3, 7, REQUESTS.get(look.lang), ink.plain);
    pen.right(rows, 32, 3, 7, &figure::fixed(run.request_rate(), 6), ink.strong);
    heading(Panel::InFlight, cursor, Panel::InFlight.title().get(look.lang), rows, 0, 4, pen);
    pen.right(rows, 14, 4, 7, &figure::count(u64::from(run.now.in_flight)), ink.strong);
    pen.left(rows, 24, 4, 7, DONE.get(look.lang), ink.plain);
    pen.right(rows, 32, 4, 7, &figure::count(run.now.done), ink.strong);
    let row = |y| Rect { y: rows.y + y, height: u16::from(rows.height > y), ..rows };
    let limited = run.client_limited();
    heading(Panel::Client, cursor, Panel::Client.title().get(look.lang), row(5), 0, 0, pen);
    let (word, style) = match limited {
        None => ("n/a", ink.unsure),
        Some(false) => (text!("ok", "正常").get(look.lang), ink.good),
        Some(true) => (text!("! limited", "! 受限").get(look.lang), ink.act),
    };
    pen.right(row(5), 12, 0, 9, word, style);
    pen.left(row(5), 24, 0, 7, FAILED.get(look.lang), ink.plain);
    let some = run.now.failed > 0;
    let sign = if some { "!" } else { "" };
    pen.right(row(5), 32, 0, 7, &format!("{sign}{}", figure::count(run.now.failed)), if some { ink.act } else { ink.strong });
    if rows.height > 6 && run.ended() {
        lists_view::foot(run, row(6), pen);
    }
    if picture.height >= 4 {
        picture_of(run, cursor, picture, pen);
    }
}

/// The picture of `panel` alone, without its figures.
pub(super) fn picture_of(run: &Watched, panel: Panel, area: Rect, pen: &mut Pen<'_>) {
    let look = pen.look;
    match panel {
        Panel::Ttft => picture::histogram(run, Metric::Ttft, inset(area), pen.buf, look),
        Panel::Tpot => picture::histogram(run, Metric::Tpot, inset(area), pen.buf, look),
        Panel::Itl => picture::histogram(run, Metric::Itl, inset(area), pen.buf, look),
        Panel::Throughput => picture::curve(run, Curve::Throughput, inset(area), pen.buf, look),
        Panel::InFlight => picture::curve(run, Curve::InFlight, inset(area), pen.buf, look),
        Panel::Server => picture::curve(run, Curve::Waiting, inset(area), pen.buf, look),
        Panel::Heat => picture::strip(run, HeatOf::Ttft, inset(area), pen.buf, look),
        Panel::Routes => lists_view::routes(run, area, pen),
        Panel::Series => super::series_view::draw(run, &Focus::default(), area, pen),
        Panel::Client | Panel::Events => lists_view::events(run, area, pen),
        Panel::Errors => lists_view::errors(run, area, pen),
    }
}
