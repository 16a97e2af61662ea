use ratatui_core::style::Color;

use super::*;

fn drawn(timeline: Timeline<'_>, width: u16, height: u16) -> Buffer {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    timeline.render(buf.area, &mut buf);
    buf
}

fn lines(buf: &Buffer) -> Vec<String> {
    let row = |y| (buf.area.left()..buf.area.right()).map(|x| buf[(x, y)].symbol()).collect();
    (buf.area.top()..buf.area.bottom()).map(row).collect()
}

fn percent() -> LinearAxis {
    LinearAxis::from_zero(100.0)
}

/// A readable wave with a gap every now and then; always the same.
fn wave(n: u32) -> Vec<Option<f64>> {
    let value = |i: u32| 50.0 + 30.0 * (f64::from(i) * 0.37).sin() + 20.0 * (f64::from(i) * 0.11).cos();
    (0..n).map(|i| (i % 23 > 2).then(|| value(i))).collect()
}

#[test]
fn a_sparkline_shows_zero_as_a_level_and_a_missing_reading_as_a_gap() {
    let samples = [Some(0.0), Some(25.0), None, Some(50.0), Some(f64::NAN), Some(75.0), Some(100.0), Some(900.0)];
    let series = [Series::new(&samples)];
    assert_eq!(lines(&drawn(Timeline::new(&series, percent()), 10, 1)), ["  ▁▃ ▅ ▆██"]);
    assert_eq!(lines(&drawn(Timeline::new(&series, percent()).ascii(true), 10, 1)), ["  .- + *##"]);
}

#[test]
fn a_braille_line_joins_values_and_breaks_at_gaps() {
    let samples = [0.0, 0.0, 100.0, 100.0, 50.0, 50.0].map(Some).into_iter().chain([None, None, Some(0.0), Some(0.0)]).collect::<Vec<_>>();
    let series = [Series::new(&samples)];
    assert_eq!(lines(&drawn(Timeline::new(&series, percent()).time(TimeAxis::new().samples_per_column(2)), 6, 2)), ["  ⡏⣆  ", " ⣀⠇  ⣀"]);
}

#[test]
fn an_area_is_filled_to_the_bottom_but_not_in_gaps() {
    let samples = [Some(100.0), Some(50.0), None, Some(0.0)];
    let series = [Series::new(&samples).look(Look::Area)];
    assert_eq!(lines(&drawn(Timeline::new(&series, percent()), 4, 2)), ["⣿⣀  ", "⣿⣿ ⣀"]);
}

#[test]
fn axes_stand_where_their_values_are() {
    let samples = wave(60);
    let series = [Series::new(&samples)];
    let labels = [XLabel { at: At::Ago(59), label: "-1 min" }, XLabel { at: At::Ago(0), label: "now" }];
    let timeline = Timeline::new(&series, percent()).time(TimeAxis::new().samples_per_column(2).labels(&labels)).y_labels(figure::tick);
    assert_eq!(
        lines(&drawn(timeline, 36, 6)),
        [
            "100 ┤  ⠐⠑⢄                      ⢠⠊⠑⡄",
            "    │    ⠈⢆     ⡠⡀      ⢀⠤⢄    ⢠⠃  ⠘",
            " 50 ┤     ⠈⡆  ⢀⠎       ⢠⠃  ⢣  ⢀⠎    ",
            "    │      ⠘⢄⠤⠃    ⢄  ⢀⠎    ⠑       ",
            "  0 ┤              ⠈⢆⡠⠊             ",
            "   -1 min                        now",
        ]
    );
    assert_eq!(timeline.plot(Rect::new(0, 0, 36, 6)), Rect::new(5, 0, 31, 5));
    assert_eq!(
        lines(&drawn(timeline.ascii(true), 36, 6)),
        [
            "100 +  ***                      ****",
            "    |     *     **      ***    *    ",
            " 50 +      *  **       *   *  *     ",
            "    |       **     *  *     *       ",
            "  0 +               **              ",
            "   -1 min                        now",
        ]
    );
}

#[test]
fn axes_that_leave_no_room_are_left_out() {
    let series = [Series::new(&[Some(1.0)])];
    let timeline =
        Timeline::new(&series, percent()).y_labels(figure::tick).time(TimeAxis::new().labels(&[XLabel { at: At::Ago(0), label: "now" }]));
    assert_eq!(timeline.plot(Rect::new(0, 0, 8, 2)), Rect::new(0, 0, 8, 2), "two rows: no labels below, 5 columns would leave 3");
    assert_eq!(timeline.plot(Rect::new(0, 0, 9, 3)), Rect::new(5, 0, 4, 2));
    assert_eq!(timeline.plot(Rect::new(0, 0, 9, 1)), Rect::new(0, 0, 9, 1));
}

/// Columns of `buf` as text, top to bottom.
fn column(buf: &Buffer, x: u16) -> String {
    (buf.area.top()..buf.area.bottom()).map(|y| buf[(x, y)].symbol()).collect()
}

#[test]
fn a_new_sample_changes_the_newest_column_only_until_it_is_full_then_all_move_by_one() {
    let samples = wave(400);
    let forms = [(Form::Auto, false, 1), (Form::Bars, false, 3), (Form::Dots, false, 6), (Form::Dots, true, 6)];
    for (form, ascii, height) in forms {
        for (per_column, look) in [1_usize, 2, 3, 5, 10].into_iter().zip([Look::Line, Look::Line, Look::Area, Look::Line, Look::Points]) {
            let at = |n: usize| {
                let series = [Series::new(&samples[..n]).look(look)];
                let per_column = u32::try_from(per_column).unwrap();
                drawn(
                    Timeline::new(&series, percent()).time(TimeAxis::new().samples_per_column(per_column)).form(form).ascii(ascii),
                    20,
                    height,
                )
            };
            for n in 300..340 {
                let (before, after) = (at(n), at(n + 1));
                let moved = u16::from(n % per_column == 0);
                for x in 0..19 - moved {
                    assert_eq!(column(&before, x + moved), column(&after, x), "{form:?} {per_column} a column, sample {n}, column {x}");
                }
            }
        }
    }
}

#[test]
fn a_buffer_that_drops_its_oldest_samples_draws_the_same_history() {
    let samples = wave(400);
    let drawn_from = |first: usize| {
        let series = [Series::new(&samples[first..]).first(first as u64)];
        drawn(Timeline::new(&series, percent()).time(TimeAxis::new().samples_per_column(4)), 30, 5)
    };
    let whole = drawn_from(0);
    for first in 1..=270 {
        assert_eq!(drawn_from(first), whole, "first sample {first}");
    }
}

#[test]
fn charts_stay_in_step_when_one_lacks_its_newest_samples() {
    let late = [Series::new(&[Some(100.0), Some(100.0)])];
    assert_eq!(lines(&drawn(Timeline::new(&late, percent()).time(TimeAxis::new().until(4)), 6, 1)), ["  ██  "]);
    assert_eq!(lines(&drawn(Timeline::new(&late, percent()).time(TimeAxis::new().until(1)), 6, 1)), ["     █"]);
}

#[test]
fn in_a_shared_cell_the_later_series_gives_the_style_and_lines_keep_their_dots() {
    let (low, high) = ([Some(0.0)], [Some(30.0)]);
    let style = |colour: Color| Style::new().fg(colour);
    let lines_over = [Series::new(&low).style(style(Color::Cyan)), Series::new(&high).style(style(Color::Red))];
    let buf = drawn(Timeline::new(&lines_over, percent()).form(Form::Dots), 1, 1);
    assert_eq!((buf[(0, 0)].symbol(), buf[(0, 0)].fg), ("⣤", Color::Red));
    let area_below = [Series::new(&[Some(100.0)]).look(Look::Area), Series::new(&high).style(style(Color::Red))];
    let buf = drawn(Timeline::new(&area_below, percent()).form(Form::Dots), 1, 1);
    assert_eq!((buf[(0, 0)].symbol(), buf[(0, 0)].fg), ("⠤", Color::Red), "a line on an area replaces it, or it would vanish");
    let points = [Series::new(&low), Series::new(&high).look(Look::Points)];
    assert_eq!(lines(&drawn(Timeline::new(&points, percent()), 1, 2)), [" ", "●"]);
}

#[test]
fn ascii_draws_with_six_characters_only() {
    let (a, b) = (wave(100), wave(70));
    let series = [Series::new(&a), Series::new(&b).look(Look::Area), Series::new(&a).look(Look::Points)];
    for form in [Form::Auto, Form::Bars, Form::Dots] {
        for height in [1, 2, 5, 9] {
            let timeline = Timeline::new(&series, percent()).form(form).ascii(true).y_labels(figure::tick);
            let text = lines(&drawn(timeline, 40, height)).concat();
            assert!(text.chars().all(|c| " #|-*+.".contains(c) || c.is_ascii_digit()), "{text}");
        }
    }
}

#[test]
fn every_size_draws_inside_its_area_without_panic() {
    let samples = wave(90);
    let series = [Series::new(&samples), Series::new(&samples).look(Look::Area).first(7), Series::new(&samples).look(Look::Points)];
    let labels = [XLabel { at: At::Ago(30), label: "半分钟前" }, XLabel { at: At::Sample(80), label: "now" }];
    let mut buf = Buffer::empty(Rect::new(0, 0, 124, 44));
    for (width, height) in (0..=120).flat_map(|width| (0..=40).map(move |height| (width, height))) {
        buf.reset();
        let form = if (width + height) % 2 == 0 { Form::Bars } else { Form::Dots };
        let timeline =
            Timeline::new(&series, percent()).form(form).time(TimeAxis::new().samples_per_column(u32::from(height) % 4).labels(&labels));
        let timeline = timeline.y_labels(figure::tick).ascii(width % 3 == 0);
        timeline.render(Rect::new(2, 2, width, height), &mut buf);
        let around = Rect::new(1, 1, width + 2, height + 2);
        for edge in
            around.rows().take(1).chain(around.rows().next_back()).chain(around.columns().take(1)).chain(around.columns().next_back())
        {
            assert!(edge.positions().all(|position| buf[position].symbol() == " "), "{width}×{height}, {edge}");
        }
    }
    Timeline::new(&series, percent()).render(Rect::new(100, 40, 400, 400), &mut buf);
    Timeline::new(&[], percent()).render(Rect::new(0, 0, 10, 10), &mut buf);
}
