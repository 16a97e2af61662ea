//! What somebody may have meant by a word that is not known.

/// The legal word nearest to `word`, if one is near enough to be meant: at most a third of the letters differ.
pub(super) fn nearest<'a>(word: &str, legal: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    legal
        .into_iter()
        .map(|candidate| (distance(&word, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters inserted, left out, exchanged or swapped with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX);
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, letter) in a.chars().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let exchanged = at(&last, j) + usize::from(letter != *other);
            let mut best = exchanged.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if j > 0 && previous == Some(*other) && b.get(j - 1) == Some(&letter) {
                best = best.min(at(&before_last, j - 1) + 1);
            }
            row.push(best);
        }
        previous = Some(letter);
        before_last = std::mem::replace(&mut last, row);
    }
    at(&last, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let legal = ["lang", "theme", "color", "requests", "max_error_rate_pct"];
        for (slip, meant) in [
            ("langs", Some("lang")),
            ("theem", Some("theme")),
            ("colour", Some("color")),
            ("request", Some("requests")),
            ("max-error-rate-pct", Some("max_error_rate_pct")),
            ("LANG", Some("lang")),
            ("", None),
            ("zebra", None),
        ] {
            assert_eq!(nearest(slip, legal), meant, "{slip}");
        }
    }

    #[test]
    fn neighbours_swapped_count_once() {
        assert_eq!((distance("usres", "users"), distance("abc", "abc"), distance("", "abc")), (1, 0, 3));
    }
}
