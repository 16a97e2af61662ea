//! What lies over a tab: a sheet at the bottom of the body, under a rule that names it. No frames.

use super::look::Look;
use dcudeck_widgets::text::{fit, width};
use ratatui::{
    Frame,
    layout::{Margin, Rect},
    text::{Line, Span},
    widgets::Clear,
};

/// A rule across `area`'s first row with a title at the left and a state at the right: `─ title ──────── state ─`.
pub fn rule(look: &Look, frame: &mut Frame<'_>, area: Rect, title: &str, state: &str) {
    let area = Rect { height: 1, ..area }.intersection(frame.area());
    if area.is_empty() {
        return;
    }
    let columns = usize::from(area.width);
    let dash = look.dash();
    let title = fit(title, columns.saturating_sub(4), look.ascii);
    // "─ " title " ─" … "─ " state " ─"
    let room = columns.saturating_sub(width(&title) + 4);
    let state = if width(state) + 4 <= room { state } else { "" };
    let mut spans = vec![Span::styled(format!("{dash} "), look.theme.rule), Span::styled(title.as_ref(), look.theme.strong)];
    let tail = if state.is_empty() { 0 } else { width(state) + 3 };
    let dashes = columns.saturating_sub(width(&title) + 3 + tail);
    spans.push(Span::styled(format!(" {}", dash.repeat(dashes)), look.theme.rule));
    if !state.is_empty() {
        spans.push(Span::styled(format!(" {state} "), look.theme.plain));
        spans.push(Span::styled(dash, look.theme.rule));
    }
    frame.render_widget(Line::from(spans), area);
}

/// Clears the bottom of `body` for `rows` rows under a rule, as far as there is room, and gives the area of the rows.
pub fn open(look: &Look, frame: &mut Frame<'_>, body: Rect, title: &str, state: &str, rows: usize) -> Rect {
    let body = body.intersection(frame.area());
    let height = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(1).min(body.height);
    let area = Rect { y: body.bottom() - height, height, ..body };
    frame.render_widget(Clear, area);
    rule(look, frame, area, title, state);
    Rect { y: area.y.saturating_add(1).min(area.bottom()), height: height.saturating_sub(1), ..area }.inner(Margin::new(1, 0))
}

/// `line` as the row under the cursor, its own styles kept where the cursor's say nothing.
#[must_use]
pub fn under_cursor<'a>(look: &Look, line: Line<'a>) -> Line<'a> {
    let spans = line.spans.into_iter().map(|span| span.patch_style(look.theme.cursor));
    Line { spans: spans.collect(), style: line.style, alignment: line.alignment }.patch_style(look.theme.cursor)
}
