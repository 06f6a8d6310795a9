//! From an operator's name and attributes to an [`Op`]. Defaults are MXNet's.

use super::attrs::Attrs;
use super::{norm, window};
use crate::symbol::{
    Act, Binary, Embedding, FullyConnected, Leaky, MakeLoss, Mode, Normalization, Rnn, ScalarOp,
    Softmax, SoftmaxOutput, Unary,
};
use crate::{Error, Op};

/// The operator called `name`, under any of the names that MXNet has for it.
pub(super) fn op(name: &str, attrs: &mut Attrs) -> Result<Op, Error> {
    Ok(match name {
        "_zeros" => Op::Zeros {
            shape: constant_shape(attrs)?,
        },
        "_ones" => Op::Ones {
            shape: constant_shape(attrs)?,
        },
        "ones_like" => Op::OnesLike,
        "_copy" | "identity" => Op::Identity,
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
        "LeakyReLU" => Op::LeakyRelu(leaky(attrs)?),
        "exp" => Op::Unary(Unary::Exp),
        "log" => Op::Unary(Unary::Log),
        "sqrt" => Op::Unary(Unary::Sqrt),
        "square" => Op::Unary(Unary::Square),
        "abs" => Op::Unary(Unary::Abs),
        "negative" => Op::Scalar(ScalarOp::Mul, -1.0),
        "softmax" => Op::Softmax(softmax(attrs)?),
        "log_softmax" => Op::LogSoftmax(softmax(attrs)?),
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
        "SequenceReverse" => sequence_reverse(attrs)?,
        "reverse" | "flip" => reverse(attrs)?,
        "mean" => {
            let (axes, keepdims) = reduced(attrs)?;
            Op::Mean { axes, keepdims }
        }
        "sum" | "sum_axis" => {
            let (axes, keepdims) = reduced(attrs)?;
            Op::Sum { axes, keepdims }
        }
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
        "slice_axis" => Op::SliceAxis {
            axis: attrs.int("axis")?,
            begin: attrs.int("begin")?,
            end: attrs.optional_int("end")?,
        },
        "stack" => {
            attrs.skip("num_args");
            Op::Stack {
                axis: attrs.optional_int("axis")?.unwrap_or(0),
            }
        }
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
        "elemwise_div" | "_div" | "_Div" => Op::ElemwiseDiv,
        "broadcast_add" | "broadcast_plus" => Op::Broadcast(Binary::Add),
        "broadcast_sub" | "broadcast_minus" => Op::Broadcast(Binary::Sub),
        "broadcast_mul" => Op::Broadcast(Binary::Mul),
        "broadcast_div" => Op::Broadcast(Binary::Div),
        "add_n" | "ElementWiseSum" => {
            attrs.skip("num_args");
            Op::AddN
        }
        "where" => Op::Where,
        "_plus_scalar" | "_PlusScalar" => scalar(ScalarOp::Plus, attrs)?,
        "_minus_scalar" | "_MinusScalar" => scalar(ScalarOp::Minus, attrs)?,
        "_rminus_scalar" | "_RMinusScalar" => scalar(ScalarOp::RMinus, attrs)?,
        "_mul_scalar" | "_MulScalar" => scalar(ScalarOp::Mul, attrs)?,
        "_div_scalar" | "_DivScalar" => scalar(ScalarOp::Div, attrs)?,
        "Dropout" => dropout(attrs)?,
        "BlockGrad" | "stop_gradient" => Op::BlockGrad,
        "SoftmaxOutput" | "Softmax" => Op::SoftmaxOutput(softmax_output(attrs)?),
        "LinearRegressionOutput" => Op::LinearRegressionOutput {
            grad_scale: grad_scale(attrs)?,
        },
        "LogisticRegressionOutput" => Op::LogisticRegressionOutput {
            grad_scale: grad_scale(attrs)?,
        },
        "MAERegressionOutput" => Op::MaeRegressionOutput {
            grad_scale: grad_scale(attrs)?,
        },
        "MakeLoss" => Op::MakeLoss(MakeLoss {
            grad_scale: grad_scale(attrs)?,
            normalization: normalization(attrs)?,
            valid_thresh: attrs.optional_float("valid_thresh")?.unwrap_or(0.0),
        }),
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
fn constant_shape(attrs: &mut Attrs) -> Result<Vec<usize>, Error> {
    attrs.skip("ctx");
    attrs.only("dtype", &["float32", "0"])?;
    let shape = attrs.optional_dims("shape")?.unwrap_or_default();
    if shape.is_empty() {
        return Err(Error::symbol(attrs.node(), "has no shape"));
    }
    Ok(shape)
}

fn leaky(attrs: &mut Attrs) -> Result<Leaky, Error> {
    let slope = attrs.optional_float("slope")?.unwrap_or(0.25);
    let lower = attrs.optional_float("lower_bound")?.unwrap_or(0.125);
    let upper = attrs.optional_float("upper_bound")?.unwrap_or(0.334);
    let act_type = attrs.optional_text("act_type")?;
    let choices = [
        ("leaky", Leaky::Leaky { slope }),
        ("elu", Leaky::Elu { slope }),
        ("selu", Leaky::Selu),
        ("gelu", Leaky::Gelu),
        ("prelu", Leaky::Prelu),
        ("rrelu", Leaky::Rrelu { lower, upper }),
    ];
    let act_type = act_type.as_deref().unwrap_or("leaky");
    choice(attrs, "act_type", act_type, &choices)
}

fn softmax(attrs: &mut Attrs) -> Result<Softmax, Error> {
    attrs.refuse("use_length")?;
    attrs.only("dtype", &["float32"])?;
    let temperature = attrs.optional_float("temperature")?;
    if temperature == Some(0.0) {
        return Err(Error::symbol(attrs.node(), "temperature = 0"));
    }
    Ok(Softmax {
        axis: attrs.optional_int("axis")?.unwrap_or(-1),
        temperature,
    })
}

fn sequence_reverse(attrs: &mut Attrs) -> Result<Op, Error> {
    Ok(Op::SequenceReverse {
        use_sequence_length: attrs.flag("use_sequence_length")?,
        axis: attrs.index("axis", 0)?,
    })
}

/// One of the first two axes in reverse: what a BidirectionalCell does to steps that are one tensor.
fn reverse(attrs: &mut Attrs) -> Result<Op, Error> {
    match attrs.ints("axis")?.as_slice() {
        &[axis @ (0 | 1)] => Ok(Op::SequenceReverse {
            use_sequence_length: false,
            axis: axis as usize,
        }),
        axes => {
            let what = format!("reverse of axes {axes:?}: only 0 or 1 is supported");
            Err(Error::symbol(attrs.node(), what))
        }
    }
}

fn grad_scale(attrs: &mut Attrs) -> Result<f32, Error> {
    Ok(attrs.optional_float("grad_scale")?.unwrap_or(1.0))
}

fn normalization(attrs: &mut Attrs) -> Result<Normalization, Error> {
    let text = attrs.optional_text("normalization")?;
    let choices = [
        ("null", Normalization::Null),
        ("batch", Normalization::Batch),
        ("valid", Normalization::Valid),
    ];
    let text = text.as_deref().unwrap_or("null");
    choice(attrs, "normalization", text, &choices)
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
        bidirectional: attrs.flag("bidirectional")?,
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

/// The axes of a reduction, and whether they stay as 1.
fn reduced(attrs: &mut Attrs) -> Result<(Vec<i64>, bool), Error> {
    attrs.refuse("exclude")?;
    let axes = attrs.optional_ints("axis")?.unwrap_or_default();
    Ok((axes, attrs.flag("keepdims")?))
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

/// A transpose; one that exchanges two axes and leaves the others where they are is a SwapAxis.
fn transpose(attrs: &mut Attrs) -> Result<Op, Error> {
    let axes = attrs.optional_ints("axes")?.unwrap_or_default();
    let moved: Vec<usize> = (0..axes.len())
        .filter(|&at| axes[at] != at as i64)
        .collect();
    Ok(match moved.as_slice() {
        &[dim1, dim2] if axes[dim1] == dim2 as i64 && axes[dim2] == dim1 as i64 => {
            Op::SwapAxis { dim1, dim2 }
        }
        _ => Op::Transpose { axes },
    })
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
    let smooth_alpha = attrs.optional_float("smooth_alpha")?.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&smooth_alpha) {
        let what = format!("smooth_alpha = {smooth_alpha} is not between 0 and 1");
        return Err(Error::symbol(attrs.node(), what));
    }
    Ok(SoftmaxOutput {
        grad_scale: grad_scale(attrs)?,
        ignore_label: ignore_label as i32,
        use_ignore: attrs.flag("use_ignore")?,
        multi_output: attrs.flag("multi_output")?,
        preserve_shape: attrs.flag("preserve_shape")?,
        normalization: normalization(attrs)?,
        smooth_alpha,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{Attrs, op};
    use crate::Error;

    /// The table of the rustdoc of `symbol`.
    const TABLE: &str = include_str!("../symbol/operators.md");
    const SOURCE: &str = include_str!("ops.rs");

    /// What stands between backticks before the notes of `cell`.
    fn quoted(cell: &str) -> Vec<&str> {
        cell.split('`').skip(1).step_by(2).collect()
    }

    /// The names and the attributes of each row.
    fn rows() -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
        let rows = TABLE.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            (quoted(cells[1]), quoted(cells[3]))
        })
        .collect()
    }

    /// Attributes that make `name` an operator: those that it asks for, with what it takes.
    fn least(name: &str) -> BTreeMap<String, String> {
        let mut given = BTreeMap::new();
        for _ in 0..20 {
            let pairs = given
                .iter()
                .map(|(key, value): (&String, &String)| (key.as_str(), value.as_str()));
            let Err(Error::Symbol { what, .. }) = op(name, &mut Attrs::new("node", pairs)) else {
                return given;
            };
            let key = match what.strip_prefix("has no ") {
                Some(key) => key,
                None => what.split(' ').next().unwrap_or_default(),
            };
            let values = ["1", "(1,)", "relu", "lstm"];
            let now: Option<&String> = given.get(key);
            let next = now.map_or(0, |now| {
                values.iter().position(|value| value == now).unwrap_or(0) + 1
            });
            given.insert(key.to_owned(), values[next].to_owned());
        }
        panic!("{name} takes none of {given:?}");
    }

    #[test]
    fn every_name_and_attribute_of_the_table_is_read() {
        for (names, attributes) in rows() {
            for name in names {
                let least = least(name);
                for attribute in &attributes {
                    let mut given = least.clone();
                    // "None" stands for an attribute that is not there.
                    given.entry((*attribute).into()).or_insert("None".into());
                    let pairs = given
                        .iter()
                        .map(|(key, value)| (key.as_str(), value.as_str()));
                    let mut attrs = Attrs::new("node", pairs);
                    op(name, &mut attrs).unwrap_or_else(|error| panic!("{name}: {error}"));
                    attrs
                        .finish(name)
                        .unwrap_or_else(|error| panic!("{name} {attribute}: {error}"));
                }
                assert!(
                    least.keys().all(|key| attributes.contains(&key.as_str())),
                    "{name} needs {least:?}"
                );
            }
        }
    }

    #[test]
    fn every_name_that_is_read_is_in_the_table() {
        let table: BTreeSet<&str> = rows().into_iter().flat_map(|(names, _)| names).collect();
        let (_, arms) = SOURCE
            .split_once("Ok(match name {")
            .expect("the table of names");
        let (arms, _) = arms.split_once("\n    })").expect("its end");
        let arms = arms.lines().filter(|line| line.starts_with("        \""));
        let names = arms.filter_map(|line| Some(line.split_once("=>")?.0));
        let read: BTreeSet<&str> = names
            .flat_map(|names| names.split('"').skip(1).step_by(2))
            .collect();
        assert!(read.len() > 60);
        assert_eq!(table, read);
    }
}
