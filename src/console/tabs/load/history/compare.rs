//! Results side by side: every figure with its change, interval and verdict; the curves of the figure under the cursor over each other.

use super::{HistoryCommand, Step, moved, rule, words};
use crate::{
    base::{Lang, Said, Text},
    bench::compare::{Compared as Figure, Comparison, Verdict},
    console::{
        command::Command,
        look::Look,
        results::{Compared, Side},
        tab::{Effect, Explained, Live},
        tabs::load::pen::{Pen, cells},
    },
    said, text,
};
use dcudeck_widgets::{Column, LinearAxis, Plane, Table, Tick, Trace, figure, table::Cell};
use ratatui::{layout::Rect, style::Style, widgets::Widget as _};
use std::collections::BTreeSet;

/// Columns from which curves stand beside the table instead of below.
const BESIDE: u16 = 150;
/// Columns of the table where curves stand beside it.
const TABLE: u16 = 84;
/// Figures that come first, in this order; the others follow by name.
const FIRST: [&str; 16] = [
    "p99_ttft_ms",
    "median_ttft_ms",
    "p99_tpot_ms",
    "median_tpot_ms",
    "p99_itl_ms",
    "median_itl_ms",
    "p99_e2el_ms",
    "median_e2el_ms",
    "output_throughput",
    "total_token_throughput",
    "request_throughput",
    "goodput",
    "goodput_pct",
    "error_rate_pct",
    "p99_longest_gap_ms",
    "send_lag_p99_ms",
];
/// Names of the sides.
const NAMES: [&str; 9] = ["A", "B", "C", "D", "E", "F", "G", "H", "I"];
/// Shares of samples on the axis of percentile curves, and what they are called.
const SHARES: [(f64, &str); 4] = [(0.5, "P50"), (0.9, "P90"), (0.99, "P99"), (0.999, "P99.9")];

/// Results side by side.
#[derive(Debug, Clone)]
pub(super) struct CompareView {
    compared: Compared,
    /// Which of the comparisons with the base is shown.
    other: usize,
    cursor: usize,
}

impl CompareView {
    pub(super) fn new(compared: &Compared) -> Self {
        let mut compared = compared.clone();
        for comparison in &mut compared.comparisons {
            let place = |figure: &Figure| FIRST.iter().position(|key| *key == figure.name).unwrap_or(FIRST.len());
            comparison.metrics.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.name.cmp(&b.name)));
        }
        Self { compared, other: 0, cursor: 0 }
    }

    fn comparison(&self) -> Option<&Comparison> {
        self.compared.comparisons.get(self.other)
    }

    fn figures(&self) -> &[Figure] {
        self.comparison().map_or(&[], |comparison| comparison.metrics.as_slice())
    }

    pub(super) fn commands(&self) -> Vec<Live> {
        use Command as C;
        let mut live = vec![Live::ready(C::Back)];
        if self.compared.comparisons.len() > 1 {
            live.extend([Live::ready(C::Left), Live::ready(C::Right)]);
        }
        live.extend([C::CopyRow, C::CopyPanel, C::CopyCommand, C::History(HistoryCommand::Show)].map(Live::ready));
        live
    }

    pub(super) fn command(&mut self, command: Command) -> Step {
        if let Some(to) = moved(command, self.cursor, self.figures().len()) {
            self.cursor = to;
            return Step::redraw();
        }
        match command {
            Command::Right => self.other = (self.other + 1).min(self.compared.comparisons.len().saturating_sub(1)),
            Command::Left => self.other = self.other.saturating_sub(1),
            Command::CopyRow => return Step::of(self.figures().get(self.cursor).map(|f| Effect::Copy(line(f))).into_iter().collect()),
            Command::CopyPanel => {
                let lines: Vec<String> = self.figures().iter().map(line).collect();
                return Step::of(vec![Effect::Copy(lines.join("\n"))]);
            }
            Command::CopyCommand => {
                let dirs = self.compared.sides.iter().map(|side| side.listed.entry.result_dir.display().to_string());
                let words: Vec<String> = ["dcudeck".to_owned(), "bench".to_owned(), "compare".to_owned()].into_iter().chain(dirs).collect();
                return Step::of(vec![Effect::Copy(words.join(" "))]);
            }
            _ => return Step::default(),
        }
        self.cursor = self.cursor.min(self.figures().len().saturating_sub(1));
        Step::redraw()
    }

    pub(super) fn explain(&self) -> Option<Explained> {
        let figure = self.figures().get(self.cursor)?;
        let rows = vec![
            (
                text!("change", "变化"),
                said!("(B - A) / A, percent; A is the older result, or the first marked", "(B − A) / A，百分比；A 为较早的结果"),
            ),
            (
                text!("95 % CI", "95 % 区间"),
                said!(
                    "confidence interval of the change: chance within the runs and between equal ones, seen in repeats or else assumed",
                    "变化的置信区间：含测试内的随机性与相同测试之间的差异（取自重复，否则为假定值）"
                ),
            ),
            (
                text!("verdict", "判断"),
                said!(
                    "better or worse: the interval lies on one side of zero; same: within ±5 %; unclear: too wide to tell",
                    "更好或更差：区间在零的一侧；持平：区间在 ±5 % 之内；不确定：区间太宽"
                ),
            ),
            (text!("key", "键"), Said::same(figure.name.clone())),
        ];
        Some(Explained { title: words::metric(&figure.name), rows })
    }

    pub(super) fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let lang = look.lang;
        let others = self.compared.comparisons.len();
        let state = if others > 1 { format!("{}/{others}  h l", self.other + 1) } else { String::new() };
        let title = text!("compare", "比较").get(lang);
        rule(title, &state, area, 0, pen);
        let differences = self.comparison().map_or(&[][..], |comparison| comparison.differences.as_slice());
        // What each letter stands for, the base first and then the one that is compared with it.
        let mut y = 1;
        for at in [0, self.other + 1] {
            let Some(side) = self.compared.sides.get(at) else { continue };
            let style = if at == 0 { ink.strong } else { ink.accent };
            pen.flow(area, 1, y, letter(at), style);
            describe(side, Rect { y: area.y + y, height: u16::from(y < area.height), ..area }, pen);
            y += 1;
        }
        let notes = u16::try_from(differences.len()).unwrap_or(u16::MAX).min(if area.height >= 20 { 3 } else { 1 });
        for difference in differences.iter().take(usize::from(notes)) {
            let x = pen.flow(area, 1, y, pen.sign("≠", "!"), ink.look) + 1;
            pen.left(area, x, y, area.width.saturating_sub(x + 1), difference, ink.look);
            y += 1;
        }
        let rest = Rect { y: area.y + y.min(area.height), height: area.height.saturating_sub(y), ..area };
        if area.width >= BESIDE {
            self.table(Rect { width: TABLE, ..rest }, pen);
            let curves = Rect { x: rest.x + TABLE + 3, width: rest.width.saturating_sub(TABLE + 4), ..rest };
            // Two pictures above each other: shares of requests, then load.
            let upper = Rect { height: curves.height / 2, ..curves };
            let lower = Rect { y: upper.bottom(), height: curves.height - upper.height, ..curves };
            self.percentiles(upper, pen);
            self.loads(lower, pen);
            return;
        }
        let curve = if rest.height >= 15 { 8 + (rest.height - 15) / 3 } else { 0 };
        self.table(Rect { height: rest.height - curve, ..rest }, pen);
        if curve > 0 {
            let part = Rect { y: rest.bottom() - curve, height: curve, ..rest };
            // A series is about its loads, a run about its requests.
            if self.compared.sides.iter().any(|side| side.steps.len() > 1) { self.loads(part, pen) } else { self.percentiles(part, pen) }
        }
    }

    fn table(&self, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let figures = self.figures();
        if figures.is_empty() {
            let what = text!("the two have no figure in common", "两者没有共同的数字");
            pen.left(area, 1, 1, area.width.saturating_sub(2), what.get(look.lang), ink.plain);
            return;
        }
        let columns = columns(look.lang, self.other + 1);
        let cell = |row: usize, column: usize| {
            figures.get(row).map(|figure| figure_cell(figure, column, row == self.cursor, pen.look)).unwrap_or_default()
        };
        Table::new(&columns, figures.len(), self.cursor, cell)
            .title_style(ink.unsure)
            .cursor_style(ink.cursor)
            .ascii(look.ascii)
            .render(area, pen.buf);
    }

    /// The latency whose curves are shown: the one under the cursor, else the time to first token.
    fn latency(&self) -> &'static str {
        let name = self.figures().get(self.cursor).map_or("", |figure| figure.name.as_str());
        ["ttft", "tpot", "itl", "e2el"].into_iter().find(|metric| name.ends_with(&format!("_{metric}_ms"))).unwrap_or("ttft")
    }

    fn style(&self, at: usize, pen: &Pen<'_>) -> Style {
        let ink = &pen.look.theme;
        match at {
            0 => ink.strong,
            at if at == self.other + 1 => ink.accent,
            _ => ink.unsure,
        }
    }

    /// Shares of requests against latency, both logarithmic.
    fn percentiles(&self, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let metric = self.latency();
        let title = said!("percentiles of {}, ms", "{} 的百分位，ms", metric.to_uppercase());
        rule(title.get(look.lang), "", area, 0, pen);
        let nines = |share: f64| -(1.0 - share).max(1e-4).log10();
        let (from, to) = (nines(0.5), nines(0.999));
        let x_of = |share: f64| (nines(share) - from) / (to - from);
        let curves: Vec<&[(f64, f64)]> =
            self.compared.sides.iter().map(|side| side.curves.get(metric).map_or(&[][..], Vec::as_slice)).collect();
        let inside =
            |points: &[(f64, f64)]| points.iter().copied().filter(|(share, ms)| (0.5..=0.999).contains(share) && *ms > 0.0).collect();
        let curves: Vec<Vec<(f64, f64)>> = curves.into_iter().map(inside).collect();
        let x: Vec<Tick<'_>> = SHARES.iter().map(|&(share, label)| Tick { at: x_of(share), label }).collect();
        let points = |axis: &LogScale| -> Vec<Vec<(f64, f64)>> {
            curves.iter().map(|curve| curve.iter().map(|&(share, ms)| (x_of(share), axis.position(ms))).collect()).collect()
        };
        let Some(axis) = LogScale::of(curves.iter().flatten().map(|&(_, ms)| ms)) else {
            pen.left(area, 1, 1, area.width.saturating_sub(2), "n/a", ink.unsure);
            return;
        };
        self.plane(&points(&axis), &x, &axis, false, area, pen);
    }

    /// Throughput against latency: one point a step of load.
    fn loads(&self, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let key = format!("p99_{}_ms", self.latency());
        let title = said!("P99 {}, ms, against output tok/s", "P99 {}，ms，对输出 tok/s", self.latency().to_uppercase());
        rule(title.get(look.lang), "", area, 0, pen);
        let of = |side: &Side| -> Vec<(f64, f64)> {
            let point = |step: &std::collections::BTreeMap<String, f64>| Some((*step.get("output_throughput")?, *step.get(&key)?));
            side.steps.iter().filter_map(point).filter(|(_, ms)| *ms > 0.0).collect()
        };
        let steps: Vec<Vec<(f64, f64)>> = self.compared.sides.iter().map(of).collect();
        let Some(axis) = LogScale::of(steps.iter().flatten().map(|&(_, ms)| ms)) else {
            pen.left(area, 1, 1, area.width.saturating_sub(2), "n/a", ink.unsure);
            return;
        };
        let most = steps.iter().flatten().map(|&(rate, _)| rate).fold(0.0, f64::max);
        let across = LinearAxis::from_zero(most);
        let labels: Vec<(f64, String)> = across.ticks(13, 2).map(|rate| (across.position(rate), figure::tick(rate))).collect();
        let x: Vec<Tick<'_>> = labels.iter().map(|(at, label)| Tick { at: *at, label }).collect();
        let points: Vec<Vec<(f64, f64)>> =
            steps.iter().map(|steps| steps.iter().map(|&(rate, ms)| (across.position(rate), axis.position(ms))).collect()).collect();
        self.plane(&points, &x, &axis, true, area, pen);
    }

    fn plane(&self, points: &[Vec<(f64, f64)>], x: &[Tick<'_>], axis: &LogScale, marked: bool, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let labels = axis.labels();
        let y: Vec<Tick<'_>> = labels.iter().map(|(at, label)| Tick { at: *at, label }).collect();
        // The base and the one compared with it last, so that they lie on top.
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by_key(|&at| (at == 0 || at == self.other + 1, std::cmp::Reverse(at)));
        let traces: Vec<Trace<'_>> = order
            .into_iter()
            .filter_map(|at| Some(Trace { points: points.get(at)?, style: self.style(at, pen), name: letter(at), marked }))
            .collect();
        let body = Rect { x: area.x + 1, y: area.y + 1, width: area.width.saturating_sub(3), height: area.height.saturating_sub(1) };
        Plane::new(&traces).x(x).y(&y).axis_style(ink.rule).ascii(look.ascii).render(body, pen.buf);
    }
}

/// A logarithmic scale just around the values, with 1-2-5 labels inside it.
struct LogScale {
    lo: f64,
    hi: f64,
}

impl LogScale {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (lo, hi) = values.filter(|v| v.is_finite() && *v > 0.0).fold((f64::INFINITY, 0.0_f64), |(lo, hi), v| (lo.min(v), hi.max(v)));
        // Room for two labels at least, and the curves in the middle of it.
        let (lo, hi) = ((lo * 0.9).ln(), (hi * 1.1).ln());
        let spare = (2.5_f64.ln() - (hi - lo)).max(0.0) / 2.0;
        (lo <= hi).then_some(Self { lo: lo - spare, hi: hi + spare })
    }

    fn position(&self, v: f64) -> f64 {
        (v.ln() - self.lo) / (self.hi - self.lo)
    }

    fn labels(&self) -> Vec<(f64, String)> {
        let steps: BTreeSet<i32> = (-9..=27).collect();
        steps
            .into_iter()
            .map(|k| [1.0, 2.0, 5.0].get(k.rem_euclid(3).unsigned_abs() as usize).copied().unwrap_or(1.0) * 10_f64.powi(k.div_euclid(3)))
            .map(|v| (self.position(v), figure::tick(v)))
            .filter(|(at, _)| (0.0..=1.0).contains(at))
            .collect()
    }
}

fn letter(at: usize) -> &'static str {
    NAMES.get(at).copied().unwrap_or("+")
}

/// When, which model, which load, and whether its figures are about the client; each in its columns, so that two stand below each other.
fn describe(side: &Side, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let entry = &side.listed.entry;
    let x = pen.left(area, 3, 0, 12, words::short_when(&side.listed.when), ink.plain);
    let x = pen.left(area, x, 0, 15, entry.model.rsplit('/').next().unwrap_or_default(), ink.plain) + 1;
    let x = pen.left(area, x, 0, 10, &words::lengths(entry.spec.as_ref(), look), ink.plain);
    let x = pen.left(area, x, 0, 10, words::load(entry).get(look.lang), ink.plain) + 1;
    let mut x = x;
    if entry.client_limited {
        x = pen.flow(area, x, 0, text!("~ client-limited  ", "~ 客户端受限  ").get(look.lang), ink.look);
    }
    // When it began stands at the left: of a long name the end tells it from others.
    let room = area.width.saturating_sub(x + 1);
    let over = cells(&entry.id).saturating_sub(room);
    if over == 0 {
        pen.left(area, x, 0, room, &entry.id, ink.unsure);
    } else {
        let dots = pen.sign("…", "..");
        let end: String = entry.id.chars().skip(usize::from(over + cells(dots))).collect();
        pen.left(area, x, 0, room, &format!("{dots}{end}"), ink.unsure);
    }
}

fn columns(lang: Lang, other: usize) -> [Column<'static>; 7] {
    const T: [Text; 4] = [text!("figure", "数字"), text!("change %", "变化 %"), text!("95 % CI", "95 % 区间"), text!("verdict", "判断")];
    let title = |at: usize| T.get(at).map_or("", |text| text.get(lang));
    [
        Column::new("", 1),
        Column::new(title(0), 18).grows(22),
        Column::new(letter(0), 9).right(),
        Column::new(letter(other), 9).right(),
        Column::new(title(1), 9).right(),
        Column::new(title(2), 15).right().drop(1),
        Column::new(title(3), 10),
    ]
}

fn figure_cell<'a>(figure: &Figure, column: usize, here: bool, look: &Look) -> Cell<'a> {
    let ink = &look.theme;
    let value =
        |v: Option<f64>| Cell::new(v.map_or_else(|| "n/a".to_owned(), figure::compact), if v.is_some() { ink.plain } else { ink.unsure });
    let (sign, word, style) = words::verdict(figure.verdict, look);
    match column {
        0 => Cell::new(if here { look.sign("▸", ">") } else { " " }, ink.accent),
        1 => Cell::new(words::metric(&figure.name).get(look.lang).to_owned(), ink.plain),
        2 => value(figure.a),
        3 => value(figure.b),
        4 => {
            let style = if matches!(figure.verdict, Verdict::Same) { ink.plain } else { style };
            Cell::new(figure.change_pct.map_or_else(|| "n/a".to_owned(), words::signed), style)
        }
        5 => {
            let range = figure.ci_low_pct.zip(figure.ci_high_pct);
            let dots = look.sign("…", "..");
            let text =
                range.map_or_else(|| "n/a".to_owned(), |(low, high)| format!("{} {dots} {}", words::signed(low), words::signed(high)));
            Cell::new(text, if range.is_some() { ink.plain } else { ink.unsure })
        }
        _ => Cell::new(format!("{sign} {}", word.get(look.lang)), style),
    }
}

/// A figure as a line of text.
fn line(figure: &Figure) -> String {
    let of = |v: Option<f64>| v.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.3}"));
    format!(
        "{}\ta={}\tb={}\tchange_pct={}\tci_low_pct={}\tci_high_pct={}\t{:?}",
        figure.name,
        of(figure.a),
        of(figure.b),
        of(figure.change_pct),
        of(figure.ci_low_pct),
        of(figure.ci_high_pct),
        figure.verdict
    )
}
