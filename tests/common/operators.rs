//! The operator cases that MXNet 1.9.1 recorded (scenario j, `j_ops.json`): each as the network that it was recorded
//! from, made of its recorded attributes through symbol.json. Shared with the tests of shape inference and of the interpreter.

#![allow(dead_code)] // each uses a part

use serde_json::{Value, json};
use tinpail_plan::{Error, Net};

/// Cases that tinpail does not do on purpose: name, why, and what the refusal says.
pub const DIFFERENT: [(&str, &str, &str); 1] = [(
    "softmaxout_out_grad",
    "1.9.1 multiplies the gradient by its own output instead of the head's gradient: a bug upstream",
    "out_grad = True is not supported",
)];

/// Cases whose gradient differs on purpose, with why: the true derivative is held to finite differences alone.
pub const GRADIENT_DIFFERS: [(&str, &str); 1] = [(
    "leaky_selu",
    "1.9.1 gives scale (alpha + y) below 0, where y is scaled already: the derivative is scale alpha + y",
)];

/// Whether a case is one that tinpail does not do on purpose.
pub fn is_different(name: &str) -> bool {
    DIFFERENT.iter().any(|(different, ..)| *different == name)
}

/// The arguments that are neither parameters nor labels.
const DATA: [&str; 6] = ["data", "b", "cond", "len", "state", "state_cell"];

/// What a case is made of: the operator before the one of the case, if any, that operator, and the arguments it reads
/// where the case has them (the operator before reads `data` alone, and stands for it).
fn operators(name: &str) -> (Option<&'static str>, &'static str, &'static [&'static str]) {
    let family = name.split('_').next().unwrap_or_default();
    match family {
        "fc" => (None, "FullyConnected", &["data", "f_weight", "f_bias"]),
        "embedding" => (None, "Embedding", &["data", "e_weight"]),
        "act" => (None, "Activation", &["data"]),
        "leaky" => (None, "LeakyReLU", &["data", "p_gamma"]),
        "slice" => (None, "SliceChannel", &["data"]),
        "concat" => (None, "Concat", &["data", "b"]),
        "reshape" => (None, "Reshape", &["data"]),
        "swapaxis" => (None, "SwapAxis", &["data"]),
        "transpose" => (None, "transpose", &["data"]),
        "flatten" => (None, "Flatten", &["data"]),
        "conv1d" | "conv2d" => (None, "Convolution", &["data", "c_weight", "c_bias"]),
        "pool" | "pool1d" | "pool2d" => (None, "Pooling", &["data"]),
        "lrn" => (None, "LRN", &["data"]),
        "bn" => {
            let inputs = &["data", "b_gamma", "b_beta", "b_moving_mean", "b_moving_var"];
            (None, "BatchNorm", inputs)
        }
        "layernorm" => (None, "LayerNorm", &["data", "l_gamma", "l_beta"]),
        "dropout" => (None, "Dropout", &["data"]),
        "softmaxout" => (None, "SoftmaxOutput", &["data", "label"]),
        "linearregressionoutput" => (
            flattened(name),
            "LinearRegressionOutput",
            &["data", "label"],
        ),
        "logisticregressionoutput" => (
            flattened(name),
            "LogisticRegressionOutput",
            &["data", "label"],
        ),
        "maeregressionoutput" => (flattened(name), "MAERegressionOutput", &["data", "label"]),
        "makeloss" => (Some("square"), "MakeLoss", &["data"]),
        "blockgrad" => (Some("BlockGrad"), "elemwise_mul", &["data", "data"]),
        "softmax" => (None, "softmax", &["data"]),
        "log" => (None, "log_softmax", &["data"]),
        "seq" => match name {
            "seq_last" => (None, "SequenceLast", &["data", "len"]),
            "seq_mask" => (None, "SequenceMask", &["data", "len"]),
            "seq_reverse" => (None, "SequenceReverse", &["data", "len"]),
            other => panic!("case {other}: no operator is known"),
        },
        "rnn" => (None, "RNN", &["data", "parameters", "state", "state_cell"]),
        other => panic!("case {name}: no operator is known for {other}"),
    }
}

fn flattened(name: &str) -> Option<&'static str> {
    name.ends_with("_1d").then_some("Flatten")
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().expect("an object").iter()
}

fn argument<'c>(case: &'c Value, name: &str) -> Option<&'c Value> {
    case["args"].get(name).or_else(|| case["aux"].get(name))
}

/// The case as the symbol.json that MXNet would have written.
fn symbol_json(name: &str, case: &Value) -> String {
    let (before, op, inputs) = operators(name);
    let attrs = |node: &str| case["attrs"].get(node).cloned().unwrap_or(json!({}));
    let mut nodes: Vec<Value> = Vec::new();
    let mut of_op: Vec<Value> = Vec::new();
    for input in inputs
        .iter()
        .filter(|input| argument(case, input).is_some())
    {
        let known = nodes.iter().position(|node| node["name"] == **input);
        let index = known.unwrap_or_else(|| {
            let variable =
                json!({"op": "null", "name": input, "attrs": attrs(input), "inputs": []});
            nodes.push(variable);
            nodes.len() - 1
        });
        of_op.push(json!([index, 0, 0]));
    }
    let arguments: Vec<usize> = (0..nodes.len()).collect();
    if let Some(before) = before {
        nodes.push(json!({"op": before, "name": "before", "inputs": [[0, 0, 0]]}));
        of_op[0] = json!([nodes.len() - 1, 0, 0]);
    }
    // The operator's own attributes are those that stand under no argument's name.
    let own = entries(&case["attrs"]).find(|(node, _)| argument(case, node).is_none());
    let (own_name, own_attrs) = own.map_or(("op", json!({})), |(name, own)| (name, own.clone()));
    nodes.push(json!({"op": op, "name": own_name, "attrs": own_attrs, "inputs": of_op}));
    let outputs = case["outputs_train"].as_array().map_or(1, Vec::len);
    let heads: Vec<Value> = (0..outputs)
        .map(|output| json!([nodes.len() - 1, output, 0]))
        .collect();
    json!({
        "nodes": nodes,
        "arg_nodes": arguments,
        "heads": heads,
        "attrs": {"mxnet_version": ["int", 10901]},
    })
    .to_string()
}

/// The network of a case, with its data and labels declared. A case that has its symbol.json is read from that.
pub fn net(name: &str, case: &Value) -> Result<Net, Error> {
    let text = match case["symbol"].as_str() {
        Some(text) => text.to_owned(),
        None => symbol_json(name, case),
    };
    let mut net = tinpail_plan::json::read(&text)?;
    for (argument, tensor) in entries(&case["args"]) {
        let dims = tensor["shape"].as_array().expect("a shape").iter();
        let shape: Vec<usize> = dims
            .map(|dim| dim.as_u64().expect("a size") as usize)
            .collect();
        if argument == "label" {
            net = net.label(argument, shape);
        } else if DATA.contains(&argument.as_str()) {
            net = net.data(argument, shape);
        }
    }
    Ok(net)
}
