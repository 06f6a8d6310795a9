//! LeakyReLU and its relatives, value by value and in place. C channels, I elements of each: prelu's array is
//! `[N, C, I]`, its gamma `[C]`, or `[1]` with C = 1 for one slope everywhere.
//!
//! | | y for x > 0 | y else | dx |
//! | --- | --- | --- | --- |
//! | leaky | x | slope x | dy (1 if y > 0, else slope) |
//! | elu | scale x | scale alpha (e^x - 1) | dy (scale if y > 0, else y + scale alpha) |
//! | gelu | x Phi(x) | the same | dy (Phi(x) + x phi(x)) |
//! | prelu | x | gamma x | dy (1 if x > 0, else gamma); dgamma = sum of dy x where x <= 0 |
//!
//! selu is elu with [`SELU_ALPHA`] and [`SELU_SCALE`]. Phi(x) = (1 + erf(x / sqrt 2)) / 2, phi(x) = e^(-x^2 / 2) /
//! sqrt(2 pi). The formulas are MXNet's `leaky_relu-inl.h`; the slopes of leaky and elu come from the output there too.
//!
//! Fixed order: each sum of dgamma from +0, n ascending, then i.

use super::rows::{rows, rows_mut};
use crate::math::Math;

/// alpha of selu, as f32.
pub const SELU_ALPHA: f32 = 1.673_263_2;
/// scale of selu, as f32.
pub const SELU_SCALE: f32 = 1.050_701;

/// y = y for y > 0, else slope y.
pub fn leaky_forward(y: &mut [f32], slope: f32) {
    for y in y {
        *y = leaky(*y, slope);
    }
}

/// dy = dy times the slope, by the output. The slope is not negative.
pub fn leaky_backward(y: &[f32], dy: &mut [f32], slope: f32) {
    for (dy, y) in dy.iter_mut().zip(y) {
        *dy *= if *y > 0.0 { 1.0 } else { slope };
    }
}

#[inline]
fn leaky(x: f32, slope: f32) -> f32 {
    if x > 0.0 { x } else { slope * x }
}

/// alpha and scale of an elu; neither is negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elu {
    pub alpha: f32,
    pub scale: f32,
}

impl Elu {
    /// y = elu(y)
    pub fn forward(self, y: &mut [f32], math: Math) {
        for y in y {
            let x = *y;
            *y = self.scale
                * if x > 0.0 {
                    x
                } else {
                    self.alpha * math.expm1(x)
                };
        }
    }

    /// dy = dy elu'(x), by the output y = elu(x).
    pub fn backward(self, y: &[f32], dy: &mut [f32]) {
        let low = self.scale * self.alpha;
        for (dy, y) in dy.iter_mut().zip(y) {
            *dy *= if *y > 0.0 { self.scale } else { *y + low };
        }
    }
}

/// y = y Phi(y)
pub fn gelu_forward(y: &mut [f32], math: Math) {
    for y in y {
        *y *= phi_below(*y, math);
    }
}

/// dy = dy gelu'(x), by the input.
pub fn gelu_backward(x: &[f32], dy: &mut [f32], math: Math) {
    /// 1 / sqrt(2 pi)
    const DENSITY: f32 = 0.398_942_3;
    for (dy, x) in dy.iter_mut().zip(x) {
        let x = *x;
        *dy *= phi_below(x, math) + x * (DENSITY * math.exp(-0.5 * x * x));
    }
}

/// Phi(x): how likely a standard normal value is below x.
#[inline]
fn phi_below(x: f32, math: Math) -> f32 {
    0.5 * (1.0 + math.erf(x * core::f32::consts::FRAC_1_SQRT_2))
}

/// The shape of prelu's array besides its outer length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prelu {
    /// C
    pub channels: usize,
    /// I
    pub inner: usize,
}

impl Prelu {
    /// y = y for y > 0, else gamma y.
    pub fn forward(
        self,
        gamma: &[f32], // [C]
        y: &mut [f32], // [N, C, I]
    ) {
        for sample in rows_mut(y, self.channels.saturating_mul(self.inner)) {
            for (channel, gamma) in rows_mut(sample, self.inner).zip(gamma) {
                leaky_forward(channel, *gamma);
            }
        }
    }

    /// dy = dy (1 or gamma), by the input.
    pub fn backward(
        self,
        x: &[f32],      // [N, C, I]
        gamma: &[f32],  // [C]
        dy: &mut [f32], // [N, C, I]
    ) {
        let sample = self.channels.saturating_mul(self.inner);
        for (x, dy) in rows(x, sample).zip(rows_mut(dy, sample)) {
            let channels = rows(x, self.inner).zip(rows_mut(dy, self.inner));
            for ((x, dy), gamma) in channels.zip(gamma) {
                for (x, dy) in x.iter().zip(dy) {
                    *dy *= if *x > 0.0 { 1.0 } else { *gamma };
                }
            }
        }
    }

    /// dgamma = the sum of dy x over the values that gamma scaled.
    pub fn gamma_grad(
        self,
        x: &[f32],          // [N, C, I]
        dy: &[f32],         // [N, C, I]
        dgamma: &mut [f32], // [C]
    ) {
        dgamma.fill(0.0);
        let sample = self.channels.saturating_mul(self.inner);
        for (x, dy) in rows(x, sample).zip(rows(dy, sample)) {
            let channels = rows(x, self.inner).zip(rows(dy, self.inner));
            for ((x, dy), dgamma) in channels.zip(dgamma.iter_mut()) {
                for (x, dy) in x.iter().zip(dy) {
                    if *x <= 0.0 {
                        *dgamma += *dy * *x;
                    }
                }
            }
        }
    }
}
