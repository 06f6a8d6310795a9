//! What each method of the module can refuse. Small `Copy` values; they carry the number that was needed.

use crate::blob::{BlobError, ReadFailure, WriteError};
use crate::exec::Fault;
use crate::metric::MetricError;
use crate::optim::Kind;
use crate::plan::BucketIndex;

/// `bind` refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BindError {
    /// The arena has fewer elements than the plan needs.
    Arena { needed: usize, found: usize },
    /// The plan was made for functions that this build lacks (feature `libm` or `micromath`), or for another
    /// version of the recipe.
    Recipe,
    /// The plan reserves the state of one optimizer, the model runs another.
    Optimizer { plan: Kind, model: Kind },
    /// The plan's default bucket, a parameter or a state lies outside of the plan.
    Plan,
    /// The parameters.
    Blob(BlobError),
}

impl From<BlobError> for BindError {
    fn from(error: BlobError) -> Self {
        BindError::Blob(error)
    }
}

/// `switch_bucket` refuses: the model has only `buckets` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoBucket {
    pub index: BucketIndex,
    pub buckets: usize,
}

/// A batch does not fit its bucket. `port` is the position among the data, or among the labels (`side`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BatchError {
    Bucket(NoBucket),
    /// Another number of data inputs, or of labels: training needs all of them, inference all or none.
    Count {
        side: Side,
        needed: usize,
        found: usize,
    },
    /// Another number of elements.
    Len {
        side: Side,
        port: usize,
        needed: usize,
        found: usize,
    },
    /// f32 where integers are needed, or the reverse.
    Kind {
        side: Side,
        port: usize,
    },
    /// A token, sequence length or class that the network does not have; `at` is the element.
    Range {
        side: Side,
        port: usize,
        at: usize,
        value: u16,
        max: u16,
    },
}

/// Which inputs of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Side {
    Data,
    Label,
}

/// `forward` refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ForwardError {
    Batch(BatchError),
    /// The plan is for inference.
    NotForTraining,
    /// An update overflowed; `set_all_params` or `load_params` repairs it.
    Poisoned,
    Fault(Fault),
}

/// `backward` refuses. But for [`BackwardError::Fault`], nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BackwardError {
    /// No `forward(.., true)` stands: none came, or an inference or another backward came after it.
    NoForward,
    /// The forward was another bucket's.
    OtherBucket {
        forward: BucketIndex,
        current: BucketIndex,
    },
    /// Another number of head gradients than there are heads that are no losses.
    HeadCount {
        needed: usize,
        found: usize,
    },
    /// A head gradient of another length, or not f32.
    HeadLen {
        head: usize,
        needed: usize,
        found: usize,
    },
    Fault(Fault),
}

/// `update` refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UpdateError {
    /// No backward stands.
    NoBackward,
    /// The backward was another bucket's.
    OtherBucket {
        backward: BucketIndex,
        current: BucketIndex,
    },
    /// `init_optimizer` has not been called.
    NoOptimizer,
    /// A loss, delta or gradient is infinite or NaN. No weight was changed.
    NotFinite,
    /// An update overflowed after others were committed: the module is poisoned until its parameters
    /// are set or loaded anew.
    Overflow,
    Fault(Fault),
}

/// A whole training step refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum StepError {
    Forward(ForwardError),
    Backward(BackwardError),
    Update(UpdateError),
}

impl From<ForwardError> for StepError {
    fn from(error: ForwardError) -> Self {
        StepError::Forward(error)
    }
}

impl From<BackwardError> for StepError {
    fn from(error: BackwardError) -> Self {
        StepError::Backward(error)
    }
}

impl From<UpdateError> for StepError {
    fn from(error: UpdateError) -> Self {
        StepError::Update(error)
    }
}

/// `fit` or `score` ends early; `E` is the iterator's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LoopError<E> {
    /// The iterator.
    Data(E),
    /// The iterator had no batch for this epoch: it is empty, or was not reset.
    Empty {
        epoch: u32,
    },
    /// A training step.
    Step(StepError),
    /// The forward of an evaluation.
    Forward(ForwardError),
    Metric(MetricError),
}

/// `predict` ends early; `E` is the iterator's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PredictError<E> {
    /// The iterator.
    Data(E),
    Forward(ForwardError),
    /// There is no output of this index.
    Output {
        index: usize,
    },
    /// The predictions up to this batch are more values than there is room for.
    Room {
        needed: usize,
        found: usize,
    },
}

/// A parameter, state or output is not there, or the values do not fit it. Nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AccessError {
    /// There are only `count`.
    Index { index: usize, count: usize },
    /// Another number of elements.
    Len { needed: usize, found: usize },
    /// The parameter is frozen: it lies in flash.
    Frozen { index: usize },
    /// A value is infinite or NaN.
    NotFinite { at: usize },
    /// No forward of this bucket (for gradients: no backward) made it yet.
    NotComputed,
    /// The plan keeps no such thing: gradients need `Train::Held`, input gradients `inputs_need_grad`.
    NotPlanned,
    /// A training step still reads it: finish the step, or drop the session, first.
    StepPending,
    /// Another number of arrays.
    Count { needed: usize, found: usize },
}

/// `save_params` fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SaveError<E> {
    /// The flash.
    Flash(E),
    /// The slots overlap, or end beyond 32-bit addresses.
    Slots,
    /// A slot has fewer bytes than the parameters need.
    SlotTooSmall { needed: usize, found: usize },
    /// The parameters are poisoned.
    Poisoned,
    /// A parameter does not lie where the plan says.
    Plan,
}

impl<E> From<WriteError<E>> for SaveError<E> {
    fn from(error: WriteError<E>) -> Self {
        match error {
            WriteError::Sink(error) => SaveError::Flash(error),
            WriteError::TooLarge => SaveError::Plan,
        }
    }
}

/// `load_params` fails. Nothing is changed, unless the flash fails between two reads of the same bytes;
/// then the module is poisoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The flash: no slot could be read to its end and found good.
    Flash(E),
    /// The slots overlap, or end beyond 32-bit addresses.
    Slots,
    /// Neither slot holds parameters of this model; the error is that of the first slot.
    NoParams(BlobError),
}

impl<E> From<ReadFailure<E>> for LoadError<E> {
    fn from(failure: ReadFailure<E>) -> Self {
        match failure {
            ReadFailure::Source(error) => LoadError::Flash(error),
            ReadFailure::Blob(error) => LoadError::NoParams(error),
        }
    }
}
