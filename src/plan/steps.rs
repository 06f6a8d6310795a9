//! A program's steps: calls, and loops over calls whose operands advance by the same stride each turn.
//!
//! Buckets of one network differ in little: the same calls, over operands that lie elsewhere or are longer. So an
//! operand is a row of [`Plan::spans`](super::Plan::spans) that all buckets share, or one of the rows that its bucket
//! has for itself, and equal calls, runs of steps and programs are stored once.

use serde::{Deserialize, Serialize};

use super::Rows;

const FLAG: u16 = 1 << 15;

/// A step of a program: `| loop: 1 bit | row: 15 bits |`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step(u16);

/// What a [`Step`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A row of `Plan::calls`.
    Call(u16),
    /// A row of `Plan::loops`.
    Loop(u16),
}

impl Step {
    /// The first row that a step cannot name.
    pub const ROW_LIMIT: u16 = FLAG;

    /// One call. `row` is below [`Self::ROW_LIMIT`].
    pub const fn call(row: u16) -> Self {
        Step(row & !FLAG)
    }

    /// A loop. `row` is below [`Self::ROW_LIMIT`].
    pub const fn repeat(row: u16) -> Self {
        Step(row | FLAG)
    }

    /// What to do.
    pub const fn work(self) -> Work {
        if self.0 & FLAG == 0 {
            Work::Call(self.0)
        } else {
            Work::Loop(self.0 & !FLAG)
        }
    }
}

/// An operand of a call, or an output: `| of the bucket: 1 bit | row: 15 bits |`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operand(u16);

impl Operand {
    /// The first row that an operand cannot name.
    pub const ROW_LIMIT: u16 = FLAG;

    /// A row of `Plan::spans`. `row` is below [`Self::ROW_LIMIT`].
    pub const fn shared(row: u16) -> Self {
        Operand(row & !FLAG)
    }

    /// A row of those that the bucket has for itself, from its `frame` on. `row` is below [`Self::ROW_LIMIT`].
    pub const fn own(row: u16) -> Self {
        Operand(row | FLAG)
    }

    /// Whether the row is one of the bucket's.
    pub const fn is_own(self) -> bool {
        self.0 & FLAG != 0
    }

    /// The row of `Plan::spans`, for a bucket whose rows begin at `frame`.
    pub const fn row(self, frame: u16) -> usize {
        let row = (self.0 & !FLAG) as usize;
        if self.is_own() {
            frame as usize + row
        } else {
            row
        }
    }

    /// The row as it is stored, without the flag.
    pub const fn stored_row(self) -> u16 {
        self.0 & !FLAG
    }
}

/// Calls that run `count` times, their operands and integers advancing each turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loop {
    /// Turns.
    pub count: u16,
    /// Rows of `Plan::steps`: calls, no loops.
    pub body: Rows,
    /// The first row of `Plan::strides`: for each call of the body, what each operand's offset grows by every turn,
    /// in elements, then what each of its integers grows by.
    pub strides: u16,
}
