//! Rows of a table, chosen by token.
//!
//! R tokens, V rows in the table, D values in each.
//!
//! Fixed order: the gradient of a row is its present value plus dy of each place that holds its token, in the order
//! of the places. A token beyond the table has no row: its y is left as it is, its dy goes nowhere.

use super::elementwise::{add_assign, assign};
use super::finite::all_finite;
use super::rows::{row, row_mut, rows, rows_mut};
use crate::optim::{Optimizer, Overflow, Update};

/// y = w\[token\]
pub fn forward(
    tokens: &[u16], // [R]
    w: &[f32],      // [V, D]
    y: &mut [f32],  // [R, D]
    width: usize,
) {
    for (token, y) in tokens.iter().zip(rows_mut(y, width)) {
        if let Some(w) = row(w, usize::from(*token), width) {
            assign(y, w);
        }
    }
}

/// dw\[token\] += dy
pub fn grad(
    tokens: &[u16], // [R]
    dy: &[f32],     // [R, D]
    dw: &mut [f32], // [V, D]
    width: usize,
) {
    for (token, dy) in tokens.iter().zip(rows(dy, width)) {
        if let Some(dw) = row_mut(dw, usize::from(*token), width) {
            add_assign(dw, dy);
        }
    }
}

/// The gradient of [`grad`], onto zeros, given to the optimizer row by row as it is formed: the same bits.
/// A row without a token has a gradient of zero, so that it still decays and keeps its momentum.
///
/// # Errors
/// A gradient or a new weight is not finite. The rows before it are updated already.
pub fn update<T: Optimizer>(
    tokens: &[u16],   // [R]
    dy: &[f32],       // [R, D]
    w: &mut [f32],    // [V, D]
    tile: &mut [f32], // [D], overwritten
    width: usize,
    mut update: Update<'_, T>,
) -> Result<(), Overflow> {
    let mut at = 0;
    for (index, w) in rows_mut(w, width).enumerate() {
        let g = gradient_row(tokens, dy, tile, width, index);
        if !all_finite(g) {
            return Err(Overflow);
        }
        update.row(at, w, g)?;
        at += w.len();
    }
    Ok(())
}

/// The gradient of one row of the table, in `tile`; empty if no place holds its token.
fn gradient_row<'a>(
    tokens: &[u16],
    dy: &[f32],
    tile: &'a mut [f32],
    width: usize,
    index: usize,
) -> &'a [f32] {
    let mut used = false;
    for (token, dy) in tokens.iter().zip(rows(dy, width)) {
        if usize::from(*token) == index {
            if !used {
                tile.fill(0.0);
                used = true;
            }
            add_assign(tile, dy);
        }
    }
    if used { tile } else { &[] }
}
