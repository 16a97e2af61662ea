//! Charts as SVG text: lines, histograms and heatmaps, small enough to be read on a phone. Colours come from the page's style.

use super::{document::escape, figures::number};
use std::fmt::Write as _;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 36.0;

/// How a value becomes a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    Log,
    /// A percentile, drawn by how few lie above it: 50, 90, 99, 99.9 are as far from each other.
    Tail,
}

/// One line.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) dashed: bool,
    /// A dot at every point: few measured points, rather than a course.
    pub(super) dots: bool,
}

/// A chart of lines.
#[expect(clippy::struct_field_names, reason = "lines of lines")]
pub(super) struct Lines {
    pub(super) title: String,
    pub(super) x: (String, Scale),
    pub(super) y: (String, Scale),
    pub(super) lines: Vec<Line>,
    /// Moments with a mark, at x.
    pub(super) marks: Vec<(f64, String)>,
    /// Goals, at y.
    pub(super) goals: Vec<(f64, String)>,
}

/// A place on an axis.
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(scale: Scale, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|v| v.is_finite() && (scale != Scale::Log || *v > 0.0)) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            return None;
        }
        match scale {
            Scale::Linear => {
                low = low.min(0.0);
                high = nice(high.max(low + 1e-9));
            }
            Scale::Log => {
                (low, high) = (low / 1.1, high * 1.1);
                if high / low < 2.0 {
                    (low, high) = (low / 1.4, high * 1.4);
                }
            }
            Scale::Tail => {}
        }
        Some(Self { scale, low, high, from, to })
    }

    fn place(&self, value: f64) -> f64 {
        let of = |v: f64| match self.scale {
            Scale::Linear => v,
            Scale::Log => v.max(1e-12).log10(),
            Scale::Tail => tail(v),
        };
        let (low, high) = (of(self.low), of(self.high));
        let share = if high > low { (of(value) - low) / (high - low) } else { 0.5 };
        self.from + share.clamp(-0.02, 1.02) * (self.to - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Tail => [0.0, 50.0, 90.0, 99.0, 99.9, 99.99].into_iter().filter(|p| (self.low..=self.high).contains(p)).collect(),
            Scale::Linear => {
                let step = nice((self.high - self.low) / 4.0);
                (0..=8).map(|k| self.low + f64::from(k) * step).filter(|v| *v <= self.high * 1.0001).collect()
            }
            Scale::Log => {
                let steps: &[f64] = if self.high / self.low > 300.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                let (low, high) = (self.low.log10().floor(), self.high.log10().ceil());
                let decades = std::iter::successors(Some(low), |d| Some(d + 1.0)).take_while(|d| *d <= high).take(20);
                let all = decades.flat_map(|d| steps.iter().map(move |s| s * 10_f64.powf(d)));
                let round: Vec<f64> = all.filter(|v| (self.low..=self.high).contains(v)).collect();
                if round.len() >= 3 {
                    return round;
                }
                // Less than a decade: even steps say more than one or two powers.
                let step = nice((self.high - self.low) / 4.0);
                let first = (self.low / step).ceil();
                (0..=8).map(|k| (first + f64::from(k)) * step).filter(|v| *v <= self.high).collect()
            }
        }
    }
}

/// Decades of what lies above.
fn tail(percentile: f64) -> f64 {
    -((100.0 - percentile).max(0.001) / 100.0).log10()
}

/// The next of 1, 2, 2.5, 5, 10 times a power of ten.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.abs().max(1e-12).log10().floor());
    let lead = value / power;
    let step = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0].into_iter().find(|s| lead <= s * 1.000_001).unwrap_or(10.0);
    step * power
}

fn open(title: &str, height: f64) -> String {
    let title = escape(title);
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\" xmlns=\"http://www.w3.org/2000/svg\">\
         <text class=\"title\" x=\"4\" y=\"15\">{title}</text>"
    )
}

fn axes(out: &mut String, x: &Axis, y: &Axis, (x_name, y_name): (&str, &str), bottom: f64) {
    let right = WIDTH - RIGHT;
    for tick in y.ticks() {
        let at = y.place(tick);
        _ = write!(out, "<path class=\"axis\" d=\"M{LEFT} {at:.1}H{right}\"/>");
        _ = write!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", LEFT - 5.0, at + 4.0, number(tick));
    }
    let mut last = f64::NEG_INFINITY;
    for tick in x.ticks() {
        let at = x.place(tick);
        if at - last < 34.0 {
            continue;
        }
        last = at;
        let name = if x.scale == Scale::Tail { format!("P{tick}") } else { number(tick) };
        _ = write!(out, "<path class=\"axis\" d=\"M{at:.1} {bottom:.1}v4\"/>");
        let anchor = if at > right - 14.0 { "end" } else { "middle" };
        _ = write!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{name}</text>", at.min(right), bottom + 16.0);
    }
    _ = write!(out, "<text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", bottom + 31.0, escape(x_name));
    _ = write!(out, "<text x=\"4\" y=\"31\">{}</text>", escape(y_name));
}

/// `None` when there is nothing to draw.
pub(super) fn lines(chart: &Lines) -> Option<String> {
    let points = || chart.lines.iter().flat_map(|l| l.points.iter());
    let bottom = HEIGHT - BOTTOM;
    let x = Axis::new(chart.x.1, points().map(|p| p.0), LEFT, WIDTH - RIGHT)?;
    let y = Axis::new(chart.y.1, points().map(|p| p.1).chain(chart.goals.iter().map(|g| g.0)), bottom, TOP)?;
    let mut out = open(&chart.title, HEIGHT);
    axes(&mut out, &x, &y, (&chart.x.0, &chart.y.0), bottom);
    for (goal, name) in &chart.goals {
        let at = y.place(*goal);
        _ = write!(out, "<path class=\"goal\" d=\"M{LEFT} {at:.1}H{}\"/>", WIDTH - RIGHT);
        // Beside the axis, where a curve of percentiles is low; below the line where above it there is the legend.
        let below = if at < TOP + 12.0 { 13.0 } else { -4.0 };
        _ = write!(out, "<text class=\"goalt\" x=\"{}\" y=\"{:.1}\">{}</text>", LEFT + 4.0, at + below, escape(name));
    }
    for (k, (moment, name)) in chart.marks.iter().enumerate() {
        let at = x.place(*moment);
        _ = write!(out, "<path class=\"mark\" d=\"M{at:.1} {TOP}V{bottom}\"><title>{}</title></path>", escape(name));
        _ = write!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", at + 2.0, TOP + 10.0, k + 1);
    }
    for (k, line) in chart.lines.iter().enumerate() {
        let (mut path, mut pen) = (String::new(), 'M');
        for &(px, py) in &line.points {
            if !py.is_finite() {
                // A gap in what was measured is a gap in the line.
                pen = 'M';
                continue;
            }
            _ = write!(path, "{pen}{:.1} {:.1}", x.place(px), y.place(py));
            pen = 'L';
            if line.dots {
                _ = write!(out, "<circle class=\"f{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.6\"/>", k % 5, x.place(px), y.place(py));
            }
        }
        let dash = if line.dashed { " dash" } else { "" };
        _ = write!(out, "<path class=\"l s{}{dash}\" d=\"{path}\"/>", k % 5);
    }
    legend(&mut out, chart.lines.iter().map(|l| l.name.as_str()));
    out.push_str("</svg>");
    Some(out)
}

/// Names beside their colours, right of the y axis' name.
fn legend<'a>(out: &mut String, names: impl DoubleEndedIterator<Item = &'a str> + ExactSizeIterator) {
    use unicode_width::UnicodeWidthStr as _;
    if names.len() < 2 {
        return;
    }
    let mut at = WIDTH - RIGHT;
    for (k, name) in names.enumerate().collect::<Vec<_>>().into_iter().rev() {
        let width = name.width() as f64 * 6.6;
        at -= width;
        _ = write!(
            out,
            "<text x=\"{at:.1}\" y=\"31\">{}</text><rect class=\"f{}\" x=\"{:.1}\" y=\"23\" width=\"9\" height=\"9\"/>",
            escape(name),
            k % 5,
            at - 12.0
        );
        at -= 24.0;
    }
}

/// A histogram on the log grid of `live::bin_of`: counts by the lower edge (ms) of their bin, which is a sixteenth of an octave wide.
pub(super) fn histogram(title: &str, bins: &[(f64, u64)], marks: &[(f64, String)], goal: Option<f64>) -> Option<String> {
    let bottom = HEIGHT - BOTTOM;
    let edges = bins.iter().flat_map(|b| [b.0, b.0 * 1.05]).chain(marks.iter().map(|m| m.0)).chain(goal);
    let x = Axis::new(Scale::Log, edges, LEFT, WIDTH - RIGHT)?;
    // The names of the marks stand above the bars, one below the other: in a narrow histogram they would lie on one another.
    let rows = marks.len() + usize::from(goal.is_some());
    let y = Axis::new(Scale::Linear, bins.iter().map(|b| b.1 as f64), bottom, TOP + 13.0 * rows as f64)?;
    let mut out = open(title, HEIGHT);
    axes(&mut out, &x, &y, ("ms", ""), bottom);
    for &(edge, count) in bins {
        let (from, to) = (x.place(edge), x.place(edge * 2_f64.powf(1.0 / 16.0)));
        // A lone outlier must be seen.
        let top = y.place(count as f64).min(bottom - 1.5);
        _ = write!(
            out,
            "<rect class=\"f0\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{} ms: {count}</title></rect>",
            (to - from - 0.4).max(0.8),
            bottom - top,
            number(edge)
        );
    }
    let named = marks.iter().map(|(value, name)| (x.place(*value), name.clone(), false));
    let named = named.chain(goal.map(|goal| (x.place(goal), format!("SLO {} ms", number(goal)), true)));
    for (k, (at, name, is_goal, left)) in apart(named.collect()).into_iter().enumerate() {
        let top = TOP + 13.0 * k as f64;
        let (line, class) = if is_goal { ("goal", " class=\"goalt\"") } else { ("mark", "") };
        _ = write!(out, "<path class=\"{line}\" d=\"M{at:.1} {top:.1}V{bottom}\"/>");
        let (at, anchor) = if left { (at - 3.0, "end") } else { (at + 3.0, "start") };
        _ = write!(out, "<text{class} x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>", top + 9.0, escape(&name));
    }
    out.push_str("</svg>");
    Some(out)
}

/// Marks (place, name, whether it is the goal) from top to bottom, and whether the name stands left of its line: so that no name lies on
/// another mark's line, which goes down from its own name.
fn apart(mut marks: Vec<(f64, String, bool)>) -> Vec<(f64, String, bool, bool)> {
    marks.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut edge, mut left, mut right) = (WIDTH, Vec::new(), Vec::new());
    for (at, name, goal) in marks {
        if at + 3.0 + 6.8 * name.chars().count() as f64 > edge {
            // Above the others' names; its line passes them.
            edge = at;
            left.push((at, name, goal, true));
        } else {
            right.push((at, name, goal, false));
        }
    }
    left.into_iter().chain(right.into_iter().rev()).collect()
}

/// Counts by second and latency (ms, log): where and when it was slow.
pub(super) fn strip(title: &str, cells: &[(u32, f64, u64)], x_name: &str) -> Option<String> {
    let bottom = HEIGHT - BOTTOM;
    let most = cells.iter().map(|c| c.2).max()? as f64;
    let last = cells.iter().map(|c| c.0).max()?;
    let first = cells.iter().map(|c| c.0).min()?;
    // At most 120 columns: longer runs share one among seconds.
    let per = (last - first) / 120 + 1;
    let x = Axis::new(Scale::Linear, [f64::from(first), f64::from(last + per)].into_iter(), LEFT, WIDTH - RIGHT)?;
    let y = Axis::new(Scale::Log, cells.iter().flat_map(|c| [c.1, c.1 * 1.2]), bottom, TOP)?;
    let mut merged: std::collections::BTreeMap<(u32, u64), u64> = std::collections::BTreeMap::new();
    for &(second, edge, count) in cells {
        *merged.entry((second / per, edge.to_bits())).or_default() += count;
    }
    let mut out = open(title, HEIGHT);
    axes(&mut out, &x, &y, (x_name, "ms"), bottom);
    for ((column, edge), count) in merged {
        let edge = f64::from_bits(edge);
        let (left, right) = (x.place(f64::from(column * per)), x.place(f64::from((column + 1) * per)));
        let (low, high) = (y.place(edge), y.place(edge * 2_f64.powf(0.25)));
        let strength = (0.15 + 0.85 * (count as f64 / (most * f64::from(per))).sqrt()).min(1.0);
        _ = write!(
            out,
            "<rect class=\"h\" fill-opacity=\"{strength:.2}\" x=\"{left:.1}\" y=\"{high:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            (right - left).max(1.0),
            (low - high).max(1.0)
        );
    }
    out.push_str("</svg>");
    Some(out)
}

/// A table of values, the greater the darker; `None` in a cell was not measured.
pub(super) fn heatmap(
    title: &str,
    columns: &[String],
    rows: &[(String, Vec<Option<f64>>)],
    (x_name, y_name): (&str, &str),
) -> Option<String> {
    let values = || rows.iter().flat_map(|r| r.1.iter().flatten().copied()).filter(|v| *v > 0.0);
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    let height = TOP + 26.0 * rows.len() as f64 + BOTTOM;
    let width = (WIDTH - LEFT - RIGHT) / columns.len().max(1) as f64;
    let mut out = open(title, height);
    for (k, (name, row)) in rows.iter().enumerate() {
        let top = TOP + 26.0 * k as f64;
        _ = write!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", LEFT - 6.0, top + 17.0, escape(name));
        for (at, value) in row.iter().enumerate() {
            let left = LEFT + width * at as f64;
            let (strength, text) = match value {
                Some(value) if high > low => (0.08 + 0.62 * (value.max(low) / low).ln() / (high / low).ln(), number(*value)),
                Some(value) => (0.2, number(*value)),
                None => (0.0, "–".to_owned()),
            };
            _ = write!(
                out,
                "<rect class=\"h\" fill-opacity=\"{strength:.2}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"24\"/>\
                 <text class=\"cell\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                width - 2.0,
                left + width / 2.0 - 1.0,
                top + 17.0
            );
        }
    }
    let bottom = TOP + 26.0 * rows.len() as f64;
    for (at, name) in columns.iter().enumerate() {
        let middle = LEFT + width * (at as f64 + 0.5) - 1.0;
        _ = write!(out, "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>", bottom + 14.0, escape(name));
    }
    _ = write!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", WIDTH - RIGHT, bottom + 30.0, escape(x_name));
    _ = write!(out, "<text x=\"4\" y=\"31\">{}</text></svg>", escape(y_name));
    Some(out)
}

#[cfg(test)]
mod tests;
