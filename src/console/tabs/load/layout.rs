//! Where everything of a running load test stands: a pure function of the room there is and of what shares a place.

use super::panel::Panel;
use ratatui::layout::{Position, Rect};

/// Least columns at which three histograms stand side by side.
const MIN_COLUMNS: u16 = 66;

/// Least rows of the same.
const MIN_ROWS: u16 = 18;

/// Rows from which curves get charts of their own instead of a line each.
const CHART_ROWS: u16 = 28;

/// Rows from which the heat strips are always there.
const HEAT_ROWS: u16 = 34;

/// What the run wants shown, as far as it changes the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// What stands in the shared place where there is not room for all.
    pub(super) shared: Panel,
    /// The first panel of the bottom: the series or the routes, when the run has them.
    pub(super) first: Option<Panel>,
    /// Rows the first one would like, its legend included.
    pub(super) rows: u16,
}

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
    /// The server's row and the client's.
    pub(super) server: Rect,
    pub(super) client: Rect,
    /// Both heat strips, each with a heading on a rule, where they are always there.
    pub(super) heat: Option<[Rect; 2]>,
    /// The panels of the bottom from left to right, each with a heading on a rule; those left out have no room.
    pub(super) bottom: [Option<(Panel, Rect)>; 3],
}

impl Beside {
    /// The row of the bottom's headings and all below.
    pub(super) fn lists(&self) -> Rect {
        self.bottom.iter().flatten().map(|(_, part)| *part).reduce(Rect::union).unwrap_or_default()
    }
}

impl Layout {
    /// The panel that is drawn at `at`.
    pub(super) fn panel_at(self, at: Position) -> Option<Panel> {
        match self {
            Self::Stacked { rows, .. } => {
                let row = at.y.checked_sub(rows.y).filter(|_| rows.contains(at))?;
                super::panel::STACKED.get(usize::from(row)).copied()
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
                    (Panel::Server, parts.server),
                    (Panel::Client, parts.client),
                ]
                .into_iter()
                .chain(parts.heat.into_iter().flatten().map(|part| (Panel::Heat, part)))
                .chain(parts.bottom.into_iter().flatten())
                .find_map(|(panel, part)| part.contains(at).then_some(panel))
            }
        }
    }

    /// The layout of `area`, whose first row is the run's own rule line.
    pub(super) fn of(area: Rect, wanted: Wanted) -> Self {
        let body = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
        if area.width < MIN_COLUMNS || area.height < MIN_ROWS {
            let rows = body.height.min(7);
            let rest = body.height - rows;
            let picture = if rest >= 4 { rest } else { 0 };
            return Self::Stacked { rows: Rect { height: rows, ..body }, picture: Rect { y: body.y + rows, height: picture, ..body } };
        }
        let charts = area.height >= CHART_ROWS;
        let strips = area.height >= HEAT_ROWS;
        let Rows { picture, curves, heat, list } = Rows::of(body.height, charts, strips, wanted);

        let mut y = body.y;
        let mut take = |rows: u16| {
            let part = Rect { y, height: rows, ..body };
            y += rows;
            part
        };
        let top = take(picture + 3);
        let seam = take(1);
        let middle = take(curves);
        let server = take(1);
        let client = take(1);
        let strip_rows = take(heat);
        let lists = take(list + 1);

        let third = (area.width - 2) / 3;
        let second = (area.width - 2 - third) / 2;
        let column = |part: Rect, x: u16, width: u16| Rect { x: part.x + x, width, ..part };
        let histograms =
            [column(top, 0, third), column(top, third + 1, second), column(top, third + second + 2, area.width - third - second - 2)];
        let half = (area.width - 1) / 2;
        let halves = |part: Rect| [column(part, 0, half), column(part, half + 1, area.width - half - 1)];
        let (throughput, in_flight) = if charts {
            let [left, right] = halves(middle);
            (left, right)
        } else {
            (Rect { height: 1, ..middle }, Rect { y: middle.y + 1, height: 1, ..middle })
        };
        let rest = |x: u16| area.width - x - 1;
        let two = |panel: Panel, width: u16| {
            [Some((panel, column(lists, 0, width))), Some((Panel::Events, column(lists, width + 1, rest(width)))), None]
        };
        let bottom = match (wanted.first, wanted.shared) {
            (Some(first), _) if strips && area.width >= 110 => {
                // The first panel, errors, events.
                let errors = area.width / 6;
                let start = half + 1 + errors + 1;
                [
                    Some((first, column(lists, 0, half))),
                    Some((Panel::Errors, column(lists, half + 1, errors))),
                    Some((Panel::Events, column(lists, start, area.width - start))),
                ]
            }
            (_, Panel::Heat) if !strips => [Some((Panel::Heat, lists)), None, None],
            (_, Panel::Series | Panel::Routes) => two(wanted.shared, area.width * 5 / 8),
            (Some(first), Panel::Heat) => two(first, area.width * 5 / 8),
            _ => two(Panel::Errors, third),
        };
        let heat = strips.then(|| halves(strip_rows));
        Self::Beside(Beside { histograms, throughput, in_flight, charts, seam, server, client, heat, bottom })
    }
}

/// How the rows of a body are shared out.
struct Rows {
    picture: u16,
    curves: u16,
    heat: u16,
    list: u16,
}

impl Rows {
    fn of(body: u16, charts: bool, strips: bool, wanted: Wanted) -> Self {
        // Heading and two rows of figures of the histograms, the seam, the rows of server and client, the heading of the lists.
        let fixed = 3 + 1 + 2 + 1;
        let rest = body.saturating_sub(fixed);
        if !charts {
            let rest = rest - 2;
            let many = wanted.shared != Panel::Errors;
            let picture = if many { (rest * 45 / 100).max(5).min(rest) } else { rest * 3 / 4 };
            return Self { picture, curves: 2, heat: 0, list: rest - picture };
        }
        let list = if wanted.first.is_some() { wanted.rows.clamp(4, rest * 35 / 100) } else { rest * 22 / 100 };
        let heat = if strips { 1 + (rest * 18 / 100).max(4) } else { 0 };
        let left = rest - list - heat - 2;
        let chart = (left * 4 / 10).min(14);
        Self { picture: left - chart, curves: chart + 2, heat, list }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Wanted = Wanted { shared: Panel::Errors, first: None, rows: 0 };

    #[test]
    fn parts_fill_the_body_and_never_leave_it() {
        let series = |shared| Wanted { shared, first: Some(Panel::Series), rows: 14 };
        let all = [PLAIN, Wanted { shared: Panel::Heat, ..PLAIN }, series(Panel::Series), series(Panel::Heat), series(Panel::Errors)];
        for wanted in all {
            for width in 0..=220 {
                for height in 0..=80 {
                    let area = Rect { x: 3, y: 2, width, height };
                    match Layout::of(area, wanted) {
                        Layout::Stacked { rows, picture } => {
                            for part in [rows, picture].into_iter().filter(|part| !part.is_empty()) {
                                assert_eq!(area.intersection(part), part, "{width}x{height}");
                            }
                        }
                        Layout::Beside(beside) => {
                            let Beside { histograms, throughput, in_flight, seam, server, client, heat, bottom, .. } = beside;
                            let mut parts = vec![histograms[0], histograms[1], histograms[2], throughput, in_flight, seam, server, client];
                            parts.extend(heat.into_iter().flatten());
                            parts.extend(bottom.into_iter().flatten().map(|(_, part)| part));
                            for part in &parts {
                                assert!(!part.is_empty(), "{width}x{height}");
                                assert_eq!(area.intersection(*part), *part, "{width}x{height}");
                            }
                            for (at, one) in parts.iter().enumerate() {
                                assert!(parts.iter().skip(at + 1).all(|other| !one.intersects(*other)), "{width}x{height}");
                            }
                            assert!(histograms[0].height >= 8, "{width}x{height}: the hero has room");
                            assert!(beside.lists().height >= 3, "{width}x{height}");
                            assert_eq!(beside.lists().bottom(), area.bottom());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn eighty_by_twenty_four_shows_everything_side_by_side() {
        // Two rows of header and one of keys belong to the console.
        assert!(matches!(Layout::of(Rect::new(0, 2, 80, 21), PLAIN), Layout::Beside(Beside { charts: false, .. })));
        assert!(matches!(Layout::of(Rect::new(0, 2, 40, 7), PLAIN), Layout::Stacked { .. }));
    }

    #[test]
    fn the_heat_strips_are_always_there_on_a_large_screen_and_where_chosen_on_a_small_one() {
        assert!(matches!(Layout::of(Rect::new(0, 2, 200, 57), PLAIN), Layout::Beside(Beside { heat: Some(_), .. })));
        let Layout::Beside(small) = Layout::of(Rect::new(0, 2, 80, 21), PLAIN) else { panic!() };
        assert_eq!((small.heat, small.bottom[0].unwrap().0), (None, Panel::Errors));
        let Layout::Beside(chosen) = Layout::of(Rect::new(0, 2, 80, 21), Wanted { shared: Panel::Heat, ..PLAIN }) else { panic!() };
        assert_eq!(chosen.bottom[0].unwrap().0, Panel::Heat);
        assert_eq!(chosen.histograms[0].height, 8, "the histograms stay");
    }
}
