//! Figures for people: three digits that matter, a space before the unit, and a width that does not change.
//!
//! A reading that is missing is `None` and reads `n/a`, never 0.

use crate::{num, text};

/// Rows from one axis label to the next, at least: closer ones read as a column of figures, not as a scale.
pub(crate) const ROWS_PER_LABEL: u16 = 2;

const UNITS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];

/// A count: exact below ten thousand, then with a decimal unit. At most 6 cells.
///
/// ```
/// # use dcudeck_widgets::figure::count;
/// assert_eq!(count(64), "64");
/// assert_eq!(count(4_218), "4,218");
/// assert_eq!(count(21_140), "21.1 k");
/// assert_eq!(count(1_900_000), "1.9 M");
/// ```
#[must_use]
pub fn count(n: u64) -> String {
    if n < 10_000 { grouped(n) } else { scaled(num::float(n)) }
}

/// A measured figure to three digits: `0.08`, `8.24`, `14.1`, `182`, `4,218`, `21.1 k`, `1.9 M`.
///
/// At most 6 cells (7 below zero) up to 999 E. A value too small to show reads `<0.01`, so that it is not taken for 0;
/// NaN reads `n/a`.
#[must_use]
pub fn compact(v: f64) -> String {
    let size = v.abs();
    let digits = match size {
        _ if v.is_nan() => return "n/a".to_owned(),
        _ if v.is_infinite() => "∞".to_owned(),
        0.0 => return "0".to_owned(),
        _ if size < 0.005 => return if v < 0.0 { ">-0.01" } else { "<0.01" }.to_owned(),
        // Limits lie half a digit low, so that rounding up changes the form as well: 9.996 is 10.0.
        _ if size < 9.995 => format!("{size:.2}"),
        _ if size < 99.95 => format!("{size:.1}"),
        _ if size < 9_999.5 => grouped(num::whole(size.round())),
        _ => scaled(size),
    };
    if v < 0.0 { format!("-{digits}") } else { digits }
}

/// [`compact`], or `n/a`, at the right of exactly `width` cells: a figure that changes never moves its neighbour.
///
/// ```
/// # use dcudeck_widgets::figure::fixed;
/// assert_eq!(fixed(Some(182.0), 6), "   182");
/// assert_eq!(fixed(Some(21_140.0), 6), "21.1 k");
/// assert_eq!(fixed(None, 6), "   n/a");
/// ```
#[must_use]
pub fn fixed(v: Option<f64>, width: usize) -> String {
    let figure = v.map_or_else(|| "n/a".to_owned(), compact);
    text::pad_left(&figure, width, false).into_owned()
}

/// A label for an axis, with as few digits as it needs: `0.5`, `20`, `5000`, `20k`, `1M`.
#[must_use]
pub fn tick(v: f64) -> String {
    let (mut unit, mut value) = (0, v);
    if v.abs() >= 10_000.0 {
        while value.abs() >= 1_000.0 && unit + 1 < UNITS.len() {
            value /= 1_000.0;
            unit += 1;
        }
    }
    // Twelve decimals hide the last bits of a sum, and `{}` of the result is the shortest form.
    let value = if value.abs() < 1e3 { (value * 1e12).round() / 1e12 } else { value };
    let value = if value == 0.0 { 0.0 } else { value };
    format!("{value}{}", UNITS.get(unit).copied().unwrap_or_default())
}

/// A label with one decimal, for axes whose values need it: `0.5`, `1.0`, `1.5` stand below each other.
#[must_use]
pub fn tick_tenths(v: f64) -> String {
    format!("{v:.1}")
}

/// [`tick`] for milliseconds: seconds from 1000 on (`200`, `1 s`, `2.5 s`).
#[must_use]
pub fn tick_ms(v: f64) -> String {
    if v.abs() < 1_000.0 { tick(v) } else { format!("{} s", tick(v / 1_000.0)) }
}

/// `n` with a comma between thousands.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `size`, at least a thousand, with its unit: one decimal below a hundred.
fn scaled(size: f64) -> String {
    let mut value = size;
    let mut unit = "";
    for next in UNITS {
        unit = next;
        // 999.5 k would round to 1000 k.
        if value < 999.5 {
            break;
        }
        if next != "E" {
            value /= 1_000.0;
        }
    }
    if value < 99.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits_and_round_across_their_limits() {
        for (v, want) in [
            (0.0, "0"),
            (0.001, "<0.01"),
            (0.08, "0.08"),
            (8.24, "8.24"),
            (9.994, "9.99"),
            (9.996, "10.0"),
            (14.1, "14.1"),
            (99.96, "100"),
            (182.4, "182"),
            (999.6, "1,000"),
            (4_218.0, "4,218"),
            (9_999.6, "10.0 k"),
            (21_140.0, "21.1 k"),
            (99_960.0, "100 k"),
            (999_600.0, "1.0 M"),
            (1_900_000.0, "1.9 M"),
            (-14.14, "-14.1"),
            (-0.001, ">-0.01"),
            (f64::NAN, "n/a"),
            (f64::NEG_INFINITY, "-∞"),
        ] {
            assert_eq!(compact(v), want, "{v}");
        }
    }

    #[test]
    fn a_count_is_exact_below_ten_thousand_and_never_wider_than_six_cells() {
        assert_eq!([0, 999, 1_000, 9_999, 10_000].map(count), ["0", "999", "1,000", "9,999", "10.0 k"]);
        let mut n = 1_u64;
        while let Some(next) = n.checked_mul(3) {
            n = next;
            assert!(text::width(&count(n)) <= 6, "{n}: {}", count(n));
            assert!(text::width(&compact(num::float(n))) <= 6, "{n}: {}", compact(num::float(n)));
        }
        assert_eq!(count(u64::MAX), "18.4 E");
    }

    #[test]
    fn a_fixed_figure_always_takes_its_width() {
        for v in [None, Some(0.0), Some(8.24), Some(21_140.0), Some(1e30), Some(-4_218.0)] {
            assert_eq!(text::width(&fixed(v, 7)), 7, "{v:?}");
        }
    }

    #[test]
    fn axis_labels_are_as_short_as_can_be() {
        assert_eq!([0.5, 0.1 + 0.2, 20.0, 5_000.0, 20_000.0, 1e6, -0.0].map(tick), ["0.5", "0.3", "20", "5000", "20k", "1M", "0"]);
        assert_eq!([200.0, 1_000.0, 2_500.0].map(tick_ms), ["200", "1 s", "2.5 s"]);
    }
}
