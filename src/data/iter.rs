//! Where a training loop's batches come from: an iterator that lends them, one at a time.

use core::convert::Infallible;

use super::{BucketSentenceIter, DataError, Filled, Sentences};
use crate::arena::Tensor;
use crate::module::Batch;
use crate::plan::BucketIndex;

/// Batches that are lent one at a time, and can be had again: MXNet's `DataIter`.
///
/// Nothing here needs the whole set in memory: an iterator may fill the same buffers for each batch. [`SliceIter`] has
/// its batches at hand, [`SentenceBatches`] makes them of a [`BucketSentenceIter`], [`Filler`] asks a function
/// (a sensor, a file, a radio) to fill its buffers.
pub trait DataIter {
    type Error;

    /// The next batch; `None` after the last, and then `None` until a reset.
    ///
    /// # Errors
    ///
    /// Those of the source. What the next call gives is the iterator's own choice: those of this crate try the
    /// same batch again.
    fn next_batch(&mut self) -> Result<Option<DataBatch<'_>>, Self::Error>;

    /// Starts again, perhaps in another order.
    ///
    /// # Errors
    ///
    /// Those of the source.
    fn reset(&mut self) -> Result<(), Self::Error>;
}

/// A batch as an iterator lends it: MXNet's `DataBatch`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataBatch<'b> {
    pub bucket: BucketIndex,
    /// In the order of `data_names`.
    pub data: Tensors<'b>,
    /// In the order of the label names; may be empty for inference.
    pub label: Tensors<'b>,
    /// How many of the last rows are padding: prediction leaves them out.
    pub pad: usize,
}

impl<'b> DataBatch<'b> {
    /// A batch without labels and without padding.
    pub fn new(bucket: impl Into<BucketIndex>, data: impl Into<Tensors<'b>>) -> Self {
        DataBatch {
            bucket: bucket.into(),
            data: data.into(),
            label: Tensors::default(),
            pad: 0,
        }
    }

    /// The same batch with its labels.
    pub fn with_label(self, label: impl Into<Tensors<'b>>) -> Self {
        DataBatch {
            label: label.into(),
            ..self
        }
    }

    /// The same batch, of whose rows the last `pad` are padding.
    pub fn with_pad(self, pad: usize) -> Self {
        DataBatch { pad, ..self }
    }

    /// The batch as the module takes it.
    pub fn batch(&self) -> Batch<'_> {
        Batch {
            bucket: self.bucket,
            data: self.data.as_slice(),
            label: self.label.as_slice(),
        }
    }
}

/// The tensors of one side of a batch. Up to [`Tensors::INLINE`] lie in the value itself, so that an iterator can lend
/// its own buffers; more are borrowed as a slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tensors<'b>(Held<'b>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Held<'b> {
    Inline {
        len: usize,
        tensors: [Tensor<'b>; Tensors::INLINE],
    },
    Slice(&'b [Tensor<'b>]),
}

impl<'b> Tensors<'b> {
    /// How many a value can hold itself: enough for data and the initial states of a two-layer LSTM.
    pub const INLINE: usize = 6;

    /// The tensors, in order.
    pub fn as_slice(&self) -> &[Tensor<'b>] {
        match &self.0 {
            Held::Inline { len, tensors } => tensors.get(..*len).unwrap_or(&[]),
            Held::Slice(tensors) => tensors,
        }
    }
}

impl Default for Tensors<'_> {
    fn default() -> Self {
        Tensors(Held::Slice(&[]))
    }
}

impl<'b> From<&'b [Tensor<'b>]> for Tensors<'b> {
    fn from(tensors: &'b [Tensor<'b>]) -> Self {
        Tensors(Held::Slice(tensors))
    }
}

impl<'b> From<Tensor<'b>> for Tensors<'b> {
    fn from(tensor: Tensor<'b>) -> Self {
        [tensor].into()
    }
}

/// For arrays of up to [`Tensors::INLINE`]; a longer one does not compile.
impl<'b, const N: usize> From<[Tensor<'b>; N]> for Tensors<'b> {
    fn from(own: [Tensor<'b>; N]) -> Self {
        const { assert!(N <= Tensors::INLINE, "borrow them as a slice") };
        let mut tensors = [Tensor::F32(&[]); Tensors::INLINE];
        for (to, from) in tensors.iter_mut().zip(own) {
            *to = from;
        }
        Tensors(Held::Inline { len: N, tensors })
    }
}

/// Batches that are all at hand.
#[derive(Clone, Copy, Debug)]
pub struct SliceIter<'b> {
    batches: &'b [DataBatch<'b>],
    next: usize,
}

impl<'b> SliceIter<'b> {
    /// In their order.
    pub const fn new(batches: &'b [DataBatch<'b>]) -> Self {
        SliceIter { batches, next: 0 }
    }
}

impl DataIter for SliceIter<'_> {
    type Error = Infallible;

    fn next_batch(&mut self) -> Result<Option<DataBatch<'_>>, Infallible> {
        let batch = self.batches.get(self.next).copied();
        self.next = self.next.saturating_add(usize::from(batch.is_some()));
        Ok(batch)
    }

    fn reset(&mut self) -> Result<(), Infallible> {
        self.next = 0;
        Ok(())
    }
}

/// What a [`Filler`]'s function wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fill {
    pub bucket: BucketIndex,
    /// Values of data.
    pub data: usize,
    /// Values of label; 0: the batch has no label.
    pub label: usize,
    /// How many of the last rows are padding.
    pub pad: usize,
}

/// Batches that a function writes into two buffers: one data input, of f32 or u16, and one label.
///
/// The function is given the number of the batch since the last reset and the buffers; it says what it wrote, or
/// that there is no more.
///
/// ```
/// use tinpail::data::{DataIter, Fill, Filler};
/// use tinpail::BucketIndex;
///
/// let (mut samples, mut class) = ([0.0f32; 8], [0u16; 1]);
/// let mut sensor = Filler::new(&mut samples, &mut class, |number, data, label| {
///     if number == 2 {
///         return Ok::<_, ()>(None);
///     }
///     data.fill(number as f32);
///     label.fill(1);
///     Ok(Some(Fill { bucket: BucketIndex(0), data: 8, label: 1, pad: 0 }))
/// });
/// let mut count = 0;
/// while let Some(batch) = sensor.next_batch().unwrap() {
///     assert_eq!(batch.data.as_slice()[0].len(), 8);
///     count += 1;
/// }
/// assert_eq!(count, 2);
/// ```
pub struct Filler<'a, T, L, F> {
    data: &'a mut [T],
    label: &'a mut [L],
    fill: F,
    next: usize,
}

impl<'a, T, L, F, E> Filler<'a, T, L, F>
where
    F: FnMut(usize, &mut [T], &mut [L]) -> Result<Option<Fill>, E>,
{
    /// With buffers for the largest batch.
    pub fn new(data: &'a mut [T], label: &'a mut [L], fill: F) -> Self {
        Filler {
            data,
            label,
            fill,
            next: 0,
        }
    }
}

impl<T, L, F, E> DataIter for Filler<'_, T, L, F>
where
    F: FnMut(usize, &mut [T], &mut [L]) -> Result<Option<Fill>, E>,
    for<'t> Tensor<'t>: From<&'t [T]> + From<&'t [L]>,
{
    type Error = E;

    fn next_batch(&mut self) -> Result<Option<DataBatch<'_>>, E> {
        let Some(fill) = (self.fill)(self.next, self.data, self.label)? else {
            return Ok(None);
        };
        self.next = self.next.saturating_add(1);
        // More than there is room for: the module refuses a batch of this length.
        let data = self.data.get(..fill.data).unwrap_or(&[]);
        let label = self.label.get(..fill.label).unwrap_or(&[]);
        let batch = DataBatch::new(fill.bucket, Tensor::from(data)).with_pad(fill.pad);
        Ok(Some(match fill.label {
            0 => batch,
            _ => batch.with_label(Tensor::from(label)),
        }))
    }

    fn reset(&mut self) -> Result<(), E> {
        self.next = 0;
        Ok(())
    }
}

/// A [`BucketSentenceIter`] with the buffers of its batches.
#[derive(Debug)]
pub struct SentenceBatches<'a, S: Sentences> {
    iter: BucketSentenceIter<'a, S>,
    data: &'a mut [S::Value],
    label: &'a mut [S::Value],
    /// The seed of the next shuffle.
    seed: Option<u64>,
}

impl<'a, S: Sentences> SentenceBatches<'a, S> {
    /// In the same order after each reset. The buffers hold the largest batch: batch size times the largest key.
    pub fn new(
        iter: BucketSentenceIter<'a, S>,
        data: &'a mut [S::Value],
        label: &'a mut [S::Value],
    ) -> Self {
        SentenceBatches {
            iter,
            data,
            label,
            seed: None,
        }
    }

    /// Shuffled anew by each reset, as in MXNet: by `seed`, then by the numbers after it. The iterator was made with an
    /// order ([`BucketSentenceIter::shuffled`]), or a reset is refused.
    pub fn reshuffled(self, seed: u64) -> Self {
        SentenceBatches {
            seed: Some(seed),
            ..self
        }
    }

    /// The iterator.
    pub fn iter(&self) -> &BucketSentenceIter<'a, S> {
        &self.iter
    }
}

impl<S: Sentences> DataIter for SentenceBatches<'_, S>
where
    for<'t> Tensor<'t>: From<&'t [S::Value]>,
{
    type Error = DataError<S::Error>;

    fn next_batch(&mut self) -> Result<Option<DataBatch<'_>>, Self::Error> {
        let filled = self.iter.next_batch(self.data, self.label)?;
        Ok(filled.map(
            |Filled {
                 bucket, len, pad, ..
             }| {
                let data = Tensor::from(self.data.get(..len).unwrap_or(&[]));
                let label = Tensor::from(self.label.get(..len).unwrap_or(&[]));
                DataBatch::new(bucket, data).with_label(label).with_pad(pad)
            },
        ))
    }

    fn reset(&mut self) -> Result<(), Self::Error> {
        match self.seed {
            None => self.iter.reset(),
            Some(seed) => {
                self.iter.shuffle(seed)?;
                self.seed = Some(seed.wrapping_add(1));
            }
        }
        Ok(())
    }
}
