//! The pictures of one request: the gaps between its tokens, and what its server was doing meanwhile, on one time axis.

use super::{
    LABEL, RequestView, offset,
    strip::{Doing, Span, longest},
};
use crate::{
    base::Text,
    bench::{live::ServerSample, spec::SaveTokens},
    console::{
        results::Autopsy,
        tabs::load::{
            history::rule,
            pen::{Pen, cells},
            words::latency,
        },
    },
    said, text,
};
use dcudeck_widgets::{Form, LinearAxis, LogAxis, Series, Timeline, figure};
use ratatui::{layout::Rect, style::Style, widgets::Widget as _};

/// Longest gaps that are marked and named.
const NAMED: usize = 3;

/// A figure of the server that gets a row.
struct Row {
    label: Text,
    unit: &'static str,
    of: fn(&ServerSample) -> Option<f64>,
}

const ROWS: [Row; 4] = [
    Row { label: text!("running", "运行"), unit: "", of: |sample| sample.running },
    Row { label: text!("waiting", "排队"), unit: "", of: |sample| sample.waiting },
    Row { label: text!("KV", "KV"), unit: " %", of: |sample| sample.kv_pct },
    Row { label: text!("preempt", "抢占"), unit: "", of: |sample| sample.preemptions },
];

impl RequestView {
    /// What the request was doing, and the gaps between its tokens.
    pub(super) fn gaps(&self, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let lang = look.lang;
        let autopsy = &self.autopsy;
        let span = Span::of(autopsy, area.width.saturating_sub(LABEL + 1));
        let ms = (span.until_us - span.from_us) as f64 / 1_000.0;
        let tokens = figure::count(autopsy.request.output_tokens);
        let title = text!("gaps between tokens, ms", "token 间隔，ms").get(lang);
        let whole = latency(Some(ms));
        let unit = if whole.ends_with(['s', 'm']) { "" } else { " ms" };
        let state = said!("{tokens} tokens · {whole}{unit}", "{tokens} token · {whole}{unit}");
        rule(title, state.get(lang), area, 0, pen);
        // A row of what it was doing.
        let doing = span.doing(autopsy);
        for (x, doing) in (LABEL..).zip(&doing) {
            let (sign, style) = match doing {
                Doing::Queued => (look.sign("·", "."), ink.look),
                Doing::First => (look.sign("░", "-"), ink.plain),
                Doing::Tokens => (look.sign("█", "#"), ink.accent),
                Doing::Silent => (look.sign("×", "x"), ink.act),
            };
            pen.left(area, x, 1, 1, sign, style);
        }
        // In the order of time, each in the colour of its sign; what comes last needs no word where there is no room.
        let mut x = 1;
        for (of, word, style) in [
            (Doing::Queued, text!("queued", "排队"), ink.look),
            (Doing::First, text!("prefill", "预填"), ink.plain),
            (Doing::Tokens, text!("tokens", "输出"), ink.accent),
        ] {
            if doing.contains(&of) && x + cells(word.get(lang)) < LABEL {
                x = pen.flow(area, x, 1, word.get(lang), style) + 1;
            }
        }
        let chart = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
        if chart.is_empty() {
            return;
        }
        let Some(arrivals) = &autopsy.arrivals else {
            let silent = text!("no token arrived", "没有 token 到达");
            let none = text!(
                "not kept: the run was to save no token arrivals (save_tokens: none)",
                "未保留：本次压测设为不保存 token 到达时刻（save_tokens: none）"
            );
            let all = text!(
                "not kept: the run was to save all token arrivals, but this request's are not in the result",
                "未保留：本次压测应保存全部 token 到达时刻，但结果中没有该请求的"
            );
            let sampled = text!(
                "not kept (sample): tokens.bin holds the slowest 1 %, all failures and a sample (save_tokens: all keeps every one)",
                "未保留（抽样）：tokens.bin 只存最慢的 1 %、全部失败与抽样（save_tokens: all 可全部保留）"
            );
            let what = match autopsy.save_tokens {
                _ if autopsy.request.first_us.is_none() => silent,
                Some(SaveTokens::None) => none,
                Some(SaveTokens::All) => all,
                Some(SaveTokens::Sample) | None => sampled,
            };
            for (y, line) in (0..).zip(crate::console::wrap::wrap(what.get(lang), usize::from(area.width.saturating_sub(3)))) {
                pen.left(chart, 1, y, area.width.saturating_sub(2), &line, ink.unsure);
            }
            return;
        };
        let gaps = span.gaps(arrivals);
        let axis = around(&gaps);
        let log = |gap: &Option<f64>| gap.map(|gap| gap.max(1e-3).log10());
        let bars: Vec<Option<f64>> = gaps.iter().map(log).collect();
        let named = longest(arrivals, NAMED);
        // The columns of the longest gaps, in the colour of what wants to be looked at.
        let mut marked: Vec<Option<f64>> = vec![None; bars.len()];
        for (arrival, _) in &named {
            let at = usize::from(span.column(arrival.at_us));
            if let (Some(slot), Some(bar)) = (marked.get_mut(at), bars.get(at)) {
                *slot = *bar;
            }
        }
        let notes = u16::from(chart.height >= 5);
        let rows = chart.height - notes - u16::from(chart.height >= 4);
        let plot = Rect { x: chart.x + LABEL, width: span.columns, height: rows, ..chart };
        let series = [Series::new(&bars).style(ink.plain), Series::new(&marked).style(ink.look)];
        Timeline::new(&series, axis).form(Form::Bars).until(u64::from(span.columns)).ascii(look.ascii).render(plot, pen.buf);
        log_axis(axis, Rect { width: LABEL, height: rows, ..chart }, pen);
        if chart.height >= 4 {
            time_axis(&span, Rect { y: chart.y + rows, height: 1, ..chart }, pen);
        }
        if notes > 0 {
            let at = |arrival: &crate::console::results::Arrived| arrival.at_us.saturating_sub(span.from_us) as f64 / 1_000.0;
            let row = Rect { y: chart.bottom() - 1, height: 1, ..chart };
            let mut x = pen.flow(row, 1, 0, text!("longest ", "最长 ").get(lang), ink.plain);
            for (arrival, token) in &named {
                let gap = latency(Some(arrival.gap_us as f64 / 1_000.0));
                let what = said!("{gap} before token {token} at {}", "{gap} 于第 {token} 个 token 前，{}", offset(at(arrival)));
                let what = format!("{}   ", what.get(lang));
                if x + cells(&what) > area.width {
                    break;
                }
                x = pen.flow(row, x, 0, &what, ink.look);
            }
        }
    }
}

/// An axis just around the gaps, as exponents of 10.
fn around(gaps: &[Option<f64>]) -> LinearAxis {
    let known = || gaps.iter().flatten().map(|gap| gap.max(1e-3));
    let low = known().fold(f64::INFINITY, f64::min);
    let high = known().fold(0.0, f64::max);
    if low > high {
        let axis = LogAxis::new(1.0, 10.0);
        return LinearAxis::new(axis.lo().log10(), axis.hi().log10());
    }
    // Close around them, half a decade at least: equal gaps are no mountains.
    let (low, high) = ((low * 0.8).log10(), (high * 1.1).log10());
    let spare = (0.5 - (high - low)).max(0.0) / 2.0;
    LinearAxis::new(low - spare, high + spare)
}

/// 1-2-5 values at the left of the gaps, decades first, none beside another.
fn log_axis(axis: LinearAxis, area: Rect, pen: &mut Pen<'_>) {
    let ink = &pen.look.theme;
    let (bar, tick) = (pen.sign("│", "|"), pen.sign("┤", "+"));
    for y in 0..area.height {
        pen.left(area, area.width - 1, y, 1, bar, ink.rule);
    }
    let most = f64::from(area.height.saturating_sub(1));
    let mut taken = Vec::new();
    for mantissa in [1.0, 2.0, 5.0] {
        for exponent in -3..=7 {
            let value = mantissa * 10_f64.powi(exponent);
            let at = value.log10();
            if at < axis.lo() - 1e-9 || at > axis.hi() + 1e-9 {
                continue;
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a row of the chart")]
            let up = (axis.position(at) * most).round() as u16;
            let y = area.height.saturating_sub(1).saturating_sub(up);
            if taken.iter().all(|&other: &u16| other.abs_diff(y) > 1) {
                taken.push(y);
                pen.right(area, 0, y, area.width - 2, &figure::tick(value), ink.rule);
                pen.left(area, area.width - 1, y, 1, tick, ink.rule);
            }
        }
    }
}

/// Times since the planned moment below the columns.
fn time_axis(span: &Span, area: Rect, pen: &mut Pen<'_>) {
    let ink = &pen.look.theme;
    let whole = (span.until_us - span.from_us) as f64 / 1_000.0;
    let ticks = (span.columns / 16).clamp(1, 8);
    for tick in 0..=ticks {
        let share = f64::from(tick) / f64::from(ticks);
        let label = if tick == 0 { "0".to_owned() } else { offset(whole * share) };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a column of the screen")]
        let x = (f64::from(span.columns) * share) as u16;
        let x = x.saturating_sub(if tick == ticks { cells(&label) } else { cells(&label) / 2 * u16::from(tick > 0) });
        pen.flow(area, LABEL + x, 0, &label, ink.rule);
    }
}

pub(super) fn server_rows(autopsy: &Autopsy, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let span = Span::of(autopsy, area.width.saturating_sub(LABEL + 1));
    for (y, Row { label, unit, of }) in (0..area.height).zip(ROWS) {
        let values = span.server(&autopsy.server, of);
        let most = values.iter().flatten().copied().reduce(f64::max);
        let (what, style): (String, Style) = match most {
            Some(most) => (format!("{}{unit}", figure::compact(most)), ink.strong),
            None => ("n/a".to_owned(), ink.unsure),
        };
        pen.left(area, 1, y, 8, label.get(look.lang), ink.plain);
        pen.right(area, 8, y, LABEL - 9, &what, style);
        let axis = LinearAxis::from_zero(most.unwrap_or(1.0));
        let row = Rect { x: area.x + LABEL, y: area.y + y, width: span.columns, height: 1 };
        let series = [Series::new(&values).style(ink.plain)];
        Timeline::new(&series, axis).until(u64::from(span.columns)).ascii(look.ascii).render(row, pen.buf);
    }
}
