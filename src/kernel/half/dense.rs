//! The gradient of a dense layer whose inputs were stored as f16, in the order of [`crate::kernel::dense`].
//!
//! R rows, K inputs, O outputs.

use super::{widen, widen_all};
use crate::kernel::blas::axpy;
use crate::kernel::dense::Dense;
use crate::kernel::finite::all_finite;
use crate::kernel::rows::{Strided, rows, rows_mut};
use crate::optim::{Optimizer, Overflow, Update};

/// Inputs whose gradients are formed at a time: a strip of columns.
pub const STRIP: usize = 4;

/// dw += delta^T x. The rows of x are those of `x0`, then those of `x1`.
pub fn grad(
    dense: Dense,
    delta: Strided<'_>, // [R, O]
    x0: &[f32],         // [R0, K]
    x1: &[u16],         // [R - R0, K]
    dw: &mut [f32],     // [O, K]
    row: &mut [f32],    // [K], overwritten
) {
    let Dense {
        products,
        inputs,
        outputs,
    } = dense;
    let mut deltas = delta.rows(outputs);
    let mut add = |x: &[f32]| {
        let Some(delta) = deltas.next() else { return };
        for (dw, delta) in rows_mut(dw, inputs).zip(delta) {
            axpy(products, *delta, x, dw);
        }
    };
    for x in rows(x0, inputs) {
        add(x);
    }
    for x in rows(x1, inputs) {
        widen_all(row, x);
        add(row);
    }
}

/// The gradient of [`grad`], onto zeros, given to the optimizer as it is formed, [`STRIP`] columns of all rows after the
/// other: the same bits as the two after each other. Each of `x1` is widened once.
///
/// # Errors
/// A gradient or a new weight is not finite. Some weights are updated already.
pub fn update<T: Optimizer>(
    dense: Dense,
    delta: Strided<'_>, // [R, O]
    x0: &[f32],         // [R0, K]
    x1: &[u16],         // [R - R0, K]
    w: &mut [f32],      // [O, K]
    strip: &mut [f32],  // [R, STRIP], overwritten
    mut update: Update<'_, T>,
) -> Result<(), Overflow> {
    let Dense {
        products,
        inputs,
        outputs,
    } = dense;
    let mut column = 0;
    while column < inputs.min(w.len()) {
        let strip = fill(strip.as_chunks_mut().0, inputs, column, x0, x1);
        let mut at = column;
        for (o, w) in rows_mut(w, inputs).take(outputs).enumerate() {
            let mut sums = [0.0; STRIP];
            for (delta, x) in delta.column(o).zip(strip) {
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = products.mul_add(delta, *x, *sum);
                }
            }
            let Some(w) = w.get_mut(column..) else { break };
            let width = w.len().min(STRIP);
            let (Some(w), Some(sums)) = (w.get_mut(..width), sums.get(..width)) else {
                break;
            };
            if !all_finite(sums) {
                return Err(Overflow);
            }
            update.row(at, w, sums)?;
            at += inputs;
        }
        column += STRIP;
    }
    Ok(())
}

/// The columns of all rows from `column` on, at most [`STRIP`]; zeros beyond the last.
fn fill<'s>(
    strip: &'s mut [[f32; STRIP]],
    inputs: usize,
    column: usize,
    x0: &[f32],
    x1: &[u16],
) -> &'s [[f32; STRIP]] {
    let mut tiles = strip.iter_mut();
    let mut used = 0;
    for (tile, x) in tiles.by_ref().zip(rows(x0, inputs)) {
        *tile = [0.0; STRIP];
        for (to, from) in tile.iter_mut().zip(x.get(column..).unwrap_or(&[])) {
            *to = *from;
        }
        used += 1;
    }
    let mut halves = rows(x1, inputs);
    while let (Some(x), Some(tile)) = (halves.next(), strip.get_mut(used)) {
        *tile = [0.0; STRIP];
        for (to, from) in tile.iter_mut().zip(x.get(column..).unwrap_or(&[])) {
            *to = widen(*from);
        }
        used += 1;
    }
    strip.get(..used).unwrap_or(&[])
}
