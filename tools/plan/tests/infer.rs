//! Shape inference against shapes that MXNet 1.9.1 recorded, and its errors.

mod common;
#[path = "../../../tests/common/operators.rs"]
mod operators;

use common::{cases, cell, dims, json, symbol};
use serde_json::json;
use tinpail_plan::infer::{Dtype, Shapes, infer};
use tinpail_plan::symbol::{Embedding, FullyConnected, Hints, Mode, Rnn, SoftmaxOutput};
use tinpail_plan::{Error, Net, Op, Symbols};

/// The shape and dtype of the variable `name`.
fn variable<'a>(net: &Net, shapes: &'a Shapes, name: &str) -> (&'a [usize], Dtype) {
    let is_it = |node: &tinpail_plan::symbol::Node| node.op == Op::Variable && node.name == name;
    let index = net.nodes.iter().position(is_it).expect("a variable");
    (&shapes.dims[index][0], shapes.dtypes[index])
}

#[track_caller]
fn fails(net: Net, message: &str) {
    assert_eq!(infer(&net, 2).unwrap_err().to_string(), message);
}

/// Scenarios a, b and c: every parameter has the shape it has in MXNet, in every bucket and every step's outputs.
#[test]
fn scenarios() {
    for (scenario, batch) in [("a_lstm_lm", 2), ("b_stateful_lstm", 2), ("c_gru_fixed", 3)] {
        let record = json(&format!("tests/golden/{scenario}.json"));
        let symbols = record["files"]["symbols"].as_object().expect("symbols");
        assert!(symbols.len() >= 2);
        for step in record["steps"].as_array().expect("steps") {
            let key = step["bucket_key"].as_u64().expect("a key");
            let mut net = symbol(&format!("{scenario}/model-{key}"));
            for (name, tensor) in step["data"].as_object().expect("data") {
                net = net.data(name, dims(&tensor["shape"]));
            }
            for (name, tensor) in step["label"].as_object().expect("labels") {
                net = net.label(name, dims(&tensor["shape"]));
            }
            let shapes = infer(&net, batch).expect("shapes");
            for (name, tensor) in record["params_init"].as_object().expect("parameters") {
                assert_eq!(
                    variable(&net, &shapes, name),
                    (&dims(&tensor["shape"])[..], Dtype::F32),
                    "{name}"
                );
            }
            for &head in &net.heads {
                let tensor = &step["outputs"][net.output_name(head)];
                assert_eq!(shapes.of(head), dims(&tensor["shape"]));
            }
            assert_eq!(variable(&net, &shapes, "softmax_label").1, Dtype::U16);
            let ids = scenario != "c_gru_fixed";
            assert_eq!(variable(&net, &shapes, "data").1 == Dtype::U16, ids);
        }
    }
}

/// MXNet's own cells, unrolled and fused: arguments and outputs.
#[test]
fn cells() {
    for (name, case) in cases()["cells"].as_object().expect("cells") {
        let net = cell(case);
        let shapes = infer(&net, 2).expect(name);
        for (arg, shape) in case["args"].as_object().expect("arguments") {
            assert_eq!(variable(&net, &shapes, arg).0, dims(shape), "{name} {arg}");
        }
        let outputs = case["outputs"].as_object().expect("outputs");
        assert_eq!(net.heads.len(), outputs.len());
        for &head in &net.heads {
            let shape = &outputs[&net.output_name(head)];
            assert_eq!(shapes.of(head), dims(shape), "{name}");
        }
    }
}

/// Single operators, of j_ops.json: the attributes as MXNet wrote them, shapes from the data alone.
#[test]
fn single_operators() {
    let record = json("tests/golden/j_ops.json");
    let mut seen = 0;
    for (name, case) in record["cases"].as_object().expect("cases") {
        if operators::is_different(name) {
            continue;
        }
        let mut net = operators::net(name, case).expect(name);
        let probabilities = name == "softmaxout_prob_label";
        net.data
            .retain(|desc| desc.name == "data" || desc.name == "b");
        net.labels.retain(|_| probabilities);
        let shapes = infer(&net, 2).expect(name);
        let args = case["args"].as_object().expect("arguments");
        for (arg, tensor) in args {
            assert_eq!(
                variable(&net, &shapes, arg).0,
                dims(&tensor["shape"]),
                "{name} {arg}"
            );
        }
        let outputs = case["outputs_infer"].as_array().expect("outputs");
        assert_eq!(outputs.len(), net.heads.len(), "{name}");
        for (&head, tensor) in net.heads.iter().zip(outputs) {
            assert_eq!(shapes.of(head), dims(&tensor["shape"]), "{name}");
        }
        if args.contains_key("label") {
            let numbers = probabilities || !name.starts_with("softmaxout");
            let expected = if numbers { Dtype::F32 } else { Dtype::U16 };
            assert_eq!(variable(&net, &shapes, "label").1, expected, "{name}");
        }
        seen += 1;
    }
    assert!(seen == 78, "{seen}");
}

/// Reshape's codes over a table of shapes: MXNet's result wherever it has one.
#[test]
fn reshape_codes() {
    let cases = cases();
    let table = cases["reshape"].as_array().expect("a table");
    assert_eq!(table.len(), 300);
    let mut refused = 0;
    for row in table {
        let codes: Vec<i64> = serde_json::from_value(row[1].clone()).expect("codes");
        let mut symbols = Symbols::new();
        let data = symbols.variable("data");
        let op = Op::Reshape {
            shape: codes,
            reverse: row[2] == true,
        };
        let head = symbols.push("reshape", op, &[data]);
        let net = symbols.net([head]).data("data", dims(&row[0]));
        match infer(&net, 2) {
            Ok(shapes) => assert_eq!(json!(shapes.of(head)), row[3], "{row}"),
            Err(_) => {
                assert!(row[3].is_null(), "{row}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100 && refused < 250, "{refused}");
}

#[test]
fn axes_may_be_negative() {
    let mut symbols = Symbols::new();
    let data = symbols.variable("data");
    let heads = [
        symbols.mean("m1", data, &[-1], false),
        symbols.mean("m2", data, &[0, -2], true),
        symbols.mean("all", data, &[], false),
        symbols.expand_dims("e", data, -1),
        symbols.concat("c", &[data, data], -3),
        symbols.slice_channel("s", data, 3, -2, true)[2],
    ];
    let net = symbols.net(heads).data("data", [2, 3, 4]);
    let shapes = infer(&net, 2).unwrap();
    let expected: [&[usize]; 6] = [
        &[2, 3],
        &[1, 1, 4],
        &[1],
        &[2, 3, 4, 1],
        &[4, 3, 4],
        &[2, 4],
    ];
    for (head, expected) in heads.into_iter().zip(expected) {
        assert_eq!(shapes.of(head), expected);
    }
}

/// A state of an unrolled cell of which nothing says the shape.
#[test]
fn states_are_inferred_from_their_readers() {
    for name in ["lstm_NTC", "gru_NTC", "rnn_tanh_NTC"] {
        let mut net = cell(&cases()["cells"][name]);
        for node in &mut net.nodes {
            if matches!(node.op, Op::Zeros { .. }) {
                node.op = Op::Variable;
            }
        }
        let shapes = infer(&net, 2).expect(name);
        let states = net
            .nodes
            .iter()
            .filter(|node| node.name.contains("begin_state"));
        for state in states {
            assert_eq!(variable(&net, &shapes, &state.name).0, [2, 3], "{name}");
        }
    }
}

#[test]
fn zero_is_the_batch_size() {
    let mut symbols = Symbols::new();
    let data = symbols.variable("data");
    let fc = symbols.fully_connected("fc", data, FullyConnected::new(3));
    let zeros = symbols.zeros("zeros", [0, 3]);
    let sum = symbols.elemwise_add("sum", fc, zeros);
    let state = symbols.variable("state");
    let sum = symbols.elemwise_add("sum2", sum, state);
    let mut net = symbols.net([sum]).data("data", [0, 4]);
    let state = net
        .nodes
        .iter_mut()
        .find(|node| node.name == "state")
        .unwrap();
    state.hints = Hints {
        shape: Some(vec![0, 3]),
        ..Hints::default()
    };
    for batch in [1, 7] {
        let shapes = infer(&net, batch).unwrap();
        assert_eq!(shapes.of(sum), [batch, 3]);
        assert_eq!(variable(&net, &shapes, "state").0, [batch, 3]);
    }
    assert!(matches!(infer(&net, 0), Err(Error::Config(_))));
}

#[test]
fn a_parameter_vector_is_as_long_as_its_layers_need() {
    for (mode, len) in [(Mode::Lstm, 4), (Mode::Gru, 3), (Mode::RnnTanh, 1)] {
        let mut symbols = Symbols::new();
        let data = symbols.variable("data");
        let attrs = Rnn {
            num_layers: 3,
            ..Rnn::new(mode, 5)
        };
        let head = symbols.rnn("rnn", data, attrs, &[]);
        let net = symbols.net([head]).data("data", [7, 0, 2]);
        let shapes = infer(&net, 2).unwrap();
        let weights = (2 + 5) * 5 + 2 * (5 + 5) * 5 + 3 * 2 * 5;
        assert_eq!(variable(&net, &shapes, "rnn_parameters").0, [weights * len]);
        assert_eq!(attrs.parameter_len(2), weights * len);
        assert_eq!(shapes.of(head), [7, 2, 5]);
    }
}

#[test]
fn integers_pass_through_reshape() {
    let mut symbols = Symbols::new();
    let (ids, lengths) = (symbols.variable("ids"), symbols.variable("lengths"));
    let flat = symbols.reshape("flat", ids, &[-1]);
    let attrs = Embedding {
        input_dim: 9,
        output_dim: 4,
    };
    let embedded = symbols.embedding("embed", flat, attrs);
    let steps = symbols.reshape("steps", embedded, &[3, 2, 4]);
    let last = symbols.sequence_last("last", steps, Some(lengths), 0);
    let net = symbols.net([last]).data("ids", [3, 2]);
    let shapes = infer(&net, 2).unwrap();
    assert_eq!(variable(&net, &shapes, "ids").1, Dtype::U16);
    assert_eq!(variable(&net, &shapes, "lengths"), (&[2][..], Dtype::U16));
    assert_eq!(shapes.dtypes[flat.node.0 as usize], Dtype::U16);
    assert_eq!(shapes.dtypes[embedded.node.0 as usize], Dtype::F32);
}

/// A network of one operator over data (2, 3, 4), or over what `push` makes of it.
fn one(push: impl FnOnce(&mut Symbols, tinpail_plan::Sym) -> tinpail_plan::Sym) -> Net {
    let mut symbols = Symbols::new();
    let data = symbols.variable("data");
    let head = push(&mut symbols, data);
    symbols.net([head]).data("data", [2, 3, 4])
}

#[test]
fn errors_name_the_symbol_and_both_shapes() {
    fails(
        one(|s, data| {
            let swapped = s.swap_axis("swap", data, 0, 2);
            s.elemwise_add("sum", data, swapped)
        }),
        "sum: data and swap_output differ: (2, 3, 4) against (4, 3, 2)",
    );
    fails(
        one(|s, data| {
            let first = s.fully_connected("fc", data, FullyConnected::new(5));
            let weight = s.variable("fc_weight");
            let attrs = FullyConnected {
                no_bias: true,
                ..FullyConnected::new(5)
            };
            s.push("fc2", Op::FullyConnected(attrs), &[first, weight])
        }),
        "fc_weight: needed as weight of fc2, but found elsewhere: (5, 5) against (5, 12)",
    );
    fails(
        one(|s, data| {
            let rows = s.mean("mean", data, &[1], false);
            let label = s.variable("label");
            s.softmax_output("softmax", rows, label, SoftmaxOutput::default())
        })
        .label("label", [2, 3]),
        "label: needed as label of softmax, but found: (2,) against (2, 3)",
    );
    fails(
        one(|s, data| {
            let label = s.variable("label");
            s.linear_regression_output("loss", data, label, 1.0)
        })
        .label("label", [4, 6]),
        "label: needed as label of loss, but found: (2, 3, 4) against (4, 6)",
    );
    fails(
        one(|s, data| {
            let label = s.variable("label");
            s.softmax_output("softmax", data, label, SoftmaxOutput::default())
        }),
        "softmax: class labels need preserve_shape or multi_output for data of more than two axes: (2, 3, 4)",
    );
    fails(
        one(|s, data| s.slice_channel("cut", data, 2, 1, false)[0]),
        "cut: axis 1 cannot be cut into 2 equal parts: (2, 3, 4)",
    );
    fails(
        one(|s, data| s.slice_channel("cut", data, 2, 2, true)[0]),
        "cut: axis 2 cannot be cut into 2 equal parts of length 1: (2, 3, 4)",
    );
    fails(
        one(|s, data| s.reshape("rows", data, &[5, -1])),
        "rows: Reshape [5, -1]: 24 elements are no multiple of 5 in: (2, 3, 4)",
    );
    fails(
        one(|s, data| s.reshape("rows", data, &[2, 3])),
        "rows: [2, 3] does not keep the number of elements: (2, 3, 4) against (2, 3)",
    );
    fails(
        one(|s, data| {
            let mean = s.mean("mean", data, &[2], true);
            s.concat("join", &[data, mean], 1)
        }),
        "join: parts differ beside axis 1: (2, 3, 4) against (2, 3, 1)",
    );
    fails(
        one(|s, data| s.mean("mean", data, &[3], false)),
        "mean: no axis 3 in: (2, 3, 4)",
    );
    fails(
        one(|s, data| {
            let rows = s.reshape("rows", data, &[6, 4]);
            s.rnn("rnn", rows, Rnn::new(Mode::Gru, 3), &[])
        }),
        "rnn: data must have the axes (T, N, I), not: (6, 4)",
    );
    fails(
        one(|s, data| {
            let state = s.variable("state");
            s.elemwise_add("sum", state, state);
            s.block_grad("out", data)
        }),
        "state: shape () cannot be completed (0 is unknown)",
    );
}

#[test]
fn integers_read_as_numbers_are_an_error() {
    fails(
        one(|s, data| {
            let flat = s.reshape("flat", data, &[-1]);
            let attrs = Embedding {
                input_dim: 9,
                output_dim: 4,
            };
            let embedded = s.embedding("embed", flat, attrs);
            let rows = s.reshape("rows", data, &[24, 1]);
            let four = s.concat("four", &[rows, rows, rows, rows], 1);
            s.elemwise_add("sum", embedded, four)
        }),
        "data: read as integers by one and as numbers by the other of flat and four",
    );
    fails(
        one(|s, data| {
            let rows = s.mean("rows", data, &[2], false);
            let label = s.mean("label", rows, &[1], false);
            s.softmax_output("softmax", rows, label, SoftmaxOutput::default())
        }),
        "label: read as integers by softmax, which takes a variable or a reshape of one",
    );
}

#[test]
fn graphs_that_are_none() {
    fails(
        one(|s, data| s.push("sum", Op::ElemwiseAdd, &[data])),
        "sum: elemwise_add takes 2 inputs, not 1",
    );
    fails(
        one(|s, data| s.block_grad("out", tinpail_plan::Sym { output: 1, ..data })),
        "out: reads output 1 of node 0, which is not an earlier output",
    );
    fails(
        one(|s, data| s.block_grad("out", data)).data("dta", [1]),
        "data dta: no such argument; the network has data",
    );
    fails(
        one(|s, data| s.block_grad("out", data)).label("data", [1]),
        "data: declared twice as data or label",
    );
    fails(
        one(|s, data| {
            let op = Op::SliceChannel {
                num_outputs: 0,
                axis: 0,
                squeeze_axis: false,
            };
            s.push("cut", op, &[data])
        }),
        "cut: 0 outputs, but 1 to 65536 are possible",
    );
    for (shape, what) in [
        (vec![], "has no elements: ()"),
        (vec![usize::MAX, 3], "has more elements"),
    ] {
        let mut symbols = Symbols::new();
        let data = symbols.variable("data");
        let net = symbols.net([data]).data("data", shape);
        let message = infer(&net, 1).unwrap_err().to_string();
        assert!(message.starts_with(&format!("data: {what}")), "{message}");
    }
    for layers in [0, 1 << 40] {
        let attrs = Rnn {
            num_layers: layers,
            ..Rnn::new(Mode::Lstm, usize::MAX)
        };
        assert!(infer(&one(|s, data| s.rnn("rnn", data, attrs, &[])), 1).is_err());
    }
}
