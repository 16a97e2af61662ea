//! The pictures of a run: histograms and curves.

use super::{
    drawn::{Drawn, Metric, ms},
    heat::{HeatOf, Strip},
    watched::{Watched, unsure},
    words,
};
use crate::console::look::Look;
use dcudeck_widgets::{Aggregate, At, Form, HeatStrip, Histogram, LogAxis, Mark, Series, TimeAxis, Timeline, XLabel, figure};
use ratatui::{buffer::Buffer, layout::Rect, style::Style, widgets::Widget};

/// Draws the histogram of `metric`: P50, P90 and P99 marked, the goal as a line.
pub(super) fn histogram(run: &Watched, metric: Metric, area: Rect, buf: &mut Buffer, look: &Look) {
    let drawn = run.drawn(metric);
    let n = run.dist(metric).n;
    let [p50, p90, p99] = drawn.marks_ms;
    let mark = |at: Option<f64>, label, percentile| {
        // On an axis of its own style, only a style that resets it looks plain.
        let style = if unsure(n, percentile) { look.theme.unsure } else { Style::reset().patch(look.theme.plain) };
        at.map(|at| Mark { at, label, style })
    };
    // The tail matters most where labels compete.
    let marks: Vec<Mark<'_>> = [mark(p99, "P99", 99.0), mark(p50, "P50", 50.0), mark(p90, "P90", 90.0)].into_iter().flatten().collect();
    let goal = run.goal_ms(metric);
    let live = if run.ended() { look.theme.plain } else { look.theme.accent };
    // Where it shares its row with axis values, with its own value: one beside a bare name would be taken for it.
    let limit_label = match goal {
        Some(goal) if area.height < 8 => format!("SLO {}", figure::tick_ms(goal)),
        _ => "SLO".to_owned(),
    };
    Histogram::new(drawn.bins(), drawn.axis.unwrap_or_else(|| empty_axis(goal)))
        .marks(&marks)
        .limit(goal)
        .limit_label(&limit_label)
        .bar_style(live)
        .over_style(look.theme.look)
        .axis_style(look.theme.rule)
        .limit_style(look.theme.look)
        .format(figure::tick_ms)
        .ascii(look.ascii)
        .render(area, buf);
}

/// An axis for the time before the first sample: around the goal, so that its line stands where it will be looked for.
fn empty_axis(goal_ms: Option<f64>) -> LogAxis {
    let goal = goal_ms.unwrap_or(100.0);
    LogAxis::new(goal / 10.0, goal * 2.0)
}

/// Share of the samples of `metric` above `goal_ms`, percent: whole buckets, so within a sixteenth of an octave.
pub(super) fn over_pct(drawn: &Drawn, goal_ms: f64) -> Option<f64> {
    let bins = drawn.bins();
    let total: u64 = bins.counts.iter().sum();
    let mut edge = bins.first;
    let mut over = 0;
    for &count in bins.counts {
        if edge >= goal_ms {
            over += count;
        }
        edge *= bins.ratio;
    }
    (total > 0).then(|| over as f64 * 100.0 / total as f64)
}

/// The value below which `percentile` percent of the samples lie: the middle of its bucket, so within 2.2 %.
pub(super) fn near_percentile(drawn: &Drawn, percentile: f64) -> Option<f64> {
    let bins = drawn.bins();
    let total: u64 = bins.counts.iter().sum();
    let rank = (total as f64 * percentile / 100.0).ceil().max(1.0);
    let mut below = 0_u64;
    let mut edge = bins.first;
    for &count in bins.counts {
        below += count;
        if below as f64 >= rank {
            return (total > 0).then(|| edge * bins.ratio.sqrt());
        }
        edge *= bins.ratio;
    }
    None
}

/// A curve over the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    Throughput,
    InFlight,
    /// Requests that run in the server, and those that wait there.
    Running,
    Waiting,
}

/// Draws a curve over the whole run, from its start at the left: what is drawn stays where it is.
pub(super) fn curve(run: &Watched, which: Curve, area: Rect, buf: &mut Buffer, look: &Look) {
    let (samples, axis) = match which {
        Curve::Throughput => (run.tokens.as_slice(), run.tokens_axis),
        Curve::InFlight => (run.in_flight.as_slice(), run.in_flight_axis),
        Curve::Running => (run.servers.running.as_slice(), run.servers.axis),
        Curve::Waiting => (run.servers.waiting.as_slice(), run.servers.axis),
    };
    let warmup = run.warmup_seconds.min(samples.len());
    let (before, measured) = samples.split_at(warmup);
    let series = [
        Series::new(before).style(look.theme.unsure),
        Series::new(measured).first(warmup as u64).style(if run.ended() { look.theme.plain } else { look.theme.accent }),
    ];
    let timeline = Timeline::new(&series, axis).aggregate(Aggregate::Mean).axis_style(look.theme.rule).ascii(look.ascii);
    let timeline = if area.height < 3 { timeline.form(Form::Bars) } else { timeline.y_labels(figure::tick) };
    let plot = |time: TimeAxis<'_>| timeline.time(time).plot(area).width;
    with_time(run, samples.len() as u64, 1, area.height >= 3, plot, look, |time: TimeAxis<'_>| timeline.time(time).render(area, buf));
}

/// Draws where the latencies of each moment lie, in step with the curves.
pub(super) fn strip(run: &Watched, which: HeatOf, area: Rect, buf: &mut Buffer, look: &Look) {
    let strip = run.strip(which);
    let goal = run.goal_ms(match which {
        HeatOf::Ttft => Metric::Ttft,
        HeatOf::Itl => Metric::Itl,
    });
    let (first, ratio) = Strip::grid();
    let axis = strip.axis.unwrap_or_else(|| empty_axis(goal));
    let seconds = u64::from(strip.seconds_per_slot);
    let slots = (run.tokens.len() as u64).div_ceil(seconds).max(strip.samples.len() as u64);
    let heat = HeatStrip::new(&strip.samples, first, ratio, axis)
        .limit(goal)
        .style(if run.ended() { look.theme.plain } else { look.theme.accent })
        .over_style(look.theme.look)
        .axis_style(look.theme.rule)
        .limit_style(look.theme.look)
        .format(figure::tick_ms)
        .ascii(look.ascii);
    let plot = |time: TimeAxis<'_>| heat.time(time).plot(area).width;
    with_time(run, slots, seconds, true, plot, look, |time: TimeAxis<'_>| heat.time(time).render(area.intersection(buf.area), buf));
}

/// Hands the axis of time of a chart of `samples`, each of `seconds`, to `draw`; `plot` tells the columns there are. The chart begins
/// at the left with the run's start, on the clock of the events, and the right is still to come: a new second changes one column. Seconds
/// per column double when the run no longer fits.
fn with_time(
    run: &Watched,
    samples: u64,
    seconds: u64,
    labelled: bool,
    plot: impl Fn(TimeAxis<'_>) -> u16,
    look: &Look,
    draw: impl FnOnce(TimeAxis<'_>),
) {
    // The plot's size depends on there being labels, not on what they say.
    let placeholder = [XLabel { at: At::Sample(0), label: "" }];
    let columns = u64::from(plot(TimeAxis::new().labels(if labelled { &placeholder } else { &[] })));
    let per_column = samples_per_column(samples, columns);
    let span = columns * u64::from(per_column);
    let ticks: Vec<(u64, String)> = std::iter::once(0)
        .chain(time_labels(span * seconds))
        .map(|s| (s / seconds, words::clock(s * 1_000_000).trim_start().to_owned()))
        .collect();
    let labels: Vec<XLabel<'_>> = ticks.iter().map(|(at, label)| XLabel { at: At::Sample(*at), label }).collect();
    let marks: Vec<u64> = run.marks().into_iter().map(|second| second / seconds).collect();
    let time = TimeAxis::new().samples_per_column(per_column).until(span).marks(&marks, look.theme.strong);
    draw(if labelled { time.labels(&labels) } else { time });
}

/// The least power of two with which `samples` fit into `columns`.
fn samples_per_column(samples: u64, columns: u64) -> u32 {
    let mut per_column = 1_u32;
    while columns > 0 && samples.div_ceil(u64::from(per_column)) > columns && per_column < 1 << 20 {
        per_column *= 2;
    }
    per_column
}

/// Round times to mark along a chart of `span_s`, four or so.
fn time_labels(span_s: u64) -> impl Iterator<Item = u64> {
    const STEPS: [u64; 16] = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400];
    let step = STEPS.into_iter().find(|step| span_s / step <= 5).unwrap_or(86_400);
    (1..=5).map(move |i| i * step).take_while(move |&s| s < span_s)
}

/// A figure of the style its percentile deserves: grey with `~` when unsure, yellow with `!` when over the goal.
pub(super) fn verdict(run: &Watched, metric: Metric, value_us: Option<u64>, percentile: f64, look: &Look) -> (&'static str, Style) {
    let n = run.dist(metric).n;
    let over = value_us.zip(run.goal_ms(metric)).is_some_and(|(us, goal)| ms(us) > goal);
    match value_us {
        None => ("", look.theme.unsure),
        Some(_) if unsure(n, percentile) => ("~", look.theme.unsure),
        Some(_) if over => ("!", look.theme.look),
        Some(_) => ("", look.theme.strong),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::made_up, *};

    #[test]
    fn samples_per_column_double_so_that_the_whole_run_stays_in_view() {
        assert_eq!(samples_per_column(0, 20), 1);
        assert_eq!(samples_per_column(20, 20), 1);
        assert_eq!(samples_per_column(21, 20), 2);
        assert_eq!(samples_per_column(81, 20), 8);
        assert_eq!(samples_per_column(86_400, 0), 1);
    }

    #[test]
    fn time_labels_are_round_and_inside_the_chart() {
        for span in 0..100_000_u64 {
            let labels: Vec<u64> = time_labels(span).collect();
            assert!(labels.iter().all(|&s| s < span) && labels.len() <= 5, "{span}: {labels:?}");
        }
        assert_eq!(time_labels(60).collect::<Vec<_>>(), [15, 30, 45]);
    }

    #[test]
    fn percentiles_from_buckets_agree_with_the_exact_ones() {
        let mut run = Watched::new("load-1".to_owned(), made_up::spec());
        run.snapshot(&made_up::running());
        for metric in [Metric::Ttft, Metric::Tpot, Metric::Itl] {
            for (percentile, exact) in [(50.0, run.dist(metric).p50_us), (90.0, run.dist(metric).p90_us), (99.0, run.dist(metric).p99_us)] {
                let (near, exact) = (near_percentile(run.drawn(metric), percentile).unwrap(), ms(exact.unwrap()));
                assert!((near / exact - 1.0).abs() < 0.023, "{metric:?} P{percentile}: {near} {exact}");
            }
        }
        assert_eq!(near_percentile(&Drawn::default(), 50.0), None);
    }
}
