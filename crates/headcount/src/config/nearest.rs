//! "Did you mean …?"

/// The candidate nearest to `word`, if at most one letter in four differs.
pub(super) fn nearest<'word>(word: &str, candidates: impl Iterator<Item = &'word str>) -> Option<&'word str> {
    let (distance, near) = candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .min_by_key(|&(distance, _)| distance)?;
    (distance <= near.len().div_ceil(4)).then_some(near)
}

/// As [`nearest`], and where none is near, the one that ends with the whole of `word`: `tick_ms` is `limits.tick_ms`.
pub(super) fn nearest_or_longer<'word>(
    word: &str,
    candidates: impl Iterator<Item = &'word str> + Clone,
) -> Option<&'word str> {
    let longer = |candidate: &&str| {
        let head = candidate.strip_suffix(word);
        head.is_some_and(|head| head.ends_with(['.', '_']))
    };
    candidates
        .clone()
        .find(longer)
        .or_else(|| nearest(word, candidates))
}

/// Letters to insert, remove or replace to make `left` into `right` (Levenshtein), one row of the table at a time.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, letter) in left.bytes().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(right.bytes()) {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = *cell;
            before = replaced.min(*cell + 1).min(before + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshtein() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = || ["release", "listen", "ip_tracking"].into_iter();
        assert_eq!(nearest("relase", known()), Some("release"));
        assert_eq!(nearest("iptracking", known()), Some("ip_tracking"));
        assert_eq!(nearest("colour", known()), None);
    }

    #[test]
    fn a_name_without_its_beginning_is_completed() {
        let known = || ["limits.tick_ms", "listen"].into_iter();
        assert_eq!(nearest_or_longer("tick_ms", known()), Some("limits.tick_ms"));
        assert_eq!(nearest_or_longer("lisen", known()), Some("listen"));
        assert_eq!(nearest_or_longer("ms", known()), Some("limits.tick_ms"));
        assert_eq!(nearest_or_longer("s", known()), None);
    }
}
