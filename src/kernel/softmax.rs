//! The softmax over one axis, and the gradient of its cross-entropy with a label, as MXNet's SoftmaxOutput.
//!
//! M outer, C classes, I inner: an array is `[M, C, I]`, a label array `[M, I]`. I is 1 unless `multi_output`.
//!
//! Fixed order: e^(x - max) of each class, their sum from +0 with the classes ascending, then each divided by it. The sums
//! of the plain softmax's and log-softmax's gradients run the same way.

use super::rows::{Strided, rows, rows_mut, strided_mut};
use crate::math::Math;

/// The shape of the array besides its outer length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Softmax {
    /// C
    pub classes: usize,
    /// I
    pub inner: usize,
}

/// What the loss is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Normalization {
    /// I
    #[default]
    Null = 0,
    /// The number of labels.
    Batch = 1,
    /// The number of labels besides `ignore_label`, or 1 if there is none; counted even without `use_ignore`.
    Valid = 2,
}

impl Normalization {
    /// The rule with this number, as plans store it.
    pub const fn from_u32(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Null,
            1 => Self::Batch,
            2 => Self::Valid,
            _ => return None,
        })
    }
}

/// The attributes of the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    pub grad_scale: f32,
    /// MXNet's -1 and other numbers that no label can be: 65535, which no class can be either.
    pub ignore_label: u16,
    /// Whether places with that label have no gradient.
    pub use_ignore: bool,
    /// The share of the label's probability that goes to the other classes.
    pub smooth_alpha: f32,
    pub normalization: Normalization,
}

impl Default for Loss {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            grad_scale: 1.0,
            ignore_label: u16::MAX,
            use_ignore: false,
            smooth_alpha: 0.0,
            normalization: Normalization::Null,
        }
    }
}

impl Softmax {
    /// y = softmax(y) over the classes.
    pub fn forward(
        self,
        y: &mut [f32], // [M, C, I]
        math: Math,
    ) {
        for block in rows_mut(y, self.classes.saturating_mul(self.inner)) {
            if self.inner == 1 {
                softmax(block, math);
            } else {
                for i in 0..self.inner {
                    softmax_strided(block, i, self.inner, math);
                }
            }
        }
    }

    /// p = (p - target) (grad_scale / normalization): the target is 1 - alpha at the label and alpha / (C - 1)
    /// elsewhere. Zero where the label is ignored.
    pub fn backward(
        self,
        labels: &[u16], // [M, I]
        p: &mut [f32],  // [M, C, I]
        loss: Loss,
    ) {
        let block = self.classes.saturating_mul(self.inner);
        let divisor = match loss.normalization {
            Normalization::Null => self.inner,
            Normalization::Batch => labels.len(),
            Normalization::Valid => labels
                .iter()
                .filter(|label| **label != loss.ignore_label)
                .count(),
        };
        let scale = loss.grad_scale / divisor.max(1) as f32;
        let on = 1.0 - loss.smooth_alpha;
        let off = loss.smooth_alpha / self.classes.saturating_sub(1).max(1) as f32;

        for (p, labels) in rows_mut(p, block).zip(rows(labels, self.inner)) {
            for (class, p) in rows_mut(p, self.inner).enumerate() {
                for (p, label) in p.iter_mut().zip(labels) {
                    let target = if usize::from(*label) == class {
                        on
                    } else {
                        off
                    };
                    let ignored = loss.use_ignore && *label == loss.ignore_label;
                    *p = if ignored { 0.0 } else { (*p - target) * scale };
                }
            }
        }
    }
}

impl Softmax {
    /// dy = the gradient of the softmax by its output y: y (dy - sum over the classes of dy y).
    pub fn grad(
        self,
        y: &[f32],      // [M, C, I]
        dy: &mut [f32], // [M, C, I]
    ) {
        let block = self.classes.saturating_mul(self.inner);
        for (y, dy) in rows(y, block).zip(rows_mut(dy, block)) {
            for i in 0..self.inner {
                let values = Strided {
                    values: y,
                    first: i,
                    stride: self.inner,
                };
                let mut sum = 0.0;
                for (dy, y) in strided_mut(dy, i, self.inner, 1)
                    .flatten()
                    .zip(values.column(0))
                {
                    sum += *dy * y;
                }
                for (dy, y) in strided_mut(dy, i, self.inner, 1)
                    .flatten()
                    .zip(values.column(0))
                {
                    *dy = y * (*dy - sum);
                }
            }
        }
    }

    /// y = (y - max) - ln(sum over the classes of e^(y - max)): the logarithm of the softmax.
    pub fn log_forward(
        self,
        y: &mut [f32], // [M, C, I]
        math: Math,
    ) {
        let block = self.classes.saturating_mul(self.inner);
        for block in rows_mut(y, block) {
            for i in 0..self.inner {
                let mut max = f32::NEG_INFINITY;
                let mut sum = 0.0;
                for y in strided_mut(block, i, self.inner, 1).flatten() {
                    max = if *y > max { *y } else { max };
                }
                for y in strided_mut(block, i, self.inner, 1).flatten() {
                    *y -= max;
                    sum += math.exp(*y);
                }
                let log = math.ln(sum);
                for y in strided_mut(block, i, self.inner, 1).flatten() {
                    *y -= log;
                }
            }
        }
    }

    /// dy = the gradient of [`Softmax::log_forward`] by its output y: dy - e^y (sum over the classes of dy).
    pub fn log_grad(
        self,
        y: &[f32],      // [M, C, I]
        dy: &mut [f32], // [M, C, I]
        math: Math,
    ) {
        let block = self.classes.saturating_mul(self.inner);
        for (y, dy) in rows(y, block).zip(rows_mut(dy, block)) {
            for i in 0..self.inner {
                let values = Strided {
                    values: y,
                    first: i,
                    stride: self.inner,
                };
                let mut sum = 0.0;
                for dy in strided_mut(dy, i, self.inner, 1).flatten() {
                    sum += *dy;
                }
                for (dy, y) in strided_mut(dy, i, self.inner, 1)
                    .flatten()
                    .zip(values.column(0))
                {
                    *dy -= math.exp(y) * sum;
                }
            }
        }
    }
}

/// p = (p - label) grad_scale, for labels that are probabilities.
pub fn backward_prob(labels: &[f32], p: &mut [f32], grad_scale: f32) {
    for (p, label) in p.iter_mut().zip(labels) {
        *p = (*p - *label) * grad_scale;
    }
}

fn softmax(y: &mut [f32], math: Math) {
    let max = y
        .iter()
        .fold(f32::NEG_INFINITY, |max, y| if *y > max { *y } else { max });
    for y in y.iter_mut() {
        *y -= max;
    }
    math.exp_all(y);
    let mut sum = 0.0;
    for y in y.iter() {
        sum += *y;
    }
    for y in y {
        *y /= sum;
    }
}

/// The same over the values at `first`, `first + stride` and so on.
fn softmax_strided(block: &mut [f32], first: usize, stride: usize, math: Math) {
    let mut max = f32::NEG_INFINITY;
    let mut sum = 0.0;
    for y in strided_mut(block, first, stride, 1).flatten() {
        max = if *y > max { *y } else { max };
    }
    for y in strided_mut(block, first, stride, 1).flatten() {
        *y = math.exp(*y - max);
        sum += *y;
    }
    for y in strided_mut(block, first, stride, 1).flatten() {
        *y /= sum;
    }
}
