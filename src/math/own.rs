//! exp, tanh and sigmoid of tinpail's own: f32 multiplications, additions and at most one division in a fixed order, the same bits
//! on every target, without a branch.
//!
//! With k the whole number nearest to x / ln 2 and r = x - k ln 2 (ln 2 in two parts, so that the first product is exact), e^x is
//! 2^k (1 + m), where m = e^r - 1 is a polynomial whose coefficients were fitted for the least relative error on +-0.3475
//! (0.3 2^-24). sigmoid and tanh never form e^x itself: in
//!
//! - sigmoid x = 2^k / ((1 + 2^k) + m), m = e^(k ln 2 - x) - 1
//! - tanh |x| = ((2^k - 1) - m) / ((2^k + 1) + m), m = e^(k ln 2 - 2|x|) - 1
//!
//! the sums in parentheses are exact, and one rounding is left above and below the line.
//!
//! Against the exact value, over every f32: exp at most 1.02 units in the last place, sigmoid 1.76, tanh 1.99 (`tests::sweep`).
//! Subnormal results are rounded like others. On Arm cores with an FPU `kernel::arm` has the loops of sigmoid and tanh in assembly.

use super::number::{Number, number, value};

/// 1 / ln 2
pub const PER_LN2: f32 = core::f32::consts::LOG2_E;
/// ln 2, rounded so that its product with a whole number of 15 bits is exact, and what is missing of it.
pub const LN2: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];
/// 1.5 2^23: a number added to it loses its fraction, and stands in the lowest bits.
pub const ROUND: f32 = 12_582_912.0;
/// e^r = 1 + r + r^2 (these, by ascending powers of r).
pub const SERIES: [f32; 5] = [
    0.499_999_97,
    0.166_665_45,
    0.041_667_446,
    0.008_366_444,
    0.001_386_992_3,
];
/// Below the first e^x is 0, above the second infinite.
const EXP: [f32; 2] = [-104.0, 89.0];
/// Below the first sigmoid is e^x and rounds to 0, above the second it is 1.
pub const SIGMOID: [f32; 2] = [-104.0, 60.0];
/// Above it tanh is 1.
pub const TANH: f32 = 10.0;
/// The power by which sigmoid's 2^k is larger until it is multiplied by its inverse: 2^k itself may be subnormal.
pub const LIFT: u32 = 32;
/// 2^-[`LIFT`]
pub const DROP: f32 = 1.0 / (1u64 << LIFT) as f32;

/// `x`, or the end of the range that it lies beyond (the first is negative, the second positive). By bits, as comparisons of floats
/// are calls without an FPU; NaN stays.
#[inline(always)]
fn within(x: f32, [low, high]: [f32; 2]) -> f32 {
    let beyond = |end: f32, infinity: f32| {
        x.to_bits().wrapping_sub(end.to_bits()) <= infinity.to_bits().wrapping_sub(end.to_bits())
    };
    let x_or_high = if beyond(high, f32::INFINITY) { high } else { x };
    if beyond(low, f32::NEG_INFINITY) {
        low
    } else {
        x_or_high
    }
}

/// e^r - 1
#[inline(always)]
fn minus_one(r: Number) -> Number {
    let [c2, c3, c4, c5, c6] = SERIES.map(number);
    let square = r * r;
    r + square * ((c2 + c3 * r) + square * ((c4 + c5 * r) + square * c6))
}

/// 2^(k + by), where k stands in the lowest bits of `shifted`.
#[inline(always)]
fn power(shifted: Number, by: u32) -> Number {
    number(f32::from_bits(
        (value(shifted).to_bits().wrapping_add(127 + by)) << 23,
    ))
}

/// e^x
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = number(within(x, EXP));
    let shifted = x * number(PER_LN2) + number(ROUND);
    let k = shifted - number(ROUND);
    let [high, low] = LN2.map(number);
    let m = minus_one((x - k * high) - k * low);
    // In two steps: 2^k itself may be beyond the range of an f32.
    let k = (value(shifted).to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = k >> 1;
    let step = |k: i32| number(f32::from_bits((k.wrapping_add(127) as u32) << 23));
    value((m + number(1.0)) * step(half) * step(k.wrapping_sub(half)))
}

/// 1 / (1 + e^-x)
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let x = number(within(x, SIGMOID));
    let shifted = x * number(PER_LN2) + number(ROUND);
    let k = shifted - number(ROUND);
    let two_k = power(shifted, LIFT) * number(DROP);
    let [high, low] = LN2.map(number);
    let m = minus_one((k * high - x) + k * low);
    let sum = number(1.0) + two_k;
    // What the sum lost, where 2^k is small.
    let lost = two_k - (sum - number(1.0));
    value(two_k) / value(sum + (m + lost))
}

/// tanh x
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let size = f32::from_bits(x.to_bits() & 0x7fff_ffff);
    let size = number(within(size, [-TANH, TANH]));
    let shifted = size * number(2.0 * PER_LN2) + number(ROUND);
    let k = shifted - number(ROUND);
    let two_k = power(shifted, 0);
    let [high, low] = LN2.map(number);
    let m = minus_one((k * high - (size + size)) + k * low);
    let (above, below) = ((two_k - number(1.0)) - m, (two_k + number(1.0)) + m);
    let quotient = value(above) / value(below);
    f32::from_bits(quotient.to_bits() | x.to_bits() & 0x8000_0000)
}

/// e^x of each value.
#[inline(never)]
pub fn exp_all(values: &mut [f32]) {
    for value in values {
        *value = exp(*value);
    }
}

/// [`sigmoid`] of each value.
#[inline(never)]
pub fn sigmoid_all(values: &mut [f32]) {
    for value in values {
        *value = sigmoid(*value);
    }
}

/// [`tanh`] of each value.
#[inline(never)]
pub fn tanh_all(values: &mut [f32]) {
    for value in values {
        *value = tanh(*value);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::println;

    /// Units in the last place between a value and the exact one; of subnormal ones, 2^-149.
    fn error(ours: f32, exact: f64) -> f64 {
        if exact.abs() > f64::from(f32::MAX) {
            // Beyond the range there is infinity.
            return if f64::from(ours) == exact.signum() * f64::INFINITY {
                0.0
            } else {
                f64::INFINITY
            };
        }
        // The exponent of the exact value, cut to 24 bits so that it does not round up to the next.
        let exponent = (exact.to_bits() >> 52 & 0x7ff) as i32 - 1023;
        let unit = 2f64.powi(exponent.max(-126) - 23);
        (f64::from(ours) - exact).abs() / unit
    }

    fn exact_sigmoid(x: f64) -> f64 {
        // Where x is small e^x / (1 + e^x) keeps its digits.
        let (one, e) = (1.0, (-x.abs()).exp());
        if x >= 0.0 {
            one / (one + e)
        } else {
            e / (one + e)
        }
    }

    /// The largest errors of exp, sigmoid and tanh, and where they are, over every `step`th f32 that is a number.
    fn worst(step: usize) -> [(f64, f32); 3] {
        let mut worst = [(0.0, 0.0); 3];
        for bits in (0..=u32::MAX).step_by(step) {
            let x = f32::from_bits(bits);
            if x.is_nan() {
                continue;
            }
            let wide = f64::from(x);
            let errors = [
                error(exp(x), wide.exp()),
                error(sigmoid(x), exact_sigmoid(wide)),
                error(tanh(x), wide.tanh()),
            ];
            for (worst, error) in worst.iter_mut().zip(errors) {
                if error > worst.0 {
                    *worst = (error, x);
                }
            }
        }
        worst
    }

    fn check(step: usize) {
        let worst = worst(step);
        println!("{worst:?}");
        for ((error, x), bound) in worst.into_iter().zip([1.02, 1.76, 1.99]) {
            assert!(error <= bound, "{x:e}: {error} units in the last place");
        }
    }

    /// 830 numbers of every exponent and sign; the step is prime, so their mantissas differ.
    #[test]
    fn at_most_two_units_in_the_last_place_from_the_exact_value() {
        check(10_103);
    }

    /// Every f32: minutes in a release build.
    #[test]
    #[ignore = "minutes, in a release build"]
    fn sweep() {
        check(1);
    }

    #[test]
    fn the_ends() {
        let infinity = f32::INFINITY;
        assert_eq!((exp(infinity), exp(-infinity)), (infinity, 0.0));
        assert_eq!((exp(0.0), exp(-0.0)), (1.0, 1.0));
        assert_eq!((exp(88.73), exp(89.5)), (infinity, infinity));
        assert_eq!((sigmoid(infinity), sigmoid(-infinity)), (1.0, 0.0));
        assert_eq!((sigmoid(0.0), sigmoid(-0.0)), (0.5, 0.5));
        assert_eq!((tanh(infinity), tanh(-infinity)), (1.0, -1.0));
        assert_eq!(tanh(-0.0).to_bits(), (-0.0f32).to_bits());
        for bits in [
            0x7f80_0001,
            0xff80_0001,
            0x7fc0_0000,
            0x7fff_ffff,
            0xffff_ffff,
        ] {
            let nan = f32::from_bits(bits);
            for f in [exp, sigmoid, tanh] {
                assert!(f(nan).is_nan());
            }
        }
    }

    /// tanh is odd to the last bit, and all three keep the order of numbers that are 2^-12 of themselves apart.
    #[test]
    fn odd_and_ascending() {
        for bits in (0..0x7f80_0000).step_by(1_009) {
            let (x, next) = (f32::from_bits(bits), f32::from_bits(bits + 2048));
            assert_eq!(tanh(-x).to_bits(), tanh(x).to_bits() | 0x8000_0000);
            if next.is_finite() {
                for f in [exp, sigmoid, tanh] {
                    assert!(f(x) <= f(next) && f(-next) <= f(-x), "{x:e}");
                }
            }
        }
    }

    #[test]
    fn loops_are_the_functions() {
        let mut x = [0.0; 37];
        for (at, x) in x.iter_mut().enumerate() {
            *x = (at as f32 - 18.0) * 1.37;
        }
        let [mut e, mut s, mut t] = [x; 3];
        exp_all(&mut e);
        sigmoid_all(&mut s);
        tanh_all(&mut t);
        assert_eq!([e, s, t], [x.map(exp), x.map(sigmoid), x.map(tanh)]);
    }
}
