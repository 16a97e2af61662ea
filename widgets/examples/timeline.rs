//! Prints timelines at several sizes, in Unicode and ASCII: `cargo run -p dcudeck-widgets --example timeline`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use dcudeck_widgets::{Aggregate, At, Form, LinearAxis, Look, Series, TimeAxis, Timeline, XLabel, figure};
use ratatui_core::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Style},
    widgets::Widget,
};

/// Output tokens per second of a load test that ramps up, stalls, loses its readings for a while, and recovers.
fn throughput() -> Vec<Option<f64>> {
    (0..300_u32)
        .map(|t| {
            let t_s = f64::from(t);
            let ramp = 4_200.0 * (1.0 - (-t_s / 25.0).exp());
            let ripple = 260.0 * (t_s * 0.55).sin() + 130.0 * (t_s * 0.21).cos();
            match t {
                120..=131 => Some(ramp * 0.25 + ripple * 0.3),
                190..=209 => None,
                _ => Some((ramp + ripple).max(0.0)),
            }
        })
        .collect()
}

/// A training loss and its evaluations every 40 steps.
fn losses() -> (Vec<Option<f64>>, Vec<Option<f64>>) {
    let fall = |step: u32| 0.62 + 1.15 * (-f64::from(step) / 45.0).exp();
    let train = (0..300).map(|step| Some(fall(step) + 0.03 * (f64::from(step) * 1.7).sin())).collect();
    let eval = (0..300).map(|step| (step % 40 == 39).then(|| fall(step) + 0.16 + f64::from(step) * 0.0004)).collect();
    (train, eval)
}

fn main() {
    let tokens = throughput();
    let mut rate = LinearAxis::from_zero(1_000.0);
    rate.widen_to(&tokens);
    let busy: Vec<Option<f64>> = tokens.iter().map(|v| v.map(|v| (v / 42.0).clamp(0.0, 100.0))).collect();
    let (train, eval) = losses();
    let mut loss = LinearAxis::new(0.6, 1.7);
    loss.widen_to(&train);
    loss.widen_to(&eval);
    let ago = [(299, "-5 min"), (0, "now"), (150, "-2.5")].map(|(s, label)| XLabel { at: At::Ago(s), label });
    let steps = [(0, "0"), (100, "100"), (200, "200"), (299, "step 299")].map(|(n, label)| XLabel { at: At::Sample(n), label });
    let style = |colour| Style::new().fg(colour);
    for ascii in [false, true] {
        let form = if ascii { ", ascii" } else { "" };
        let frame = |timeline: Timeline<'_>, width, height| {
            let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
            timeline.axis_style(style(Color::DarkGray)).ascii(ascii).render(buf.area, &mut buf);
            print_buffer(&buf);
        };
        let line = [Series::new(&tokens).style(style(Color::Cyan))];
        let area = [Series::new(&busy).style(style(Color::Cyan)).look(Look::Area)];
        println!("out tok/s, 10 s a column, sparkline{form}");
        frame(Timeline::new(&line, rate).time(TimeAxis::new().samples_per_column(10)), 30, 1);
        println!("the same, three rows of bars{form}");
        frame(Timeline::new(&line, rate).time(TimeAxis::new().samples_per_column(10)).form(Form::Bars), 30, 3);
        println!("out tok/s, five minutes{form}");
        frame(Timeline::new(&line, rate).time(TimeAxis::new().samples_per_column(5).labels(&ago)).y_labels(figure::tick), 68, 7);
        println!("use %, as an area{form}");
        let percent = LinearAxis::from_zero(100.0);
        frame(Timeline::new(&area, percent).time(TimeAxis::new().samples_per_column(5).labels(&ago)).y_labels(figure::tick), 66, 4);
        println!("loss and evaluation{form}");
        let both = [Series::new(&train).style(style(Color::Cyan)), Series::new(&eval).style(style(Color::Yellow)).look(Look::Points)];
        let chart = Timeline::new(&both, loss).time(TimeAxis::new().samples_per_column(4).labels(&steps)).aggregate(Aggregate::Mean);
        frame(chart.y_labels(figure::tick_tenths), 82, 12);
    }
}

/// Prints a buffer as text, with colours unless `NO_COLOR` is set.
fn print_buffer(buf: &Buffer) {
    let colour = std::env::var_os("NO_COLOR").is_none();
    for y in buf.area.top()..buf.area.bottom() {
        let mut line = String::from(" ");
        for x in buf.area.left()..buf.area.right() {
            let cell = &buf[(x, y)];
            let code = match cell.fg {
                Color::Cyan => 36,
                Color::Yellow => 33,
                Color::DarkGray => 90,
                _ => 39,
            };
            if colour {
                line.push_str(&format!("\x1b[{code}m"));
            }
            line.push_str(cell.symbol());
        }
        println!("{line}{}", if colour { "\x1b[0m" } else { "" });
    }
    println!();
}
