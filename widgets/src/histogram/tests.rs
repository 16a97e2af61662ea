use ratatui_core::style::Color;

use super::*;

/// Twenty buckets a decade from 100 ms on.
const fn bins(counts: &[u64]) -> LogBins<'_> {
    LogBins { first: 100.0, ratio: 1.122_018_454_301_963_3, counts }
}

/// 100 to 1000 in 20 columns: each bucket of [`bins`] is one column.
fn axis() -> LogAxis {
    LogAxis::new(100.0, 1_000.0)
}

const SKEWED: [u64; 20] = [0, 4, 16, 24, 32, 28, 20, 12, 8, 4, 2, 1, 0, 0, 0, 0, 0, 1, 0, 0];

fn mark(at: f64, label: &str) -> Mark<'_> {
    Mark { at, label, style: Style::new() }
}

fn drawn(histogram: Histogram<'_>, width: u16, height: u16) -> Buffer {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    histogram.render(buf.area, &mut buf);
    buf
}

fn lines(buf: &Buffer) -> Vec<String> {
    let row = |y| (buf.area.left()..buf.area.right()).map(|x| buf[(x, y)].symbol()).collect();
    (buf.area.top()..buf.area.bottom()).map(row).collect()
}

#[test]
fn one_row_holds_bars_and_a_lone_outlier_stays_visible() {
    assert_eq!(lines(&drawn(Histogram::new(bins(&SKEWED), axis()), 20, 1)), [" ▁▄▆█▇▅▃▂▁▁▁     ▁  "]);
}

#[test]
fn axis_values_marks_and_limit_share_the_label_row() {
    let marks = [mark(170.0, "P50"), mark(300.0, "P90"), mark(790.0, "P99")];
    let histogram = Histogram::new(bins(&SKEWED), axis()).marks(&marks).limit(Some(500.0));
    assert_eq!(
        lines(&drawn(histogram, 20, 5)),
        ["   ▂█▅       ┊      ", "  ▄███▇▁     ┊      ", " ▃██████▆▃▂▁ ┊   ▁  ", "┬───┴─┬──┴───┊───┴─┬", "100 P50 P90 SLO 1000",]
    );
}

#[test]
fn a_tall_chart_gives_marks_a_row_of_their_own() {
    let marks = [mark(170.0, "P50"), mark(300.0, "P90"), mark(790.0, "P99")];
    let histogram = Histogram::new(bins(&SKEWED), axis()).marks(&marks).limit(Some(500.0));
    assert_eq!(
        lines(&drawn(histogram, 40, 9)),
        [
            "        ██▂▂               ┊            ",
            "      ▄▄████               ┊            ",
            "      ██████▆▆             ┊            ",
            "    ██████████▂▂           ┊            ",
            "    ████████████▄▄         ┊            ",
            "  ▆▆██████████████▆▆▃▃▃    ┊      ▃     ",
            "┬────────┴──┬──────┴───────┊───────┴───┬",
            "100        200            500       1000",
            "        P50       P90     SLO     P99   ",
        ]
    );
}

#[test]
fn ascii_draws_the_same_with_six_characters_only() {
    let marks = [mark(170.0, "P50"), mark(300.0, "P90"), mark(790.0, "P99")];
    let histogram = Histogram::new(bins(&SKEWED), axis()).marks(&marks).limit(Some(500.0)).ascii(true);
    for (width, height) in [(20, 1), (20, 5), (40, 9), (100, 20)] {
        let text = lines(&drawn(histogram.limit_label("").marks(&[]), width, height)).concat();
        assert!(text.chars().all(|c| " #|-*+.".contains(c) || c.is_ascii_digit()), "{text}");
    }
    assert_eq!(lines(&drawn(histogram, 20, 5)).get(3..), Some(&["+---*-+--*---|---*-+".to_owned(), "100 P50 P90 SLO 1000".to_owned()][..]));
}

#[test]
fn the_limit_crosses_full_bars_and_bars_beyond_it_have_their_style() {
    let histogram = Histogram::new(bins(&[8; 20]), axis())
        .limit(Some(200.0))
        .bar_style(Style::new().fg(Color::Cyan))
        .over_style(Style::new().fg(Color::Red))
        .limit_style(Style::new().fg(Color::Yellow));
    let buf = drawn(histogram, 20, 2);
    assert_eq!(lines(&buf).first().map(String::as_str), Some("██████┊█████████████"));
    assert_eq!((buf[(5, 0)].fg, buf[(7, 0)].fg), (Color::Cyan, Color::Red));
    assert_eq!((buf[(6, 0)].fg, buf[(6, 0)].bg), (Color::Yellow, Color::Cyan));
    assert_eq!(buf[(5, 0)].bg, Color::Reset, "only the crossed bar has a background");
    let mono = drawn(Histogram::new(bins(&[8; 20]), axis()).limit(Some(200.0)), 20, 2);
    assert!(mono[(6, 0)].modifier.contains(Modifier::REVERSED));
}

#[test]
fn a_limit_beyond_the_axis_is_named_at_the_end_it_lies_beyond() {
    let label_row = |limit, ascii| {
        let buf = drawn(Histogram::new(bins(&SKEWED), axis()).limit(Some(limit)).over_style(Color::Red.into()).ascii(ascii), 20, 3);
        (lines(&buf).swap_remove(2), buf[(4, 0)].fg)
    };
    assert_eq!(label_row(5_000.0, false), ("100  200    500 SLO›".to_owned(), Color::Reset));
    assert_eq!(label_row(10.0, false), ("‹SLO 200    500 1000".to_owned(), Color::Red));
    assert_eq!(label_row(5_000.0, true).0, "100  200    500 SLO+");
    assert!(lines(&drawn(Histogram::new(bins(&SKEWED), axis()).limit(Some(f64::NAN)), 20, 3)).concat().find("SLO").is_none());
}

#[test]
fn the_first_mark_is_kept_where_two_fall_together() {
    let marks = [mark(210.0, "P50"), mark(211.0, "P90"), mark(f64::NAN, "P99")];
    let rows = lines(&drawn(Histogram::new(bins(&SKEWED), axis()).marks(&marks), 20, 4));
    assert_eq!(rows.last().map(String::as_str), Some("100  P50    500 1000"));
}

#[test]
fn wide_labels_are_placed_by_their_cells() {
    let marks = [mark(200.0, "中位"), mark(320.0, "九成")];
    let rows = lines(&drawn(Histogram::new(bins(&SKEWED), axis()).marks(&marks).limit_label("上限").limit(Some(700.0)), 24, 4));
    // The second cell of a wide character reads as a space.
    assert_eq!(rows.last().map(String::as_str), Some("100  中 位  九 成     上 限   "));
}

#[test]
fn samples_outside_the_axis_are_shown_at_its_ends() {
    let narrow = LogAxis::new(200.0, 500.0);
    let counts = [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3];
    let rows = lines(&drawn(Histogram::new(bins(&counts), LogAxis::new(narrow.lo(), 400.0)), 10, 1));
    assert_eq!(rows, ["█        ▃"]);
}

#[test]
fn without_samples_only_the_axis_is_drawn() {
    let rows = lines(&drawn(Histogram::new(bins(&[]), axis()), 20, 3));
    assert_eq!(rows, [" ".repeat(20), "┬─────┬──────┬─────┬".to_owned(), "100  200    500 1000".to_owned()]);
}

#[test]
fn every_size_draws_inside_its_area_without_panic() {
    let marks = [mark(1.0, "P50"), mark(300.0, "九成"), mark(1e9, "P99")];
    let extreme = [u64::MAX, 0, 1, u64::MAX];
    let full = Rect::new(0, 0, 124, 44);
    let mut buf = Buffer::empty(full);
    for (width, height) in (0..=120).flat_map(|width| (0..=40).map(move |height| (width, height))) {
        let area = Rect::new(2, 2, width, height);
        let counts = [&SKEWED[..], &extreme, &[]][usize::from(width + height) % 3];
        buf.reset();
        Histogram::new(bins(counts), axis()).marks(&marks).limit(Some(500.0)).ascii(width % 2 == 0).render(area, &mut buf);
        let around = Rect::new(1, 1, width + 2, height + 2);
        for edge in
            around.rows().take(1).chain(around.rows().next_back()).chain(around.columns().take(1)).chain(around.columns().next_back())
        {
            assert!(edge.positions().all(|position| buf[position].symbol() == " "), "{width}×{height}, {edge}");
        }
    }
    Histogram::new(bins(&SKEWED), axis()).render(Rect::new(100, 40, 400, 400), &mut buf);
    Histogram::new(bins(&SKEWED), axis()).render(Rect::new(400, 400, 4, 4), &mut buf);
}
