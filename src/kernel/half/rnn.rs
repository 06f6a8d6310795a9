//! Backward of a plain recurrent layer whose h was stored as f16. The formulas are [`crate::kernel::rnn`]'s; its forward
//! serves, and h is stored when it is complete.
//!
//! T steps, N batch, H hidden. Of relu, an h below 2^-25 counts as 0: f16 has no smaller value.

use super::widen;
use crate::kernel::activation::{relu_slope, tanh_slope};
use crate::kernel::elementwise::add_assign;
use crate::kernel::recurrent::Dims;
use crate::kernel::rnn::Mode;
use crate::kernel::rows::{rows, rows_mut};

/// The operands of [`backward`].
#[derive(Debug)]
pub struct Backward<'a> {
    /// `[H, H]`
    pub wh: &'a [f32],
    /// `[T, N, H]`
    pub stored: &'a [u16],
    /// `[T, N, H]`: the gradients of the sums before activation, out
    pub delta: &'a mut [f32],
    /// `[T, N, H]`: the gradient of each step's h, or empty for none
    pub dh_all: &'a [f32],
    /// `[N, H]`: the gradient of the last h (besides `dh_all`) in, of h0 out
    pub dh: &'a mut [f32],
}

/// The deltas of every step and the gradient of the initial state.
pub fn backward(dims: Dims, mode: Mode, io: Backward<'_>) {
    let Dims { batch, hidden, .. } = dims;
    let state_len = batch.saturating_mul(hidden);
    let state = dims.dense(hidden, hidden);
    let mut dh_all = rows(io.dh_all, state_len);
    // The last word may hold a value more.
    let stored = io.stored.get(..io.delta.len()).unwrap_or(&[]);

    for (delta, h) in rows_mut(io.delta, state_len)
        .rev()
        .zip(rows(stored, state_len).rev())
    {
        if let Some(dh_now) = dh_all.next_back() {
            add_assign(io.dh, dh_now);
        }
        let rows = rows_mut(delta, hidden)
            .zip(rows(h, hidden))
            .zip(rows_mut(io.dh, hidden));
        for ((delta, h), dh) in rows {
            for ((delta, h), dh) in delta.iter_mut().zip(h).zip(dh.iter()) {
                let h = widen(*h);
                *delta = match mode {
                    Mode::Relu => *dh * relu_slope(h),
                    Mode::Tanh => *dh * tanh_slope(h),
                };
            }
            dh.fill(0.0);
            state.backward_row(delta, io.wh, dh, true);
        }
    }
}
