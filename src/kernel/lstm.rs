//! One LSTM layer.
//!
//! T steps, N batch, D inputs, H hidden; 4H gates in MXNet's order i, f, g, o (its i, f, c, o).
//!
//! - i, f, o = sigmoid(x wi^T + bi + (h' wh^T + bh)), g = tanh(the same)
//! - c = f c' + i g
//! - h = o tanh(c)
//!
//! Fixed order: the two products as in [`super::recurrent`]; then the formulas above, and those of `Backward`, from
//! left to right. Steps backward from the last; in each, all sequences of the batch in turn.

use super::blas;
use super::elementwise::{add_assign, mul_assign};
use super::recurrent::{Dims, InputSums, Keep, Running, Weights};
use super::rows::{four_mut, groups, groups_mut, rows, rows_mut};
use crate::math::Math;

/// The operands of [`forward`]; the sizes of `gates`, `c` and `h` as [`Keep`] says.
#[derive(Debug)]
pub struct Forward<'a> {
    /// `[T, N, D]`
    pub x: &'a [f32],
    pub weights: Weights<'a>,
    /// `[N, H]`, or empty for zeros
    pub h0: &'a [f32],
    /// `[N, H]`, or empty for zeros
    pub c0: &'a [f32],
    /// `[T, N, 4H]` or `[R, 4H]`: i, f, g, o as activated
    pub gates: &'a mut [f32],
    /// `[T, N, H]` or `[N, H]`
    pub c: &'a mut [f32],
    /// `[T, N, H]` or `[N, H]`
    pub h: &'a mut [f32],
}

/// Every step of a layer.
pub fn forward(dims: Dims, math: Math, io: Forward<'_>) {
    let Dims {
        batch,
        inputs,
        hidden,
        keep,
        ..
    } = dims;
    let state_len = batch.saturating_mul(hidden);
    let gate_len = hidden.saturating_mul(4);
    let mut c = Running::new(io.c, io.c0, state_len, keep == Keep::All);
    let mut h = Running::new(io.h, io.h0, state_len, keep != Keep::Last);
    let input = dims.dense(inputs, gate_len);
    let state = dims.dense(hidden, gate_len);
    let Weights { wh, bh, .. } = io.weights;
    let mut gates = InputSums::new(input, io.x, io.weights, io.gates, gate_len);

    for _ in rows(io.x, batch.saturating_mul(inputs)) {
        let (Some((c, _)), Some((h, known))) = (c.step(), h.step()) else {
            return;
        };
        for (c, h) in rows_mut(c, hidden).zip(rows_mut(h, hidden)) {
            let Some(gates) = gates.row() else { return };
            state.row(if known { h } else { &[] }, wh, bh, gates, true);
            cell_forward(hidden, math, gates, c, h);
        }
    }
}

pub(super) fn cell_forward(
    hidden: usize,
    math: Math,
    gates: &mut [f32], // [4H] sums in, activated out
    c: &mut [f32],     // [H] before in, after out
    h: &mut [f32],     // [H]
) {
    if let Some(i_f) = gates.get_mut(..hidden.saturating_mul(2)) {
        math.sigmoid_all(i_f);
    }
    let Some([i, f, g, o]) = four_mut(gates, hidden) else {
        return;
    };
    math.tanh_all(g);
    math.sigmoid_all(o);
    blas::lstm_state([i, f, g], c, h);
    math.tanh_all(h);
    mul_assign(h, o);
}

/// The operands of [`backward`], after a forward that kept all.
#[derive(Debug)]
pub struct Backward<'a> {
    /// `[4H, H]`
    pub wh: &'a [f32],
    /// `[N, H]`, or empty for zeros
    pub c0: &'a [f32],
    /// `[T, N, H]`
    pub c: &'a [f32],
    /// `[T, N, 4H]`: what forward kept in, the gradients of the sums before activation out
    pub gates: &'a mut [f32],
    /// `[T, N, H]`: the gradient of each step's h, or empty for none
    pub dh_all: &'a [f32],
    /// `[N, H]`: the gradient of the last h (besides `dh_all`) in, of h0 out
    pub dh: &'a mut [f32],
    /// `[N, H]`: the gradient of the last c in, of c0 out
    pub dc: &'a mut [f32],
}

/// The deltas of every gate and the gradients of the initial states. With t = tanh(c):
///
/// - o: dh t o(1-o), and dc += dh o (1 - t t)
/// - i: dc g i(1-i); g: dc i (1 - g g); f: dc c' f(1-f)
/// - dc' = dc f; dh' = +0, plus delta wh over the gates' rows ascending, plus `dh_all` of the step before
pub fn backward(dims: Dims, math: Math, io: Backward<'_>) {
    let Dims { batch, hidden, .. } = dims;
    let state_len = batch.saturating_mul(hidden);
    let gate_len = hidden.saturating_mul(4);
    let state = dims.dense(hidden, gate_len);
    let mut c = rows(io.c, state_len);
    let mut dh_all = rows(io.dh_all, state_len);

    for gates in rows_mut(io.gates, batch.saturating_mul(gate_len)).rev() {
        let Some(c_now) = c.next_back() else { return };
        let mut c_before = rows(c.last_left().unwrap_or(io.c0), hidden);
        if let Some(dh_now) = dh_all.next_back() {
            add_assign(io.dh, dh_now);
        }
        let steps = rows_mut(gates, gate_len).zip(rows(c_now, hidden));
        for (((gates, c), dh), dc) in steps
            .zip(rows_mut(io.dh, hidden))
            .zip(rows_mut(io.dc, hidden))
        {
            cell_backward(
                hidden,
                math,
                gates,
                c,
                c_before.next().unwrap_or(&[]),
                dh,
                dc,
            );
            dh.fill(0.0);
            state.backward_row(gates, io.wh, dh, true);
        }
    }
}

fn cell_backward(
    hidden: usize,
    math: Math,
    gates: &mut [f32], // [4H] activated in, deltas out
    c: &[f32],         // [H]
    c_before: &[f32],  // [H], or empty for zeros
    dh: &[f32],        // [H]
    dc: &mut [f32],    // [H] of this step in, of the one before out
) {
    let Some([i, f, g, o]) = four_mut(gates, hidden) else {
        return;
    };
    let mut tile = [0.0; TILE];
    let (mut i, mut f) = (groups_mut(i, TILE), groups_mut(f, TILE));
    let (mut g, mut o) = (groups_mut(g, TILE), groups_mut(o, TILE));
    let (mut dh, mut dc) = (groups(dh, TILE), groups_mut(dc, TILE));
    let mut c_before = groups(c_before, TILE);
    for c in groups(c, TILE) {
        let (Some(i), Some(f), Some(g), Some(o)) = (i.next(), f.next(), g.next(), o.next()) else {
            return;
        };
        let (Some(dh), Some(dc)) = (dh.next(), dc.next()) else {
            return;
        };
        let Some(t) = tile.get_mut(..c.len()) else {
            return;
        };
        blas::copy(c, t);
        math.tanh_all(t);
        let before = c_before.next().unwrap_or(&ZEROS);
        blas::lstm_deltas([before, t, dh], [i, f, g, o], dc);
    }
}

static ZEROS: [f32; TILE] = [0.0; TILE];

/// Cells whose tanh(c) is formed at a time.
const TILE: usize = 32;
