//! What can be wrong with a problem or a file.

use thiserror::Error;

/// A buffer that breaks a rule. `index` is its position.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProblemError {
    #[error("buffer {index} holds memory at no time of {lower}..{upper}")]
    NoLife {
        index: usize,
        lower: u64,
        upper: u64,
    },
    #[error("buffer {index} has alignment 0")]
    ZeroAlignment { index: usize },
    #[error("buffer {index}: gap {lower}..{upper} is empty, out of order or outside its life")]
    BadGap {
        index: usize,
        lower: u64,
        upper: u64,
    },
    #[error("with buffer {index} the sizes sum to more than 2^63")]
    TooLarge { index: usize },
}

/// A row of a file that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct TableError {
    pub line: u64,
    pub fault: TableFault,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TableFault {
    #[error("the header has no column {name:?}; id,lower,upper,size are needed")]
    ColumnMissing { name: &'static str },
    #[error(
        "the header has a column {name:?}; known are id, lower, upper, size, alignment, gaps and offset"
    )]
    UnknownColumn { name: String },
    #[error("the header has the column {name:?} twice")]
    ColumnTwice { name: String },
    #[error("{found} fields where the header has {needed}")]
    Fields { found: usize, needed: usize },
    #[error("{column} {text:?} is no whole number from 0")]
    Number { column: &'static str, text: String },
    #[error(
        "gap {text:?} is not lower-upper; gaps are separated by blanks, and windows (@) are not supported"
    )]
    Gap { text: String },
    #[error("id {id:?} stands in line {first} already")]
    IdTwice { id: String, first: u64 },
    #[error(transparent)]
    Problem(ProblemError),
    #[error("{0}")]
    Unreadable(String),
}

/// What is wrong with a placement. Indices are positions in the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    #[error("{offsets} offsets for {buffers} buffers")]
    Count { offsets: usize, buffers: usize },
    #[error("buffer {index} lies at {offset}, which is no multiple of its alignment {alignment}")]
    Misaligned {
        index: usize,
        offset: u64,
        alignment: u64,
    },
    #[error("buffer {index} at {offset} ends beyond 2^64")]
    Beyond { index: usize, offset: u64 },
    #[error("buffers {first} and {second} overlap at time {time}, address {address}")]
    Overlap {
        first: usize,
        second: usize,
        /// The first time at which both are there.
        time: u64,
        /// The lowest address that both have.
        address: u64,
    },
}
