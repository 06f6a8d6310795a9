//! Every operator against the single-operator cases that MXNet 1.9.1 recorded: outputs in inference and in
//! training, and all gradients.

mod common;

use std::collections::BTreeMap;

use common::nets::{Stack, stacked};
use common::{assert_grad, assert_output, golden, tensor_list, tensors};
use serde_json::Value;
use tinpail_interp::{Mode, Tensors, forward, numeric_grads};
use tinpail_plan::symbol::{
    self, Act, Embedding, FullyConnected, Normalization, Rnn, SoftmaxOutput,
};
use tinpail_plan::{Net, Symbols};

/// Cases of operators that the graph does not have. (`softmaxout_out_grad` is an attribute it lacks.)
const NOT_OURS: [&str; 33] = [
    "bn_fix_gamma_default",
    "bn_free_gamma",
    "bn_global_stats",
    "conv1d",
    "conv1d_dilate_group",
    "conv2d",
    "layernorm",
    "leaky_elu",
    "leaky_gelu",
    "leaky_leaky",
    "leaky_prelu",
    "leaky_selu",
    "log_softmax",
    "logisticregressionoutput",
    "logisticregressionoutput_1d",
    "lrn",
    "maeregressionoutput",
    "maeregressionoutput_1d",
    "makeloss_batch",
    "makeloss_null",
    "makeloss_scale",
    "makeloss_valid",
    "pool1d_avg_nopad",
    "pool2d_avg_full",
    "pool2d_avg_valid",
    "pool2d_max_full",
    "pool2d_max_valid",
    "pool2d_sum_full",
    "pool2d_sum_valid",
    "pool_global_max",
    "seq_reverse",
    "softmax_axis",
    "softmaxout_out_grad",
];

/// The attributes of a case, of whichever node: each case has one operator with attributes.
struct Attrs(BTreeMap<String, String>);

impl Attrs {
    fn of(case: &Value) -> Self {
        let nodes = case["attrs"].as_object().expect("nodes").values();
        let pairs = nodes.flat_map(|node| node.as_object().expect("attributes"));
        let text = |value: &Value| value.as_str().expect("text").to_string();
        Attrs(
            pairs
                .map(|(key, value)| (key.clone(), text(value)))
                .collect(),
        )
    }

    fn number<T: std::str::FromStr>(&self, key: &str, default: T) -> T {
        match self.0.get(key) {
            Some(text) => text.parse().ok().expect("a number"),
            None => default,
        }
    }

    fn flag(&self, key: &str, default: bool) -> bool {
        self.0.get(key).map_or(default, |text| text == "True")
    }

    fn numbers(&self, key: &str) -> Vec<i64> {
        let text = self.0[key].trim_matches(['(', ')', ',']);
        text.split(',')
            .map(|number| number.trim().parse().expect("a number"))
            .collect()
    }

    fn softmax_output(&self) -> SoftmaxOutput {
        SoftmaxOutput {
            grad_scale: self.number("grad_scale", 1.0),
            ignore_label: self.number("ignore_label", -1),
            use_ignore: self.flag("use_ignore", false),
            multi_output: self.flag("multi_output", false),
            preserve_shape: self.flag("preserve_shape", false),
            normalization: match self.0.get("normalization").map(String::as_str) {
                None => Normalization::Null,
                Some("batch") => Normalization::Batch,
                Some("valid") => Normalization::Valid,
                Some(other) => panic!("normalization {other}"),
            },
            smooth_alpha: self.number("smooth_alpha", 0.0),
        }
    }
}

/// The networks that compute the case called `name`; none if the operator is not ours.
fn nets(name: &str, attrs: &Attrs, args: &Tensors) -> Vec<Net> {
    if NOT_OURS.contains(&name) {
        return Vec::new();
    }
    let mut net = Symbols::new();
    let data = net.variable("data");
    let heads = match name.split('_').next().expect("a name") {
        "fc" => {
            let attrs = FullyConnected {
                num_hidden: attrs.number("num_hidden", 0),
                no_bias: attrs.flag("no_bias", false),
                flatten: attrs.flag("flatten", true),
            };
            vec![net.fully_connected("f", data, attrs)]
        }
        "embedding" => {
            let attrs = Embedding {
                input_dim: attrs.number("input_dim", 0),
                output_dim: attrs.number("output_dim", 0),
            };
            vec![net.embedding("e", data, attrs)]
        }
        "act" => {
            let act = match attrs.0["act_type"].as_str() {
                "relu" => Act::Relu,
                "sigmoid" => Act::Sigmoid,
                "tanh" => Act::Tanh,
                "softrelu" => Act::SoftRelu,
                "softsign" => Act::SoftSign,
                other => panic!("act_type {other}"),
            };
            vec![net.activation("a", data, act)]
        }
        "slice" => net.slice_channel(
            "s",
            data,
            attrs.number("num_outputs", 0),
            attrs.number("axis", 1),
            attrs.flag("squeeze_axis", false),
        ),
        "concat" => {
            let parts = [data, net.variable("b")];
            vec![net.concat("c", &parts, attrs.number("dim", 1))]
        }
        "reshape" => vec![net.reshape("r", data, &attrs.numbers("shape"))],
        "flatten" => vec![net.reshape("r", data, &[0, -1])],
        "swapaxis" => {
            vec![net.swap_axis("s", data, attrs.number("dim1", 0), attrs.number("dim2", 0))]
        }
        "transpose" => {
            assert_eq!(attrs.numbers("axes"), [1, 0, 2]);
            vec![net.swap_axis("s", data, 0, 1)]
        }
        "dropout" => vec![net.dropout("d", data, attrs.number("p", 0.5))],
        "softmaxout" => {
            let label = net.variable("label");
            vec![net.softmax_output("s", data, label, attrs.softmax_output())]
        }
        "linearregressionoutput" => {
            let label = net.variable("label");
            let scale = attrs.number("grad_scale", 1.0);
            vec![net.linear_regression_output("l", data, label, scale)]
        }
        "blockgrad" => {
            let blocked = net.block_grad("b", data);
            vec![net.elemwise_mul("m", blocked, data)]
        }
        "seq" => {
            assert!(attrs.flag("use_sequence_length", false));
            let lengths = Some(net.variable("len"));
            match name {
                "seq_last" => vec![net.sequence_last("s", data, lengths, 0)],
                "seq_mask" => {
                    vec![net.sequence_mask("s", data, lengths, attrs.number("value", 0.0), 0)]
                }
                other => panic!("case {other}"),
            }
        }
        "rnn" => return rnn_nets(attrs, args),
        other => panic!("case {name}: operator {other} has no network here"),
    };
    vec![net.net(heads)]
}

/// The RNN symbol (unless bidirectional), and the same out of sequence operators.
fn rnn_nets(attrs: &Attrs, args: &Tensors) -> Vec<Net> {
    let mode = match attrs.0["mode"].as_str() {
        "rnn_relu" => symbol::Mode::RnnRelu,
        "rnn_tanh" => symbol::Mode::RnnTanh,
        "lstm" => symbol::Mode::Lstm,
        "gru" => symbol::Mode::Gru,
        other => panic!("mode {other}"),
    };
    let stack = Stack {
        mode,
        hidden: attrs.number("state_size", 0),
        layers: attrs.number("num_layers", 1),
        directions: 1 + usize::from(attrs.flag("bidirectional", false)),
        steps: args["data"].shape[0],
        inputs: args["data"].shape[2],
    };
    let inputs = |net: &mut Symbols| {
        let mut states = vec![net.variable("state")];
        if mode == symbol::Mode::Lstm {
            states.push(net.variable("state_cell"));
        }
        (net.variable("data"), net.variable("parameters"), states)
    };
    let mut nets = Vec::new();
    if stack.directions == 1 {
        let mut net = Symbols::new();
        let (data, parameters, states) = inputs(&mut net);
        let op = symbol::Op::Rnn(Rnn {
            num_layers: stack.layers,
            state_outputs: true,
            ..Rnn::new(mode, stack.hidden)
        });
        let outputs = op.outputs() as u32;
        let first = net.push("r", op, &[&[data, parameters], states.as_slice()].concat());
        let head = |output| tinpail_plan::Sym { output, ..first };
        nets.push(net.net((0..outputs).map(head).collect::<Vec<_>>()));
    }
    let mut net = Symbols::new();
    let (data, parameters, states) = inputs(&mut net);
    let heads = stacked(&mut net, stack, data, parameters, &states);
    nets.push(net.net(heads));
    nets
}

#[test]
fn every_recorded_case() {
    let file = golden("j_ops.json");
    let cases = file["cases"].as_object().expect("cases");
    for name in NOT_OURS {
        assert!(cases.contains_key(name), "no case {name}");
    }
    let masks = Tensors::new();
    let mut checked = 0;
    for (name, case) in cases {
        let args = tensors(&case["args"]);
        let nets = nets(name, &Attrs::of(case), &args);
        checked += usize::from(!nets.is_empty());
        for (variant, net) in nets.iter().enumerate() {
            check(&format!("{name}/{variant}"), net, case, &args, &masks);
        }
    }
    assert_eq!(checked + NOT_OURS.len(), cases.len());
    assert_eq!(checked, 46);
}

fn check(name: &str, net: &Net, case: &Value, args: &Tensors, masks: &Tensors) {
    let train = Mode::Train { masks };
    for (mode, recorded) in [(Mode::Infer, "outputs_infer"), (train, "outputs_train")] {
        let ours = forward(net, args, mode).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mxnet = tensor_list(&case[recorded]);
        assert_eq!(ours.len(), mxnet.len(), "{name}");
        for (ours, mxnet) in ours.iter().zip(&mxnet) {
            assert_output(&format!("{name} {recorded}"), ours, mxnet);
        }
    }
    let recorded = tensors(&case["grads"]);
    assert!(!recorded.is_empty(), "{name}: no gradients");
    let wrt: Vec<&str> = recorded.keys().map(String::as_str).collect();
    let head_grads = tensor_list(&case["head_grads"]);
    let ours = numeric_grads(net, args, &wrt, train, &head_grads)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    for (argument, mxnet) in &recorded {
        assert_grad(&format!("{name} d {argument}"), &ours[argument], mxnet);
    }
}
