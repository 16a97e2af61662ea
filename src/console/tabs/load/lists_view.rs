//! Errors, events, and what a run that ended leaves behind.

use super::{
    layout::Beside,
    panel::Panel,
    pen::Pen,
    run_view::{heading, state_look},
    watched::{Event, Watched},
    words,
};
use crate::{said, text};
use dcudeck_widgets::figure;
use ratatui::layout::Rect;

/// Errors and events under their headings, and on the last row what a run that ended leaves behind.
pub(super) fn draw(run: &Watched, cursor: Panel, parts: &Beside, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let (left, right) = (parts.errors, parts.events);
    let line = Rect { x: area.x, width: area.width, height: 1, y: left.y };
    pen.rule(line, 0);
    for (panel, part) in [(Panel::Errors, left), (Panel::Events, right)] {
        let end = heading(panel, cursor, panel.title().get(look.lang), Rect { height: 1, ..part }, 1, 0, pen);
        pen.flow(Rect { height: 1, ..part }, end, 0, " ", ink.plain);
    }
    let x = right.x - 1 - area.x;
    pen.joint(line, x, 0, "┬");
    let rows = left.height.saturating_sub(1 + u16::from(run.ended()));
    pen.upright(area, x, left.y + 1 - area.y, rows);
    errors(run, Rect { y: left.y + 1, height: rows, ..left }, pen);
    events(run, Rect { y: right.y + 1, height: rows, ..right }, pen);
    if run.ended() {
        foot(run, Rect { x: area.x, width: area.width, y: left.bottom().saturating_sub(1), height: 1 }, pen);
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

/// The newest events, oldest of them on top.
pub(super) fn events(run: &Watched, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let skip = run.events.len().saturating_sub(usize::from(area.height));
    let clock_width = if run.now.at_us >= 3_600_000_000 { 8 } else { 6 };
    for (y, event) in (0..).zip(run.events.iter().skip(skip)) {
        let x = pen.left(area, 1, y, clock_width, &words::clock(event.at_us()), ink.plain);
        match event {
            Event::Phase { phase, .. } => {
                pen.left(area, x, y, area.width.saturating_sub(x), &format!("  {}", words::phase(*phase).get(look.lang)), ink.plain);
            }
            Event::Failure { class, example, .. } => {
                let x = pen.flow(area, x, y, "! ", ink.act);
                let x = pen.flow(area, x, y, class, ink.plain);
                pen.left(area, x + 2, y, area.width.saturating_sub(x + 3), example, ink.plain);
            }
            Event::Dropped { count, .. } => {
                let x = pen.flow(area, x, y, "! ", ink.look);
                let what = said!("{count} readings missed by this screen", "本屏漏收 {count} 条读数");
                pen.flow(area, x, y, what.get(look.lang), ink.plain);
            }
            Event::Lost { .. } => {
                let x = pen.flow(area, x, y, "! ", ink.act);
                pen.flow(area, x, y, text!("lost", "失联").get(look.lang), ink.plain);
            }
        }
    }
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
    let text_style = if run.now.failure.is_some() || run.lost { ink.act } else { ink.plain };
    pen.left(area, x + 1, 0, area.width.saturating_sub(x + 2), &said, text_style);
}
