//! Where everything of a running load test stands: a pure function of the room there is.

use super::panel::Panel;
use ratatui::layout::{Position, Rect};

/// Least columns at which three histograms stand side by side.
const MIN_COLUMNS: u16 = 66;

/// Least rows of the same.
const MIN_ROWS: u16 = 17;

/// Rows from which curves get charts of their own instead of a line each.
const CHART_ROWS: u16 = 28;

/// Parts of the body, from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Figures a line each, the panel under the cursor drawn below if there is room.
    Stacked {
        /// One row a panel.
        rows: Rect,
        /// The panel under the cursor; may be empty.
        picture: Rect,
    },
    /// Three histograms side by side, the rest below.
    Beside(Beside),
}

/// The parts of [`Layout::Beside`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beside {
    /// Histogram panels: heading, picture, two rows of figures.
    pub(super) histograms: [Rect; 3],
    /// Throughput and in flight: a row each, or heading, two rows of figures and a chart.
    pub(super) throughput: Rect,
    pub(super) in_flight: Rect,
    /// Curves are charts of several rows.
    pub(super) charts: bool,
    /// The rule between histograms and curves.
    pub(super) seam: Rect,
    /// The client's row.
    pub(super) client: Rect,
    /// Errors and events, each with a heading on a rule.
    pub(super) errors: Rect,
    pub(super) events: Rect,
}

impl Layout {
    /// The panel that is drawn at `at`.
    pub(super) fn panel_at(self, at: Position) -> Option<Panel> {
        match self {
            Self::Stacked { rows, .. } => {
                let row = at.y.checked_sub(rows.y).filter(|_| rows.contains(at))?;
                Panel::ALL.get(usize::from(row)).copied()
            }
            Self::Beside(parts) => {
                let [ttft, tpot, itl] = parts.histograms;
                let head = |part: Rect| Rect {
                    y: part.y.saturating_sub(u16::from(parts.charts)),
                    height: part.height + u16::from(parts.charts),
                    ..part
                };
                [
                    (Panel::Ttft, ttft),
                    (Panel::Tpot, tpot),
                    (Panel::Itl, itl),
                    (Panel::Throughput, head(parts.throughput)),
                    (Panel::InFlight, head(parts.in_flight)),
                    (Panel::Client, parts.client),
                    (Panel::Errors, parts.errors),
                    (Panel::Events, parts.events),
                ]
                .into_iter()
                .find_map(|(panel, part)| part.contains(at).then_some(panel))
            }
        }
    }

    /// The layout of `area`, whose first row is the run's own rule line.
    pub(super) fn of(area: Rect) -> Self {
        let body = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
        if area.width < MIN_COLUMNS || area.height < MIN_ROWS {
            let rows = body.height.min(7);
            let rest = body.height - rows;
            let picture = if rest >= 4 { rest } else { 0 };
            return Self::Stacked { rows: Rect { height: rows, ..body }, picture: Rect { y: body.y + rows, height: picture, ..body } };
        }
        let charts = area.height >= CHART_ROWS;
        // Heading and two rows of figures of the histograms, the seam, the client's row, the heading of the lists.
        let fixed = 3 + 1 + 1 + 1;
        let rest = body.height.saturating_sub(fixed);
        let (picture, curves) = if charts {
            let chart = (rest - 2) * 3 / 10;
            ((rest - 2) * 45 / 100, chart + 2)
        } else {
            ((rest - 2) * 3 / 4, 2)
        };
        let list = rest - picture - curves;

        let mut y = body.y;
        let mut take = |rows: u16| {
            let part = Rect { y, height: rows, ..body };
            y += rows;
            part
        };
        let top = take(picture + 3);
        let seam = take(1);
        let middle = take(curves);
        let client = take(1);
        let lists = take(list + 1);

        let third = (area.width - 2) / 3;
        let second = (area.width - 2 - third) / 2;
        let column = |part: Rect, x: u16, width: u16| Rect { x: part.x + x, width, ..part };
        let histograms =
            [column(top, 0, third), column(top, third + 1, second), column(top, third + second + 2, area.width - third - second - 2)];
        let half = (area.width - 1) / 2;
        let (throughput, in_flight) = if charts {
            (column(middle, 0, half), column(middle, half + 1, area.width - half - 1))
        } else {
            (Rect { height: 1, ..middle }, Rect { y: middle.y + 1, height: 1, ..middle })
        };
        Self::Beside(Beside {
            histograms,
            throughput,
            in_flight,
            charts,
            seam,
            client,
            errors: column(lists, 0, third),
            events: column(lists, third + 1, area.width - third - 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_body_and_never_leave_it() {
        for width in 0..=220 {
            for height in 0..=80 {
                let area = Rect { x: 3, y: 2, width, height };
                match Layout::of(area) {
                    Layout::Stacked { rows, picture } => {
                        for part in [rows, picture].into_iter().filter(|part| !part.is_empty()) {
                            assert_eq!(area.intersection(part), part, "{width}x{height}");
                        }
                    }
                    Layout::Beside(Beside { histograms, throughput, in_flight, seam, client, errors, events, .. }) => {
                        let parts = [histograms[0], histograms[1], histograms[2], throughput, in_flight, seam, client, errors, events];
                        for part in parts {
                            assert!(!part.is_empty(), "{width}x{height}");
                            assert_eq!(area.intersection(part), part, "{width}x{height}");
                        }
                        assert!(histograms[0].height >= 8, "{width}x{height}: the hero has room");
                        assert!(events.height >= 3, "{width}x{height}");
                        assert_eq!(events.bottom(), area.bottom());
                    }
                }
            }
        }
    }

    #[test]
    fn eighty_by_twenty_four_shows_everything_side_by_side() {
        // Two rows of header and one of keys belong to the console.
        assert!(matches!(Layout::of(Rect::new(0, 2, 80, 21)), Layout::Beside(Beside { charts: false, .. })));
        assert!(matches!(Layout::of(Rect::new(0, 2, 40, 7)), Layout::Stacked { .. }));
    }
}
