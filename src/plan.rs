//! The plan: everything about a network that is known before the device starts.
//!
//! A plan is flat tables: buckets name programs, programs name ranges of steps, a step names a call or a loop over
//! calls, a call names a kernel, its operands and its integers. All of it is `const`-constructible, so `build.rs`
//! emits it as statics; on the host the same tables live in vectors (`tinpail_plan::PlanBuf`) and travel as postcard.
//!
//! Offsets and lengths count elements (4 bytes in the arena and in flash), never bytes.

pub mod blob;
mod check;
mod steps;

pub use blob::{Counts, PlanError, PlanRows, Storage, Table};
pub(crate) use check::check;
pub use steps::{Loop, Operand, Step, Work};

use serde::{Deserialize, Serialize};

use crate::optim::Kind;
use crate::recipe::Recipe;

/// A half-open range of rows of one of the plan's tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    pub start: u16,
    pub end: u16,
}

impl Rows {
    /// The rows of `table`; empty if the range does not lie in it.
    pub fn of<T>(self, table: &[T]) -> &[T] {
        table
            .get(usize::from(self.start)..usize::from(self.end))
            .unwrap_or(&[])
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// Where an operand lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The arena: the only space that is ever written.
    Arena,
    /// The payload of the parameter blob.
    Flash,
    /// Data of the batch, by position in `data_names`.
    Data(u8),
    /// A label of the batch, by position in the label names.
    Label(u8),
    /// A head gradient handed to `backward_from`, by position among the heads that are no losses.
    HeadGrad(u8),
}

/// A run of elements in one space. Eight bytes:
/// `| space: 4 bits | port: 4 bits | offset: 24 bits | len: 32 bits |`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    at: u32,
    /// Elements.
    pub len: u32,
}

impl Span {
    /// The operand that is left out: no elements.
    pub const NONE: Span = Span { at: 0, len: 0 };

    /// The first offset that a span cannot have.
    pub const OFFSET_LIMIT: u32 = 1 << 24;

    /// The first port that a span cannot have.
    pub const PORT_LIMIT: u8 = 16;

    /// A run of `len` elements from `offset` on. `offset` is below [`Self::OFFSET_LIMIT`], ports are
    /// below [`Self::PORT_LIMIT`]; higher bits are cut.
    pub const fn new(space: Space, offset: u32, len: u32) -> Self {
        let (space, port) = match space {
            Space::Arena => (0, 0),
            Space::Flash => (1, 0),
            Space::Data(port) => (2, port as u32),
            Space::Label(port) => (3, port as u32),
            Space::HeadGrad(port) => (4, port as u32),
        };
        Span {
            at: space << 28 | (port & 0xf) << 24 | offset & 0x00ff_ffff,
            len,
        }
    }

    /// The space.
    pub const fn space(self) -> Space {
        let port = (self.at >> 24 & 0xf) as u8;
        match self.at >> 28 {
            0 => Space::Arena,
            1 => Space::Flash,
            2 => Space::Data(port),
            3 => Space::Label(port),
            _ => Space::HeadGrad(port),
        }
    }

    /// The first element.
    pub const fn offset(self) -> u32 {
        self.at & 0x00ff_ffff
    }

    /// The elements as a range.
    pub const fn range(self) -> core::ops::Range<usize> {
        let start = self.offset() as usize;
        start..start.saturating_add(self.len as usize)
    }

    /// The same run `by` elements further on; `None` if no span can begin there.
    pub const fn shifted(self, by: i32) -> Option<Self> {
        match self.offset().checked_add_signed(by) {
            Some(offset) if offset < Self::OFFSET_LIMIT => Some(Span {
                at: self.at & !(Self::OFFSET_LIMIT - 1) | offset,
                len: self.len,
            }),
            _ => None,
        }
    }
}

/// How a kernel uses an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    /// Every element is written before the call returns, none is read before it is written.
    Write,
    /// Elements are read and some of them are written.
    Update,
}

/// Declares [`Kernel`] with the operands of each call, in order.
macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident: [$($access:ident $operand:ident),*],)*) => {
        /// The kernels, with their operands in order (see the table in `kernel/call/mod.rs` for the integers).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Kernel {
            $($(#[$doc])* $name,)*
        }

        impl Kernel {
            /// Every kernel, in the order of their numbers.
            pub const ALL: &'static [Kernel] = &[$(Kernel::$name,)*];

            /// How each operand is used.
            pub const fn accesses(self) -> &'static [Access] {
                match self {
                    $(Kernel::$name => &[$(Access::$access),*],)*
                }
            }

            /// The kernel's name, as in the source.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Kernel::$name => stringify!($name),)*
                }
            }

            /// The name of each operand.
            pub const fn operand_names(self) -> &'static [&'static str] {
                match self {
                    $(Kernel::$name => &[$(stringify!($operand)),*],)*
                }
            }
        }
    };
}

kernels! {
    Copy: [Read src, Write dst],
    /// Strided blocks of `src`, one after the other.
    Gather: [Read src, Write dst],
    /// The blocks of `src`, strided.
    Scatter: [Read src, Update dst],
    SwapAxes: [Read src, Write dst],
    Fill: [Write dst],
    /// The nearest f16, two to a word.
    ToF16: [Read src, Write dst],
    FromF16: [Read src, Write dst],
    AddAssign: [Read src, Update dst],
    SubAssign: [Read src, Update dst],
    MulAssign: [Read src, Update dst],
    DivAssign: [Read src, Update dst],
    /// `other` where the condition says so.
    Select: [Read condition, Read other, Update y],
    Scalar: [Update dst],
    ActivationForward: [Update y],
    ActivationBackward: [Read y, Update dy],
    Exp: [Update y],
    Log: [Update y],
    Sqrt: [Update y],
    Abs: [Update y],
    AbsBackward: [Read x, Update dy],
    LeakyForward: [Update y],
    LeakyBackward: [Read y, Update dy],
    EluForward: [Update y],
    EluBackward: [Read y, Update dy],
    GeluForward: [Update y],
    GeluBackward: [Read x, Update dy],
    PreluForward: [Read gamma, Update y],
    PreluBackward: [Read x, Read gamma, Update dy],
    PreluGammaGrad: [Read x, Read dy, Write dgamma],
    DenseForward: [Read x, Read w, Read b, Write y],
    DenseBackwardData: [Read delta, Read w, Write dx],
    DenseGrad: [Read delta, Read x0, Read x1, Update dw],
    DenseUpdate: [Read delta, Read x0, Read x1, Update w, Update m],
    /// `x1` is f16.
    DenseGradF16: [Read delta, Read x0, Read x1, Update dw, Write row],
    /// `x1` is f16.
    DenseUpdateF16: [Read delta, Read x0, Read x1, Update w, Update m, Write strip],
    BiasGrad: [Read delta, Update db],
    BiasUpdate: [Read delta, Update b, Update m],
    ConvolutionForward: [Read x, Read w, Read b, Write y],
    ConvolutionBackwardData: [Read delta, Read w, Write dx],
    ConvolutionGrad: [Read delta, Read x, Update dw],
    ConvolutionUpdate: [Read delta, Read x, Update w, Update m, Write tile],
    ChannelGrad: [Read delta, Update db],
    ChannelUpdate: [Read delta, Update b, Update m],
    MaxPoolForward: [Read x, Write y],
    MaxPoolBackward: [Read x, Read dy, Write dx],
    AveragePoolForward: [Read x, Write y],
    AveragePoolBackward: [Read dy, Write dx],
    LpPoolForward: [Read x, Write y],
    LpPoolBackward: [Read x, Read dy, Write dx],
    BatchMoments: [Read x, Write mean, Write var],
    BatchNormForward: [Read gamma, Read beta, Read mean, Read var, Update y],
    BatchNormBackward: [Read x, Read gamma, Read mean, Read var, Update dx, Write dgamma, Write dbeta],
    /// Moves the moving mean and variance towards the batch's.
    BatchNormFollow: [Read mean, Read var, Update moving_mean, Update moving_var],
    LayerNormForward: [Read x, Read gamma, Read beta, Write y],
    LayerNormBackward: [Read x, Read gamma, Update dx, Write dgamma, Write dbeta],
    LrnForward: [Read x, Write norm, Write y],
    LrnBackward: [Read x, Read norm, Read dy, Write products, Write dx],
    EmbeddingForward: [Read tokens, Read w, Write y],
    EmbeddingGrad: [Read tokens, Read dy, Update dw],
    EmbeddingUpdate: [Read tokens, Read dy, Update w, Update m, Write tile],
    RnnForward: [Read x, Read wi, Read bi, Read wh, Read bh, Read h0, Write sums, Write h],
    RnnBackward: [Read dh_all, Read h, Read wh, Update dh, Write delta],
    /// `h` is f16.
    RnnBackwardF16: [Read dh_all, Read h, Read wh, Update dh, Write delta],
    LstmForward: [Read x, Read wi, Read bi, Read wh, Read bh, Read h0, Read c0, Write gates, Write c, Write h],
    LstmBackward: [Read dh_all, Read c, Read c0, Read wh, Update gates, Update dh, Update dc],
    /// `gates` and `stored` are f16; `c` is the last one.
    LstmForwardF16: [Read x, Read wi, Read bi, Read wh, Read bh, Read h0, Read c0, Write gates, Write stored, Write c, Write h],
    /// `gates` are f16 in, f32 out.
    LstmBackwardF16: [Read dh_all, Read c0, Read wh, Update gates, Update dh, Update dc],
    GruForward: [Read x, Read wi, Read bi, Read wh, Read bh, Read h0, Write gates, Write h],
    GruBackward: [Read dh_all, Read h, Read h0, Read wh, Update gates, Update dh],
    /// `gates` and `stored` are f16.
    GruForwardF16: [Read x, Read wi, Read bi, Read wh, Read bh, Read h0, Write gates, Write stored, Write h],
    /// `stored` is f16, `gates` are f16 in, f32 out.
    GruBackwardF16: [Read dh_all, Read stored, Read h0, Read wh, Update gates, Update dh],
    SequenceLastForward: [Read x, Read lengths, Write y],
    SequenceLastBackward: [Read dy, Read lengths, Write dx],
    SequenceMask: [Read lengths, Update y],
    SequenceReverse: [Read x, Read lengths, Write y],
    MeanForward: [Read x, Write y],
    MeanBackward: [Read dy, Write dx],
    Sum: [Read x, Write y],
    /// The same values at every place of an axis.
    Repeat: [Read x, Write y],
    Dropout: [Update y],
    SoftmaxForward: [Update y],
    SoftmaxBackward: [Read label, Update dx],
    SoftmaxBackwardProb: [Read label, Update dx],
    SoftmaxGrad: [Read y, Update dy],
    LogSoftmaxForward: [Update y],
    LogSoftmaxGrad: [Read y, Update dy],
    LinearRegressionBackward: [Read label, Update dx],
    MaeRegressionBackward: [Read label, Update dx],
    MakeLossValid: [Read x, Write dx],
    /// Fails, before anything is committed, if a value is not finite.
    CheckFinite: [Read x],
    CheckFiniteF16: [Read x],
    /// Adds the squares of a gradient to a sum; those below do so of a gradient that they form, by rows or by pairs of rows.
    SquareNorm: [Read g, Update norm],
    PairsNorm: [Read delta, Read x0, Read x1, Update norm],
    DenseNorm: [Read delta, Read x0, Read x1, Update w, Update norm, Write tile],
    DenseNormF16: [Read delta, Read x0, Read x1, Update w, Update norm, Write strip],
    BiasNorm: [Read delta, Update b, Update norm],
    ConvolutionNorm: [Read delta, Read x, Update w, Update norm, Write tile],
    ChannelNorm: [Read delta, Update b, Update norm],
    EmbeddingNorm: [Read tokens, Read dy, Update w, Update norm, Write tile],
    /// Scales the gradients of this update by their norm, whose square is given.
    ClipGlobalNorm: [Read norm],
    /// The optimizer over a parameter whose gradient lies in a buffer (or is zero: left out).
    Apply: [Read g, Update w, Update m],
    /// The same with what 2-bit compression sends of the gradient.
    ApplyCompressed: [Read g, Update residual, Update w, Update m],
}

/// One kernel call. Six bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub kernel: Kernel,
    /// How many integers it has.
    pub int_count: u8,
    /// The first row of [`Plan::operands`]; there are as many as the kernel has operands.
    pub operands: u16,
    /// The first row of [`Plan::ints`].
    pub ints: u16,
}

impl Call {
    /// The rows of `operands`; fewer if the table ends before.
    pub fn operands_of(self, operands: &[Operand]) -> &[Operand] {
        let from = operands.get(usize::from(self.operands)..).unwrap_or(&[]);
        from.get(..self.kernel.accesses().len()).unwrap_or(from)
    }

    /// The rows of `ints`; fewer if the table ends before.
    pub fn ints_of(self, ints: &[u32]) -> &[u32] {
        let from = ints.get(usize::from(self.ints)..).unwrap_or(&[]);
        from.get(..usize::from(self.int_count)).unwrap_or(from)
    }

    /// How many strides it has in a loop.
    pub fn stride_count(self) -> usize {
        self.kernel.accesses().len() + usize::from(self.int_count)
    }
}

/// What a data or label slice must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortKind {
    F32,
    /// Token ids, class labels or sequence lengths: each at least `min` and at most `max`, or equal to
    /// `ignore`.
    U16 {
        min: u16,
        max: u16,
        ignore: Option<u16>,
    },
}

/// One data or label input of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    pub kind: PortKind,
    /// Elements, batch included.
    pub len: u32,
}

/// The steps of one bucket in one mode. Empty ranges where the plan has no such thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Rows of [`Plan::steps`].
    pub forward: Rows,
    /// Rows of [`Plan::steps`].
    pub backward: Rows,
    /// Rows of [`Plan::steps`]: checks that change nothing, run before `update`.
    pub check: Rows,
    /// Rows of [`Plan::steps`]; under [`Train::Step`] backward, checks and updates in one.
    pub update: Rows,
    /// Rows of [`Plan::ports`]: the head gradients that `backward_from` takes, one for each head that is
    /// neither a loss nor behind a BlockGrad.
    pub head_grads: Rows,
    /// Rows of [`Plan::operands`], one for each head; empty in a training program whose build gives its outputs up.
    pub outputs: Rows,
    /// Rows of [`Plan::operands`], one for each data input; empty unless `inputs_need_grad`.
    pub input_grads: Rows,
}

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketPlan {
    /// The bucket key, usually the number of time steps.
    pub key: u32,
    /// Rows of [`Plan::ports`].
    pub data: Rows,
    /// Rows of [`Plan::ports`].
    pub labels: Rows,
    /// The row of [`Plan::spans`] from which on the bucket's own operands lie.
    pub frame: u16,
    /// A row of [`Plan::programs`].
    pub infer: u16,
    /// A row of [`Plan::programs`]; an empty program if the plan does not train.
    pub train: u16,
}

/// Where a parameter's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Home {
    /// Where it lies in the blob: frozen, or the plan is for inference.
    Flash,
    /// In the arena, from this offset on: trainable, or an auxiliary state of a plan that trains.
    Arena(u32),
}

/// What moves a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParamKind {
    /// Update, by its gradient. MXNet's `arg_params`.
    Argument,
    /// Backward, with no gradient and no optimizer: BatchNorm's moving mean and variance. MXNet's `aux_params`.
    Auxiliary,
}

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    pub kind: ParamKind,
    /// Elements.
    pub len: u32,
    /// First element in the blob's payload.
    pub flash: u32,
    pub home: Home,
    /// Offset of the optimizer's state in the arena: [`Kind::state_len`] words.
    pub state: Option<u32>,
    /// Offset of the held gradient in the arena.
    pub grad: Option<u32>,
    /// Offset of what 2-bit compression has not sent yet.
    pub residual: Option<u32>,
    pub lr_mult: f32,
    pub wd_mult: f32,
}

impl Param {
    /// The optimizer's state in the arena, if there is any.
    pub fn state_range(&self, optimizer: Kind) -> Option<core::ops::Range<usize>> {
        let start = self.state?;
        let end = start.saturating_add(optimizer.state_len(self.len));
        Some(start as usize..end as usize)
    }

    /// What 2-bit compression has not sent yet, in the arena, if the plan compresses.
    pub fn residual_range(&self) -> Option<core::ops::Range<usize>> {
        let start = self.residual?;
        Some(start as usize..start.saturating_add(self.len) as usize)
    }

    /// The word in the arena that counts the parameter's updates, as bits, if the optimizer counts them.
    pub fn count(&self, optimizer: Kind) -> Option<usize> {
        let end = self.state_range(optimizer)?.end;
        if optimizer.counts() {
            end.checked_sub(1)
        } else {
            None
        }
    }
}

/// How the plan trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Train {
    /// Not at all: all parameters stay in flash.
    None,
    /// No gradient buffers: backward leaves deltas, update forms and applies dW.
    Fused,
    /// One gradient buffer per trainable parameter.
    Held,
    /// In whole steps alone: each layer moves as soon as its deltas stand and nothing reads its old weights any more.
    Step,
}

/// A planned network.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// Fingerprint of the parameter schema (names, shapes, dtypes, layout): what a blob must match.
    pub schema: u64,
    /// Fingerprint of the plan itself.
    pub fingerprint: u64,
    pub recipe: Recipe,
    pub train: Train,
    /// The optimizer whose state has a place in the arena.
    pub optimizer: Kind,
    /// Rows of a batch; the default of `rescale_grad` is one over it.
    pub batch_size: u32,
    /// Elements of the arena.
    pub arena_len: u32,
    /// Elements at the arena's start that outlive a step: parameters, optimizer state, carried states,
    /// held gradients.
    pub persistent_len: u32,
    /// Elements of the blob's payload.
    pub flash_len: u32,
    /// The bucket that is current after `bind`.
    pub default_bucket: u16,
    pub params: &'a [Param],
    /// Carried states, all in the arena.
    pub states: &'a [Span],
    pub buckets: &'a [BucketPlan],
    pub programs: &'a [Program],
    pub ports: &'a [Port],
    pub steps: &'a [Step],
    pub loops: &'a [Loop],
    pub calls: &'a [Call],
    pub operands: &'a [Operand],
    pub strides: &'a [i16],
    pub spans: &'a [Span],
    pub ints: &'a [u32],
}

/// A bucket by its position in [`Plan::buckets`]; what the generated `Bucket` enum turns into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BucketIndex(pub u16);

impl<'a> Plan<'a> {
    /// The bucket at `index`.
    pub fn bucket(&self, index: BucketIndex) -> Option<&'a BucketPlan> {
        self.buckets.get(usize::from(index.0))
    }

    /// The program in row `row`; an empty one if there is none.
    pub fn program(&self, row: u16) -> Program {
        let program = self.programs.get(usize::from(row));
        program.copied().unwrap_or_default()
    }

    /// Where an operand lies, for a bucket whose own operands begin at `frame`.
    pub fn span(&self, frame: u16, operand: Operand) -> Option<Span> {
        self.spans.get(operand.row(frame)).copied()
    }

    /// The smallest bucket whose key is at least `len`.
    pub fn fitting(&self, len: usize) -> Option<BucketIndex> {
        let fits = |(_, bucket): &(usize, &BucketPlan)| bucket.key as usize >= len;
        let best = self
            .buckets
            .iter()
            .enumerate()
            .filter(fits)
            .min_by_key(|(_, bucket)| bucket.key)?;
        Some(BucketIndex(best.0 as u16))
    }
}
