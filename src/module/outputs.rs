//! The outputs of a forward, all at once.

use crate::arena::lent;
use crate::plan::{Operand, Span};

/// The outputs of the last forward of the current bucket, in the order of the heads. They lie in the arena.
#[derive(Clone, Copy)]
pub struct Outputs<'x> {
    pub(super) arena: &'x [f32],
    pub(super) flash: &'x [f32],
    pub(super) operands: &'x [Operand],
    pub(super) spans: &'x [Span],
    /// Where the bucket's own operands begin.
    pub(super) frame: u16,
    pub(super) batch_size: usize,
    /// Rows that are left out.
    pub(super) pad: usize,
}

impl<'x> Outputs<'x> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.operands.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.operands.is_empty()
    }

    /// Output `index`.
    pub fn get(&self, index: usize) -> Option<&'x [f32]> {
        let span = self.spans.get(self.operands.get(index)?.row(self.frame))?;
        let values = lent(self.arena, self.flash, *span)?;
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
