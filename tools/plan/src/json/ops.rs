//! From an operator's name and attributes to an [`Op`]. Defaults are MXNet's.

use super::attrs::Attrs;
use super::{norm, window};
use crate::symbol::{
    Act, Embedding, FullyConnected, Mode, Normalization, Rnn, ScalarOp, SoftmaxOutput,
};
use crate::{Error, Op};

/// The operator called `name`, under any of the names that MXNet has for it.
pub(super) fn op(name: &str, attrs: &mut Attrs) -> Result<Op, Error> {
    Ok(match name {
        "_zeros" => zeros(attrs)?,
        "FullyConnected" => Op::FullyConnected(fully_connected(attrs)?),
        "Activation" => Op::Activation(act(attrs)?),
        "relu" => Op::Activation(Act::Relu),
        "sigmoid" => Op::Activation(Act::Sigmoid),
        "tanh" => Op::Activation(Act::Tanh),
        "softsign" => Op::Activation(Act::SoftSign),
        "Convolution" => Op::Convolution(window::convolution(attrs)?),
        "Pooling" => Op::Pooling(window::pooling(attrs)?),
        "BatchNorm" => Op::BatchNorm(norm::batch_norm(attrs)?),
        "LayerNorm" => Op::LayerNorm(norm::layer_norm(attrs)?),
        "LRN" => Op::Lrn(norm::lrn(attrs)?),
        "Embedding" => Op::Embedding(embedding(attrs)?),
        "RNN" => Op::Rnn(rnn(attrs)?),
        "SequenceLast" => Op::SequenceLast {
            use_sequence_length: attrs.flag("use_sequence_length")?,
            axis: attrs.index("axis", 0)?,
        },
        "SequenceMask" => Op::SequenceMask {
            use_sequence_length: attrs.flag("use_sequence_length")?,
            value: attrs.optional_float("value")?.unwrap_or(0.0),
            axis: attrs.index("axis", 0)?,
        },
        "mean" => mean(attrs)?,
        "Reshape" | "reshape" => reshape(attrs)?,
        "Flatten" | "flatten" => Op::Reshape {
            shape: vec![0, -1],
            reverse: false,
        },
        "expand_dims" => Op::ExpandDims {
            axis: attrs.int("axis")?,
        },
        "SwapAxis" | "swapaxes" => Op::SwapAxis {
            dim1: attrs.index("dim1", 0)?,
            dim2: attrs.index("dim2", 0)?,
        },
        "transpose" => transpose(attrs)?,
        "Concat" | "concat" => {
            attrs.skip("num_args");
            Op::Concat {
                dim: attrs.optional_int("dim")?.unwrap_or(1),
            }
        }
        "SliceChannel" | "split" => Op::SliceChannel {
            num_outputs: attrs.size("num_outputs")?,
            axis: attrs.optional_int("axis")?.unwrap_or(1),
            squeeze_axis: attrs.flag("squeeze_axis")?,
        },
        "elemwise_add" | "_add" | "_plus" | "_Plus" => Op::ElemwiseAdd,
        "elemwise_sub" | "_sub" | "_minus" | "_Minus" => Op::ElemwiseSub,
        "elemwise_mul" | "_mul" | "_Mul" => Op::ElemwiseMul,
        "_plus_scalar" | "_PlusScalar" => scalar(ScalarOp::Plus, attrs)?,
        "_minus_scalar" | "_MinusScalar" => scalar(ScalarOp::Minus, attrs)?,
        "_rminus_scalar" | "_RMinusScalar" => scalar(ScalarOp::RMinus, attrs)?,
        "_mul_scalar" | "_MulScalar" => scalar(ScalarOp::Mul, attrs)?,
        "_div_scalar" | "_DivScalar" => scalar(ScalarOp::Div, attrs)?,
        "Dropout" => dropout(attrs)?,
        "BlockGrad" | "stop_gradient" => Op::BlockGrad,
        "SoftmaxOutput" | "Softmax" => Op::SoftmaxOutput(softmax_output(attrs)?),
        "LinearRegressionOutput" => Op::LinearRegressionOutput {
            grad_scale: attrs.optional_float("grad_scale")?.unwrap_or(1.0),
        },
        _ => {
            return Err(Error::UnsupportedOp {
                op: name.into(),
                node: attrs.node().into(),
            });
        }
    })
}

/// One of `choices` by its name in MXNet.
pub(super) fn choice<T: Copy>(
    attrs: &Attrs,
    key: &str,
    text: &str,
    choices: &[(&str, T)],
) -> Result<T, Error> {
    let found = choices.iter().find(|(name, _)| *name == text);
    found
        .map(|&(_, value)| value)
        .ok_or_else(|| Error::symbol(attrs.node(), format!("{key} = {text:?} is not supported")))
}

/// A shape of which a 0 is the batch size.
fn zeros(attrs: &mut Attrs) -> Result<Op, Error> {
    attrs.skip("ctx");
    attrs.only("dtype", &["float32", "0"])?;
    let shape = attrs.optional_dims("shape")?.unwrap_or_default();
    if shape.is_empty() {
        return Err(Error::symbol(attrs.node(), "has no shape"));
    }
    Ok(Op::Zeros { shape })
}

fn fully_connected(attrs: &mut Attrs) -> Result<FullyConnected, Error> {
    Ok(FullyConnected {
        num_hidden: attrs.size("num_hidden")?,
        no_bias: attrs.flag("no_bias")?,
        flatten: attrs.optional_bool("flatten")?.unwrap_or(true),
    })
}

fn act(attrs: &mut Attrs) -> Result<Act, Error> {
    let text = attrs.text("act_type")?;
    let choices = [
        ("relu", Act::Relu),
        ("sigmoid", Act::Sigmoid),
        ("tanh", Act::Tanh),
        ("softrelu", Act::SoftRelu),
        ("softsign", Act::SoftSign),
    ];
    choice(attrs, "act_type", &text, &choices)
}

fn embedding(attrs: &mut Attrs) -> Result<Embedding, Error> {
    attrs.only("dtype", &["float32", "0"])?;
    attrs.refuse("sparse_grad")?;
    Ok(Embedding {
        input_dim: attrs.size("input_dim")?,
        output_dim: attrs.size("output_dim")?,
    })
}

fn rnn(attrs: &mut Attrs) -> Result<Rnn, Error> {
    attrs.refuse("bidirectional")?;
    attrs.refuse("use_sequence_length")?;
    attrs.refuse("lstm_state_clip_nan")?;
    for key in [
        "projection_size",
        "lstm_state_clip_min",
        "lstm_state_clip_max",
    ] {
        attrs.refuse_any(key)?;
    }
    let mode = attrs.text("mode")?;
    let choices = [
        ("rnn_relu", Mode::RnnRelu),
        ("rnn_tanh", Mode::RnnTanh),
        ("lstm", Mode::Lstm),
        ("gru", Mode::Gru),
    ];
    Ok(Rnn {
        mode: choice(attrs, "mode", &mode, &choices)?,
        state_size: attrs.size("state_size")?,
        num_layers: attrs.size("num_layers")?,
        p: probability(attrs, 0.0)?,
        state_outputs: attrs.flag("state_outputs")?,
    })
}

/// `p`: how likely a value is dropped.
fn probability(attrs: &mut Attrs, default: f32) -> Result<f32, Error> {
    let p = attrs.optional_float("p")?.unwrap_or(default);
    if (0.0..1.0).contains(&p) {
        return Ok(p);
    }
    let what = format!("p = {p} is not a probability below 1");
    Err(Error::symbol(attrs.node(), what))
}

fn dropout(attrs: &mut Attrs) -> Result<Op, Error> {
    attrs.only("mode", &["training"])?;
    attrs.only("axes", &["()", "[]"])?;
    attrs.skip("cudnn_off");
    let p = probability(attrs, 0.5)?;
    Ok(Op::Dropout { p })
}

fn mean(attrs: &mut Attrs) -> Result<Op, Error> {
    attrs.refuse("exclude")?;
    Ok(Op::Mean {
        axes: attrs.optional_ints("axis")?.unwrap_or_default(),
        keepdims: attrs.flag("keepdims")?,
    })
}

fn reshape(attrs: &mut Attrs) -> Result<Op, Error> {
    // What Reshape had before `shape`; newer files hold the defaults.
    attrs.only("target_shape", &["()", "(0,0)", "(0, 0)", "[]"])?;
    attrs.refuse("keep_highest")?;
    let shape = attrs.ints("shape")?;
    if shape.is_empty() {
        return Err(Error::symbol(attrs.node(), "has an empty shape"));
    }
    Ok(Op::Reshape {
        shape,
        reverse: attrs.flag("reverse")?,
    })
}

/// A transpose that exchanges two axes and leaves the others where they are.
fn transpose(attrs: &mut Attrs) -> Result<Op, Error> {
    let axes = attrs.optional_ints("axes")?.unwrap_or_default();
    let moved: Vec<usize> = (0..axes.len())
        .filter(|&at| axes[at] != at as i64)
        .collect();
    match moved.as_slice() {
        &[dim1, dim2] if axes[dim1] == dim2 as i64 && axes[dim2] == dim1 as i64 => {
            Ok(Op::SwapAxis { dim1, dim2 })
        }
        _ => {
            let what =
                format!("transpose of axes {axes:?}: only an exchange of two axes is supported");
            Err(Error::symbol(attrs.node(), what))
        }
    }
}

fn scalar(op: ScalarOp, attrs: &mut Attrs) -> Result<Op, Error> {
    attrs.skip("is_int");
    Ok(Op::Scalar(op, attrs.float("scalar")?))
}

fn softmax_output(attrs: &mut Attrs) -> Result<SoftmaxOutput, Error> {
    // In 1.9.1 it multiplies by its own output instead of the head's gradient.
    attrs.refuse("out_grad")?;
    let ignore_label = attrs.optional_float("ignore_label")?.unwrap_or(-1.0);
    if ignore_label.fract() != 0.0 || !(-1.0..=65535.0).contains(&ignore_label) {
        let what = format!("ignore_label = {ignore_label} is neither a class nor -1");
        return Err(Error::symbol(attrs.node(), what));
    }
    let normalization = attrs.optional_text("normalization")?;
    let choices = [
        ("null", Normalization::Null),
        ("batch", Normalization::Batch),
        ("valid", Normalization::Valid),
    ];
    let smooth_alpha = attrs.optional_float("smooth_alpha")?.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&smooth_alpha) {
        let what = format!("smooth_alpha = {smooth_alpha} is not between 0 and 1");
        return Err(Error::symbol(attrs.node(), what));
    }
    Ok(SoftmaxOutput {
        grad_scale: attrs.optional_float("grad_scale")?.unwrap_or(1.0),
        ignore_label: ignore_label as i32,
        use_ignore: attrs.flag("use_ignore")?,
        multi_output: attrs.flag("multi_output")?,
        preserve_shape: attrs.flag("preserve_shape")?,
        normalization: choice(
            attrs,
            "normalization",
            normalization.as_deref().unwrap_or("null"),
            &choices,
        )?,
        smooth_alpha,
    })
}
