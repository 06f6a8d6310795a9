//! Powers in f64, for what an optimizer works out once for a parameter: MXNet does that in Python.

/// base^exponent, by squaring.
pub fn power(base: f64, exponent: u32) -> f64 {
    let (mut result, mut square, mut left) = (1.0, base, exponent);
    while left != 0 {
        if left & 1 == 1 {
            result *= square;
        }
        square *= square;
        left >>= 1;
    }
    result
}

/// ln 0.96
const LN_096: f64 = -0.040_821_994_520_255_166;

/// 0.96^x for x of zero or more: e^(x ln 0.96), by its series on x cut small by halving.
pub fn power_of_096(x: f64) -> f64 {
    let (mut y, mut halvings) = (x * LN_096, 0u32);
    while y < -0.25 && halvings < 1100 {
        y *= 0.5;
        halvings += 1;
    }
    // The next term is below 0.25^13 / 13! = 2e-18.
    let mut sum = 1.0;
    for n in [
        12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0,
    ] {
        sum = 1.0 + sum * (y / n);
    }
    for _ in 0..halvings {
        sum *= sum;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_std() {
        for (base, exponent) in [
            (0.9, 1u32),
            (0.999, 7),
            (0.999, 100_000),
            (0.5, 0),
            (0.0, 3),
        ] {
            let exact = f64::powf(base, f64::from(exponent));
            assert!((power(base, exponent) - exact).abs() <= 1e-12 * exact);
        }
        for x in [0.0, 0.004, 0.04, 1.0, 8.5, 100.0, 12_345.6] {
            let exact = 0.96f64.powf(x);
            let ours = power_of_096(x);
            assert!((ours - exact).abs() <= 1e-12 * exact, "{x}: {ours} {exact}");
        }
        assert_eq!(power_of_096(f64::MAX), 0.0);
    }
}
