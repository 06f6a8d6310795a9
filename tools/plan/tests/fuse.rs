//! Which recurrent layers are recognised and what becomes of them. That fused networks compute what they
//! computed before is tested against the interpreter, in tools/interp/tests/fusion.rs.

mod common;

use common::{cases, cell, count, dims, layers, operators, outputs, repository, symbol};
use serde_json::Value;
use tinpail_plan::fuse::fuse;
use tinpail_plan::infer::infer;
use tinpail_plan::symbol::{Act, Mode, Node, Rnn};
use tinpail_plan::{Net, Op, Sym, Symbols, json as reader};

fn case(name: &str) -> Net {
    cell(&cases()["cells"][name])
}

fn fused(name: &str) -> Net {
    fuse(&case(name), 2).expect(name)
}

fn layer<'a>(net: &'a Net, name: &str) -> &'a Node {
    let found = net.nodes.iter().find(|node| node.name == name).expect(name);
    assert!(matches!(found.op, Op::RnnLayer { .. }), "{name}");
    found
}

fn hidden_products(net: &Net) -> usize {
    let is_one =
        |node: &&Node| matches!(node.op, Op::FullyConnected(_)) && node.name.ends_with("h2h");
    net.nodes.iter().filter(is_one).count()
}

/// Shapes of heads and variables stay what MXNet says, and so do the names of the outputs.
fn check(name: &str, case: &Value, net: &Net) {
    let shapes = infer(net, 2).expect(name);
    let expected = case["outputs"].as_object().expect("outputs");
    assert_eq!(outputs(net), outputs(&cell(case)), "{name}");
    for &head in &net.heads {
        assert_eq!(
            shapes.of(head),
            dims(&expected[&net.output_name(head)]),
            "{name}"
        );
    }
    for (index, node) in net.nodes.iter().enumerate() {
        if node.op == Op::Variable {
            assert_eq!(
                shapes.dims[index][0],
                dims(&case["args"][&node.name]),
                "{name} {}",
                node.name
            );
        }
    }
}

#[test]
fn scenarios() {
    let data = [
        ("a_lstm_lm", vec![2, 0], 2),
        ("b_stateful_lstm", vec![2, 0], 1),
        ("c_gru_fixed", vec![3, 0, 3], 1),
    ];
    for ((scenario, mut shape, expected), keys) in
        data.into_iter().zip([&[4, 7, 10][..], &[3, 6], &[2, 3, 5]])
    {
        for &key in keys {
            shape[1] = key;
            let label: Vec<usize> = shape[..if scenario == "c_gru_fixed" { 1 } else { 2 }].to_vec();
            let net = symbol(&format!("{scenario}/model-{key}"))
                .data("data", shape.clone())
                .label("softmax_label", label);
            let fused = fuse(&net, shape[0]).expect(scenario);
            assert_eq!(layers(&fused), expected);
            assert_eq!(hidden_products(&fused), 0);
            assert_eq!(outputs(&fused), outputs(&net));
            let (before, after) = (
                infer(&net, shape[0]).unwrap(),
                infer(&fused, shape[0]).unwrap(),
            );
            for (old, new) in net.heads.iter().zip(&fused.heads) {
                assert_eq!(before.of(*old), after.of(*new));
            }
        }
    }
}

/// The whole of what scenario a becomes: layer 2 reads layer 1 without a swap between.
#[test]
fn stacked_layers_chain_directly() {
    let net = symbol("a_lstm_lm/model-10")
        .data("data", [2, 10])
        .label("softmax_label", [2, 10]);
    let net = fuse(&net, 2).unwrap();
    assert_eq!(
        operators(&net),
        [
            "Embedding",
            "SwapAxis",
            "_zeros",
            "_zeros",
            "RNN",
            "_zeros",
            "_zeros",
            "RNN",
            "SwapAxis",
            "Reshape",
            "FullyConnected",
            "Reshape",
            "SoftmaxOutput"
        ]
    );
    let (first, second) = (layer(&net, "lstm_l0"), layer(&net, "lstm_l1"));
    assert_eq!(net.node(second.inputs[0]), first);
    assert_eq!(second.inputs[0].output, 0);
    let names: Vec<&str> = first
        .inputs
        .iter()
        .map(|&input| net.node(input).name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "lstm_l0_tnc",
            "lstm_l0_i2h_weight",
            "lstm_l0_i2h_bias",
            "lstm_l0_h2h_weight",
            "lstm_l0_h2h_bias",
            "lstm_l0_begin_state_0",
            "lstm_l0_begin_state_1"
        ]
    );
}

#[test]
fn states_are_the_layers_final_outputs() {
    let net = symbol("b_stateful_lstm/model-6")
        .data("data", [2, 6])
        .label("softmax_label", [2, 6]);
    let net = fuse(&net, 2).unwrap();
    let last = layer(&net, "lstm");
    let [_, h, c] = net.heads[..] else {
        panic!("three heads");
    };
    for (head, output) in [(h, 1), (c, 2)] {
        let block = net.node(head);
        assert_eq!(block.op, Op::BlockGrad);
        assert_eq!(
            (net.node(block.inputs[0]), block.inputs[0].output),
            (last, output)
        );
    }
    let begin: Vec<&str> = last.inputs[5..]
        .iter()
        .map(|&input| net.node(input).name.as_str())
        .collect();
    assert_eq!(begin, ["state_h", "state_c"]);
}

#[test]
fn the_demos_model() {
    for key in [12, 16, 20, 29] {
        let text = repository(&format!("boards/speaker/model/speaker-{key}-symbol.json"));
        let net = reader::read(&text)
            .unwrap()
            .data("data", [0, key, 12])
            .label("softmax_label", [0]);
        let net = fuse(&net, 1).unwrap();
        assert_eq!(
            operators(&net),
            [
                "SwapAxis",
                "_zeros",
                "RNN",
                "FullyConnected",
                "SoftmaxOutput"
            ]
        );
        let gru = layer(&net, "gru");
        assert_eq!(
            gru.op,
            Op::RnnLayer {
                mode: Mode::Gru,
                hidden: 16
            }
        );
        let fc = net.nodes.iter().find(|node| node.name == "fc").unwrap();
        assert_eq!((net.node(fc.inputs[0]), fc.inputs[0].output), (gru, 1));
    }
}

/// Every cell of cases.json: how many layers come out, and how many steps stay unrolled.
#[test]
fn mxnets_cells() {
    let cases = cases();
    for (name, case) in cases["cells"].as_object().expect("cells") {
        let (expected, unrolled) = match name.as_str() {
            "rnn_sigmoid" => (0, 4),
            "bidirectional" | "residual" | "stack_dropout" | "two_unrolls" => (2, 0),
            "mixed_stack" => (3, 0),
            name if name.ends_with("_2") => (2, 0),
            name if name.starts_with("fused_") && name.ends_with("_last") => (2, 0),
            _ => (1, 0),
        };
        let net = fuse(&cell(case), 2).expect(name);
        assert_eq!(
            (layers(&net), hidden_products(&net)),
            (expected, unrolled),
            "{name}"
        );
        assert_eq!(count(&net, |op| matches!(op, Op::Rnn(_))), 0);
        check(name, case, &net);
        // Once fused, there is nothing left to do.
        assert_eq!(fuse(&net, 2).unwrap(), net, "{name}");
    }
}

#[test]
fn layouts() {
    for (name, expected) in [
        (
            "lstm_NTC",
            &[
                "SwapAxis",
                "_zeros",
                "_zeros",
                "RNN",
                "SwapAxis",
                "BlockGrad",
            ][..],
        ),
        ("lstm_TNC", &["_zeros", "_zeros", "RNN", "BlockGrad"]),
        ("gru_TNC", &["_zeros", "RNN", "BlockGrad"]),
        (
            "rnn_relu_NTC",
            &["SwapAxis", "_zeros", "RNN", "SwapAxis", "BlockGrad"],
        ),
        ("joined_rows", &["SwapAxis", "_zeros", "RNN", "Reshape"]),
        (
            "joined_columns",
            &["SwapAxis", "_zeros", "RNN", "SwapAxis", "Reshape"],
        ),
        ("last_of_merged", &["SwapAxis", "_zeros", "RNN", "Reshape"]),
        (
            "step_heads",
            &[
                "SwapAxis",
                "_zeros",
                "RNN",
                "SliceChannel",
                "BlockGrad",
                "Reshape",
            ],
        ),
        (
            "stack_dropout",
            &[
                "SwapAxis",
                "_zeros",
                "_zeros",
                "RNN",
                "_zeros",
                "_zeros",
                "Dropout",
                "RNN",
                "SwapAxis",
                "BlockGrad",
            ],
        ),
        (
            "two_unrolls",
            &["SwapAxis", "_zeros", "_zeros", "RNN", "RNN", "SwapAxis"],
        ),
        (
            "fused_steps",
            &[
                "SwapAxis",
                "_zeros",
                "slice",
                "slice",
                "slice",
                "slice",
                "RNN",
                "FullyConnected",
            ],
        ),
    ] {
        assert_eq!(operators(&fused(name)), expected, "{name}");
    }
    assert_eq!(
        layer(&fused("rnn_tanh_TNC"), "rnn").op,
        Op::RnnLayer {
            mode: Mode::RnnTanh,
            hidden: 3
        }
    );
    assert_eq!(
        layer(&fused("rnn_relu_TNC"), "rnn").op,
        Op::RnnLayer {
            mode: Mode::RnnRelu,
            hidden: 3
        }
    );
}

/// The parameter vector of a two-layer LSTM of 5 inputs and 3 hidden: section 7's order, checked by counting.
#[test]
fn parameter_slices() {
    let net = fused("fused_lstm_2");
    let slices = net.nodes.iter().filter_map(|node| match &node.op {
        Op::ParamSlice { offset, shape } => Some((node.name.as_str(), *offset, shape.clone())),
        _ => None,
    });
    let mut slices: Vec<_> = slices.collect();
    slices.sort_by_key(|slice| slice.1);
    let expected = [
        ("f_rnn_l0_i2h_weight", vec![12, 5]),
        ("f_rnn_l0_h2h_weight", vec![12, 3]),
        ("f_rnn_l1_i2h_weight", vec![12, 3]),
        ("f_rnn_l1_h2h_weight", vec![12, 3]),
        ("f_rnn_l0_i2h_bias", vec![12]),
        ("f_rnn_l0_h2h_bias", vec![12]),
        ("f_rnn_l1_i2h_bias", vec![12]),
        ("f_rnn_l1_h2h_bias", vec![12]),
    ];
    let mut offset = 0;
    assert_eq!(slices.len(), expected.len());
    for (slice, (name, shape)) in slices.into_iter().zip(expected) {
        let len: usize = shape.iter().product();
        assert_eq!(slice, (name, offset, shape));
        offset += len;
    }
    assert_eq!(
        offset,
        Rnn {
            num_layers: 2,
            ..Rnn::new(Mode::Lstm, 3)
        }
        .parameter_len(5)
    );
    assert_eq!(count(&net, |op| *op == Op::Dropout { p: 0.5 }), 1);
}

#[test]
fn states_of_several_layers_are_cut_apart() {
    let mut symbols = Symbols::new();
    let data = symbols.variable("data");
    let state = symbols.variable("state");
    let attrs = Rnn {
        num_layers: 2,
        ..Rnn::new(Mode::Gru, 3)
    };
    let out = symbols.rnn("rnn", data, attrs, &[state]);
    let net = fuse(&symbols.net([out]).data("data", [4, 0, 5]), 2).unwrap();
    assert_eq!(
        count(&net, |op| matches!(
            op,
            Op::SliceChannel {
                num_outputs: 2,
                axis: 0,
                squeeze_axis: true
            }
        )),
        1
    );
    assert_eq!(outputs(&net), ["rnn_output"]);
    let shapes = infer(&net, 7).unwrap();
    assert_eq!(shapes.of(net.heads[0]), [4, 7, 3]);
}

/// A network without recurrent layers comes out as it went in.
#[test]
fn other_networks_stay() {
    let mut symbols = Symbols::new();
    let data = symbols.variable("data");
    let act = symbols.activation("act", data, Act::Tanh);
    let sum = symbols.elemwise_add("sum", act, data);
    let net = symbols.net([sum, sum, data]).data("data", [2, 3]);
    assert_eq!(fuse(&net, 2).unwrap(), net);
}

#[test]
fn dead_nodes_go_and_data_stays() {
    let mut symbols = Symbols::new();
    let (unused, data) = (symbols.variable("unused"), symbols.variable("data"));
    let dead = symbols.variable("dead");
    symbols.elemwise_add("dead_sum", dead, unused);
    let out = symbols.block_grad("out", data);
    let net = symbols.net([out]).data("data", [2, 3]).data("unused", [2]);
    let names: Vec<String> = fuse(&net, 2)
        .unwrap()
        .nodes
        .into_iter()
        .map(|node| node.name)
        .collect();
    assert_eq!(names, ["unused", "data", "out"]);
}

/// Reads `name` after `change` has had its way with the nodes.
fn changed(name: &str, change: impl Fn(&mut Net)) -> Net {
    let mut net = case(name);
    change(&mut net);
    fuse(&net, 2).expect(name)
}

fn index(net: &Net, name: &str) -> usize {
    net.nodes
        .iter()
        .position(|node| node.name == name)
        .expect(name)
}

fn first_of(net: &Net, name: &str) -> Sym {
    Sym {
        node: tinpail_plan::symbol::NodeId(index(net, name) as u32),
        output: 0,
    }
}

/// What does not match exactly stays unrolled.
#[test]
fn near_misses_stay_unrolled() {
    // A gate that is looked at.
    let net = changed("lstm_NTC", |net| {
        net.heads.push(first_of(net, "lstm_l0_t2_f"))
    });
    assert_eq!((layers(&net), hidden_products(&net)), (0, 4));
    // A cell state before the last.
    let net = changed("lstm_NTC", |net| {
        net.heads.push(first_of(net, "lstm_l0_t1_state"))
    });
    assert_eq!((layers(&net), hidden_products(&net)), (0, 4));
    // Another activation in one step.
    let net = changed("gru_NTC", |net| {
        let at = index(net, "gru_l0_t3__h_act");
        net.nodes[at].op = Op::Activation(Act::SoftSign);
    });
    assert_eq!((layers(&net), hidden_products(&net)), (0, 4));
    // Gates in another order.
    let net = changed("lstm_NTC", |net| {
        for t in 0..4 {
            let (f, c) = (
                index(net, &format!("lstm_l0_t{t}_f")),
                index(net, &format!("lstm_l0_t{t}_c")),
            );
            net.nodes[f].inputs[0].output = 2;
            net.nodes[c].inputs[0].output = 1;
        }
    });
    assert_eq!((layers(&net), hidden_products(&net)), (0, 4));
    // Steps that read the input in another order, or leave one out.
    for (from, to) in [(1, 2), (3, 0)] {
        let net = changed("gru_NTC", |net| {
            let at = index(net, &format!("gru_l0_t{from}__i2h"));
            net.nodes[at].inputs[0].output = to;
        });
        assert_eq!((layers(&net), hidden_products(&net)), (0, 4));
    }
    // One step with a weight of its own.
    let net = changed("rnn_tanh_NTC", |net| {
        let at = index(net, "rnn_t2_h2h");
        net.nodes[at].inputs[1] = first_of(net, "rnn_i2h_weight");
        let data = &mut net.data[0];
        data.shape[2] = 3;
    });
    assert_eq!((layers(&net), hidden_products(&net)), (0, 4));
    // Not 1 - z.
    let net = changed("gru_NTC", |net| {
        for node in &mut net.nodes {
            if let Op::Scalar(_, scalar) = &mut node.op {
                *scalar = 2.0;
            }
        }
    });
    assert_eq!((layers(&net), hidden_products(&net)), (0, 4));
}

/// Sums and products may be written either way round.
#[test]
fn operands_may_change_places() {
    for name in [
        "lstm_NTC",
        "gru_NTC",
        "rnn_tanh_TNC",
        "mixed_stack",
        "stack_dropout",
    ] {
        let net = changed(name, |net| {
            for node in &mut net.nodes {
                if matches!(node.op, Op::ElemwiseAdd | Op::ElemwiseMul) {
                    node.inputs.reverse();
                }
            }
        });
        assert_eq!(net, fused(name), "{name}");
    }
}

/// The order of the nodes does not matter either.
#[test]
fn nodes_may_change_places() {
    for name in [
        "lstm_NTC",
        "gru_TNC",
        "mixed_stack",
        "stack_dropout",
        "two_unrolls",
        "all_states",
    ] {
        let cases = cases();
        let mut file = cases["cells"][name]["symbol"].clone();
        let count = file["nodes"].as_array().expect("nodes").len();
        let turn = |entry: &mut Value| {
            entry[0] = serde_json::json!(count - 1 - entry[0].as_u64().expect("a node") as usize)
        };
        let nodes = file["nodes"].as_array_mut().expect("nodes");
        nodes.reverse();
        for node in nodes {
            node["inputs"]
                .as_array_mut()
                .expect("inputs")
                .iter_mut()
                .for_each(turn);
        }
        file["heads"]
            .as_array_mut()
            .expect("heads")
            .iter_mut()
            .for_each(turn);
        file["arg_nodes"] = serde_json::json!([]);
        let net = reader::read(&file.to_string()).expect(name);
        let data = case(name).data;
        let net = fuse(&Net { data, ..net }, 2).expect(name);
        assert_eq!(
            (layers(&net), hidden_products(&net)),
            (layers(&fused(name)), 0),
            "{name}"
        );
        check(name, &cases["cells"][name], &net);
    }
}

/// One weight, two inputs: two layers that share it.
#[test]
fn layers_may_share_weights() {
    let mut symbols = Symbols::new();
    let mut heads = Vec::new();
    for side in ["left", "right"] {
        let data = symbols.variable(side);
        let steps = symbols.slice_channel(&format!("{side}_steps"), data, 3, 0, true);
        let mut h = symbols.zeros(&format!("{side}_begin"), [0, 4]);
        for (t, x) in steps.into_iter().enumerate() {
            let fc = tinpail_plan::symbol::FullyConnected::new(4);
            let mut layer = |name: &str, data: Sym| {
                let weight = symbols.variable(&format!("cell_{name}_weight"));
                let bias = symbols.variable(&format!("cell_{name}_bias"));
                symbols.push(
                    &format!("{side}_{t}_{name}"),
                    Op::FullyConnected(fc),
                    &[data, weight, bias],
                )
            };
            let (i2h, h2h) = (layer("i2h", x), layer("h2h", h));
            let sum = symbols.elemwise_add(&format!("{side}_{t}_sum"), i2h, h2h);
            h = symbols.activation(&format!("{side}_{t}"), sum, Act::Relu);
        }
        heads.push(symbols.block_grad(&format!("{side}_out"), h));
    }
    let net = symbols
        .net(heads)
        .data("left", [3, 0, 5])
        .data("right", [3, 0, 5]);
    let net = fuse(&net, 2).unwrap();
    assert_eq!(layers(&net), 2);
    assert_eq!(
        layer(&net, "cell").inputs[1..5],
        layer(&net, "cell_2").inputs[1..5]
    );
}
