//! One GRU layer that stores its gates and h as f16. The formulas are [`crate::kernel::gru`]'s.
//!
//! T steps, N batch, D inputs, H hidden; row r = t N + n of the steps' sequences.
//!
//! As in [`super::lstm`] the gates lie at the beginning of the buffer that backward fills with deltas: r, z, n and q of
//! row r in the 2H words from 2H r on, its deltas in the 4H words from 4H r on.

use super::{narrow_all, narrow_within, widen, widen_within};
use crate::kernel::blas;
use crate::kernel::elementwise::add_assign;
use crate::kernel::gru::cell_backward;
use crate::kernel::recurrent::{Dims, Keep, Running, Weights};
use crate::kernel::rows::{row, row_mut, rows, rows_mut, split};
use crate::math::Math;

/// The operands of [`forward`]; the size of `h` as [`Keep`] says.
#[derive(Debug)]
pub struct Forward<'a> {
    /// `[T, N, D]`
    pub x: &'a [f32],
    pub weights: Weights<'a>,
    /// `[N, H]`, or empty for zeros
    pub h0: &'a [f32],
    /// `[T, N, 4H]`: r, z, n as activated, and q, as the module says
    pub gates: &'a mut [f32],
    /// `[T, N, H]`
    pub stored: &'a mut [u16],
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
    let gates = io.gates;
    let work = gates.len().saturating_sub(two.saturating_mul(2));
    let state_len = batch.saturating_mul(hidden);
    let mut h = Running::new(io.h, io.h0, state_len, keep != Keep::Last);
    // Half a word may be left over.
    if let Some(last) = io.stored.last_mut() {
        *last = 0;
    }
    let mut stored = rows_mut(io.stored, hidden);
    let input = dims.dense(inputs, hidden.saturating_mul(3));
    let state = dims.dense(hidden, input.outputs);
    let Weights { wi, bi, wh, bh } = io.weights;

    let mut at = 0usize;
    for x in rows(io.x, batch.saturating_mul(inputs)) {
        let Some((h, known)) = h.step() else { return };
        for (x, h) in rows(x, inputs).zip(rows_mut(h, hidden)) {
            let before: &[f32] = if known { h } else { &[] };
            let Some(row) = gates.get_mut(work..) else {
                return;
            };
            let Some((sums, q)) = row.split_at_mut_checked(input.outputs) else {
                return;
            };
            input.row(x, wi, bi, sums, false);
            let Some(r_z) = sums.get_mut(..two) else {
                return;
            };
            state.row_two(before, wh, bh, r_z, q);
            blas::gru_cell(math, row, h);
            narrow_within(gates, work, at, two);
            narrow_all(stored.next().unwrap_or(&mut []), h);
            at = at.saturating_add(two);
        }
    }
}

/// The operands of [`backward`], after [`forward`].
#[derive(Debug)]
pub struct Backward<'a> {
    /// `[3H, H]`
    pub wh: &'a [f32],
    /// `[N, H]`, or empty for zeros
    pub h0: &'a [f32],
    /// `[T, N, H]`
    pub stored: &'a [u16],
    /// `[T, N, 4H]`: what forward stored in; out, the gradients of r's and z's sums, of n's sum and of q
    pub gates: &'a mut [f32],
    /// `[T, N, H]`: the gradient of each step's h, or empty for none
    pub dh_all: &'a [f32],
    /// `[N, H]`: the gradient of the last h (besides `dh_all`) in, of h0 out
    pub dh: &'a mut [f32],
}

/// The deltas of every gate and the gradient of the initial state.
pub fn backward(dims: Dims, io: Backward<'_>) {
    let Dims { batch, hidden, .. } = dims;
    let state_len = batch.saturating_mul(hidden);
    let gate_len = hidden.saturating_mul(4);
    let two = hidden.saturating_mul(2);
    let reset_update = dims.dense(hidden, two);
    let new = dims.dense(hidden, hidden);
    let (wh_gates, wh_new) = split(io.wh, two.saturating_mul(hidden));
    let step_len = batch.saturating_mul(gate_len);
    let steps = io.gates.len().checked_div(step_len).unwrap_or(0);
    let mut dh_all = rows(io.dh_all, state_len);

    for step in (0..steps).rev() {
        if let Some(dh_now) = dh_all.next_back() {
            add_assign(io.dh, dh_now);
        }
        for n in (0..batch).rev() {
            let at = step.saturating_mul(batch).saturating_add(n);
            let (stored, deltas) = (at.saturating_mul(two), at.saturating_mul(gate_len));
            widen_within(io.gates, stored, deltas, gate_len);
            let own = io.gates.get_mut(deltas..deltas.saturating_add(gate_len));
            let (Some(own), Some(dh)) = (own, row_mut(io.dh, n, hidden)) else {
                return;
            };
            let before = at
                .checked_sub(batch)
                .and_then(|at| row(io.stored, at, hidden));
            let initial = row(io.h0, n, hidden).filter(|_| before.is_none());
            let before = before.unwrap_or(&[]).iter().map(|half| widen(*half));
            let before = before.chain(initial.unwrap_or(&[]).iter().copied());
            cell_backward(hidden, own, before, dh);
            let (r_z, n_q) = split(own, two);
            let (_, q) = split(n_q, hidden);
            reset_update.backward_row(r_z, wh_gates, dh, true);
            new.backward_row(q, wh_new, dh, true);
        }
    }
}
