//! Normalisation: BatchNorm, LayerNorm and LRN.
//!
//! M outer, C the axis, I inner: arrays are `[M, C, I]`. eps keeps a variance of 0 from being divided by.
//!
//! BatchNorm (MXNet's `BatchNorm`), for each channel c of C over its K = M I values:
//!
//! - mean = (+0 + x over m, then i) / K; var = (+0 + (x - mean)^2 in the same order) / K: the biased variance;
//! - y = (x - mean) (gamma / sqrt(var + eps)) + beta;
//! - dgamma = +0 + dy (x - mean) in order, then over sqrt(var + eps); dbeta = +0 + dy in order;
//! - dx = (gamma / sqrt(var + eps)) (dy - dbeta / K - (x - mean) / sqrt(var + eps) dgamma / K), or, with statistics
//!   that do not come from x, (gamma / sqrt(var + eps)) dy;
//! - moving = momentum moving + (1 - momentum) batch, for mean and variance.
//!
//! LayerNorm has the same formulas, with statistics over the C values of each m and i, and gamma and beta along C.

use super::finite::finite;
use super::rows::{Column, rows, rows_mut, strided_mut};
use crate::math::Math;

/// The shape of the array besides its outer length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// C
    pub axis: usize,
    /// I
    pub inner: usize,
    pub eps: f32,
}

/// What a batch says of a channel.
#[derive(Clone, Copy, Debug)]
struct Moments {
    mean: f32,
    var: f32,
}

/// Mean and biased variance of `values`, in their order.
fn moments(values: impl Iterator<Item = f32> + Clone) -> Moments {
    let (sum, count) = values.clone().fold((0.0, 0u32), |(sum, count), x| {
        (sum + x, count.wrapping_add(1))
    });
    let count = count as f32;
    let mean = sum / count;
    let squares = values.fold(0.0, |sum, x| sum + (x - mean) * (x - mean));
    Moments {
        mean,
        var: squares / count,
    }
}

impl Norm {
    /// The values of channel `c`: over m, then i.
    fn channel<'x>(self, x: &'x [f32], c: usize) -> impl Iterator<Item = f32> + Clone + 'x {
        let (width, inner) = (self.axis.saturating_mul(self.inner), self.inner);
        let first = c.saturating_mul(inner);
        let samples = x.get(first..).unwrap_or(&[]);
        let strided = super::rows::Strided {
            values: samples,
            first: 0,
            stride: width,
        };
        strided.rows(inner).flatten().copied()
    }

    /// Mean and variance of each channel.
    pub fn batch_moments(
        self,
        x: &[f32],        // [M, C, I]
        mean: &mut [f32], // [C]
        var: &mut [f32],  // [C]
    ) {
        for (c, (mean, var)) in mean.iter_mut().zip(var).enumerate() {
            let moments = moments(self.channel(x, c));
            (*mean, *var) = (moments.mean, moments.var);
        }
    }

    /// y = (y - mean) (gamma / sqrt(var + eps)) + beta, in place; without gamma, 1 (`fix_gamma`).
    pub fn batch_apply(
        self,
        gamma: &[f32], // [C] or empty
        beta: &[f32],  // [C]
        mean: &[f32],  // [C]
        var: &[f32],   // [C]
        y: &mut [f32], // [M, C, I]
        math: Math,
    ) {
        for y in rows_mut(y, self.axis.saturating_mul(self.inner)) {
            let mut gamma = gamma.iter();
            let statistics = beta.iter().zip(mean).zip(var);
            for (y, ((beta, mean), var)) in rows_mut(y, self.inner).zip(statistics) {
                let gamma = gamma.next().copied().unwrap_or(1.0);
                let scale = gamma / math.sqrt(var + self.eps);
                y.iter_mut().for_each(|y| *y = (*y - mean) * scale + beta);
            }
        }
    }

    /// dx in place of dy, dgamma and dbeta. `of_batch`: mean and variance are those of x, and pass a gradient on.
    #[expect(
        clippy::too_many_arguments,
        reason = "four operands of the forward and three gradients"
    )]
    pub fn batch_backward(
        self,
        x: &[f32],          // [M, C, I]
        gamma: &[f32],      // [C] or empty
        mean: &[f32],       // [C]
        var: &[f32],        // [C]
        dx: &mut [f32],     // [M, C, I], dy on entry
        dgamma: &mut [f32], // [C]
        dbeta: &mut [f32],  // [C]
        of_batch: bool,
        math: Math,
    ) {
        let mut gamma = gamma.iter();
        let grads = dgamma.iter_mut().zip(dbeta);
        let statistics = mean.iter().zip(var);
        for (c, ((dgamma, dbeta), (mean, var))) in grads.zip(statistics).enumerate() {
            let gamma = gamma.next().copied().unwrap_or(1.0);
            let deviation = math.sqrt(var + self.eps);
            let pairs = self.channel(x, c).zip(self.channel(dx, c));
            let sums = pairs.fold((0.0, 0.0, 0u32), |(products, sum, count), (x, dy)| {
                (products + dy * (x - mean), sum + dy, count.wrapping_add(1))
            });
            (*dgamma, *dbeta) = (sums.0 / deviation, sums.1);
            let count = sums.2 as f32;
            let (along, level) = match of_batch {
                true => (*dgamma / count / deviation, *dbeta / count),
                false => (0.0, 0.0),
            };
            let scale = gamma / deviation;
            let width = self.axis.saturating_mul(self.inner);
            let first = c.saturating_mul(self.inner);
            let blocks = strided_mut(dx, first, width, self.inner);
            for (dx, x) in blocks.flatten().zip(self.channel(x, c)) {
                *dx = if of_batch {
                    scale * (*dx - level - (x - mean) * along)
                } else {
                    scale * *dx
                };
            }
        }
    }

    /// Mean and variance over the axis, at one place of M and I.
    fn place_moments(self, x: &[f32], i: usize) -> Moments {
        moments(self.place(x, i))
    }

    /// The values along the axis of one row of M, at place `i`.
    fn place<'x>(self, x: &'x [f32], i: usize) -> impl Iterator<Item = f32> + Clone + 'x {
        Column::every(x.get(i..).unwrap_or(&[]), self.inner)
    }

    /// y = (x - mean) / sqrt(var + eps) gamma + beta over the axis.
    pub fn layer_forward(
        self,
        x: &[f32],     // [M, C, I]
        gamma: &[f32], // [C]
        beta: &[f32],  // [C]
        y: &mut [f32], // [M, C, I]
        math: Math,
    ) {
        let width = self.axis.saturating_mul(self.inner);
        for (x, y) in rows(x, width).zip(rows_mut(y, width)) {
            for i in 0..self.inner {
                let Moments { mean, var } = self.place_moments(x, i);
                let deviation = math.sqrt(var + self.eps);
                let outputs = strided_mut(y, i, self.inner, 1).flatten();
                let affine = gamma.iter().zip(beta);
                for ((y, x), (gamma, beta)) in outputs.zip(self.place(x, i)).zip(affine) {
                    *y = (x - mean) / deviation * gamma + beta;
                }
            }
        }
    }

    /// dx in place of dy, dgamma and dbeta; the statistics are formed again from x.
    pub fn layer_backward(
        self,
        x: &[f32],          // [M, C, I]
        gamma: &[f32],      // [C]
        dx: &mut [f32],     // [M, C, I], dy on entry
        dgamma: &mut [f32], // [C]
        dbeta: &mut [f32],  // [C]
        math: Math,
    ) {
        dgamma.fill(0.0);
        dbeta.fill(0.0);
        let width = self.axis.saturating_mul(self.inner);
        let count = self.axis as f32;
        for (x, dx) in rows(x, width).zip(rows_mut(dx, width)) {
            for i in 0..self.inner {
                let Moments { mean, var } = self.place_moments(x, i);
                let deviation = math.sqrt(var + self.eps);
                let (mut sum, mut products) = (0.0, 0.0);
                let deltas = self.place(dx, i).zip(self.place(x, i)).zip(gamma);
                let grads = dgamma.iter_mut().zip(dbeta.iter_mut());
                for (((dy, x), gamma), (dgamma, dbeta)) in deltas.zip(grads) {
                    let normal = (x - mean) / deviation;
                    *dgamma += dy * normal;
                    *dbeta += dy;
                    sum += dy * gamma;
                    products += dy * gamma * normal;
                }
                let (level, along) = (sum / count, products / count);
                let values = strided_mut(dx, i, self.inner, 1).flatten();
                for ((dx, x), gamma) in values.zip(self.place(x, i)).zip(gamma) {
                    let normal = (x - mean) / deviation;
                    *dx = (*dx * gamma - level - normal * along) / deviation;
                }
            }
        }
    }
}

/// moving = momentum moving + (1 - momentum) batch. A statistic that is not finite leaves its moving one as it
/// was: the update of such a step refuses, and inference must not suffer from it for ever.
pub fn follow(
    batch: &[f32],      // [C]
    moving: &mut [f32], // [C]
    momentum: f32,
) {
    for (moving, batch) in moving.iter_mut().zip(batch) {
        let next = momentum * *moving + (1.0 - momentum) * batch;
        if finite(next) {
            *moving = next;
        }
    }
}

/// Local response normalisation across channels, MXNet's `LRN`: of `[M, C, I]`,
///
/// - norm\[c\] = knorm + alpha / nsize (+0 + x^2 over the channels c - h to c + h that there are), h = (nsize - 1) / 2
///   rounded down (measured for even sizes);
/// - y = x norm^-beta, where x^a is e^(a ln x);
/// - dx\[c\] = dy norm^-beta - (2 alpha beta / nsize) x (+0 + dy x norm^(-beta - 1) over the same channels).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lrn {
    /// C
    pub channels: usize,
    /// I
    pub inner: usize,
    pub nsize: usize,
    pub alpha: f32,
    pub beta: f32,
    pub knorm: f32,
}

impl Lrn {
    /// Channels on each side.
    fn half(self) -> usize {
        self.nsize.saturating_sub(1) >> 1
    }

    /// The rows of the channels in the window of channel `c`.
    fn window(self, sample: &[f32], c: usize) -> impl Iterator<Item = &[f32]> {
        let first = c.saturating_sub(self.half());
        let end = c.saturating_add(self.half()).saturating_add(1);
        let from = sample
            .get(first.saturating_mul(self.inner)..)
            .unwrap_or(&[]);
        rows(from, self.inner).take(end.saturating_sub(first))
    }

    /// norm and y.
    pub fn forward(
        self,
        x: &[f32],        // [M, C, I]
        norm: &mut [f32], // [M, C, I]
        y: &mut [f32],    // [M, C, I]
        math: Math,
    ) {
        let share = self.alpha / self.nsize as f32;
        let width = self.channels.saturating_mul(self.inner);
        let samples = rows(x, width).zip(rows_mut(norm, width));
        for ((x, norm), y) in samples.zip(rows_mut(y, width)) {
            for (c, norm) in rows_mut(norm, self.inner).enumerate() {
                norm.fill(0.0);
                for x in self.window(x, c) {
                    for (norm, x) in norm.iter_mut().zip(x) {
                        *norm += x * x;
                    }
                }
                norm.iter_mut()
                    .for_each(|norm| *norm = self.knorm + share * *norm);
            }
            for ((y, x), norm) in y.iter_mut().zip(x).zip(norm) {
                *y = x * math.exp(-self.beta * math.ln(*norm));
            }
        }
    }

    /// dx; `products` is overwritten.
    pub fn backward(
        self,
        x: &[f32],            // [M, C, I]
        norm: &[f32],         // [M, C, I]
        dy: &[f32],           // [M, C, I]
        products: &mut [f32], // [C, I]
        dx: &mut [f32],       // [M, C, I]
        math: Math,
    ) {
        let factor = 2.0 * self.alpha * self.beta / self.nsize as f32;
        let width = self.channels.saturating_mul(self.inner);
        let samples = rows(x, width).zip(rows(norm, width)).zip(rows(dy, width));
        for (((x, norm), dy), dx) in samples.zip(rows_mut(dx, width)) {
            let values = x.iter().zip(norm).zip(dy);
            let outputs = products.iter_mut().zip(dx.iter_mut());
            for (((x, norm), dy), (product, dx)) in values.zip(outputs) {
                let scaled = dy * math.exp(-self.beta * math.ln(*norm));
                *product = scaled * x / norm;
                *dx = scaled;
            }
            let channels = rows_mut(dx, self.inner).zip(rows(x, self.inner));
            for (c, (dx, x)) in channels.enumerate() {
                // The sum is formed in front of the subtraction, place by place.
                for (i, (dx, x)) in dx.iter_mut().zip(x).enumerate() {
                    let window = self.window(products, c);
                    let sum = window.fold(0.0, |sum, row| sum + row.get(i).copied().unwrap_or(0.0));
                    *dx -= factor * x * sum;
                }
            }
        }
    }
}
