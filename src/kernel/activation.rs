//! Activations, value by value and in place; each gradient is computed from the output.
//!
//! | | y | dx |
//! | --- | --- | --- |
//! | relu | max(x, 0) | dy (1 if y > 0, else 0) |
//! | sigmoid | 1 / (1 + e^-x) | dy (y (1 - y)) |
//! | tanh | tanh x | dy (1 - y y) |
//! | softrelu | ln(1 + e^x) | dy (1 - e^-y) |
//! | softsign | x / (1 + abs x) | dy (1 - abs y)^2 |

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
        Act::Relu => each(y, relu),
        Act::Sigmoid => math.sigmoid_all(y),
        Act::Tanh => math.tanh_all(y),
        Act::Softrelu => each(y, |x| softrelu(x, math)),
        Act::Softsign => each(y, |x| x / (1.0 + abs(x))),
    }
}

/// dy = dy act'(x), by the output y = act(x).
pub fn backward(y: &[f32], dy: &mut [f32], act: Act, math: Math) {
    match act {
        Act::Relu => both(y, dy, relu_slope),
        Act::Sigmoid => both(y, dy, sigmoid_slope),
        Act::Tanh => both(y, dy, tanh_slope),
        Act::Softrelu => both(y, dy, |y| softrelu_slope(y, math)),
        Act::Softsign => both(y, dy, |y| (1.0 - abs(y)) * (1.0 - abs(y))),
    }
}

/// NaN stays, -0 becomes +0.
#[inline]
pub(crate) fn relu(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

#[inline]
pub(crate) fn relu_slope(y: f32) -> f32 {
    if y > 0.0 { 1.0 } else { 0.0 }
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
