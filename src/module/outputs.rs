//! The outputs of a forward, all at once.

use crate::arena::lent;
use crate::plan::Span;

/// The outputs of the last forward of the current bucket, in the order of the heads. They lie in the arena.
#[derive(Clone, Copy)]
pub struct Outputs<'x> {
    pub(super) arena: &'x [f32],
    pub(super) flash: &'x [f32],
    pub(super) spans: &'x [Span],
    pub(super) batch_size: usize,
    /// Rows that are left out.
    pub(super) pad: usize,
}

impl<'x> Outputs<'x> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Output `index`.
    pub fn get(&self, index: usize) -> Option<&'x [f32]> {
        let values = lent(self.arena, self.flash, *self.spans.get(index)?)?;
        if self.pad == 0 {
            return Some(values);
        }
        let row = values.len().checked_div(self.batch_size)?;
        let kept = self.batch_size.saturating_sub(self.pad);
        values.get(..row.saturating_mul(kept))
    }

    /// The same without the values of the last `pad` rows of the batch. The batch is the outputs' first axis.
    pub(super) fn without(self, pad: usize) -> Self {
        Outputs { pad, ..self }
    }
}
