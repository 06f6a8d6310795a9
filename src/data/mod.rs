//! Batches for a training loop, on the device and on the host, without a heap: [`DataIter`] lends them to `fit`, `score`
//! and `predict`; [`BucketSentenceIter`] makes them of sequences of varying length, by MXNet's rules:
//!
//! - A sequence goes to the smallest bucket that holds it; one longer than every bucket is left out and counted
//!   ([`BucketSentenceIter::discarded`]). An empty one goes to the smallest bucket.
//! - A row of the data is the sequence, filled up with `padding` on its right or left ([`PadSide`]).
//! - A row of the label is the row's sequence shifted left by one; `invalid_label` stands where no value comes to lie:
//!   right of the sequence and at its last position, and left of the padding's last on the left.
//! - A batch has rows of one bucket. A bucket's last, incomplete batch is dropped, as in MXNet, or filled up with rows
//!   of padding ([`LastBatch`]), whose number is the batch's `pad`.
//! - The layout is (batch, steps), or (steps, batch) as [`Layout::Tn`], which RNN wants.
//!
//! # Order
//!
//! [`BucketSentenceIter::new`] takes no memory: buckets in the order of the keys, in each of them the sequences in the
//! source's order. That asks for each sequence's length once per bucket.
//!
//! [`BucketSentenceIter::shuffled`] takes two bytes for each sequence that has a bucket, and a seed, and does as MXNet's
//! `reset`: the sequences of each bucket are shuffled, cut into batches, and the batches of all buckets are shuffled.
//! So other sequences are dropped each time. With [`LastBatch::Pad`] the incomplete batches come last, in the order of
//! the keys. The same seed gives the same order everywhere; MXNet's own random streams are not reproduced.
//!
//! # Differences from MXNet
//!
//! Values are whatever the source has ([`Sentences::Value`]), not float32. `padding` may differ from `invalid_label`: a
//! module refuses tokens that its embedding does not have, such as 0xFFFF. Keys are used as given, empty buckets
//! included, so that a bucket's index is the plan's. MXNet pads on the right alone, and always drops.
//!
//! ```
//! use tinpail::data::{BucketSentenceIter, Rules};
//!
//! let sentences: [&[u16]; 4] = [&[1, 2, 3], &[2], &[3, 4, 1, 5], &[1, 2, 3, 4, 5, 6]];
//! let rules = Rules::new(&[3, 5], 2, 0).invalid_label(0xFFFF);
//! let mut batches = BucketSentenceIter::new(&sentences[..], rules).unwrap();
//! assert_eq!(batches.discarded(), 1);
//! let (mut data, mut label) = ([0; 10], [0; 10]);
//! while let Some(batch) = batches.next_batch(&mut data, &mut label).unwrap() {
//!     assert_eq!((batch.bucket.0, batch.key, batch.pad), (0, 3, 0));
//!     assert_eq!(data[..batch.len], [1, 2, 3, 2, 0, 0]);
//!     assert_eq!(label[..batch.len], [2, 3, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF]);
//! }
//! ```

#[cfg(feature = "alloc")]
mod encode;
mod grid;
mod iter;
mod order;
mod rules;
mod source;

#[cfg(feature = "alloc")]
pub use encode::{Encode, EncodeError, Vocab};
pub use iter::{DataBatch, DataIter, Fill, Filler, SentenceBatches, SliceIter, Tensors};
pub use order::keys_of_lengths;
pub use rules::{LastBatch, Layout, PadSide, Rules};
pub use source::{Indexed, Sentences};

use crate::plan::BucketIndex;
use grid::Grid;
use order::{Counts, Group};

/// What an iterator over `E`'s source refuses. The iterator stays at the batch that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DataError<E> {
    /// The source.
    #[error("the source: {0:?}")]
    Source(E),
    /// There is no key.
    #[error("there is no key")]
    NoKeys,
    /// Key `at` is 0.
    #[error("key {at} is 0")]
    Key { at: usize },
    /// More keys than a [`BucketIndex`] can tell apart.
    #[error("there are {found} keys, of {max} at most")]
    Keys { max: usize, found: usize },
    /// The batch size is 0, or a batch has more values than there can be.
    #[error("the batch size is 0, or a batch has too many values")]
    BatchSize,
    /// More sequences than the indices of an order can tell apart.
    #[error("there are {found} sequences, of {max} at most")]
    Count { max: usize, found: usize },
    /// The slice for keys has fewer places than there are keys.
    #[error("there are {needed} keys, and room for {found}")]
    KeysRoom { needed: usize, found: usize },
    /// The order has fewer places than there are sequences that have a bucket.
    #[error("the order needs {needed} places, it has {found}")]
    Order { needed: usize, found: usize },
    /// The iterator was made without an order.
    #[error("the iterator was made without an order")]
    NoOrder,
    /// The buffer for data is too short for this batch.
    #[error("the buffer for data needs {needed} values, it has {found}")]
    Data { needed: usize, found: usize },
    /// The buffer for labels is too short for this batch.
    #[error("the buffer for labels needs {needed} values, it has {found}")]
    Label { needed: usize, found: usize },
    /// The source gave another number of values than it said.
    #[error("sequence {index} gave {found} values in place of {needed}")]
    Len {
        index: usize,
        needed: usize,
        found: usize,
    },
    /// A sequence is longer now than when its bucket was chosen.
    #[error("sequence {index} is longer now than when its bucket was chosen")]
    Changed { index: usize },
}

/// A batch that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Filled {
    /// The position of its key.
    pub bucket: BucketIndex,
    /// Steps of each row.
    pub key: usize,
    /// Values of data, and of label: the batch size times the key. What the buffers hold after them is as it was.
    pub len: usize,
    /// How many of the last rows are padding.
    pub pad: usize,
}

/// The iterator. See the [module](self).
#[derive(Debug)]
pub struct BucketSentenceIter<'a, S: Sentences> {
    source: S,
    rules: Rules<'a, S::Value>,
    counts: Counts,
    /// Indices of the sequences in their shuffled order: first whole batches, then the rest; `None`: the source's order.
    order: Option<&'a mut [u16]>,
    /// How many values of `order` whole batches take.
    whole: usize,
    place: Place,
}

/// Where the next batch begins.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// In the source's order: the bucket whose batches come now.
    bucket: usize,
    /// In the source's order: how many sequences the bucket still has, once they are counted.
    left: Option<usize>,
    /// In the source's order: the sequence to look at next. Shuffled: the next value of `order`.
    next: usize,
}

impl<'a, S: Sentences> BucketSentenceIter<'a, S> {
    /// In the source's order.
    pub fn new(mut source: S, rules: Rules<'a, S::Value>) -> Result<Self, DataError<S::Error>> {
        rules.check()?;
        let counts = order::count(&mut source, rules.keys)?;
        Ok(Self {
            source,
            rules,
            counts,
            order: None,
            whole: 0,
            place: Place::default(),
        })
    }

    /// In an order that depends on `seed`; `order` has a place for each sequence that has a bucket.
    pub fn shuffled(
        source: S,
        rules: Rules<'a, S::Value>,
        order: &'a mut [u16],
        seed: u64,
    ) -> Result<Self, DataError<S::Error>> {
        let mut iter = Self::new(source, rules)?;
        iter.order = Some(order);
        iter.shuffle(seed)?;
        Ok(iter)
    }

    /// Starts again, in the same order.
    pub fn reset(&mut self) {
        self.place = Place::default();
    }

    /// Starts again, in another order: MXNet's `reset`.
    pub fn shuffle(&mut self, seed: u64) -> Result<(), DataError<S::Error>> {
        let order = self.order.as_deref_mut().ok_or(DataError::NoOrder)?;
        let (keys, batch_size) = (self.rules.keys, self.rules.batch_size);
        self.counts = order::count(&mut self.source, keys)?;
        self.whole = order::shuffle(
            &mut self.source,
            keys,
            batch_size,
            self.counts.kept,
            order,
            seed,
        )?;
        self.place = Place::default();
        Ok(())
    }

    /// How many sequences are longer than every bucket.
    pub fn discarded(&self) -> usize {
        self.counts.discarded
    }

    /// The bucket of the largest key, and the key: MXNet's `default_bucket_key`. Its batches need the largest buffers.
    pub fn default_bucket(&self) -> Option<(BucketIndex, usize)> {
        let keys = self.rules.keys.iter().copied().enumerate();
        let (at, key) = keys.max_by_key(|(_, key)| *key)?;
        Some((BucketIndex(at as u16), key))
    }

    /// Writes the next batch into `data` and `label`; `None` after the last, and then `None` until a reset.
    ///
    /// On an error the buffers may be partly written, and the next call tries the same batch again.
    pub fn next_batch(
        &mut self,
        data: &mut [S::Value],
        label: &mut [S::Value],
    ) -> Result<Option<Filled>, DataError<S::Error>> {
        match self.order {
            Some(_) => self.next_shuffled(data, label),
            None => self.next_in_source(data, label),
        }
    }

    fn next_in_source(
        &mut self,
        data: &mut [S::Value],
        label: &mut [S::Value],
    ) -> Result<Option<Filled>, DataError<S::Error>> {
        let mut place = self.place;
        while let Some(group) = Group::of_bucket(self.rules.keys, place.bucket) {
            let left = match place.left {
                Some(left) => left,
                None => order::count_in(&mut self.source, self.rules.keys, place.bucket)?,
            };
            let Some(rows) = self.rules.rows_of(left) else {
                place = Place {
                    bucket: place.bucket.saturating_add(1),
                    ..Place::default()
                };
                continue;
            };
            let mut grid = Grid::new(&self.rules, group.key, data, label)?;
            for row in 0..rows {
                let next =
                    order::find(&mut self.source, self.rules.keys, place.bucket, place.next)?;
                let index = next.ok_or(DataError::Changed { index: place.next })?;
                grid.write(&mut self.source, index, row)?;
                place.next = index.saturating_add(1);
            }
            place.left = Some(left.saturating_sub(rows));
            self.place = place;
            return Ok(Some(group.filled(&self.rules, rows)));
        }
        self.place = place;
        Ok(None)
    }

    fn next_shuffled(
        &mut self,
        data: &mut [S::Value],
        label: &mut [S::Value],
    ) -> Result<Option<Filled>, DataError<S::Error>> {
        let order = self.order.as_deref().unwrap_or(&[]);
        let batch_size = self.rules.batch_size;
        let end = match self.rules.last {
            LastBatch::Drop => self.whole,
            LastBatch::Pad => self.counts.kept,
        };
        let rest = order.get(self.place.next..end).unwrap_or(&[]);
        let Some(first) = rest.first() else {
            return Ok(None);
        };
        let group = Group::of_sentence(&mut self.source, self.rules.keys, usize::from(*first))?;
        let rows = if self.place.next < self.whole {
            batch_size
        } else {
            let mut rows = 0;
            for index in rest.iter().take(batch_size) {
                let index = usize::from(*index);
                if Group::of_sentence(&mut self.source, self.rules.keys, index)? != group {
                    break;
                }
                rows += 1;
            }
            rows
        };
        let mut grid = Grid::new(&self.rules, group.key, data, label)?;
        for (row, index) in rest.iter().take(rows).enumerate() {
            grid.write(&mut self.source, usize::from(*index), row)?;
        }
        self.place.next = self.place.next.saturating_add(rows);
        Ok(Some(group.filled(&self.rules, rows)))
    }
}
