//! The product with a matrix of weights: a dense layer, and what recurrent layers are made of.
//!
//! R rows, K inputs, O outputs.
//!
//! Fixed order:
//!
//! - y\[r,o\] = (+0 + x\[r,0\] w\[o,0\] + x\[r,1\] w\[o,1\] + ...) + b\[o\]; without a bias, nothing is added.
//! - dx\[r,k\] = (+0, or the value present) + delta\[r,0\] w\[0,k\] + delta\[r,1\] w\[1,k\] + ...
//! - dw\[o,k\] = (the value present) + delta\[0,o\] x\[0,k\] + delta\[1,o\] x\[1,k\] + ...; over a sequence the rows
//!   are those of step 0, then those of step 1, and so on (t ascending, then the batch).
//! - db\[o\] = (the value present) + delta\[0,o\] + delta\[1,o\] + ...

use super::finite::{all_finite, finite};
use super::rows::{Column, Rows, Strided, rows, rows_mut};
use crate::optim::{Optimizer, Overflow, Update};

/// The shape of a matrix of weights, `[outputs, inputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    pub inputs: usize,
    pub outputs: usize,
}

impl Dense {
    /// y = x w^T + b, for as many rows as `x` and `y` have.
    pub fn forward(
        self,
        x: &[f32],     // [R, K]
        w: &[f32],     // [O, K]
        b: &[f32],     // [O] or empty
        y: &mut [f32], // [R, O]
    ) {
        for (x, y) in rows(x, self.inputs).zip(rows_mut(y, self.outputs)) {
            self.row(x, w, b, y, false);
        }
    }

    /// One row of [`Self::forward`]; with `add`, the product and its bias are summed first and then added to `y`.
    /// An empty `x` is a row of zeros.
    pub fn row(
        self,
        x: &[f32],     // [K] or empty
        w: &[f32],     // [O, K]
        b: &[f32],     // [O] or empty
        y: &mut [f32], // [O]
        add: bool,
    ) {
        let mut w = rows(w, self.inputs);
        let mut b = b.iter();
        // A sum that starts from +0 is never -0, so that adding +0 for a missing bias changes nothing.
        let mut store = |y: &mut f32, sum: f32| {
            let value = sum + b.next().copied().unwrap_or(0.0);
            *y = if add { *y + value } else { value };
        };
        let (tiles, last) = y.as_chunks_mut::<4>();
        for tile in tiles {
            let Some(w) = w.next_four() else { return };
            for (y, sum) in tile.iter_mut().zip(dot_four(x, w)) {
                store(y, sum);
            }
        }
        for (y, w) in last.iter_mut().zip(w) {
            store(y, dot(x, w));
        }
    }

    /// dx = delta w, or dx += delta w.
    pub fn backward_data(
        self,
        delta: Strided<'_>, // [R, O]
        w: &[f32],          // [O, K]
        dx: &mut [f32],     // [R, K]
        accumulate: bool,
    ) {
        for (delta, dx) in delta.rows(self.outputs).zip(rows_mut(dx, self.inputs)) {
            if !accumulate {
                dx.fill(0.0);
            }
            self.backward_row(delta, w, dx);
        }
    }

    /// One row of [`Self::backward_data`], onto the values present.
    pub fn backward_row(
        self,
        delta: &[f32],  // [O]
        w: &[f32],      // [O, K]
        dx: &mut [f32], // [K]
    ) {
        axpy_all(&mut Column::of(delta), rows(w, self.inputs), dx);
    }

    /// dw += delta^T x. The rows of x are those of `x0` (the initial state of a recurrent layer), then those of `x1`.
    pub fn grad(
        self,
        delta: Strided<'_>, // [R, O]
        x0: &[f32],         // [R0, K]
        x1: &[f32],         // [R - R0, K]
        dw: &mut [f32],     // [O, K]
    ) {
        for (o, dw) in rows_mut(dw, self.inputs).take(self.outputs).enumerate() {
            self.grad_row(delta, o, x0, x1, dw);
        }
    }

    /// Row `o` of [`Self::grad`].
    fn grad_row(self, delta: Strided<'_>, o: usize, x0: &[f32], x1: &[f32], dw: &mut [f32]) {
        let mut delta = delta.column(o);
        axpy_all(&mut delta, rows(x0, self.inputs), dw);
        axpy_all(&mut delta, rows(x1, self.inputs), dw);
    }

    /// The gradient of [`Self::grad`], onto zeros, given to the optimizer row by row as it is formed:
    /// the same bits as the two after each other.
    ///
    /// # Errors
    /// A gradient or a new weight is not finite. The rows before it are updated already.
    pub fn update<T: Optimizer>(
        self,
        delta: Strided<'_>, // [R, O]
        x0: &[f32],         // [R0, K]
        x1: &[f32],         // [R - R0, K]
        w: &mut [f32],      // [O, K]
        tile: &mut [f32],   // [K], overwritten
        mut update: Update<'_, T>,
    ) -> Result<(), Overflow> {
        let mut at = 0;
        for (o, w) in rows_mut(w, self.inputs).take(self.outputs).enumerate() {
            tile.fill(0.0);
            self.grad_row(delta, o, x0, x1, tile);
            if !all_finite(tile) {
                return Err(Overflow);
            }
            update.row(at, w, tile)?;
            at += w.len();
        }
        Ok(())
    }
}

/// db += the sum of the rows of delta.
pub fn bias_grad(
    delta: Strided<'_>, // [R, O]
    outputs: usize,
    db: &mut [f32], // [O]
) {
    for row in delta.rows(outputs) {
        for (db, delta) in db.iter_mut().zip(row) {
            *db += *delta;
        }
    }
}

/// The gradient of [`bias_grad`], onto zeros, given to the optimizer value by value: the same bits.
///
/// # Errors
/// A gradient or a new bias is not finite. The values before it are updated already.
pub fn bias_update<T: Optimizer>(
    delta: Strided<'_>, // [R, O]
    outputs: usize,
    b: &mut [f32], // [O]
    mut update: Update<'_, T>,
) -> Result<(), Overflow> {
    for (o, b) in b.iter_mut().take(outputs).enumerate() {
        let g = delta.column(o).fold(0.0, |sum, delta| sum + delta);
        if !finite(g) {
            return Err(Overflow);
        }
        update.row(o, core::slice::from_mut(b), &[g])?;
    }
    Ok(())
}

/// +0 + x\[0\] w\[0\] + x\[1\] w\[1\] + ...
fn dot(x: &[f32], w: &[f32]) -> f32 {
    x.iter().zip(w).fold(0.0, |sum, (x, w)| sum + x * w)
}

/// Four of [`dot`], so that x is read once for the four.
fn dot_four(x: &[f32], [w0, w1, w2, w3]: [&[f32]; 4]) -> [f32; 4] {
    let (mut s0, mut s1, mut s2, mut s3) = (0.0, 0.0, 0.0, 0.0);
    for ((((x, w0), w1), w2), w3) in x.iter().zip(w0).zip(w1).zip(w2).zip(w3) {
        s0 += x * w0;
        s1 += x * w1;
        s2 += x * w2;
        s3 += x * w3;
    }
    [s0, s1, s2, s3]
}

/// y += a\[0\] x\[0\] + a\[1\] x\[1\] + ..., one after the other. Takes one factor for each row.
fn axpy_all(factors: &mut Column<'_, f32>, mut x: Rows<'_, f32>, y: &mut [f32]) {
    while let Some(x) = x.next_four() {
        let (Some(a0), Some(a1), Some(a2), Some(a3)) = (
            factors.next(),
            factors.next(),
            factors.next(),
            factors.next(),
        ) else {
            return;
        };
        axpy_four([a0, a1, a2, a3], x, y);
    }
    for (x, a) in x.zip(factors) {
        axpy(a, x, y);
    }
}

/// y += a x
pub(crate) fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// Four of [`axpy`] after each other, so that y is read and written once for the four.
fn axpy_four([a0, a1, a2, a3]: [f32; 4], [x0, x1, x2, x3]: [&[f32]; 4], y: &mut [f32]) {
    for ((((y, x0), x1), x2), x3) in y.iter_mut().zip(x0).zip(x1).zip(x2).zip(x3) {
        *y = *y + a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3;
    }
}
