//! Writes a network as the `symbol.json` that MXNet 1.9.1 reads, laid out as MXNet lays it out.
//!
//! An attribute is written where it is required or differs from MXNet's default. `node_row_ptr` is left out: it is
//! optional, and counts outputs that depend on how MXNet was built.

use std::collections::BTreeMap;

use super::{norm, window};
use crate::symbol::{Act, Hints, Leaky, Mode, Normalization, Rnn, Softmax, SoftmaxOutput};
use crate::{Error, Net, Op, Sym};

/// Attributes by name; MXNet writes them sorted.
type Attrs = BTreeMap<&'static str, String>;

/// The text of `net`, without what a symbol file does not hold: which variables are data and which labels.
///
/// # Errors
///
/// [`Error::Symbol`]: a node that fusion made, which MXNet has no operator for.
pub fn write(net: &Net) -> Result<String, Error> {
    let mut nodes = Vec::with_capacity(net.nodes.len());
    for node in &net.nodes {
        let attrs = match node.op {
            Op::Variable => hints(&node.hints),
            _ => attrs(&node.name, &node.op, node.inputs.len())?,
        };
        let mut fields = vec![
            ("op", quoted(node.op.mxnet_name())),
            ("name", quoted(&node.name)),
        ];
        if !attrs.is_empty() {
            let pairs = attrs.iter().map(|(key, value)| (*key, quoted(value)));
            fields.push(("attrs", object(pairs.collect(), 3, attrs.len() > 1)));
        }
        let inputs = node.inputs.iter().enumerate();
        let inputs =
            inputs.map(|(position, sym)| entry(sym, node.op.is_auxiliary(position).into()));
        let inputs = entries(inputs, 3);
        fields.push(("inputs", inputs));
        nodes.push(object(fields, 2, true));
    }
    let variables = net.nodes.iter().enumerate();
    let variables = variables.filter(|(_, node)| node.op == Op::Variable);
    let fields = vec![
        ("nodes", array(nodes, 1, true)),
        (
            "arg_nodes",
            entries(variables.map(|(at, _)| at.to_string()), 1),
        ),
        (
            "heads",
            entries(net.heads.iter().map(|head| entry(head, 0)), 1),
        ),
        ("attrs", r#"{"mxnet_version": ["int", 10901]}"#.into()),
    ];
    Ok(object(fields, 0, true))
}

/// A value that an operator reads, or a head: node, output, version. MXNet counts versions for what an operator
/// writes to; it reads any.
fn entry(sym: &Sym, version: u32) -> String {
    format!("[{}, {}, {version}]", sym.node.0, sym.output)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A list on one line, or on lines of its own if it is longer than ten.
fn entries(items: impl Iterator<Item = String>, depth: usize) -> String {
    let items: Vec<String> = items.collect();
    let long = items.len() > 10;
    array(items, depth, long)
}

fn array(items: Vec<String>, depth: usize, on_lines: bool) -> String {
    enclosed('[', items, ']', depth, on_lines)
}

fn object(fields: Vec<(&str, String)>, depth: usize, on_lines: bool) -> String {
    let fields = fields.into_iter();
    let fields = fields.map(|(key, value)| format!("\"{key}\": {value}"));
    enclosed('{', fields.collect(), '}', depth, on_lines)
}

/// `depth` counts the brackets around this one.
fn enclosed(open: char, items: Vec<String>, close: char, depth: usize, on_lines: bool) -> String {
    if !on_lines || items.is_empty() {
        return format!("{open}{}{close}", items.join(", "));
    }
    let indent = "  ".repeat(depth + 1);
    let items = items.join(&format!(", \n{indent}"));
    format!("{open}\n{indent}{items}\n{}{close}", "  ".repeat(depth))
}

fn hints(hints: &Hints) -> Attrs {
    let mut attrs = Attrs::new();
    if let Some(init) = &hints.init {
        attrs.insert("__init__", init.clone());
    }
    if let Some(shape) = &hints.shape {
        attrs.insert("__shape__", tuple(shape));
    }
    if let Some(lr_mult) = hints.lr_mult {
        attrs.insert("__lr_mult__", float(lr_mult));
    }
    if let Some(wd_mult) = hints.wd_mult {
        attrs.insert("__wd_mult__", float(wd_mult));
    }
    attrs
}

/// A tuple as Python prints it: `(3,)`, `(0, -1)`.
pub(super) fn tuple<T: ToString>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(T::to_string).collect();
    match values.as_slice() {
        [one] => format!("({one},)"),
        _ => format!("({})", values.join(", ")),
    }
}

/// The shortest decimal that reads back as the same f32.
pub(super) fn float(value: f32) -> String {
    format!("{value:?}")
}

fn attrs(name: &str, op: &Op, inputs: usize) -> Result<Attrs, Error> {
    let mut attrs = Attrs::new();
    let mut set = |key, value: String| {
        attrs.insert(key, value);
    };
    match op {
        Op::Zeros { shape } | Op::Ones { shape } => {
            set("shape", tuple(shape));
            set("dtype", "float32".into());
        }
        Op::FullyConnected(fc) => {
            set("num_hidden", fc.num_hidden.to_string());
            flag(&mut set, "no_bias", fc.no_bias);
            if !fc.flatten {
                set("flatten", "False".into());
            }
        }
        Op::Activation(act) => set("act_type", act_type(*act).into()),
        Op::Convolution(convolution) => window::write_convolution(&mut set, convolution),
        Op::Pooling(pooling) => window::write_pooling(&mut set, pooling),
        Op::BatchNorm(batch_norm) => norm::write_batch_norm(&mut set, batch_norm),
        Op::LayerNorm(layer_norm) => norm::write_layer_norm(&mut set, layer_norm),
        Op::Lrn(lrn) => norm::write_lrn(&mut set, lrn),
        Op::LeakyRelu(leaky) => leaky_relu(&mut set, *leaky),
        Op::Softmax(attrs) | Op::LogSoftmax(attrs) => softmax(&mut set, attrs),
        Op::Embedding(embedding) => {
            set("input_dim", embedding.input_dim.to_string());
            set("output_dim", embedding.output_dim.to_string());
        }
        Op::Rnn(attrs) => rnn(&mut set, attrs),
        Op::SequenceLast {
            use_sequence_length,
            axis,
        } => {
            flag(&mut set, "use_sequence_length", *use_sequence_length);
            differs(&mut set, "axis", *axis, 0);
        }
        Op::SequenceMask {
            use_sequence_length,
            value,
            axis,
        } => {
            flag(&mut set, "use_sequence_length", *use_sequence_length);
            set("value", float(*value));
            differs(&mut set, "axis", *axis, 0);
        }
        Op::SequenceReverse {
            use_sequence_length,
            axis,
        } => {
            flag(&mut set, "use_sequence_length", *use_sequence_length);
            differs(&mut set, "axis", *axis, 0);
        }
        Op::Mean { axes, keepdims } | Op::Sum { axes, keepdims } => {
            if !axes.is_empty() {
                set("axis", tuple(axes));
            }
            flag(&mut set, "keepdims", *keepdims);
        }
        Op::Reshape { shape, reverse } => {
            set("shape", tuple(shape));
            flag(&mut set, "reverse", *reverse);
        }
        Op::ExpandDims { axis } => set("axis", axis.to_string()),
        Op::SwapAxis { dim1, dim2 } => {
            set("dim1", dim1.to_string());
            set("dim2", dim2.to_string());
        }
        Op::Transpose { axes } => {
            if !axes.is_empty() {
                set("axes", tuple(axes));
            }
        }
        Op::SliceAxis { axis, begin, end } => {
            set("axis", axis.to_string());
            set("begin", begin.to_string());
            set("end", end.map_or("None".into(), |end| end.to_string()));
        }
        Op::Stack { axis } => {
            differs(&mut set, "axis", *axis, 0);
            set("num_args", inputs.to_string());
        }
        Op::AddN => set("num_args", inputs.to_string()),
        Op::Concat { dim } => {
            set("dim", dim.to_string());
            set("num_args", inputs.to_string());
        }
        Op::SliceChannel {
            num_outputs,
            axis,
            squeeze_axis,
        } => {
            set("num_outputs", num_outputs.to_string());
            differs(&mut set, "axis", *axis, 1);
            flag(&mut set, "squeeze_axis", *squeeze_axis);
        }
        Op::Scalar(_, value) => set("scalar", float(*value)),
        Op::Dropout { p } => set("p", float(*p)),
        Op::SoftmaxOutput(softmax) => softmax_output(&mut set, softmax),
        Op::LinearRegressionOutput { grad_scale }
        | Op::LogisticRegressionOutput { grad_scale }
        | Op::MaeRegressionOutput { grad_scale } => set("grad_scale", float(*grad_scale)),
        Op::MakeLoss(loss) => {
            set("grad_scale", float(loss.grad_scale));
            normalization(&mut set, loss.normalization);
            set("valid_thresh", float(loss.valid_thresh));
        }
        Op::Variable
        | Op::OnesLike
        | Op::Identity
        | Op::Unary(_)
        | Op::ElemwiseAdd
        | Op::ElemwiseSub
        | Op::ElemwiseMul
        | Op::ElemwiseDiv
        | Op::Broadcast(_)
        | Op::Where
        | Op::BlockGrad => {}
        Op::RnnLayer { .. } | Op::ParamSlice { .. } => {
            return Err(Error::symbol(
                name,
                "was made by fusion: write the network before it",
            ));
        }
    }
    Ok(attrs)
}

pub(super) type Set<'s> = dyn FnMut(&'static str, String) + 's;

pub(super) fn flag(set: &mut Set<'_>, key: &'static str, value: bool) {
    if value {
        set(key, "True".into());
    }
}

pub(super) fn differs<T: PartialEq + ToString>(
    set: &mut Set<'_>,
    key: &'static str,
    value: T,
    default: T,
) {
    if value != default {
        set(key, value.to_string());
    }
}

fn act_type(act: Act) -> &'static str {
    match act {
        Act::Relu => "relu",
        Act::Sigmoid => "sigmoid",
        Act::Tanh => "tanh",
        Act::SoftRelu => "softrelu",
        Act::SoftSign => "softsign",
    }
}

fn rnn(set: &mut Set<'_>, rnn: &Rnn) {
    let mode = match rnn.mode {
        Mode::RnnRelu => "rnn_relu",
        Mode::RnnTanh => "rnn_tanh",
        Mode::Lstm => "lstm",
        Mode::Gru => "gru",
    };
    set("mode", mode.into());
    set("state_size", rnn.state_size.to_string());
    set("num_layers", rnn.num_layers.to_string());
    flag(set, "bidirectional", rnn.bidirectional);
    set("p", float(rnn.p));
    flag(set, "state_outputs", rnn.state_outputs);
}

fn leaky_relu(set: &mut Set<'_>, leaky: Leaky) {
    let act_type = match leaky {
        Leaky::Leaky { slope } => {
            set("slope", float(slope));
            "leaky"
        }
        Leaky::Elu { slope } => {
            set("slope", float(slope));
            "elu"
        }
        Leaky::Selu => "selu",
        Leaky::Gelu => "gelu",
        Leaky::Prelu => "prelu",
        Leaky::Rrelu { lower, upper } => {
            set("lower_bound", float(lower));
            set("upper_bound", float(upper));
            "rrelu"
        }
    };
    set("act_type", act_type.into());
}

fn softmax(set: &mut Set<'_>, softmax: &Softmax) {
    differs(set, "axis", softmax.axis, Softmax::default().axis);
    if let Some(temperature) = softmax.temperature {
        set("temperature", float(temperature));
    }
}

fn normalization(set: &mut Set<'_>, normalization: Normalization) {
    match normalization {
        Normalization::Null => {}
        Normalization::Batch => set("normalization", "batch".into()),
        Normalization::Valid => set("normalization", "valid".into()),
    }
}

fn softmax_output(set: &mut Set<'_>, softmax: &SoftmaxOutput) {
    let default = SoftmaxOutput::default();
    if softmax.grad_scale != default.grad_scale {
        set("grad_scale", float(softmax.grad_scale));
    }
    differs(
        set,
        "ignore_label",
        softmax.ignore_label,
        default.ignore_label,
    );
    flag(set, "use_ignore", softmax.use_ignore);
    flag(set, "multi_output", softmax.multi_output);
    flag(set, "preserve_shape", softmax.preserve_shape);
    normalization(set, softmax.normalization);
    if softmax.smooth_alpha != default.smooth_alpha {
        set("smooth_alpha", float(softmax.smooth_alpha));
    }
}
