//! One GRU layer.
//!
//! T steps, N batch, D inputs, H hidden; 3H gates in MXNet's order r, z, n (its r, z, o), and beside them q, the
//! new value's product with the state.
//!
//! - r, z = sigmoid(x wi^T + bi + (h' wh^T + bh)) by the rows 0..2H of the weights
//! - q = h' wh^T + bh by the rows 2H..3H
//! - n = tanh(x wi^T + bi + r q) by the rows 2H..3H
//! - h = (1 - z) n + z h'
//!
//! Fixed order: the two products as in [`super::recurrent`]; then the formulas above, and those of `Backward`, from
//! left to right. Steps backward from the last; in each, all sequences of the batch in turn.

use super::activation::{sigmoid_slope, tanh_slope};
use super::blas;
use super::elementwise::add_assign;
use super::recurrent::{Dims, InputSums, Keep, Running, Weights};
use super::rows::{four_mut, rows, rows_mut, split};
use crate::math::Math;

/// The operands of [`forward`]; the sizes of `gates` and `h` as [`Keep`] says (there is no c).
#[derive(Debug)]
pub struct Forward<'a> {
    /// `[T, N, D]`
    pub x: &'a [f32],
    pub weights: Weights<'a>,
    /// `[N, H]`, or empty for zeros
    pub h0: &'a [f32],
    /// `[T, N, 4H]` or `[R, 4H]`: r, z, n as activated, and q
    pub gates: &'a mut [f32],
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
    let two = hidden.saturating_mul(2);
    let mut h = Running::new(
        io.h,
        io.h0,
        batch.saturating_mul(hidden),
        keep != Keep::Last,
    );
    let input = dims.dense(inputs, hidden.saturating_mul(3));
    let state = dims.dense(hidden, input.outputs);
    let Weights { wh, bh, .. } = io.weights;
    let mut gates = InputSums::new(input, io.x, io.weights, io.gates, hidden.saturating_mul(4));

    for _ in rows(io.x, batch.saturating_mul(inputs)) {
        let Some((h, known)) = h.step() else { return };
        for h in rows_mut(h, hidden) {
            let Some(gates) = gates.row() else { return };
            let before: &[f32] = if known { h } else { &[] };
            let Some((sums, q)) = gates.split_at_mut_checked(input.outputs) else {
                return;
            };
            let Some(r_z) = sums.get_mut(..two) else {
                return;
            };
            state.row_two(before, wh, bh, r_z, q);
            blas::gru_cell(math, gates, h);
        }
    }
}

/// The operands of [`backward`], after a forward that kept all.
#[derive(Debug)]
pub struct Backward<'a> {
    /// `[3H, H]`
    pub wh: &'a [f32],
    /// `[N, H]`, or empty for zeros
    pub h0: &'a [f32],
    /// `[T, N, H]`
    pub h: &'a [f32],
    /// `[T, N, 4H]`: what forward kept in; out, the gradients of r's and z's sums, of n's sum and of q
    pub gates: &'a mut [f32],
    /// `[T, N, H]`: the gradient of each step's h, or empty for none
    pub dh_all: &'a [f32],
    /// `[N, H]`: the gradient of the last h (besides `dh_all`) in, of h0 out
    pub dh: &'a mut [f32],
}

/// The deltas of every gate and the gradient of the initial state.
///
/// - n: dn = dh (1-z) (1 - n n); q: dq = dn r
/// - r: dn q r(1-r); z: dh (h' - n) z(1-z)
/// - dh' = dh z, plus r's and z's deltas times wh over its rows ascending, plus dq times the rest of wh,
///   plus `dh_all` of the step before
pub fn backward(dims: Dims, io: Backward<'_>) {
    let Dims { batch, hidden, .. } = dims;
    let state_len = batch.saturating_mul(hidden);
    let gate_len = hidden.saturating_mul(4);
    let two = hidden.saturating_mul(2);
    let reset_update = dims.dense(hidden, two);
    let new = dims.dense(hidden, hidden);
    let (wh_gates, wh_new) = split(io.wh, two.saturating_mul(hidden));
    let mut h = rows(io.h, state_len);
    let mut dh_all = rows(io.dh_all, state_len);

    for gates in rows_mut(io.gates, batch.saturating_mul(gate_len)).rev() {
        if h.next_back().is_none() {
            return;
        }
        let mut h_before = rows(h.last_left().unwrap_or(io.h0), hidden);
        if let Some(dh_now) = dh_all.next_back() {
            add_assign(io.dh, dh_now);
        }
        for (gates, dh) in rows_mut(gates, gate_len).zip(rows_mut(io.dh, hidden)) {
            let before = h_before.next().unwrap_or(&[]).iter().copied();
            cell_backward(hidden, gates, before, dh);
            let (r_z, n_q) = split(gates, two);
            let (_, q) = split(n_q, hidden);
            reset_update.backward_row(r_z, wh_gates, dh, true);
            new.backward_row(q, wh_new, dh, true);
        }
    }
}

pub(super) fn cell_backward(
    hidden: usize,
    gates: &mut [f32],                       // [4H] r, z, n, q in, deltas out
    mut h_before: impl Iterator<Item = f32>, // [H], or none for zeros
    dh: &mut [f32],                          // [H] of this step in, what passes by the gates out
) {
    let Some([r, z, n, q]) = four_mut(gates, hidden) else {
        return;
    };
    for ((((r, z), n), q), dh) in r.iter_mut().zip(z).zip(n).zip(q).zip(dh) {
        let h_before = h_before.next().unwrap_or(0.0);
        let dn = *dh * (1.0 - *z) * tanh_slope(*n);
        let dr = dn * *q * sigmoid_slope(*r);
        let dz = *dh * (h_before - *n) * sigmoid_slope(*z);
        *dh *= *z;
        *q = dn * *r;
        (*r, *z, *n) = (dr, dz, dn);
    }
}
