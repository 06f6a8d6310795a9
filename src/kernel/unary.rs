//! Functions of one value, in place: exp, ln, sqrt, |x|. Their gradients are products and quotients of
//! `elementwise`, but for that of |x|.

use crate::math::Math;

/// y = e^y. Its gradient is dy y, by the output.
pub fn exp(y: &mut [f32], math: Math) {
    math.exp_all(y);
}

/// y = ln y. Its gradient is dy / x, by the input.
pub fn log(y: &mut [f32], math: Math) {
    for y in y {
        *y = math.ln(*y);
    }
}

/// y = sqrt y. Its gradient is 0.5 dy / y, by the output.
pub fn sqrt(y: &mut [f32], math: Math) {
    for y in y {
        *y = math.sqrt(*y);
    }
}

/// y = |y|
pub fn abs(y: &mut [f32]) {
    for y in y {
        *y = f32::from_bits(y.to_bits() & 0x7fff_ffff);
    }
}

/// dy = dy sign(x), 0 where x is 0: the gradient of |x|, by the input.
pub fn abs_backward(x: &[f32], dy: &mut [f32]) {
    for (dy, x) in dy.iter_mut().zip(x) {
        *dy *= sign(*x);
    }
}

/// 1, 0 or -1; NaN stays.
#[inline]
fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x * 0.0
    }
}
