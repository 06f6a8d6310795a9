//! Activations, value by value and in place; each gradient is computed from the output.
//!
//! | | y | dx |
//! | --- | --- | --- |
//! | relu | max(x, 0) | dy (1 if y > 0, else 0) |
//! | sigmoid | 1 / (1 + e^-x) | dy (y (1 - y)) |
//! | tanh | tanh x | dy (1 - y y) |
//! | softrelu | ln(1 + e^x) | dy (1 - e^-y) |
//! | softsign | x / (1 + abs x) | dy (1 - abs y)^2 |

use super::blas;
use crate::math::Math;

/// Which function; the numbers are those that a plan stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Act {
    Relu = 0,
    Sigmoid = 1,
    Tanh = 2,
    Softrelu = 3,
    Softsign = 4,
}

impl Act {
    /// The function with this number.
    pub const fn from_u32(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Relu,
            1 => Self::Sigmoid,
            2 => Self::Tanh,
            3 => Self::Softrelu,
            4 => Self::Softsign,
            _ => return None,
        })
    }
}

/// y = act(y)
pub fn forward(y: &mut [f32], act: Act, math: Math) {
    match act {
        Act::Relu => blas::relu(y),
        Act::Sigmoid => math.sigmoid_all(y),
        Act::Tanh => math.tanh_all(y),
        Act::Softrelu => each(y, |x| softrelu(x, math)),
        Act::Softsign => each(y, |x| x / (1.0 + abs(x))),
    }
}

/// dy = dy act'(x), by the output y = act(x).
pub fn backward(y: &[f32], dy: &mut [f32], act: Act, math: Math) {
    match act {
        Act::Relu => blas::relu_backward(y, dy),
        Act::Sigmoid => both(y, dy, sigmoid_slope),
        Act::Tanh => both(y, dy, tanh_slope),
        Act::Softrelu => both(y, dy, |y| softrelu_slope(y, math)),
        Act::Softsign => both(y, dy, |y| (1.0 - abs(y)) * (1.0 - abs(y))),
    }
}

/// NaN stays, -0 becomes +0. By the bits, for cores that compare integers sooner than floats: from -0 to -infinity they are a range.
#[inline]
pub(crate) fn relu(x: f32) -> f32 {
    let below = (-0.0f32).to_bits()..=f32::NEG_INFINITY.to_bits();
    if below.contains(&x.to_bits()) { 0.0 } else { x }
}

/// Whether y is above 0, by its bits: those of NaN lie behind infinity's.
#[inline]
pub(crate) fn is_positive(y: f32) -> bool {
    (1..=f32::INFINITY.to_bits()).contains(&y.to_bits())
}

#[inline]
pub(crate) fn relu_slope(y: f32) -> f32 {
    if is_positive(y) { 1.0 } else { 0.0 }
}

#[inline]
pub(crate) fn sigmoid_slope(y: f32) -> f32 {
    y * (1.0 - y)
}

#[inline]
pub(crate) fn tanh_slope(y: f32) -> f32 {
    1.0 - y * y
}

/// Below this, ln(1 + u) and 1 - e^-u come from their series: the sum and the difference would lose their digits.
const SMALL: f32 = 1.0 / 64.0;

/// max(x, 0) + ln(1 + e^-|x|), so that nothing overflows.
#[inline]
fn softrelu(x: f32, math: Math) -> f32 {
    let u = math.exp(-abs(x));
    relu(x)
        + if u < SMALL {
            u * (1.0 - u * (0.5 - u * (1.0 / 3.0)))
        } else {
            math.ln(1.0 + u)
        }
}

#[inline]
fn softrelu_slope(y: f32, math: Math) -> f32 {
    if y < SMALL {
        y * (1.0 - y * (0.5 - y * (1.0 / 6.0)))
    } else {
        1.0 - math.exp(-y)
    }
}

#[inline]
fn abs(x: f32) -> f32 {
    f32::from_bits(x.to_bits() & 0x7fff_ffff)
}

#[inline]
fn each(y: &mut [f32], f: impl Fn(f32) -> f32) {
    for y in y {
        *y = f(*y);
    }
}

#[inline]
fn both(y: &[f32], dy: &mut [f32], slope: impl Fn(f32) -> f32) {
    for (dy, y) in dy.iter_mut().zip(y) {
        *dy *= slope(*y);
    }
}
