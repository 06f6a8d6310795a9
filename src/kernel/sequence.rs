//! The ends of sequences of different lengths.
//!
//! T steps, N batch, C channels; `[T, N, C]` or `[N, T, C]`. Lengths are between 1 and T; no lengths at all stand for
//! T everywhere.

use super::elementwise::{add_assign, assign};
use super::rows::{row, row_mut, rows, rows_mut};

/// The shape of an array of sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// T
    pub steps: usize,
    /// N
    pub batch: usize,
    /// C
    pub channels: usize,
    /// MXNet's `axis`: false for 0, `[T, N, C]`; true for 1, `[N, T, C]`.
    pub batch_major: bool,
}

impl Sequence {
    /// y\[n\] = x of the last step of sequence n.
    pub fn last_forward(
        self,
        x: &[f32],       // [T, N, C] or [N, T, C]
        lengths: &[u16], // [N] or empty
        y: &mut [f32],   // [N, C]
    ) {
        for (n, y) in rows_mut(y, self.channels).take(self.batch).enumerate() {
            if let Some(x) = row(x, self.last_row(n, lengths), self.channels) {
                assign(y, x);
            }
        }
    }

    /// dx of the last step of sequence n is dy\[n\] (or has it added), and the rest 0 (or as it was).
    pub fn last_backward(
        self,
        dy: &[f32],      // [N, C]
        lengths: &[u16], // [N] or empty
        dx: &mut [f32],  // [T, N, C] or [N, T, C]
        accumulate: bool,
    ) {
        if !accumulate {
            dx.fill(0.0);
        }
        for (n, dy) in rows(dy, self.channels).take(self.batch).enumerate() {
            let Some(dx) = row_mut(dx, self.last_row(n, lengths), self.channels) else {
                continue;
            };
            if accumulate {
                add_assign(dx, dy);
            } else {
                assign(dx, dy);
            }
        }
    }

    /// y = value from the end of each sequence on. Its gradient is the same on dy with the value 0.
    pub fn mask(
        self,
        y: &mut [f32],   // [T, N, C] or [N, T, C]
        lengths: &[u16], // [N] or empty
        value: f32,
    ) {
        let inner = if self.batch_major {
            self.steps
        } else {
            self.batch
        };
        let (mut a, mut b) = (0, 0);
        for y in rows_mut(y, self.channels) {
            let (t, n) = if self.batch_major { (b, a) } else { (a, b) };
            if lengths.get(n).is_some_and(|len| t >= usize::from(*len)) {
                y.fill(value);
            }
            b += 1;
            if b >= inner {
                (a, b) = (a + 1, 0);
            }
        }
    }

    /// y = x with the first `len` steps of each sequence in reverse, and the others as they are. Its own gradient.
    pub fn reverse(
        self,
        x: &[f32],       // [T, N, C] or [N, T, C]
        lengths: &[u16], // [N] or empty
        y: &mut [f32],   // as x
    ) {
        let inner = if self.batch_major {
            self.steps
        } else {
            self.batch
        };
        let (mut a, mut b) = (0, 0);
        for y in rows_mut(y, self.channels) {
            let (t, n) = if self.batch_major { (b, a) } else { (a, b) };
            let len = lengths
                .get(n)
                .map_or(self.steps, |len| usize::from(*len).min(self.steps));
            let from = if t < len {
                len.saturating_sub(t).saturating_sub(1)
            } else {
                t
            };
            if let Some(x) = row(x, self.step_row(n, from), self.channels) {
                assign(y, x);
            }
            b += 1;
            if b >= inner {
                (a, b) = (a + 1, 0);
            }
        }
    }

    /// The row of the last step of sequence `n`.
    fn last_row(self, n: usize, lengths: &[u16]) -> usize {
        let len = lengths
            .get(n)
            .map_or(self.steps, |len| usize::from(*len).min(self.steps));
        self.step_row(n, len.saturating_sub(1))
    }

    /// The row of step `t` of sequence `n`.
    fn step_row(self, n: usize, t: usize) -> usize {
        if self.batch_major {
            n.saturating_mul(self.steps).saturating_add(t)
        } else {
            t.saturating_mul(self.batch).saturating_add(n)
        }
    }
}
