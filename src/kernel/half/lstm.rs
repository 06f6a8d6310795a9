//! One LSTM layer that stores its gates, c and h as f16. The formulas are [`crate::kernel::lstm`]'s.
//!
//! T steps, N batch, D inputs, H hidden; row r = t N + n of the steps' sequences.
//!
//! Gates and c lie in the buffer that backward fills with deltas, at its beginning:
//!
//! ```text
//!          | row 0          | row 1          | ...           | row T N - 1 |
//! stored   | i f g o, c     | i f g o, c     | ...   |                       2H + H/2 words each, H/2 rounded up
//! deltas   | i f g o (f32)         | i f g o (f32)       | ...                4H words each
//! ```
//!
//! Row r of the deltas begins at 4H r, behind all that is stored of the rows before it: backward goes from the last row
//! to the first, and no row overwrites what an earlier one needs. Forward computes each row's gates in the last 4H words.

use super::{halves, halves_mut, narrow_all, narrow_within, widen, widen_all, widen_within, words};
use crate::kernel::activation::{sigmoid_slope, tanh_slope};
use crate::kernel::elementwise::add_assign;
use crate::kernel::lstm::cell_forward;
use crate::kernel::recurrent::{Dims, Keep, Running, Weights};
use crate::kernel::rows::{four_mut, row, row_mut, rows, rows_mut};
use crate::math::Math;

/// The operands of [`forward`]; the size of `h` as [`Keep`] says.
#[derive(Debug)]
pub struct Forward<'a> {
    /// `[T, N, D]`
    pub x: &'a [f32],
    pub weights: Weights<'a>,
    /// `[N, H]`, or empty for zeros
    pub h0: &'a [f32],
    /// `[N, H]`, or empty for zeros
    pub c0: &'a [f32],
    /// `[T, N, 4H]`: i, f, g, o as activated and c, as the module says
    pub gates: &'a mut [f32],
    /// `[T, N, H]`
    pub stored: &'a mut [u16],
    /// `[N, H]`: the last c
    pub c: &'a mut [f32],
    /// `[T, N, H]` or `[N, H]`
    pub h: &'a mut [f32],
}

/// Words that are stored of one row.
fn row_words(hidden: usize) -> usize {
    hidden.saturating_mul(2).saturating_add(words(hidden))
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
    let gates = io.gates;
    let work = gates.len().saturating_sub(gate_len);
    let mut c = Running::new(io.c, io.c0, state_len, false);
    let mut h = Running::new(io.h, io.h0, state_len, keep != Keep::Last);
    // Half a word may be left over.
    if let Some(last) = io.stored.last_mut() {
        *last = 0;
    }
    let mut stored = rows_mut(io.stored, hidden);
    let input = dims.dense(inputs, gate_len);
    let state = dims.dense(hidden, gate_len);
    let Weights { wi, bi, wh, bh } = io.weights;

    let mut at = 0usize;
    for x in rows(io.x, batch.saturating_mul(inputs)) {
        let (Some((c, _)), Some((h, known))) = (c.step(), h.step()) else {
            return;
        };
        for ((x, c), h) in rows(x, inputs)
            .zip(rows_mut(c, hidden))
            .zip(rows_mut(h, hidden))
        {
            let Some(sums) = gates.get_mut(work..) else {
                return;
            };
            input.row(x, wi, bi, sums, false);
            state.row(if known { h } else { &[] }, wh, bh, sums, true);
            cell_forward(hidden, math, sums, c, h);
            narrow_within(gates, work, at, hidden.saturating_mul(2));
            let c_at = at.saturating_add(hidden.saturating_mul(2));
            let c_words = gates.get_mut(c_at..c_at.saturating_add(words(hidden)));
            narrow_all(halves_mut(c_words.unwrap_or(&mut [])), c);
            narrow_all(stored.next().unwrap_or(&mut []), h);
            at = at.saturating_add(row_words(hidden));
        }
    }
}

/// The operands of [`backward`], after [`forward`].
#[derive(Debug)]
pub struct Backward<'a> {
    /// `[4H, H]`
    pub wh: &'a [f32],
    /// `[N, H]`, or empty for zeros
    pub c0: &'a [f32],
    /// `[T, N, 4H]`: what forward stored in, the gradients of the sums before activation out
    pub gates: &'a mut [f32],
    /// `[T, N, H]`: the gradient of each step's h, or empty for none
    pub dh_all: &'a [f32],
    /// `[N, H]`: the gradient of the last h (besides `dh_all`) in, of h0 out
    pub dh: &'a mut [f32],
    /// `[N, H]`: the gradient of the last c in, of c0 out
    pub dc: &'a mut [f32],
}

/// The deltas of every gate and the gradients of the initial states.
pub fn backward(dims: Dims, math: Math, io: Backward<'_>) {
    let Dims { batch, hidden, .. } = dims;
    let state_len = batch.saturating_mul(hidden);
    let gate_len = hidden.saturating_mul(4);
    let state = dims.dense(hidden, gate_len);
    let step_len = batch.saturating_mul(gate_len);
    let steps = io.gates.len().checked_div(step_len).unwrap_or(0);
    let mut dh_all = rows(io.dh_all, state_len);

    for step in (0..steps).rev() {
        if let Some(dh_now) = dh_all.next_back() {
            add_assign(io.dh, dh_now);
        }
        for n in (0..batch).rev() {
            let cell = Cell {
                hidden,
                math,
                row: step.saturating_mul(batch).saturating_add(n),
                before: match step {
                    0 => Before::Initial(row(io.c0, n, hidden).unwrap_or(&[])),
                    _ => Before::Stored(batch),
                },
            };
            let (Some(dh), Some(dc)) = (row_mut(io.dh, n, hidden), row_mut(io.dc, n, hidden))
            else {
                return;
            };
            let Some(deltas) = cell.backward(io.gates, dh, dc) else {
                return;
            };
            dh.fill(0.0);
            state.backward_row(deltas, io.wh, dh, true);
        }
    }
}

/// Where c of the step before is.
#[derive(Clone, Copy)]
enum Before<'a> {
    /// `[H]`, or empty for zeros.
    Initial(&'a [f32]),
    /// Stored so many rows before.
    Stored(usize),
}

/// One row of [`backward`].
struct Cell<'a> {
    hidden: usize,
    math: Math,
    row: usize,
    before: Before<'a>,
}

impl Cell<'_> {
    /// The row's deltas, in place of what was stored; `dc` of this step in, of the one before out.
    fn backward<'g>(
        &self,
        gates: &'g mut [f32],
        dh: &[f32],     // [H]
        dc: &mut [f32], // [H]
    ) -> Option<&'g [f32]> {
        let hidden = self.hidden;
        let stored = self.row.saturating_mul(row_words(hidden));
        let deltas = self.row.saturating_mul(hidden.saturating_mul(4));
        // First what needs o and c: the plane of o's deltas lies behind everything stored.
        let o_plane = deltas.saturating_add(hidden.saturating_mul(3));
        let (below, plane) = gates.split_at_mut_checked(o_plane)?;
        let own = halves(below.get(stored..)?);
        let o = own.get(hidden.saturating_mul(3)..)?;
        let c = own.get(hidden.saturating_mul(4)..)?;
        let plane = plane.get_mut(..hidden)?;
        widen_all(plane, c);
        self.math.tanh_all(plane);
        for (((t, o), dh), dc) in plane.iter_mut().zip(o).zip(dh).zip(dc.iter_mut()) {
            let o = widen(*o);
            *dc += *dh * o * tanh_slope(*t);
            *t *= *dh;
            *t *= sigmoid_slope(o);
        }
        widen_within(gates, stored, deltas, hidden.saturating_mul(3));
        let (below, own) = gates.split_at_mut_checked(deltas)?;
        let (stored, initial): (&[u16], &[f32]) = match self.before {
            Before::Initial(c) => (&[], c),
            Before::Stored(rows) => {
                let row = self.row.checked_sub(rows)?;
                let c = row.saturating_mul(row_words(hidden));
                let c = c.saturating_add(hidden.saturating_mul(2));
                (halves(below.get(c..c.saturating_add(words(hidden)))?), &[])
            }
        };
        let stored = stored.iter().map(|half| widen(*half));
        let mut before = stored.chain(initial.iter().copied());
        let own = own.get_mut(..hidden.saturating_mul(4))?;
        let [i, f, g, _] = four_mut(own, hidden)?;
        for (((i, f), g), dc) in i.iter_mut().zip(f).zip(g).zip(dc) {
            let c_before = before.next().unwrap_or(0.0);
            let now = *dc;
            let (di, df, dg) = (
                now * *g * sigmoid_slope(*i),
                now * c_before * sigmoid_slope(*f),
                now * *i * tanh_slope(*g),
            );
            *dc = now * *f;
            (*i, *f, *g) = (di, df, dg);
        }
        Some(own)
    }
}
