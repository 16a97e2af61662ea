//! The rows around a tab: header, tab bar, footer.

use super::{
    command, key,
    look::Look,
    news::{JobRow, Server, ServerState},
    tab::{Live, TabId},
};
use crate::{base::Said, base::Text, text};
use dcudeck_widgets::text::{fit, width};
use ratatui::{
    Frame,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
};

/// What the header tells, whatever tab is shown.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Name of the node.
    pub host: String,
    /// The embedded engine, while there is one.
    pub engine: Option<Server>,
    /// Jobs that live.
    pub jobs: usize,
    /// Warnings and errors nobody has looked at.
    pub unseen: usize,
    /// The view is frozen.
    pub frozen: bool,
    /// Nothing may be started or stopped.
    pub read_only: bool,
}

impl Header {
    /// Takes the servers in.
    pub fn servers(&mut self, servers: &[Server]) {
        self.engine = servers.iter().find(|server| server.embedded).cloned();
    }

    /// Takes the jobs in.
    pub fn count(&mut self, jobs: &[JobRow]) {
        self.jobs = jobs.iter().filter(|job| !job.state.ended()).count();
    }

    /// Draws it into one row.
    pub fn draw(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let theme = &look.theme;
        let mut right = Vec::new();
        let mut put = |text: String, style: Style| {
            right.push(Span::raw("  "));
            right.push(Span::styled(text, style));
        };
        if self.frozen {
            put(text!("FROZEN", "已冻结").get(look.lang).to_owned(), theme.look.patch(theme.strong));
        }
        if self.read_only {
            put(text!("read-only", "只读").get(look.lang).to_owned(), theme.plain);
        }
        put(format!("{} {}", text!("jobs", "任务").get(look.lang), self.jobs), theme.plain);
        match self.unseen {
            0 => put("L".to_owned(), theme.unsure),
            n => put(format!("L{}", n.min(99)), theme.look),
        }
        right.push(Span::raw(" "));
        let right = Line::from(right);
        let right_width = u16::try_from(right.width()).unwrap_or(u16::MAX).min(area.width);

        let mut left = vec![Span::styled(" dcudeck", theme.strong), Span::raw("  "), Span::styled(self.host.as_str(), theme.plain)];
        if let Some(engine) = &self.engine {
            let (sign, style) = match engine.state {
                ServerState::Ready => (look.sign("●", "*"), theme.good),
                ServerState::Starting => (look.sign("◐", "~"), theme.look),
                ServerState::Failed(_) => (look.sign("✖", "x"), theme.act),
            };
            left.push(Span::raw("  "));
            left.push(Span::styled(sign, style));
            left.push(Span::styled(format!(" {}", engine.name), theme.plain));
            if let Some(port) = engine.url.as_deref().and_then(|url| url.rsplit_once(':')).map(|(_, port)| port) {
                left.push(Span::styled(format!(" :{port}"), theme.unsure));
            }
        }
        let [left_area, right_area] = split(area, right_width);
        frame.render_widget(cut(left, left_area.width, look), left_area);
        frame.render_widget(right, right_area);
    }
}

fn split(area: Rect, right: u16) -> [Rect; 2] {
    let right = right.min(area.width);
    [Rect { width: area.width - right, ..area }, Rect { x: area.right() - right, width: right, ..area }]
}

/// Spans cut at `columns`, with an ellipsis where something is missing.
fn cut(spans: Vec<Span<'_>>, columns: u16, look: &Look) -> Line<'static> {
    let mut left = usize::from(columns);
    let mut kept = Vec::new();
    for span in spans {
        let cells = width(&span.content);
        if cells <= left {
            kept.push(Span::styled(span.content.into_owned(), span.style));
            left -= cells;
        } else {
            kept.push(Span::styled(fit(&span.content, left, look.ascii).into_owned(), span.style));
            break;
        }
    }
    Line::from(kept)
}

/// One tab of the bar: what it is, where it stands, whether something there wants to be seen.
struct Place {
    id: TabId,
    columns: std::ops::Range<u16>,
    title: String,
}

fn places(look: &Look, tabs: &[TabId], marked: &[TabId]) -> Vec<Place> {
    let mut at = 1;
    tabs.iter()
        .map(|&id| {
            let mark = if marked.contains(&id) { "!" } else { "" };
            let title = format!("{} {}{mark}", id.number(), id.title().get(look.lang));
            let start = at;
            // A column on each side for the marks of the active tab.
            at += u16::try_from(width(&title)).unwrap_or(0) + 2;
            Place { id, columns: start - 1..at - 1, title }
        })
        .collect()
}

/// Draws the tab bar.
pub fn tabs(look: &Look, frame: &mut Frame<'_>, area: Rect, tabs: &[TabId], active: TabId, marked: &[TabId]) {
    let theme = &look.theme;
    let mut spans = Vec::new();
    for place in places(look, tabs, marked) {
        if place.id == active {
            spans.push(Span::styled(look.sign("▌", "["), theme.accent));
            spans.push(Span::styled(place.title, theme.accent.patch(theme.strong)));
            spans.push(Span::styled(look.sign("▐", "]"), theme.accent));
        } else {
            let style = if marked.contains(&place.id) { theme.act } else { theme.plain };
            spans.push(Span::styled(format!(" {} ", place.title), style));
        }
    }
    frame.render_widget(cut(spans, area.width, look), area);
}

/// The tab at `at` in the bar of `area`.
pub fn tab_at(look: &Look, area: Rect, list: &[TabId], marked: &[TabId], at: Position) -> Option<TabId> {
    let column = at.x.checked_sub(area.x).filter(|_| area.contains(at))?;
    places(look, list, marked).into_iter().find(|place| place.columns.contains(&column)).map(|place| place.id)
}

/// A sentence on the last row until the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What is said.
    pub said: Said,
    /// Something went wrong.
    pub bad: bool,
}

/// Draws a status sentence into the footer's row.
pub fn status(look: &Look, frame: &mut Frame<'_>, area: Rect, status: &Status) {
    let (sign, style) = if status.bad { (look.sign("✖", "x"), look.theme.act) } else { (look.sign("·", "-"), look.theme.accent) };
    let spans = vec![Span::raw(" "), Span::styled(format!("{sign} "), style), Span::styled(status.said.get(look.lang), look.theme.plain)];
    frame.render_widget(cut(spans, area.width, look), area);
}

/// Draws the keys that do something now, most used first, as many as fit, then how to see the rest (`?` tells why some do nothing).
pub fn footer(look: &Look, frame: &mut Frame<'_>, area: Rect, live: &[Live]) {
    let hints = live.iter().filter(|live| live.disabled.is_none()).filter_map(|live| {
        let spec = command::spec(live.command)?;
        let key = key::shown(spec.keys.first()?);
        let key = if spec.twin.is_empty() { key } else { format!("{key} {}", key::shown(spec.twin)) };
        let hint = spec.hint.get(look.lang);
        (!hint.is_empty()).then_some((key, hint))
    });
    let more = ("?".to_owned(), text!("more", "更多").get(look.lang));
    hints_row(look, frame, area, hints, Some(more));
}

/// Draws keys that only a sheet knows.
pub fn keys(look: &Look, frame: &mut Frame<'_>, area: Rect, keys: &[(&str, Text)]) {
    hints_row(look, frame, area, keys.iter().map(|(key, hint)| ((*key).to_owned(), hint.get(look.lang))), None);
}

fn hints_row<'a>(
    look: &Look,
    frame: &mut Frame<'_>,
    area: Rect,
    hints: impl Iterator<Item = (String, &'a str)>,
    more: Option<(String, &'a str)>,
) {
    let theme = &look.theme;
    let cells = |(key, hint): &(String, &str)| width(key) + 1 + width(hint) + 2;
    let mut left = usize::from(area.width).saturating_sub(1 + more.as_ref().map_or(0, cells));
    let mut spans = vec![Span::raw(" ")];
    let fitting = hints.take_while(|hint| {
        let fits = cells(hint) <= left;
        left = left.saturating_sub(cells(hint));
        fits
    });
    for (key, hint) in fitting.chain(more) {
        spans.push(Span::styled(key, theme.accent));
        spans.push(Span::styled(format!(" {hint}  "), theme.plain));
    }
    frame.render_widget(cut(spans, area.width, look), area);
}
