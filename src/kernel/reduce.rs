//! The mean and the sum over an axis.
//!
//! M outer, A the axis, I inner: `[M, A, I]` becomes `[M, I]`.
//!
//! Fixed order: the sum from +0 along the axis ascending, the mean's then divided by A.

use super::elementwise::{add_assign, assign, div_scalar};
use super::rows::{rows, rows_mut};

/// The shape of the array besides its outer length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mean {
    /// A
    pub axis: usize,
    /// I
    pub inner: usize,
}

impl Mean {
    /// y = the mean of x along the axis.
    pub fn forward(
        self,
        x: &[f32],     // [M, A, I]
        y: &mut [f32], // [M, I]
    ) {
        for (x, y) in rows(x, self.axis.saturating_mul(self.inner)).zip(rows_mut(y, self.inner)) {
            y.fill(0.0);
            for x in rows(x, self.inner) {
                add_assign(y, x);
            }
            div_scalar(y, self.axis as f32);
        }
    }

    /// dx = dy / A at every place of the axis, or that added to dx.
    pub fn backward(
        self,
        dy: &[f32],     // [M, I]
        dx: &mut [f32], // [M, A, I]
        accumulate: bool,
    ) {
        let len = self.axis as f32;
        for (dy, dx) in rows(dy, self.inner).zip(rows_mut(dx, self.axis.saturating_mul(self.inner)))
        {
            for dx in rows_mut(dx, self.inner) {
                for (dx, dy) in dx.iter_mut().zip(dy) {
                    let share = *dy / len;
                    *dx = if accumulate { *dx + share } else { share };
                }
            }
        }
    }
}

/// The shape of the array besides its outer length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// A
    pub axis: usize,
    /// I
    pub inner: usize,
}

impl Sum {
    /// y = the sum of x along the axis: also the gradient of [`Sum::repeat`].
    pub fn forward(
        self,
        x: &[f32],     // [M, A, I]
        y: &mut [f32], // [M, I]
    ) {
        for (x, y) in rows(x, self.axis.saturating_mul(self.inner)).zip(rows_mut(y, self.inner)) {
            y.fill(0.0);
            for x in rows(x, self.inner) {
                add_assign(y, x);
            }
        }
    }

    /// y = x at every place of the axis: a broadcast, and the gradient of [`Sum::forward`].
    pub fn repeat(
        self,
        x: &[f32],     // [M, I]
        y: &mut [f32], // [M, A, I]
    ) {
        for (x, y) in rows(x, self.inner).zip(rows_mut(y, self.axis.saturating_mul(self.inner))) {
            for y in rows_mut(y, self.inner) {
                assign(y, x);
            }
        }
    }
}
