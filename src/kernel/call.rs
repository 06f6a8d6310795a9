//! From a call of the plan to a kernel: one adapter for each [`Kernel`], which resolves the operands, reads
//! the integers and calls. An emitted model names the adapters it uses; [`any`] names them all.
//!
//! | kernel | integers |
//! | --- | --- |
//! | Fill | value bits |
//! | Gather, Scatter | blocks, elements of each, first, stride (of the strided side) |
//! | SwapAxes | P, A, M, B, Q |
//! | Scalar | [`ScalarKind`], scalar bits |
//! | Activation* | act |
//! | DenseForward | K, O |
//! | DenseBackwardData, DenseGrad | K, O, first, stride of delta |
//! | DenseUpdate | K, O, first, stride, parameter |
//! | BiasGrad; BiasUpdate | O, first, stride; parameter |
//! | EmbeddingForward, EmbeddingGrad; EmbeddingUpdate | D; parameter |
//! | RnnForward | N, D, H, keep, mode |
//! | RnnBackward | N, D, H, mode |
//! | LstmForward, GruForward | N, D, H, keep |
//! | LstmBackward, GruBackward | N, D, H |
//! | SequenceLast*; SequenceMask | T, N, C, axis; value bits |
//! | Mean* | axis, inner |
//! | Dropout | stream, p bits |
//! | SoftmaxForward | C, inner |
//! | SoftmaxBackward | C, inner, grad_scale bits, ignore_label, use_ignore, smooth_alpha bits, normalization |
//! | SoftmaxBackwardProb | grad_scale bits |
//! | LinearRegressionBackward | scale bits |
//! | Apply | parameter |

use super::activation::{self, Act};
use super::dense::{self, Dense};
use super::recurrent::{Dims, Keep, Weights};
use super::rows::Strided;
use super::sequence::Sequence;
use super::softmax::{self, Loss, Normalization, Softmax};
use super::{dropout, elementwise, embedding, finite, gru, layout, lstm, reduce, regression, rnn};
use crate::exec::{Args, Fault};
use crate::optim::{Optimizer, Overflow};
use crate::plan::Kernel;

/// The operation of a Scalar call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ScalarKind {
    /// y + s
    Plus,
    /// y - s
    Minus,
    /// s - y
    RMinus,
    /// y * s
    Mul,
    /// y / s
    Div,
}

/// [`Keep`] as plans store it.
pub const fn keep_number(keep: Keep) -> u32 {
    match keep {
        Keep::All => 0,
        Keep::Outputs => 1,
        Keep::Last => 2,
    }
}

const fn keep(number: u32) -> Result<Keep, Fault> {
    match number {
        0 => Ok(Keep::All),
        1 => Ok(Keep::Outputs),
        2 => Ok(Keep::Last),
        _ => Err(Fault::Int),
    }
}

impl From<Overflow> for Fault {
    fn from(Overflow: Overflow) -> Self {
        Fault::Overflow
    }
}

fn size(number: u32) -> usize {
    number as usize
}

type Done = Result<(), Fault>;

pub fn copy<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [src, dst] = args.views()?;
    layout::copy(dst.write(), src.read());
    Ok(())
}

pub fn gather<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [count, width, first, stride] = args.ints()?.map(size);
    let [src, dst] = args.views()?;
    let blocks = layout::Blocks {
        count,
        width,
        src_first: first,
        src_stride: stride,
        dst_first: 0,
        dst_stride: width,
    };
    blocks.copy(dst.write(), src.read());
    Ok(())
}

pub fn scatter<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [count, width, first, stride] = args.ints()?.map(size);
    let [src, dst] = args.views()?;
    let blocks = layout::Blocks {
        count,
        width,
        src_first: 0,
        src_stride: width,
        dst_first: first,
        dst_stride: stride,
    };
    blocks.copy(dst.write(), src.read());
    Ok(())
}

pub fn swap_axes<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [p, a, m, b, q] = args.ints()?.map(size);
    let [src, dst] = args.views()?;
    layout::SwapAxes { p, a, m, b, q }.swap(dst.write(), src.read(), false);
    Ok(())
}

pub fn fill<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [value] = args.ints()?.map(f32::from_bits);
    let [dst] = args.views()?;
    elementwise::fill(dst.write(), value);
    Ok(())
}

pub fn add_assign<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [src, dst] = args.views()?;
    elementwise::add_assign(dst.write(), src.read());
    Ok(())
}

pub fn sub_assign<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [src, dst] = args.views()?;
    elementwise::sub_assign(dst.write(), src.read());
    Ok(())
}

pub fn mul_assign<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [src, dst] = args.views()?;
    elementwise::mul_assign(dst.write(), src.read());
    Ok(())
}

pub fn scalar<O>(args: &mut Args<'_, '_, O>) -> Done {
    const PLUS: u32 = ScalarKind::Plus as u32;
    const MINUS: u32 = ScalarKind::Minus as u32;
    const RMINUS: u32 = ScalarKind::RMinus as u32;
    const MUL: u32 = ScalarKind::Mul as u32;
    const DIV: u32 = ScalarKind::Div as u32;
    let [kind, bits] = args.ints()?;
    let scalar = f32::from_bits(bits);
    let [y] = args.views()?;
    let y = y.write();
    match kind {
        PLUS => elementwise::plus_scalar(y, scalar),
        MINUS => elementwise::minus_scalar(y, scalar),
        RMINUS => elementwise::rminus_scalar(y, scalar),
        MUL => elementwise::mul_scalar(y, scalar),
        DIV => elementwise::div_scalar(y, scalar),
        _ => return Err(Fault::Int),
    }
    Ok(())
}

pub fn activation_forward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [act] = args.ints()?;
    let act = Act::from_u32(act).ok_or(Fault::Int)?;
    let math = args.context.math;
    let [y] = args.views()?;
    activation::forward(y.write(), act, math);
    Ok(())
}

pub fn activation_backward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [act] = args.ints()?;
    let act = Act::from_u32(act).ok_or(Fault::Int)?;
    let math = args.context.math;
    let [y, dy] = args.views()?;
    activation::backward(y.read(), dy.write(), act, math);
    Ok(())
}

pub fn dense_forward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [inputs, outputs] = args.ints()?.map(size);
    let [x, w, b, y] = args.views()?;
    Dense { inputs, outputs }.forward(x.read(), w.read(), b.read(), y.write());
    Ok(())
}

pub fn dense_backward_data<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [inputs, outputs, first, stride] = args.ints()?.map(size);
    let [delta, w, dx] = args.views()?;
    let delta = strided(delta.read(), first, stride);
    Dense { inputs, outputs }.backward_data(delta, w.read(), dx.write(), false);
    Ok(())
}

pub fn dense_grad<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [inputs, outputs, first, stride] = args.ints()?.map(size);
    let [delta, x0, x1, dw] = args.views()?;
    let delta = strided(delta.read(), first, stride);
    Dense { inputs, outputs }.grad(delta, x0.read(), x1.read(), dw.write());
    Ok(())
}

pub fn dense_update<O: Optimizer>(args: &mut Args<'_, '_, O>) -> Done {
    let [inputs, outputs, first, stride, param] = args.ints()?;
    let (optimizer, rate) = args.rate(param)?;
    let [delta, x0, x1, w, m, tile] = args.views()?;
    let dense = Dense {
        inputs: size(inputs),
        outputs: size(outputs),
    };
    dense.update(
        optimizer,
        rate,
        strided(delta.read(), size(first), size(stride)),
        x0.read(),
        x1.read(),
        w.write(),
        m.write(),
        tile.write(),
    )?;
    Ok(())
}

pub fn bias_grad<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [outputs, first, stride] = args.ints()?.map(size);
    let [delta, db] = args.views()?;
    dense::bias_grad(strided(delta.read(), first, stride), outputs, db.write());
    Ok(())
}

pub fn bias_update<O: Optimizer>(args: &mut Args<'_, '_, O>) -> Done {
    let [outputs, first, stride, param] = args.ints()?;
    let (optimizer, rate) = args.rate(param)?;
    let [delta, b, m] = args.views()?;
    let delta = strided(delta.read(), size(first), size(stride));
    dense::bias_update(optimizer, rate, delta, size(outputs), b.write(), m.write())?;
    Ok(())
}

pub fn embedding_forward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [dim] = args.ints()?.map(size);
    let [tokens, w, y] = args.views()?;
    embedding::forward(tokens.u16(), w.read(), y.write(), dim);
    Ok(())
}

pub fn embedding_grad<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [dim] = args.ints()?.map(size);
    let [tokens, dy, dw] = args.views()?;
    embedding::grad(tokens.u16(), dy.read(), dw.write(), dim);
    Ok(())
}

pub fn embedding_update<O: Optimizer>(args: &mut Args<'_, '_, O>) -> Done {
    let [dim, param] = args.ints()?;
    let (optimizer, rate) = args.rate(param)?;
    let [tokens, dy, w, m, tile] = args.views()?;
    embedding::update(
        optimizer,
        rate,
        tokens.u16(),
        dy.read(),
        w.write(),
        m.write(),
        tile.write(),
        size(dim),
    )?;
    Ok(())
}

pub fn rnn_forward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [batch, inputs, hidden, kept, mode] = args.ints()?;
    let dims = dims(batch, inputs, hidden, keep(kept)?);
    let mode = rnn::Mode::from_u32(mode).ok_or(Fault::Int)?;
    let math = args.context.math;
    let [x, wi, bi, wh, bh, h0, sums, h] = args.views()?;
    let io = rnn::Forward {
        x: x.read(),
        weights: weights([wi.read(), bi.read(), wh.read(), bh.read()]),
        h0: h0.read(),
        sums: sums.write(),
        h: h.write(),
    };
    rnn::forward(dims, mode, math, io);
    Ok(())
}

pub fn rnn_backward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [batch, inputs, hidden, mode] = args.ints()?;
    let dims = dims(batch, inputs, hidden, Keep::All);
    let mode = rnn::Mode::from_u32(mode).ok_or(Fault::Int)?;
    let [dh_all, h, wh, dh, delta] = args.views()?;
    let io = rnn::Backward {
        wh: wh.read(),
        h: h.read(),
        delta: delta.write(),
        dh_all: dh_all.read(),
        dh: dh.write(),
    };
    rnn::backward(dims, mode, io);
    Ok(())
}

pub fn lstm_forward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [batch, inputs, hidden, kept] = args.ints()?;
    let dims = dims(batch, inputs, hidden, keep(kept)?);
    let math = args.context.math;
    let [x, wi, bi, wh, bh, h0, c0, gates, c, h] = args.views()?;
    let io = lstm::Forward {
        x: x.read(),
        weights: weights([wi.read(), bi.read(), wh.read(), bh.read()]),
        h0: h0.read(),
        c0: c0.read(),
        gates: gates.write(),
        c: c.write(),
        h: h.write(),
    };
    lstm::forward(dims, math, io);
    Ok(())
}

pub fn lstm_backward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [batch, inputs, hidden] = args.ints()?;
    let dims = dims(batch, inputs, hidden, Keep::All);
    let math = args.context.math;
    let [dh_all, c, c0, wh, gates, dh, dc] = args.views()?;
    let io = lstm::Backward {
        wh: wh.read(),
        c0: c0.read(),
        c: c.read(),
        gates: gates.write(),
        dh_all: dh_all.read(),
        dh: dh.write(),
        dc: dc.write(),
    };
    lstm::backward(dims, math, io);
    Ok(())
}

pub fn gru_forward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [batch, inputs, hidden, kept] = args.ints()?;
    let dims = dims(batch, inputs, hidden, keep(kept)?);
    let math = args.context.math;
    let [x, wi, bi, wh, bh, h0, gates, h] = args.views()?;
    let io = gru::Forward {
        x: x.read(),
        weights: weights([wi.read(), bi.read(), wh.read(), bh.read()]),
        h0: h0.read(),
        gates: gates.write(),
        h: h.write(),
    };
    gru::forward(dims, math, io);
    Ok(())
}

pub fn gru_backward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [batch, inputs, hidden] = args.ints()?;
    let dims = dims(batch, inputs, hidden, Keep::All);
    let [dh_all, h, h0, wh, gates, dh] = args.views()?;
    let io = gru::Backward {
        wh: wh.read(),
        h0: h0.read(),
        h: h.read(),
        gates: gates.write(),
        dh_all: dh_all.read(),
        dh: dh.write(),
    };
    gru::backward(dims, io);
    Ok(())
}

pub fn sequence_last_forward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let sequence = sequence(args.ints()?);
    let [x, lengths, y] = args.views()?;
    sequence.last_forward(x.read(), lengths.u16(), y.write());
    Ok(())
}

pub fn sequence_last_backward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let sequence = sequence(args.ints()?);
    let [dy, lengths, dx] = args.views()?;
    sequence.last_backward(dy.read(), lengths.u16(), dx.write(), false);
    Ok(())
}

pub fn sequence_mask<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [steps, batch, channels, axis, value] = args.ints()?;
    let sequence = sequence([steps, batch, channels, axis]);
    let [lengths, y] = args.views()?;
    sequence.mask(y.write(), lengths.u16(), f32::from_bits(value));
    Ok(())
}

pub fn mean_forward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [axis, inner] = args.ints()?.map(size);
    let [x, y] = args.views()?;
    reduce::Mean { axis, inner }.forward(x.read(), y.write());
    Ok(())
}

pub fn mean_backward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [axis, inner] = args.ints()?.map(size);
    let [dy, dx] = args.views()?;
    reduce::Mean { axis, inner }.backward(dy.read(), dx.write(), false);
    Ok(())
}

pub fn dropout<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [stream, p] = args.ints()?;
    let seed = args.context.seed;
    let [y] = args.views()?;
    dropout::apply(y.write(), seed, stream, f32::from_bits(p));
    Ok(())
}

pub fn softmax_forward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [classes, inner] = args.ints()?.map(size);
    let math = args.context.math;
    let [y] = args.views()?;
    Softmax { classes, inner }.forward(y.write(), math);
    Ok(())
}

pub fn softmax_backward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [
        classes,
        inner,
        grad_scale,
        ignore,
        use_ignore,
        alpha,
        normalization,
    ] = args.ints()?;
    let loss = Loss {
        grad_scale: f32::from_bits(grad_scale),
        ignore_label: ignore as u16,
        use_ignore: use_ignore != 0,
        smooth_alpha: f32::from_bits(alpha),
        normalization: Normalization::from_u32(normalization).ok_or(Fault::Int)?,
    };
    let softmax = Softmax {
        classes: size(classes),
        inner: size(inner),
    };
    let [p, label, dx] = args.views()?;
    softmax.backward(p.read(), label.u16(), dx.write(), loss);
    Ok(())
}

pub fn softmax_backward_prob<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [grad_scale] = args.ints()?.map(f32::from_bits);
    let [p, label, dx] = args.views()?;
    softmax::backward_prob(p.read(), label.read(), dx.write(), grad_scale);
    Ok(())
}

pub fn linear_regression_backward<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [scale] = args.ints()?.map(f32::from_bits);
    let [o, label, dx] = args.views()?;
    regression::linear_backward(o.read(), label.read(), dx.write(), scale);
    Ok(())
}

pub fn check_finite<O>(args: &mut Args<'_, '_, O>) -> Done {
    let [x] = args.views()?;
    if finite::all_finite(x.read()) {
        Ok(())
    } else {
        Err(Fault::NotFinite)
    }
}

pub fn apply<O: Optimizer>(args: &mut Args<'_, '_, O>) -> Done {
    let [param] = args.ints()?;
    let (optimizer, rate) = args.rate(param)?;
    let [g, w, m] = args.views()?;
    if optimizer.apply(rate, w.write(), g.read(), m.write()) {
        Ok(())
    } else {
        Err(Fault::Overflow)
    }
}

fn strided(values: &[f32], first: usize, stride: usize) -> Strided<'_> {
    Strided {
        values,
        first,
        stride,
    }
}

fn dims(batch: u32, inputs: u32, hidden: u32, keep: Keep) -> Dims {
    Dims {
        batch: size(batch),
        inputs: size(inputs),
        hidden: size(hidden),
        keep,
    }
}

fn weights([wi, bi, wh, bh]: [&[f32]; 4]) -> Weights<'_> {
    Weights { wi, bi, wh, bh }
}

fn sequence([steps, batch, channels, axis]: [u32; 4]) -> Sequence {
    Sequence {
        steps: size(steps),
        batch: size(batch),
        channels: size(channels),
        batch_major: axis != 0,
    }
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
    AddAssign => add_assign,
    SubAssign => sub_assign,
    MulAssign => mul_assign,
    Scalar => scalar,
    ActivationForward => activation_forward,
    ActivationBackward => activation_backward,
    DenseForward => dense_forward,
    DenseBackwardData => dense_backward_data,
    DenseGrad => dense_grad,
    DenseUpdate => dense_update,
    BiasGrad => bias_grad,
    BiasUpdate => bias_update,
    EmbeddingForward => embedding_forward,
    EmbeddingGrad => embedding_grad,
    EmbeddingUpdate => embedding_update,
    RnnForward => rnn_forward,
    RnnBackward => rnn_backward,
    LstmForward => lstm_forward,
    LstmBackward => lstm_backward,
    GruForward => gru_forward,
    GruBackward => gru_backward,
    SequenceLastForward => sequence_last_forward,
    SequenceLastBackward => sequence_last_backward,
    SequenceMask => sequence_mask,
    MeanForward => mean_forward,
    MeanBackward => mean_backward,
    Dropout => dropout,
    SoftmaxForward => softmax_forward,
    SoftmaxBackward => softmax_backward,
    SoftmaxBackwardProb => softmax_backward_prob,
    LinearRegressionBackward => linear_regression_backward,
    CheckFinite => check_finite,
    Apply => apply,
}
