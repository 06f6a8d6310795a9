//! From a call of the plan to a kernel: one adapter for each [`Kernel`], which resolves the operands, reads
//! the integers and calls. An emitted model names the adapters it uses; [`any`] names them all.
//!
//! | kernel | integers |
//! | --- | --- |
//! | Fill | value bits |
//! | FromF16 | the first f16 of src that is read |
//! | Gather, Scatter | blocks, elements of each, first, stride (of the strided side) |
//! | SwapAxes | P, A, M, B, Q |
//! | Scalar | [`ScalarKind`], scalar bits |
//! | Select | 1 keeps y where the condition is not 0, 0 where it is |
//! | Activation* | act |
//! | Leaky* | slope bits |
//! | Elu* | alpha bits, scale bits |
//! | Prelu* | C, inner |
//! | DenseForward | K, O |
//! | DenseBackwardData, DenseGrad, DenseGradF16 | K, O, first, stride of delta |
//! | DenseUpdate, DenseUpdateF16 | K, O, first, stride, parameter, part |
//! | BiasGrad; BiasUpdate | O, first, stride; parameter, part |
//! | Convolution*; ConvolutionUpdate | C/G, F/G, G, then the height's input, output, kernel, stride, pad and dilate, then the width's; parameter, part |
//! | ChannelGrad; ChannelUpdate | C, I; parameter, part |
//! | MaxPool*, AveragePool*, LpPool* | the height's input, output, kernel, stride and pad, then the width's; divisor (average), power (lp) |
//! | BatchMoments, LayerNorm* | C, I, eps bits |
//! | BatchNormForward; BatchNormBackward | C, I, eps bits; of_batch |
//! | BatchNormFollow | momentum bits |
//! | Lrn* | C, I, nsize, alpha bits, beta bits, knorm bits |
//! | EmbeddingForward, EmbeddingGrad; EmbeddingUpdate | D; parameter, part |
//! | RnnForward | N, D, H, keep, mode |
//! | RnnBackward, RnnBackwardF16 | N, D, H, mode |
//! | LstmForward, LstmForwardF16, GruForward, GruForwardF16 | N, D, H, keep |
//! | LstmBackward, LstmBackwardF16, GruBackward, GruBackwardF16 | N, D, H |
//! | SequenceLast*, SequenceReverse; SequenceMask | T, N, C, axis; value bits |
//! | Mean*, Sum, Repeat | axis, inner |
//! | Dropout | stream, p bits |
//! | SoftmaxForward, SoftmaxGrad, LogSoftmax* | C, inner |
//! | SoftmaxBackward | C, inner, grad_scale bits, ignore_label, use_ignore, smooth_alpha bits, normalization |
//! | SoftmaxBackwardProb | grad_scale bits |
//! | LinearRegressionBackward, MaeRegressionBackward | scale bits |
//! | MakeLossValid | grad_scale bits, valid_thresh bits |
//! | PairsNorm, DenseNorm, DenseNormF16, BiasNorm, ConvolutionNorm, ChannelNorm, EmbeddingNorm | those of the gradient's kernel |
//! | ClipGlobalNorm | max_norm bits |
//! | Apply; ApplyCompressed | parameter, part; threshold bits |
//!
//! `part` counts the calls that update one parameter together, from 0.

mod convolution;
mod dense;
mod elementwise;
mod embedding;
mod global_norm;
mod half;
mod layout;
mod leaky;
mod loss;
mod norm;
mod pooling;
mod recurrent;
mod sequence;
mod update;

pub use convolution::*;
pub use dense::*;
pub use elementwise::*;
pub use embedding::*;
pub use global_norm::*;
pub use half::*;
pub use layout::*;
pub use leaky::*;
pub use loss::*;
pub use norm::*;
pub use pooling::*;
pub use recurrent::*;
pub use sequence::*;
pub use update::*;

use crate::exec::{Args, Fault};
use crate::optim::Optimizer;
use crate::plan::Kernel;
use crate::written_out::{TURNS, written_out};

type Done = Result<(), Fault>;

fn size(number: u32) -> usize {
    number as usize
}

/// [`size`] of each.
#[inline(always)]
fn each_size<const N: usize>(numbers: [u32; N]) -> [usize; N] {
    const { assert!(N <= TURNS) };
    let mut sizes = [0; N];
    written_out!(|at| {
        if let (Some(to), Some(number)) = (sizes.get_mut(at), numbers.get(at)) {
            *to = size(*number);
        }
    });
    sizes
}

/// Declares [`any`] and [`adapter`] from one table.
macro_rules! adapters {
    ($($kernel:ident => $adapter:ident,)*) => {
        /// Calls whichever kernel it is.
        pub fn any<O: Optimizer>(args: &mut Args<'_, '_, O>) -> Done {
            match args.kernel() {
                $(Kernel::$kernel => $adapter(args),)*
            }
        }

        /// The name of a kernel's adapter in this module: what emitted models call.
        pub const fn adapter(kernel: Kernel) -> &'static str {
            match kernel {
                $(Kernel::$kernel => stringify!($adapter),)*
            }
        }
    };
}

adapters! {
    Copy => copy,
    Gather => gather,
    Scatter => scatter,
    SwapAxes => swap_axes,
    Fill => fill,
    ToF16 => to_f16,
    FromF16 => from_f16,
    AddAssign => add_assign,
    SubAssign => sub_assign,
    MulAssign => mul_assign,
    DivAssign => div_assign,
    Select => select,
    Scalar => scalar,
    ActivationForward => activation_forward,
    ActivationBackward => activation_backward,
    Exp => exp,
    Log => log,
    Sqrt => sqrt,
    Abs => abs,
    AbsBackward => abs_backward,
    LeakyForward => leaky_forward,
    LeakyBackward => leaky_backward,
    EluForward => elu_forward,
    EluBackward => elu_backward,
    GeluForward => gelu_forward,
    GeluBackward => gelu_backward,
    PreluForward => prelu_forward,
    PreluBackward => prelu_backward,
    PreluGammaGrad => prelu_gamma_grad,
    DenseForward => dense_forward,
    DenseBackwardData => dense_backward_data,
    DenseGrad => dense_grad,
    DenseUpdate => dense_update,
    DenseGradF16 => dense_grad_f16,
    DenseUpdateF16 => dense_update_f16,
    BiasGrad => bias_grad,
    BiasUpdate => bias_update,
    ConvolutionForward => convolution_forward,
    ConvolutionBackwardData => convolution_backward_data,
    ConvolutionGrad => convolution_grad,
    ConvolutionUpdate => convolution_update,
    ChannelGrad => channel_grad,
    ChannelUpdate => channel_update,
    MaxPoolForward => max_pool_forward,
    MaxPoolBackward => max_pool_backward,
    AveragePoolForward => average_pool_forward,
    AveragePoolBackward => average_pool_backward,
    LpPoolForward => lp_pool_forward,
    LpPoolBackward => lp_pool_backward,
    BatchMoments => batch_moments,
    BatchNormForward => batch_norm_forward,
    BatchNormBackward => batch_norm_backward,
    BatchNormFollow => batch_norm_follow,
    LayerNormForward => layer_norm_forward,
    LayerNormBackward => layer_norm_backward,
    LrnForward => lrn_forward,
    LrnBackward => lrn_backward,
    EmbeddingForward => embedding_forward,
    EmbeddingGrad => embedding_grad,
    EmbeddingUpdate => embedding_update,
    RnnForward => rnn_forward,
    RnnBackward => rnn_backward,
    RnnBackwardF16 => rnn_backward_f16,
    LstmForward => lstm_forward,
    LstmBackward => lstm_backward,
    LstmForwardF16 => lstm_forward_f16,
    LstmBackwardF16 => lstm_backward_f16,
    GruForward => gru_forward,
    GruBackward => gru_backward,
    GruForwardF16 => gru_forward_f16,
    GruBackwardF16 => gru_backward_f16,
    SequenceLastForward => sequence_last_forward,
    SequenceLastBackward => sequence_last_backward,
    SequenceMask => sequence_mask,
    SequenceReverse => sequence_reverse,
    MeanForward => mean_forward,
    MeanBackward => mean_backward,
    Sum => sum,
    Repeat => repeat,
    Dropout => dropout,
    SoftmaxForward => softmax_forward,
    SoftmaxBackward => softmax_backward,
    SoftmaxBackwardProb => softmax_backward_prob,
    SoftmaxGrad => softmax_grad,
    LogSoftmaxForward => log_softmax_forward,
    LogSoftmaxGrad => log_softmax_grad,
    LinearRegressionBackward => linear_regression_backward,
    MaeRegressionBackward => mae_regression_backward,
    MakeLossValid => make_loss_valid,
    CheckFinite => check_finite,
    CheckFiniteF16 => check_finite_f16,
    SquareNorm => square_norm,
    PairsNorm => pairs_norm,
    DenseNorm => dense_norm,
    DenseNormF16 => dense_norm_f16,
    BiasNorm => bias_norm,
    ConvolutionNorm => convolution_norm,
    ChannelNorm => channel_norm,
    EmbeddingNorm => embedding_norm,
    ClipGlobalNorm => clip_global_norm,
    Apply => apply,
    ApplyCompressed => apply_compressed,
}
