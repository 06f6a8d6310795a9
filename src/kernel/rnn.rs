//! One plain recurrent layer: h = act(x wi^T + bi + (h' wh^T + bh)), act relu or tanh.
//!
//! T steps, N batch, D inputs, H hidden.
//!
//! Fixed order: the two products as in [`super::recurrent`]. Steps backward from the last; in each, all sequences
//! of the batch in turn.

use super::activation::{self, Act, relu_slope, tanh_slope};
use super::elementwise::{add_assign, assign};
use super::recurrent::{Dims, InputSums, Keep, Running, Weights};
use super::rows::{rows, rows_mut};
use crate::math::Math;

/// The activation; the numbers are those that a plan stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    Relu = 0,
    Tanh = 1,
}

impl Mode {
    /// The mode with this number.
    pub const fn from_u32(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Relu,
            1 => Self::Tanh,
            _ => return None,
        })
    }
}

/// The operands of [`forward`]; the size of `h` as [`Keep`] says (there are no gates and no c).
#[derive(Debug)]
pub struct Forward<'a> {
    /// `[T, N, D]`
    pub x: &'a [f32],
    pub weights: Weights<'a>,
    /// `[N, H]`, or empty for zeros
    pub h0: &'a [f32],
    /// `[R, H]`, overwritten: so many products with the input at a time, where only the last h is kept. Else they are formed in h.
    pub sums: &'a mut [f32],
    /// `[T, N, H]` or `[N, H]`
    pub h: &'a mut [f32],
}

/// Every step of a layer.
pub fn forward(dims: Dims, mode: Mode, math: Math, io: Forward<'_>) {
    let Dims {
        batch,
        inputs,
        hidden,
        keep,
        ..
    } = dims;
    let act = match mode {
        Mode::Relu => Act::Relu,
        Mode::Tanh => Act::Tanh,
    };
    let state_len = batch.saturating_mul(hidden);
    let input = dims.dense(inputs, hidden);
    let state = dims.dense(hidden, hidden);
    let Weights { wi, bi, wh, bh } = io.weights;
    if keep != Keep::Last {
        input.forward(io.x, wi, bi, io.h);
        let mut before = io.h0;
        let steps = rows(io.x, batch.saturating_mul(inputs));
        for (_, h) in steps.zip(rows_mut(io.h, state_len)) {
            let mut h_before = rows(before, hidden);
            for h in rows_mut(h, hidden) {
                state.row(h_before.next().unwrap_or(&[]), wh, bh, h, true);
                activation::forward(h, act, math);
            }
            before = h;
        }
        return;
    }
    let mut h = Running::new(io.h, io.h0, state_len, false);
    let mut sums = InputSums::new(input, io.x, io.weights, io.sums, hidden);
    for _ in rows(io.x, batch.saturating_mul(inputs)) {
        let Some((h, known)) = h.step() else { return };
        for h in rows_mut(h, hidden) {
            let Some(sums) = sums.row() else { return };
            state.row(if known { h } else { &[] }, wh, bh, sums, true);
            assign(h, sums);
            activation::forward(h, act, math);
        }
    }
}

/// The operands of [`backward`], after a forward with every step's h.
#[derive(Debug)]
pub struct Backward<'a> {
    /// `[H, H]`
    pub wh: &'a [f32],
    /// `[T, N, H]`
    pub h: &'a [f32],
    /// `[T, N, H]`: the gradients of the sums before activation, out
    pub delta: &'a mut [f32],
    /// `[T, N, H]`: the gradient of each step's h, or empty for none
    pub dh_all: &'a [f32],
    /// `[N, H]`: the gradient of the last h (besides `dh_all`) in, of h0 out
    pub dh: &'a mut [f32],
}

/// The deltas of every step and the gradient of the initial state.
///
/// delta = dh act'; dh' = +0, plus delta wh over wh's rows ascending, plus `dh_all` of the step before.
pub fn backward(dims: Dims, mode: Mode, io: Backward<'_>) {
    let Dims { batch, hidden, .. } = dims;
    let state_len = batch.saturating_mul(hidden);
    let state = dims.dense(hidden, hidden);
    let mut dh_all = rows(io.dh_all, state_len);

    for (delta, h) in rows_mut(io.delta, state_len)
        .rev()
        .zip(rows(io.h, state_len).rev())
    {
        if let Some(dh_now) = dh_all.next_back() {
            add_assign(io.dh, dh_now);
        }
        let rows = rows_mut(delta, hidden)
            .zip(rows(h, hidden))
            .zip(rows_mut(io.dh, hidden));
        for ((delta, h), dh) in rows {
            for ((delta, h), dh) in delta.iter_mut().zip(h).zip(dh.iter()) {
                *delta = match mode {
                    Mode::Relu => *dh * relu_slope(*h),
                    Mode::Tanh => *dh * tanh_slope(*h),
                };
            }
            dh.fill(0.0);
            state.backward_row(delta, io.wh, dh, true);
        }
    }
}
