//! The problem: buffers with sizes and lifetimes.

use crate::error::ProblemError;

/// A time inside a buffer's life, half-open, at which its memory is free for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gap {
    pub lower: u64,
    pub upper: u64,
}

/// A buffer: `size` units of memory over the half-open time `lower..upper`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Buffer {
    pub lower: u64,
    pub upper: u64,
    pub size: u64,
    /// The offset is a multiple of it; 1 asks for nothing.
    pub alignment: u64,
    /// In ascending order, apart from each other.
    pub gaps: Vec<Gap>,
}

impl Buffer {
    /// A buffer of alignment 1, without gaps.
    pub fn new(lower: u64, upper: u64, size: u64) -> Self {
        Buffer {
            lower,
            upper,
            size,
            alignment: 1,
            gaps: Vec::new(),
        }
    }

    /// The times at which the buffer holds its memory: its life without the gaps, half-open, none empty.
    pub fn lives(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let starts = std::iter::once(self.lower).chain(self.gaps.iter().map(|gap| gap.upper));
        let ends = self.gaps.iter().map(|gap| gap.lower);
        let ends = ends.chain(std::iter::once(self.upper));
        starts.zip(ends).filter(|(start, end)| start < end)
    }
}

/// Buffers that were checked: each lives at some time, gaps lie in order inside the life, alignments are not zero, and
/// sums of sizes and times cannot overflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    buffers: Vec<Buffer>,
}

impl Problem {
    /// Checks `buffers`.
    ///
    /// # Errors
    ///
    /// The first rule that a buffer breaks, with its position.
    pub fn new(buffers: Vec<Buffer>) -> Result<Self, ProblemError> {
        let mut total: u64 = 0;
        for (index, buffer) in buffers.iter().enumerate() {
            check(index, buffer)?;
            // Aligned, a buffer takes at most its size and the alignment.
            let most = buffer.size.checked_add(buffer.alignment);
            total = most
                .and_then(|most| total.checked_add(most))
                .filter(|total| *total <= u64::MAX >> 1)
                .ok_or(ProblemError::TooLarge { index })?;
        }
        Ok(Problem { buffers })
    }

    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }
}

fn check(index: usize, buffer: &Buffer) -> Result<(), ProblemError> {
    let (lower, upper) = (buffer.lower, buffer.upper);
    if lower >= upper {
        return Err(ProblemError::NoLife {
            index,
            lower,
            upper,
        });
    }
    if buffer.alignment == 0 {
        return Err(ProblemError::ZeroAlignment { index });
    }
    let mut from = lower;
    for gap in &buffer.gaps {
        if gap.lower < from || gap.lower >= gap.upper || gap.upper > upper {
            return Err(ProblemError::BadGap {
                index,
                lower: gap.lower,
                upper: gap.upper,
            });
        }
        from = gap.upper;
    }
    if buffer.lives().next().is_none() {
        return Err(ProblemError::NoLife {
            index,
            lower,
            upper,
        });
    }
    Ok(())
}
