//! Numbers as people read them.

/// Three significant digits, thousands apart.
pub(crate) fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let plain = format!("{value:.decimals$}");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let text = apart(whole);
    if fraction.is_empty() {
        text
    } else {
        format!("{text}.{fraction}")
    }
}

fn apart(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count, thousands apart.
pub(crate) fn count(value: usize) -> String {
    apart(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(figure(139_389.4), "139,389");
        assert_eq!(figure(1_000_000.0), "1,000,000");
        assert_eq!(figure(37.62), "37.6");
        assert_eq!(figure(4.0), "4.00");
        assert_eq!(figure(0.0346), "0.035");
        assert_eq!(figure(999.9), "1,000");
    }
}
