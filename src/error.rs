//! What each method of the module can refuse. Small `Copy` values; they carry the number that was needed.

use crate::blob::{BlobError, ReadFailure, WriteError};
use crate::exec::Fault;
use crate::metric::MetricError;
use crate::optim::Kind;
use crate::plan::BucketIndex;

/// `bind` refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BindError {
    /// The arena has fewer elements than the plan needs.
    #[error("the plan needs an arena of {needed} elements, this one has {found}")]
    Arena { needed: usize, found: usize },
    /// The plan was made for functions that this build lacks (feature `libm` or `micromath`) or products (`exact`, `fma` or `ftz`), or for another
    /// version of the recipe.
    #[error(
        "the plan was made for another version of the recipe, or for functions or products that this build lacks"
    )]
    Recipe,
    /// The plan's default bucket, a parameter or a state lies outside of the plan.
    #[error("the default bucket, a parameter or a state lies outside of the plan")]
    Plan,
    /// Parameter `index` is frozen: it lies in a blob, and there is none.
    #[error("parameter {index} is frozen: it lies in a blob, and there is none")]
    Frozen { index: usize },
    /// The parameters.
    #[error("the parameters: {0}")]
    Blob(BlobError),
}

impl From<BlobError> for BindError {
    fn from(error: BlobError) -> Self {
        BindError::Blob(error)
    }
}

/// `switch_bucket` refuses: the model has only `buckets` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[error("there is no bucket {}, only {buckets}", .index.0)]
pub struct NoBucket {
    pub index: BucketIndex,
    pub buckets: usize,
}

/// A profiler cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ProfilerError {
    #[error("{0}")]
    Bucket(NoBucket),
    /// Fewer rows than the plan has steps.
    #[error("the plan has {needed} rows to profile, {found} were given")]
    Rows { needed: usize, found: usize },
}

/// A batch does not fit its bucket. `port` is the position among the data, or among the labels (`side`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BatchError {
    #[error("{0}")]
    Bucket(NoBucket),
    /// Another number of data inputs, or of labels: training needs all of them, inference all or none.
    #[error("the bucket has {needed} {side} inputs, the batch {found}")]
    Count {
        side: Side,
        needed: usize,
        found: usize,
    },
    /// Another number of elements.
    #[error("{side} input {port} has {needed} elements, the batch {found}")]
    Len {
        side: Side,
        port: usize,
        needed: usize,
        found: usize,
    },
    /// f32 where integers are needed, or the reverse.
    #[error("{side} input {port} is of the other type: f32 or u16")]
    Kind { side: Side, port: usize },
    /// A token, sequence length or class that the network does not have; `at` is the element.
    #[error("element {at} of {side} input {port} is {value}, above {max} or below the least")]
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

impl core::fmt::Display for Side {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Side::Data => "data",
            Side::Label => "label",
        })
    }
}

/// `forward` refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ForwardError {
    #[error("{0}")]
    Batch(BatchError),
    /// The plan is for inference, or the module was told to be ([`for_training`](crate::BucketingModule::for_training)).
    #[error("the plan, or the module as bound, is for inference")]
    NotForTraining,
    /// An update overflowed, or the module was bound blank; `set_all_params`, `init_params` or `load_params` repairs it.
    #[error("the parameters are not good: they must be set, initialised or loaded anew")]
    Poisoned,
    #[error("{0}")]
    Fault(Fault),
}

/// `backward` refuses. But for [`BackwardError::Fault`], nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BackwardError {
    /// No `forward(.., true)` stands: none came, or an inference or another backward came after it.
    #[error("no forward for training stands")]
    NoForward,
    /// The plan trains in whole steps alone (`Train::Step`): call [`train_step`](crate::BucketingModule::train_step).
    #[error("the plan trains in whole steps alone: train_step")]
    WholeSteps,
    /// The forward was another bucket's.
    #[error("the forward was of bucket {}, the current one is {}", .forward.0, .current.0)]
    OtherBucket {
        forward: BucketIndex,
        current: BucketIndex,
    },
    /// Another number of head gradients than there are heads that are no losses.
    #[error("{needed} head gradients are needed, {found} were given")]
    HeadCount { needed: usize, found: usize },
    /// A head gradient of another length, or not f32.
    #[error("head gradient {head} has {needed} elements of f32, {found} were given")]
    HeadLen {
        head: usize,
        needed: usize,
        found: usize,
    },
    #[error("{0}")]
    Fault(Fault),
}

/// `update` refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UpdateError {
    /// No backward stands.
    #[error("no backward stands")]
    NoBackward,
    /// The backward was another bucket's.
    #[error("the backward was of bucket {}, the current one is {}", .backward.0, .current.0)]
    OtherBucket {
        backward: BucketIndex,
        current: BucketIndex,
    },
    /// `init_optimizer` has not been called.
    #[error("init_optimizer has not been called")]
    NoOptimizer,
    /// A loss, delta or gradient is infinite or NaN. No weight was changed.
    #[error("a loss, delta or gradient is not finite; no weight was changed")]
    NotFinite,
    /// The same, found by a step of `Train::Step` after layers nearer to the loss had been updated. Every weight is finite,
    /// and the layer in question and those before it are as they were.
    #[error("a delta or gradient is not finite; layers nearer to the loss are updated already")]
    Partly,
    /// An update overflowed after others were committed: the module is poisoned until its parameters
    /// are set or loaded anew.
    #[error("a new weight is not finite: the parameters must be set or loaded anew")]
    Overflow,
    #[error("{0}")]
    Fault(Fault),
}

/// `init_optimizer`, or a change of its numbers, is refused. Nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OptimizerError {
    /// A number is NaN, or outside of what makes sense for it.
    #[error("{0:?} is not a number that makes sense for it")]
    Range(Hyper),
    /// The plan reserves the state of one optimizer, the model runs another.
    #[error("the plan is for the optimizer {plan:?}, the model has {model:?}")]
    Kind { plan: Kind, model: Kind },
    /// The numbers need state (a momentum that is not zero), and the plan reserves none.
    #[error("a momentum needs state, and the plan reserves none")]
    NoState,
    /// A schedule sets the learning rate.
    #[error("a schedule sets the learning rate")]
    Scheduled,
    /// `init_optimizer` has not been called.
    #[error("init_optimizer has not been called")]
    NoOptimizer,
}

/// A number of an optimizer, by MXNet's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Hyper {
    /// Finite, 0 or more.
    LearningRate,
    /// Finite, 0 or more.
    Wd,
    /// Finite.
    RescaleGrad,
    /// A number; 0 or more where MXNet takes 0 as a bound.
    ClipGradient,
    /// A number.
    ClipWeights,
    /// 0 or more, below 1.
    Momentum,
    /// 0 or more, below 1.
    Beta1,
    /// 0 or more, below 1.
    Beta2,
    /// 0 or more, below 1.
    Gamma1,
    /// 0 or more, below 1.
    Gamma2,
    /// 0 or more, below 1.
    Rho,
    /// Finite, 0 or more (`eps` of AdaGrad).
    Epsilon,
    /// Finite, 0 or more.
    Lamda1,
    /// Finite, 0 or more.
    Beta,
    /// Finite, 0 or more.
    WdLh,
    /// Finite, 0 or more.
    ScheduleDecay,
    /// From 0 to 1.
    MSchedule,
}

/// A whole training step refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StepError {
    #[error("{0}")]
    Forward(ForwardError),
    #[error("{0}")]
    Backward(BackwardError),
    #[error("{0}")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LoopError<E> {
    /// The iterator.
    #[error("the data: {0:?}")]
    Data(E),
    /// The iterator had no batch for this epoch: it is empty, or was not reset.
    #[error("the data has no batch for epoch {epoch}")]
    Empty { epoch: u32 },
    /// A training step.
    #[error("{0}")]
    Step(StepError),
    /// The forward of an evaluation.
    #[error("{0}")]
    Forward(ForwardError),
    #[error("{0}")]
    Metric(MetricError),
}

/// `predict` ends early; `E` is the iterator's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PredictError<E> {
    /// The iterator.
    #[error("the data: {0:?}")]
    Data(E),
    #[error("{0}")]
    Forward(ForwardError),
    /// There is no output of this index.
    #[error("there is no output {index}")]
    Output { index: usize },
    /// The predictions up to this batch are more values than there is room for.
    #[error("the predictions so far are {needed} values, there is room for {found}")]
    Room { needed: usize, found: usize },
}

/// A parameter, state or output is not there, or the values do not fit it. Nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AccessError {
    /// There are only `count`.
    #[error("there is no index {index}, only {count}")]
    Index { index: usize, count: usize },
    /// Another number of elements.
    #[error("{needed} values are needed, {found} were given")]
    Len { needed: usize, found: usize },
    /// The parameter is frozen: it lies in flash.
    #[error("parameter {index} lies in flash")]
    Frozen { index: usize },
    /// A value is infinite or NaN.
    #[error("value {at} is not finite")]
    NotFinite { at: usize },
    /// No forward of this bucket (for gradients: no backward) made it yet.
    #[error("no forward or backward of this bucket computed it")]
    NotComputed,
    /// The plan keeps no such thing: gradients need `Train::Held`, input gradients `inputs_need_grad`, a step's outputs
    /// `keep_outputs`.
    #[error("the plan keeps no such thing")]
    NotPlanned,
    /// A training step still reads it: finish the step, or drop the session, first.
    #[error("a training step still reads it")]
    StepPending,
    /// Parameter `index` of the arena was given no values.
    #[error("parameter {index} was given no values")]
    Missing { index: usize },
    /// Another number of arrays.
    #[error("{needed} arrays are needed, {found} were given")]
    Count { needed: usize, found: usize },
}

/// `save_params` or `save_optimizer_states` fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SaveError<E> {
    /// The flash.
    #[error("the flash: {0:?}")]
    Flash(E),
    /// The slots overlap, or end beyond 32-bit addresses.
    #[error("the slots overlap, or end beyond 32-bit addresses")]
    Slots,
    /// A slot has fewer bytes than the parameters need.
    #[error("the parameters need {needed} bytes, a slot has {found}")]
    SlotTooSmall { needed: usize, found: usize },
    /// The parameters are poisoned.
    #[error("the parameters are not good: an update overflowed")]
    Poisoned,
    /// `init_optimizer` has not been called, so there is no state to save.
    #[error("init_optimizer has not been called")]
    NoOptimizer,
    /// A parameter does not lie where the plan says.
    #[error("a parameter does not lie where the plan says")]
    Plan,
    /// The flash took the parameters, and gives back something else.
    #[error("what was written reads back otherwise: {0}")]
    NotKept(BlobError),
}

impl<E> From<WriteError<E>> for SaveError<E> {
    fn from(error: WriteError<E>) -> Self {
        match error {
            WriteError::Sink(error) => SaveError::Flash(error),
            WriteError::TooLarge => SaveError::Plan,
        }
    }
}

/// `load_params` or `load_optimizer_states` fails. Nothing is changed, unless the flash fails between two reads of the same bytes;
/// then the module is poisoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The flash: no slot could be read to its end and found good.
    #[error("the flash: {0:?}")]
    Flash(E),
    /// The slots overlap, or end beyond 32-bit addresses.
    #[error("the slots overlap, or end beyond 32-bit addresses")]
    Slots,
    /// Neither slot holds parameters (or the optimizer's state) of this model; the error is that of the first slot.
    #[error("neither slot holds what was saved of this model: {0}")]
    NoParams(BlobError),
    /// `init_optimizer` has not been called, so that there is nothing that would remember the state.
    #[error("init_optimizer has not been called")]
    NoOptimizer,
    /// The parameters are poisoned: set or load them first, which clears the optimizer's state.
    #[error("the parameters are not good: an update overflowed")]
    Poisoned,
}

impl<E> From<ReadFailure<E>> for LoadError<E> {
    fn from(failure: ReadFailure<E>) -> Self {
        match failure {
            ReadFailure::Source(error) => LoadError::Flash(error),
            ReadFailure::Blob(error) => LoadError::NoParams(error),
        }
    }
}
