//! The operators and their attributes, with MXNet's names and defaults.

use super::{BatchNorm, Convolution, LayerNorm, Lrn, Pooling};

/// `act_type` of Activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Relu,
    Sigmoid,
    Tanh,
    /// ln(1 + e^x).
    SoftRelu,
    /// x / (1 + |x|).
    SoftSign,
}

/// `act_type` of LeakyReLU: x for x > 0, and what stands beside the name else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Leaky {
    /// slope x
    Leaky { slope: f32 },
    /// slope (e^x - 1)
    Elu { slope: f32 },
    /// scale alpha (e^x - 1), and scale x for x > 0: scale 1.0507, alpha 1.67326.
    Selu,
    /// x Phi(x), for x > 0 as well: Phi by the error function.
    Gelu,
    /// gamma x, with a learnt gamma for each channel (axis 1), or one for all.
    Prelu,
    /// In inference the mean of both bounds times x. In training MXNet draws a slope for each value; tinpail refuses to
    /// train it.
    Rrelu { lower: f32, upper: f32 },
}

/// Functions of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    Exp,
    Log,
    Sqrt,
    /// x x
    Square,
    Abs,
}

/// `mode` of RNN. Gate orders as in MXNet: lstm i, f, c, o; gru r, z, o.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    RnnRelu,
    RnnTanh,
    Lstm,
    Gru,
}

impl Mode {
    /// Gates per cell: how many times H rows the weights have.
    pub fn gates(self) -> usize {
        match self {
            Mode::RnnRelu | Mode::RnnTanh => 1,
            Mode::Lstm => 4,
            Mode::Gru => 3,
        }
    }
}

/// `normalization` of SoftmaxOutput: what its gradient is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalization {
    /// Nothing (with `multi_output`: the spatial size).
    #[default]
    Null,
    /// The number of label elements.
    Batch,
    /// The number of labels that are not `ignore_label`, at least 1.
    Valid,
}

/// Operators on one operand and a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarOp {
    /// x + s
    Plus,
    /// x - s
    Minus,
    /// s - x
    RMinus,
    /// x * s
    Mul,
    /// x / s
    Div,
}

/// The operators that broadcast: where one side has an axis of 1, or no axis, it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
}

/// Attributes of FullyConnected: y = x W^T + b, W of shape (num_hidden, inputs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullyConnected {
    pub num_hidden: usize,
    pub no_bias: bool,
    /// Merge all axes but the first; otherwise work on the last axis.
    pub flatten: bool,
}

impl FullyConnected {
    /// `num_hidden` outputs, with bias, flattening: MXNet's defaults.
    pub fn new(num_hidden: usize) -> Self {
        FullyConnected {
            num_hidden,
            no_bias: false,
            flatten: true,
        }
    }
}

/// Attributes of Embedding: a table of `input_dim` rows of `output_dim` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedding {
    pub input_dim: usize,
    pub output_dim: usize,
}

/// Attributes of the fused RNN symbol. Data is (T, N, I); states are (layers D, N, H) with D directions, that of a
/// layer's reverse after that of the layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rnn {
    pub mode: Mode,
    pub state_size: usize,
    pub num_layers: usize,
    /// A second layer beside each runs from the last step to the first; the outputs are (T, N, 2 H).
    pub bidirectional: bool,
    /// Probability of dropping an output between layers in training.
    pub p: f32,
    /// Whether the final states are outputs 1 (h) and 2 (c, lstm only).
    pub state_outputs: bool,
}

impl Rnn {
    /// One layer, no dropout, no state outputs.
    pub fn new(mode: Mode, state_size: usize) -> Self {
        Rnn {
            mode,
            state_size,
            num_layers: 1,
            bidirectional: false,
            p: 0.0,
            state_outputs: false,
        }
    }

    /// Elements of the `parameters` vector for an input of `input_size`:
    /// (I + H + 2) H G D + (L - 1)(D H + H + 2) H G D, from MXNet's `rnn-inl.h`.
    pub fn parameter_len(&self, input_size: usize) -> usize {
        let (h, g, d) = (self.state_size, self.mode.gates(), self.directions());
        (input_size + h + 2) * h * g * d + (self.num_layers - 1) * (d * h + h + 2) * h * g * d
    }

    /// 2 if bidirectional, else 1.
    pub fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }
}

/// Attributes of SoftmaxOutput. Its gradient is (p - onehot(label)) grad_scale / N; see [`Normalization`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxOutput {
    pub grad_scale: f32,
    /// Class whose rows have no gradient if `use_ignore`. On the device -1 is the u16 0xFFFF.
    pub ignore_label: i32,
    pub use_ignore: bool,
    /// Softmax over axis 1 of (N, C, ...), one label for each remaining position.
    pub multi_output: bool,
    /// Softmax over the last axis, one label for each row.
    pub preserve_shape: bool,
    pub normalization: Normalization,
    /// The true class gets 1 - a, each other a / (K - 1).
    pub smooth_alpha: f32,
}

impl Default for SoftmaxOutput {
    fn default() -> Self {
        SoftmaxOutput {
            grad_scale: 1.0,
            ignore_label: -1,
            use_ignore: false,
            multi_output: false,
            preserve_shape: false,
            normalization: Normalization::Null,
            smooth_alpha: 0.0,
        }
    }
}

/// Attributes of softmax and log_softmax.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax {
    /// Negative axes count from the end.
    pub axis: i64,
    /// What the data is divided by first.
    pub temperature: Option<f32>,
}

impl Default for Softmax {
    fn default() -> Self {
        Softmax {
            axis: -1,
            temperature: None,
        }
    }
}

/// Attributes of MakeLoss: the identity, with grad_scale / N as gradient everywhere. N is 1, the batch size, or the
/// number of values above `valid_thresh`, at least 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MakeLoss {
    pub grad_scale: f32,
    pub normalization: Normalization,
    pub valid_thresh: f32,
}

impl Default for MakeLoss {
    fn default() -> Self {
        MakeLoss {
            grad_scale: 1.0,
            normalization: Normalization::Null,
            valid_thresh: 0.0,
        }
    }
}

/// An operator with its attributes. Inputs, in order, are in the comment of each.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A named argument: data, label, parameter or state.
    Variable,
    /// Zeros of a shape in which 0 is the batch size. MXNet's `_zeros`. With more than one 0: what its reader needs.
    Zeros { shape: Vec<usize> },
    /// Ones of a shape in which 0 is the batch size. MXNet's `_ones`.
    Ones { shape: Vec<usize> },
    /// data, of which only the shape counts.
    OnesLike,
    /// data. MXNet's `_copy`.
    Identity,
    /// data, weight[, bias]
    FullyConnected(FullyConnected),
    /// data
    Activation(Act),
    /// data, weight[, bias]
    Convolution(Convolution),
    /// data
    Pooling(Pooling),
    /// data, gamma, beta, moving_mean, moving_var; the last two are auxiliary states.
    BatchNorm(BatchNorm),
    /// data, gamma, beta
    LayerNorm(LayerNorm),
    /// data
    Lrn(Lrn),
    /// data[, gamma]
    LeakyRelu(Leaky),
    /// data
    Unary(Unary),
    /// data
    Softmax(Softmax),
    /// data: the logarithm of softmax.
    LogSoftmax(Softmax),
    /// data (token ids), weight
    Embedding(Embedding),
    /// data, parameters, state[, state_cell]
    Rnn(Rnn),
    /// data[, sequence_length]: the last (or `sequence_length[n] - 1`th) of the time steps.
    SequenceLast {
        use_sequence_length: bool,
        axis: usize,
    },
    /// data[, sequence_length]: steps from `sequence_length[n]` on are set to `value`.
    SequenceMask {
        use_sequence_length: bool,
        value: f32,
        axis: usize,
    },
    /// data[, sequence_length]: the first `sequence_length[n]` (or all) of the time steps in reverse.
    SequenceReverse {
        use_sequence_length: bool,
        axis: usize,
    },
    /// data; negative axes count from the end; no axes: all.
    Mean { axes: Vec<i64>, keepdims: bool },
    /// data; negative axes count from the end; no axes: all.
    Sum { axes: Vec<i64>, keepdims: bool },
    /// data; MXNet's codes: 0 keep, -1 infer, -2 rest, -3 merge two, -4 split.
    Reshape { shape: Vec<i64>, reverse: bool },
    /// data
    ExpandDims { axis: i64 },
    /// data
    SwapAxis { dim1: usize, dim2: usize },
    /// data; axis i of the output is axis `axes[i]` of the data; no axes: all in reverse.
    Transpose { axes: Vec<i64> },
    /// data: places `begin` to `end` (to the last, if none) of an axis; negative places count from the end.
    SliceAxis {
        axis: i64,
        begin: i64,
        end: Option<i64>,
    },
    /// the parts, of one shape, along a new axis
    Stack { axis: i64 },
    /// the parts
    Concat { dim: i64 },
    /// data
    SliceChannel {
        num_outputs: usize,
        axis: i64,
        squeeze_axis: bool,
    },
    /// lhs, rhs of equal shape
    ElemwiseAdd,
    /// lhs, rhs of equal shape
    ElemwiseSub,
    /// lhs, rhs of equal shape
    ElemwiseMul,
    /// lhs, rhs of equal shape
    ElemwiseDiv,
    /// lhs, rhs
    Broadcast(Binary),
    /// the summands, of one shape
    AddN,
    /// condition, x, y of equal shape: x where the condition is not 0, else y.
    Where,
    /// data
    Scalar(ScalarOp, f32),
    /// data; in training each value is kept with probability 1 - p and then divided by it.
    Dropout { p: f32 },
    /// data; forward the identity, backward nothing.
    BlockGrad,
    /// data, label
    SoftmaxOutput(SoftmaxOutput),
    /// data, label; gradient (o - y) grad_scale / (label elements per sample).
    LinearRegressionOutput { grad_scale: f32 },
    /// data, label; the output is o = sigmoid(data), gradient (o - y) grad_scale / (label elements per sample).
    LogisticRegressionOutput { grad_scale: f32 },
    /// data, label; gradient sign(o - y) grad_scale / (label elements per sample), where sign(0) is -1.
    MaeRegressionOutput { grad_scale: f32 },
    /// data
    MakeLoss(MakeLoss),

    /// Made by fusion: one layer over a whole sequence in (T, N, I) layout.
    /// Inputs: data, i2h_weight (GH, I), i2h_bias, h2h_weight (GH, H), h2h_bias, h0 (N, H)[, c0 (N, H)].
    /// Outputs: all h (T, N, H), last h (N, H)[, last c (N, H)].
    RnnLayer { mode: Mode, hidden: usize },
    /// Made by fusion: `shape` elements of a parameter from element `offset` on, without a copy.
    /// Input: the parameter.
    ParamSlice { offset: usize, shape: Vec<usize> },
}

impl Op {
    /// How many outputs the operator has.
    pub fn outputs(&self) -> usize {
        match self {
            Op::SliceChannel { num_outputs, .. } => *num_outputs,
            Op::Rnn(rnn) if !rnn.state_outputs => 1,
            Op::Rnn(Rnn {
                mode: Mode::Lstm, ..
            })
            | Op::RnnLayer {
                mode: Mode::Lstm, ..
            } => 3,
            Op::Rnn(_) | Op::RnnLayer { .. } => 2,
            _ => 1,
        }
    }

    /// Whether it brings its own gradient, whatever comes in from its output.
    pub fn is_loss(&self) -> bool {
        matches!(
            self,
            Op::SoftmaxOutput(_)
                | Op::LinearRegressionOutput { .. }
                | Op::LogisticRegressionOutput { .. }
                | Op::MaeRegressionOutput { .. }
                | Op::MakeLoss(_)
        )
    }

    /// The least and the most inputs that the operator takes (`usize::MAX`: any number).
    pub fn inputs(&self) -> (usize, usize) {
        let exactly = |n| (n, n);
        let state_of = |mode: Mode| if mode == Mode::Lstm { 2 } else { 1 };
        match self {
            Op::Variable | Op::Zeros { .. } | Op::Ones { .. } => exactly(0),
            Op::LeakyRelu(leaky) => exactly(1 + usize::from(*leaky == Leaky::Prelu)),
            Op::Where => exactly(3),
            Op::FullyConnected(fc) => exactly(if fc.no_bias { 2 } else { 3 }),
            Op::Convolution(conv) => exactly(if conv.no_bias { 2 } else { 3 }),
            Op::BatchNorm(_) => exactly(5),
            Op::LayerNorm(_) => exactly(3),
            Op::Rnn(rnn) => exactly(2 + state_of(rnn.mode)),
            Op::RnnLayer { mode, .. } => exactly(5 + state_of(*mode)),
            Op::SequenceLast {
                use_sequence_length,
                ..
            }
            | Op::SequenceMask {
                use_sequence_length,
                ..
            }
            | Op::SequenceReverse {
                use_sequence_length,
                ..
            } => exactly(1 + *use_sequence_length as usize),
            Op::Concat { .. } | Op::Stack { .. } | Op::AddN => (1, usize::MAX),
            Op::Embedding(_)
            | Op::ElemwiseAdd
            | Op::ElemwiseSub
            | Op::ElemwiseMul
            | Op::ElemwiseDiv
            | Op::Broadcast(_)
            | Op::SoftmaxOutput(_)
            | Op::LinearRegressionOutput { .. }
            | Op::LogisticRegressionOutput { .. }
            | Op::MaeRegressionOutput { .. } => exactly(2),
            Op::Activation(_)
            | Op::Pooling(_)
            | Op::Lrn(_)
            | Op::Unary(_)
            | Op::Softmax(_)
            | Op::LogSoftmax(_)
            | Op::OnesLike
            | Op::Identity
            | Op::MakeLoss(_)
            | Op::Sum { .. }
            | Op::Transpose { .. }
            | Op::SliceAxis { .. }
            | Op::Mean { .. }
            | Op::Reshape { .. }
            | Op::ExpandDims { .. }
            | Op::SwapAxis { .. }
            | Op::SliceChannel { .. }
            | Op::Scalar(..)
            | Op::Dropout { .. }
            | Op::BlockGrad
            | Op::ParamSlice { .. } => exactly(1),
        }
    }

    /// Whether input `position` is an auxiliary state: not trained by gradients, but moved by backward.
    pub fn is_auxiliary(&self, position: usize) -> bool {
        matches!(self, Op::BatchNorm(_)) && position >= 3
    }

    /// MXNet's name of the operator.
    pub fn mxnet_name(&self) -> &'static str {
        match self {
            Op::Variable => "null",
            Op::Zeros { .. } => "_zeros",
            Op::Ones { .. } => "_ones",
            Op::OnesLike => "ones_like",
            Op::Identity => "_copy",
            Op::LeakyRelu(_) => "LeakyReLU",
            Op::Unary(Unary::Exp) => "exp",
            Op::Unary(Unary::Log) => "log",
            Op::Unary(Unary::Sqrt) => "sqrt",
            Op::Unary(Unary::Square) => "square",
            Op::Unary(Unary::Abs) => "abs",
            Op::Softmax(_) => "softmax",
            Op::LogSoftmax(_) => "log_softmax",
            Op::FullyConnected(_) => "FullyConnected",
            Op::Activation(_) => "Activation",
            Op::Convolution(_) => "Convolution",
            Op::Pooling(_) => "Pooling",
            Op::BatchNorm(_) => "BatchNorm",
            Op::LayerNorm(_) => "LayerNorm",
            Op::Lrn(_) => "LRN",
            Op::Embedding(_) => "Embedding",
            Op::Rnn(_) | Op::RnnLayer { .. } => "RNN",
            Op::SequenceLast { .. } => "SequenceLast",
            Op::SequenceMask { .. } => "SequenceMask",
            Op::SequenceReverse { .. } => "SequenceReverse",
            Op::Mean { .. } => "mean",
            Op::Sum { .. } => "sum",
            Op::Transpose { .. } => "transpose",
            Op::SliceAxis { .. } => "slice_axis",
            Op::Stack { .. } => "stack",
            Op::ElemwiseDiv => "elemwise_div",
            Op::Broadcast(Binary::Add) => "broadcast_add",
            Op::Broadcast(Binary::Sub) => "broadcast_sub",
            Op::Broadcast(Binary::Mul) => "broadcast_mul",
            Op::Broadcast(Binary::Div) => "broadcast_div",
            Op::AddN => "add_n",
            Op::Where => "where",
            Op::Reshape { .. } => "Reshape",
            Op::ExpandDims { .. } => "expand_dims",
            Op::SwapAxis { .. } => "SwapAxis",
            Op::Concat { .. } => "Concat",
            Op::SliceChannel { .. } => "SliceChannel",
            Op::ElemwiseAdd => "elemwise_add",
            Op::ElemwiseSub => "elemwise_sub",
            Op::ElemwiseMul => "elemwise_mul",
            Op::Scalar(ScalarOp::Plus, _) => "_plus_scalar",
            Op::Scalar(ScalarOp::Minus, _) => "_minus_scalar",
            Op::Scalar(ScalarOp::RMinus, _) => "_rminus_scalar",
            Op::Scalar(ScalarOp::Mul, _) => "_mul_scalar",
            Op::Scalar(ScalarOp::Div, _) => "_div_scalar",
            Op::Dropout { .. } => "Dropout",
            Op::BlockGrad => "BlockGrad",
            Op::SoftmaxOutput(_) => "SoftmaxOutput",
            Op::LinearRegressionOutput { .. } => "LinearRegressionOutput",
            Op::LogisticRegressionOutput { .. } => "LogisticRegressionOutput",
            Op::MaeRegressionOutput { .. } => "MAERegressionOutput",
            Op::MakeLoss(_) => "MakeLoss",
            Op::ParamSlice { .. } => "slice",
        }
    }
}
