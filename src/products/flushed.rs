//! What MVE's VFMA.F32 computes, in portable Rust: for the host, and for boards without a vector unit.

/// a b + `sum`, rounded once to nearest even by Arm's standard floating-point arithmetic: a subnormal operand counts as a zero of its
/// sign, a result that lies below the smallest normal number before it is rounded becomes a zero of its sign, and a NaN is the default one.
#[inline]
pub fn fmaf(a: f32, b: f32, sum: f32) -> f32 {
    let [a, b, sum] = [a, b, sum].map(|value| f64::from(without_subnormal(value)));
    // Exact: 24 bits by 24.
    let product = a * b;
    let high = product + sum;
    // What the addition rounded away, by Knuth's TwoSum; a NaN beside an infinity.
    let back = high - product;
    let low = (product - (high - back)) + (sum - back);
    let exact = to_odd(high, low);
    if exact.is_nan() {
        f32::NAN
    } else if exact.abs() < f64::from(f32::MIN_POSITIVE) {
        if exact.is_sign_negative() { -0.0 } else { 0.0 }
    } else {
        exact as f32
    }
}

#[inline]
fn without_subnormal(value: f32) -> f32 {
    if value.abs() < f32::MIN_POSITIVE {
        value * 0.0
    } else {
        value
    }
}

/// `high` + `low` rounded to odd: of the two doubles around it the one whose last bit is set, so that it lies on the same side of every
/// number of fewer bits as the exact sum does, and rounding it again gives what rounding the sum would.
#[inline]
fn to_odd(high: f64, low: f64) -> f64 {
    let bits = high.to_bits();
    if !high.is_finite() || low == 0.0 || bits & 1 == 1 {
        return high;
    }
    // The sum is not exact, so `high` is no zero; its neighbours have odd bits.
    let away = (low > 0.0) == (high > 0.0);
    f64::from_bits(if away {
        bits.wrapping_add(1)
    } else {
        bits.wrapping_sub(1)
    })
}
