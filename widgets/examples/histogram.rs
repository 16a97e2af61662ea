//! Prints the histogram at several sizes, in Unicode and ASCII: `cargo run -p dcudeck-widgets --example histogram`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use dcudeck_widgets::{Histogram, LogAxis, LogBins, Mark, figure};
use ratatui_core::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Style},
    widgets::Widget,
};

/// First bucket edge (ms) and bucket ratio of the data below.
const FIRST_MS: f64 = 1.0;
const RATIO: f64 = 1.05;

/// Buckets of a right-skewed latency distribution around `mode_ms`, with a few stragglers: made up, always the same.
fn latencies(mode_ms: f64, spread: f64, samples: f64) -> Vec<u64> {
    let bucket_of = |ms: f64| (ms / FIRST_MS).ln() / RATIO.ln();
    (0..220)
        .map(|i| {
            let z = (f64::from(i) - bucket_of(mode_ms)) / spread;
            // A steep rise and a long fall, as first-token times have.
            let density = if z < 0.0 { (-z * z * 3.0).exp() } else { (-z * 1.5).exp() * (1.0 + z * 1.2) };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive count")]
            let count = (density * samples / 20.0).round() as u64;
            count + u64::from(i == 168)
        })
        .collect()
}

/// The value below which `share` of the samples lie, as the upper edge of its bucket.
fn percentile(counts: &[u64], share: f64) -> f64 {
    let total: u64 = counts.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "made-up data of a few thousand samples")]
    let wanted = share * total as f64;
    let mut seen = 0.0;
    let mut edge = FIRST_MS;
    for &count in counts {
        #[expect(clippy::cast_precision_loss, reason = "made-up data of a few thousand samples")]
        let count = count as f64;
        seen += count;
        edge *= RATIO;
        if seen >= wanted {
            break;
        }
    }
    edge
}

fn main() {
    let counts = latencies(160.0, 9.0, 4_000.0);
    let bins = LogBins { first: FIRST_MS, ratio: RATIO, counts: &counts };
    let mut axis = LogAxis::new(100.0, 500.0);
    axis.widen_to(&bins);
    let mark = |at, label, colour| Mark { at, label, style: Style::new().fg(colour) };
    let marks = [
        mark(percentile(&counts, 0.50), "P50", Color::Green),
        mark(percentile(&counts, 0.90), "P90", Color::Yellow),
        mark(percentile(&counts, 0.99), "P99", Color::Red),
    ];
    for ascii in [false, true] {
        for (width, height) in [(24, 1), (24, 2), (24, 5), (38, 5), (64, 9), (100, 14)] {
            let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
            Histogram::new(bins, axis)
                .marks(&marks)
                .limit(Some(1_000.0))
                .bar_style(Style::new().fg(Color::Cyan))
                .over_style(Style::new().fg(Color::Red))
                .axis_style(Style::new().fg(Color::DarkGray))
                .limit_style(Style::new().fg(Color::Red))
                .format(figure::tick_ms)
                .ascii(ascii)
                .render(buf.area, &mut buf);
            println!("TTFT ms, {width}×{height}{}", if ascii { ", ascii" } else { "" });
            print_buffer(&buf);
        }
    }
}

/// Prints a buffer as text, with colours unless `NO_COLOR` is set.
fn print_buffer(buf: &Buffer) {
    let colour = std::env::var_os("NO_COLOR").is_none();
    for y in buf.area.top()..buf.area.bottom() {
        let mut line = String::from(" ");
        for x in buf.area.left()..buf.area.right() {
            let cell = &buf[(x, y)];
            if colour {
                line.push_str(&format!("\x1b[0;{};{}m", code(cell.fg, 30, 90), code(cell.bg, 40, 100)));
            }
            line.push_str(cell.symbol());
        }
        println!("{line}{}", if colour { "\x1b[0m" } else { "" });
    }
    println!();
}

/// SGR number of a colour used in this example.
fn code(colour: Color, normal: u8, bright: u8) -> u8 {
    match colour {
        Color::Red => normal + 1,
        Color::Green => normal + 2,
        Color::Yellow => normal + 3,
        Color::Cyan => normal + 6,
        Color::DarkGray => bright,
        _ => normal + 9,
    }
}
