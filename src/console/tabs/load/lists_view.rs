//! Errors, events, and what a run that ended leaves behind.

use super::{
    drawn::ms,
    event::{Event, Weight},
    layout::Beside,
    panel::{Focus, Panel},
    pen::Pen,
    picture,
    run_view::{heading, state_look},
    series_view,
    watched::{Watched, unsure},
    words,
};
use crate::{console::wrap::wrap, text};
use dcudeck_widgets::figure;
use ratatui::layout::Rect;

/// The panels of the bottom under their headings, and on the last row what a run that ended leaves behind.
pub(super) fn draw(run: &Watched, focus: &Focus, parts: &Beside, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let lists = parts.lists();
    let line = Rect { height: 1, ..lists };
    pen.rule(line, 0);
    let foot_rows = foot_rows(run, area.width).min(lists.height.saturating_sub(2));
    let rows = lists.height.saturating_sub(1 + foot_rows);
    for (at, (panel, part)) in parts.bottom.iter().flatten().enumerate() {
        let head = Rect { height: 1, ..*part };
        let title = match panel {
            Panel::Heat => words::strip(focus.heat),
            panel => panel.title(),
        };
        let end = heading(*panel, focus.panel, title.get(look.lang), head, 1, 0, pen);
        pen.flow(head, end, 0, " ", ink.plain);
        if at > 0 {
            let x = part.x - 1 - area.x;
            pen.joint(line, x, 0, "┬");
            pen.upright(area, x, part.y + 1 - area.y, rows);
        }
        let body = Rect { y: part.y + 1, height: rows, ..*part };
        match panel {
            Panel::Series => series_view::draw(run, focus, body, pen),
            Panel::Routes => routes(run, body, pen),
            Panel::Heat => picture::strip(run, focus.heat, body, pen.buf, look),
            Panel::Errors => errors(run, body, pen),
            _ => events(run, body, pen),
        }
    }
    if run.ended() {
        foot(run, Rect { x: area.x, width: area.width, y: lists.bottom().saturating_sub(foot_rows), height: foot_rows }, pen);
    }
}

/// A row a route; the last column holds its P50 TTFT against the first's.
pub(super) fn routes(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let name = area.width.saturating_sub(36).min(20);
    let heads = [text!("done", "完成"), text!("TTFT P50", "TTFT P50"), text!("P99", "P99"), text!("TPOT", "TPOT")];
    let mut x = name;
    for (head, width) in heads.iter().zip([7, 9, 7, 6]) {
        x = pen.right(area, x, 0, width, head.get(look.lang), ink.plain);
    }
    pen.right(area, x, 0, 6, pen.sign("Δ", "diff"), ink.plain);
    let base = run.now.routes.first().and_then(|route| route.ttft.p50_us);
    for (y, route) in (1..area.height).zip(&run.now.routes) {
        pen.left(area, 1, y, name.saturating_sub(1), &crate::base::clean(&route.name), ink.plain);
        let x = pen.right(area, name, y, 7, &figure::count(route.done), ink.strong);
        let latency = |us: Option<u64>| words::latency(us.map(ms));
        let x = pen.right(area, x, y, 9, &latency(route.ttft.p50_us), ink.strong);
        let guess = unsure(route.ttft.n, 99.0) && route.ttft.p99_us.is_some();
        let sign = if guess { "~" } else { "" };
        let x = pen.right(area, x, y, 7, &format!("{sign}{}", latency(route.ttft.p99_us)), if guess { ink.unsure } else { ink.strong });
        let x = pen.right(area, x, y, 6, &latency(route.tpot.p50_us), ink.strong);
        let diff = route.ttft.p50_us.zip(base).filter(|_| y > 1).map(|(us, base)| ms(us) * 100.0 / ms(base.max(1)) - 100.0);
        pen.right(area, x, y, 6, &diff.map(|pct| format!("{pct:+.0} %")).unwrap_or_default(), ink.plain);
    }
}

/// Classes and counts, the most frequent first.
pub(super) fn errors(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    if run.now.errors_by_class.is_empty() {
        pen.left(area, 1, 0, area.width.saturating_sub(1), text!("none", "无").get(look.lang), ink.plain);
        return;
    }
    let mut classes: Vec<(&String, &u64)> = run.now.errors_by_class.iter().collect();
    classes.sort_by_key(|&(class, &count)| (std::cmp::Reverse(count), class));
    let hidden = classes.len().saturating_sub(usize::from(area.height));
    for (y, (class, &count)) in (0..area.height).zip(classes) {
        let more = hidden > 0 && y + 1 == area.height;
        let class = if more { format!("+{}", hidden + 1) } else { class.clone() };
        pen.left(area, 1, y, area.width.saturating_sub(9), &class, ink.plain);
        if !more {
            pen.right(area, area.width.saturating_sub(8), y, 7, &figure::count(count), ink.act);
        }
    }
}

/// The newest events, oldest of them on top, a row each.
pub(super) fn events(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let skip = run.events.len().saturating_sub(usize::from(area.height));
    for (y, event) in (0..).zip(run.events.iter().skip(skip)) {
        let x = event_head(run, event, area, y, pen);
        pen.left(area, x, y, area.width.saturating_sub(x + 1), event.said().get(pen.look.lang), pen.look.theme.plain);
    }
}

/// The newest events with all they say, as many as fit.
pub(super) fn whole_events(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let room = usize::from(area.width.saturating_sub(clock_width(run) + 5));
    let mut rows = 0;
    let mut newest: Vec<(&Event, Vec<String>)> = Vec::new();
    for event in run.events.iter().rev() {
        let lines = wrap(event.said().get(pen.look.lang), room);
        rows += lines.len();
        if rows > usize::from(area.height) {
            break;
        }
        newest.push((event, lines));
    }
    let mut y = 0;
    for (event, lines) in newest.into_iter().rev() {
        let x = event_head(run, event, area, y, pen);
        for line in lines {
            pen.flow(area, x, y, &line, pen.look.theme.plain);
            y += 1;
        }
    }
}

fn clock_width(run: &Watched) -> u16 {
    if run.now.at_us >= 3_600_000_000 { 8 } else { 6 }
}

/// Time and sign of an event; the x of what it says.
fn event_head(run: &Watched, event: &Event, area: Rect, y: u16, pen: &mut Pen<'_>) -> u16 {
    let ink = &pen.look.theme;
    let x = pen.left(area, 1, y, clock_width(run), &words::clock(event.at_us()), ink.plain);
    let (sign, style) = match event.weight() {
        Weight::Plain => (" ", ink.plain),
        Weight::Done => (pen.sign("▴", "^"), ink.accent),
        Weight::Look => ("!", ink.look),
        Weight::Act => ("!", ink.act),
    };
    pen.flow(area, x, y, sign, style) + 1
}

/// Rows of [`foot`] at `width`: a failure is told whole.
fn foot_rows(run: &Watched, width: u16) -> u16 {
    let failure = run.now.failure.as_deref().unwrap_or_default();
    if run.ended() { u16::try_from(wrap(failure, usize::from(width.saturating_sub(4))).len()).unwrap_or(1) } else { 0 }
}

/// What a run that ended leaves: its result, or why it failed.
pub(super) fn foot(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let (sign, style) = state_look(run, pen);
    let dir = run.now.result_dir.display().to_string();
    let said = match &run.now.failure {
        Some(failure) => failure.clone(),
        None if run.lost => {
            text!("the worker is gone without a last word; its log says more", "工作进程消失且无遗言；详见其日志").get(look.lang).to_owned()
        }
        None if dir.is_empty() => text!("no result was written", "未写入结果").get(look.lang).to_owned(),
        None => format!("{}  {}", text!("result", "结果").get(look.lang), dir),
    };
    let x = pen.flow(area, 1, 0, sign, style);
    let room = area.width.saturating_sub(x + 2);
    if run.now.failure.is_none() && !run.lost {
        pen.left(area, x + 1, 0, room, &said, ink.plain);
        return;
    }
    let lines = wrap(&said, usize::from(room));
    let last = area.height.saturating_sub(1);
    for (y, line) in (0..area.height).zip(&lines) {
        // On the last row there is what does not fit, cut with its sign.
        let rest = if y == last { lines.get(usize::from(y)..).unwrap_or_default().concat() } else { line.clone() };
        pen.left(area, x + 1, y, room, &rest, ink.act);
    }
}
