//! The norm of all gradients together, for clipping by it, where no gradient is held.
//!
//! R rows, K inputs, O outputs.
//!
//! Fixed order: the squares of each row of dW (and of each 64 values of a row) are one sum, the sums are added in the
//! rows' order; parameters in the order of their indices. These sums are the same in every recipe: separate multiplications and additions.
//!
//! Of dW = delta^T z the norm also follows from the rows alone: |dW|^2 = sum over s, t of (delta_s . delta_t)(z_s . z_t).
//! That takes R (R+1) / 2 pairs of products of O and of K in place of R O K, and no tile; the plan takes whichever is less.

use core::cell::Cell;

use super::dense::Dense;
use super::rows::{Strided, row, split};
use crate::error::OptimizerError;
use crate::optim::{At, Common, Kind, Optimizer, States};

/// In place of an optimizer: adds up the squares of gradients as they are formed, and moves no weight.
#[derive(Clone, Copy)]
pub struct Squares<'s> {
    sum: &'s Cell<f32>,
}

impl<'s> Squares<'s> {
    /// Adds to `sum`.
    pub const fn new(sum: &'s Cell<f32>) -> Self {
        Squares { sum }
    }
}

impl<'s> Optimizer for Squares<'s> {
    const KIND: Kind = Kind::Sgd;

    type Step = &'s Cell<f32>;

    fn begin(&mut self, _at: At) -> Self::Step {
        self.sum
    }

    fn apply(sum: &Self::Step, _w: &mut [f32], g: &[f32], _states: States<'_>) -> bool {
        sum.set(sum.get() + squares(g));
        true
    }

    fn check(&self) -> Result<(), OptimizerError> {
        Ok(())
    }

    fn common(&self) -> Common {
        Common {
            learning_rate: 0.0,
            wd: 0.0,
            rescale_grad: None,
            clip_gradient: None,
        }
    }

    fn set_common(&mut self, _common: Common) {}
}

/// The sum of the squares.
pub fn squares(g: &[f32]) -> f32 {
    let (blocks, last) = g.as_chunks::<64>();
    let blocks = blocks.iter().map(|block| dot(block, block));
    blocks.fold(0.0, |sum, block| sum + block) + dot(last, last)
}

/// |dW|^2 by pairs of rows; not below 0, as rounding can make a sum that should be none.
pub fn pairs(
    dense: Dense,
    delta: Strided<'_>, // [R, O]
    x0: &[f32],         // [R0, K]
    x1: &[f32],         // [R - R0, K]
) -> f32 {
    let Dense {
        inputs, outputs, ..
    } = dense;
    let Some(before) = x0.len().checked_div(inputs) else {
        return 0.0;
    };
    let z = |at: usize| match at.checked_sub(before) {
        None => row(x0, at, inputs),
        Some(at) => row(x1, at, inputs),
    };
    let of_delta = |at: usize| {
        let from = at.saturating_mul(delta.stride).saturating_add(delta.first);
        let (_, rest) = split(delta.values, from);
        rest.get(..outputs)
    };
    let mut total = 0.0;
    let mut s = 0;
    while let (Some(zs), Some(ds)) = (z(s), of_delta(s)) {
        let mut others = 0.0;
        for t in 0..s {
            let (Some(zt), Some(dt)) = (z(t), of_delta(t)) else {
                break;
            };
            others += dot(ds, dt) * dot(zs, zt);
        }
        total += 2.0 * others + dot(ds, ds) * dot(zs, zs);
        s += 1;
    }
    if total < 0.0 { 0.0 } else { total }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}
