//! The simulation of the vector unit's VFMA against integers: operands of every size, sums that cancel, subnormals and their border.

use super::Values;
use crate::products::flushed::fmaf;

/// A finite value as mantissa and exponent: m 2^e. A subnormal is a zero.
fn parts(value: f32) -> (i128, i32) {
    let bits = value.to_bits();
    let exponent = (bits >> 23 & 0xff) as i32;
    let mantissa = match exponent {
        0 => 0,
        _ => i128::from(bits & 0x7f_ffff | 0x80_0000),
    };
    let sign = if value.is_sign_negative() { -1 } else { 1 };
    (sign * mantissa, exponent - 150)
}

/// `sum` + a b in the vector unit's arithmetic, by integers.
pub(super) fn by_integers(a: f32, b: f32, sum: f32) -> f32 {
    let flush = |value: f32| {
        if value.is_subnormal() {
            0.0f32.copysign(value)
        } else {
            value
        }
    };
    let [a, b, sum] = [a, b, sum].map(flush);
    if ![a, b, sum].iter().all(|value| value.is_finite()) {
        // As wide as this no product of finite values is infinite.
        let result = (f64::from(a) * f64::from(b) + f64::from(sum)) as f32;
        return if result.is_nan() { f32::NAN } else { result };
    }
    let ((ma, ea), (mb, eb), (ms, es)) = (parts(a), parts(b), parts(sum));
    let (product, ep) = (ma * mb, ea + eb);
    if product == 0 && ms == 0 {
        return a * b + sum;
    }
    // Both terms in units of 2^exponent, the larger with bits to spare.
    let top = |m: i128, e: i32| {
        if m == 0 {
            i32::MIN / 2
        } else {
            e + 128 - m.unsigned_abs().leading_zeros() as i32
        }
    };
    let exponent = top(product, ep).max(top(ms, es)) - 110;
    let scaled = |m: i128, e: i32| {
        let shift = e - exponent;
        match shift {
            _ if m == 0 => 0,
            0.. => m << shift,
            // What is cut off is told by the last bit.
            _ => {
                let shift = shift.unsigned_abs().min(127);
                let kept = m.unsigned_abs() >> shift;
                let is_cut = kept << shift != m.unsigned_abs();
                m.signum() * (kept as i128 | i128::from(is_cut))
            }
        }
    };
    let total = scaled(product, ep) + scaled(ms, es);
    round(total, exponent)
}

/// total 2^exponent as a f32.
fn round(total: i128, exponent: i32) -> f32 {
    let sign = if total < 0 { -1.0f32 } else { 1.0 };
    let magnitude = total.unsigned_abs();
    if magnitude == 0 {
        return 0.0;
    }
    let top = exponent + 127 - magnitude.leading_zeros() as i32;
    if top < -126 {
        return 0.0f32.copysign(sign);
    }
    let shift = top - 23 - exponent;
    let mut mantissa = if shift <= 0 {
        magnitude << -shift
    } else {
        magnitude >> shift
    };
    if shift > 0 {
        let rest = magnitude & ((1 << shift) - 1);
        let half = 1u128 << (shift - 1);
        mantissa += u128::from(rest > half || (rest == half && mantissa & 1 == 1));
    }
    // A carry into the exponent, and beyond the largest into infinity, is what the addition makes of it.
    let bits = ((top + 126) as u128) * (1 << 23) + mantissa;
    match u32::try_from(bits) {
        Ok(bits) if bits < 0x7f80_0000 => sign * f32::from_bits(bits),
        _ => sign * f32::INFINITY,
    }
}

#[track_caller]
fn check(a: f32, b: f32, sum: f32) {
    let (ours, expected) = (fmaf(a, b, sum), by_integers(a, b, sum));
    assert_eq!(
        ours.to_bits(),
        expected.to_bits(),
        "{a:e} * {b:e} + {sum:e}: {ours:e}, expected {expected:e}"
    );
}

/// Any bits with an exponent that is near another.
fn near(v: &mut Values, exponent: i32, spread: u64) -> f32 {
    let exponent = exponent + (v.next() % (2 * spread + 1)) as i32 - spread as i32;
    let bits = v.next() as u32 & 0x807f_ffff | (exponent.clamp(0, 255) as u32) << 23;
    // Few bits make ties and exact results.
    f32::from_bits(if v.next().is_multiple_of(3) {
        bits & 0xfff0_0000
    } else {
        bits
    })
}

#[test]
fn any_bits() {
    let mut v = Values(1);
    for _ in 0..200_000 {
        let [a, b, sum] = [(); 3].map(|()| f32::from_bits(v.next() as u32));
        check(a, b, sum);
    }
}

#[test]
fn terms_of_the_same_size() {
    let mut v = Values(2);
    for _ in 0..400_000 {
        let (a, b) = (near(&mut v, 127, 100), near(&mut v, 127, 60));
        let product = (a * b).to_bits() >> 23 & 0xff;
        let sum = near(&mut v, product as i32, 30);
        check(a, b, sum);
        // All but the last bits cancel.
        check(a, b, -(a * b));
        let neighbour = f32::from_bits(
            (a * b)
                .to_bits()
                .wrapping_add((v.next() % 5) as u32)
                .wrapping_sub(2),
        );
        check(a, b, -neighbour);
    }
}

#[test]
fn results_around_the_smallest_normal_number() {
    let mut v = Values(3);
    for _ in 0..400_000 {
        let a = near(&mut v, 64, 3);
        let b = near(&mut v, 64, 3);
        let sum = near(&mut v, 1, 2);
        check(a, b, sum);
    }
    let smallest = f32::MIN_POSITIVE;
    let below_one = f32::from_bits(0x3f7f_ffff);
    for sign in [1.0, -1.0] {
        // Rounding would reach the smallest normal number; what is flushed is what lies below it before.
        check(smallest * sign, below_one, 0.0);
        check(f32::EPSILON * 0.25, -smallest * sign, smallest * sign);
        check(f32::EPSILON * 0.25, smallest * sign, smallest * sign);
        check(smallest * sign, 1.0, 0.0);
        check(f32::from_bits(1) * sign, f32::MAX, 0.0);
        check(f32::from_bits(0x7f_ffff) * sign, 1.0, 1.0);
        check(1.0, sign, f32::from_bits(0x7f_ffff));
        check(0.0, sign, -0.0);
        check(-0.0, sign, f32::from_bits(0x8000_0001));
        check(f32::MAX, sign, f32::MAX);
        check(f32::MAX, 2.0 * sign, f32::NEG_INFINITY);
        check(f32::INFINITY, 0.0, sign);
        check(f32::INFINITY, f32::from_bits(1), sign);
    }
    assert_eq!(fmaf(smallest, below_one, 0.0).to_bits(), 0);
    assert_eq!(fmaf(-smallest, below_one, 0.0).to_bits(), 1 << 31);
}

#[test]
fn normal_results_of_normal_operands_are_fused_ones() {
    let mut v = Values(4);
    for _ in 0..200_000 {
        let [a, b, sum] = [(); 3].map(|()| near(&mut v, 127, 20));
        assert_eq!(fmaf(a, b, sum).to_bits(), a.mul_add(b, sum).to_bits());
    }
}
