//! Numbers as text, and where the marks of an axis stand.

/// `12,768`.
pub fn grouped(number: impl std::fmt::Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12,768 B`.
pub fn bytes(number: usize) -> String {
    format!("{} B", grouped(number))
}

/// Round numbers from `from` to `to`, at most `most` of them: multiples of 1, 2 or 5 times a power of ten.
pub fn ticks(from: usize, to: usize, most: usize) -> Vec<usize> {
    let steps = (0..18).flat_map(|power| [1, 2, 5].map(|digit| digit * 10usize.pow(power)));
    for step in steps {
        let first = from.div_ceil(step);
        let last = to / step;
        if last < first + most {
            return (first..=last).map(|turn| turn * step).collect();
        }
    }
    Vec::new()
}

/// A length of an SVG with as many digits as a screen can show.
pub fn length(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".into(),
        text => text.into(),
    }
}

/// `part` of `whole` as a length in percent.
pub fn percent(part: usize, whole: usize) -> String {
    share(part as u64, whole as u64)
}

/// The same of counts.
pub fn share(part: u64, whole: u64) -> String {
    let whole = whole.max(1) as f64;
    format!("{}%", length(100.0 * part as f64 / whole))
}

/// The same for people: `12.3 %`.
pub fn percentage_of(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let all = [0, 7, 999, 1000, 12_768, 1_048_576].map(grouped);
        assert_eq!(all, ["0", "7", "999", "1,000", "12,768", "1,048,576"]);
        assert_eq!(percent(1, 3), "33.333%");
        assert_eq!(percent(0, 0), "0%");
        assert_eq!(
            [length(2.0), length(1.25), length(-0.0001)],
            ["2", "1.25", "0"]
        );
    }

    #[test]
    fn round_ticks() {
        assert_eq!(ticks(0, 10, 6), [0, 2, 4, 6, 8, 10]);
        assert_eq!(
            ticks(12_768, 22_184, 6),
            [14_000, 16_000, 18_000, 20_000, 22_000]
        );
        assert_eq!(ticks(0, 0, 5), [0]);
        assert!(ticks(0, usize::MAX, 5).len() <= 5);
    }
}
