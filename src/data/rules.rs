//! How sequences become batches.

use super::DataError;

/// Which side of a sequence is filled up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PadSide {
    /// As in MXNet.
    #[default]
    Right,
    Left,
}

/// What becomes of the sequences of a bucket that do not fill a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastBatch {
    /// As in MXNet.
    #[default]
    Drop,
    /// They make a batch whose last rows are padding.
    Pad,
}

/// How a batch lies in its buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// (batch, steps), MXNet's default.
    #[default]
    Nt,
    /// (steps, batch), what RNN wants.
    Tn,
}

/// The rules of a [`BucketSentenceIter`](super::BucketSentenceIter).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules<'a, T> {
    /// Steps of each bucket, in the order of the plan's buckets.
    pub keys: &'a [usize],
    /// Rows of a batch.
    pub batch_size: usize,
    /// What fills up data.
    pub padding: T,
    /// What fills up labels.
    pub invalid_label: T,
    pub pad_side: PadSide,
    pub last: LastBatch,
    pub layout: Layout,
}

impl<'a, T: Copy> Rules<'a, T> {
    /// MXNet's rules, with `padding` for data and labels.
    pub fn new(keys: &'a [usize], batch_size: usize, padding: T) -> Self {
        Self {
            keys,
            batch_size,
            padding,
            invalid_label: padding,
            pad_side: PadSide::default(),
            last: LastBatch::default(),
            layout: Layout::default(),
        }
    }

    /// The same, with another value in labels.
    pub fn invalid_label(self, invalid_label: T) -> Self {
        Self {
            invalid_label,
            ..self
        }
    }

    pub(super) fn check<E>(&self) -> Result<(), DataError<E>> {
        let (max, found) = (usize::from(u16::MAX) + 1, self.keys.len());
        if found > max {
            return Err(DataError::Keys { max, found });
        }
        if let Some(at) = self.keys.iter().position(|key| *key == 0) {
            return Err(DataError::Key { at });
        }
        let longest = self.keys.iter().max().ok_or(DataError::NoKeys)?;
        match longest.checked_mul(self.batch_size) {
            None | Some(0) => Err(DataError::BatchSize),
            Some(_) => Ok(()),
        }
    }

    /// How many of the `left` sequences of a bucket the next batch takes; `None`: it has no more batches.
    pub(super) fn rows_of(&self, left: usize) -> Option<usize> {
        match self.last {
            _ if left >= self.batch_size => Some(self.batch_size),
            LastBatch::Pad if left > 0 => Some(left),
            _ => None,
        }
    }
}
