//! Reading symbol.json: what MXNet writes, what it wrote long ago, and what nobody should.

mod common;

use common::{cases, operators, repository, symbol};
use serde_json::{Value, json};
use tinpail_plan::symbol::{
    Act, BatchNorm, Hints, Mode, Normalization, PoolType, Pooling, PoolingConvention, ScalarOp,
    SoftmaxOutput,
};
use tinpail_plan::{Error, Op, json as reader};

/// A file of one operator over the variables `inputs`.
fn file(op: &str, attrs: Value, inputs: usize) -> String {
    let mut nodes: Vec<Value> = (0..inputs)
        .map(|index| json!({"op": "null", "name": format!("x{index}"), "inputs": []}))
        .collect();
    let entries: Vec<[usize; 3]> = (0..inputs).map(|index| [index, 0, 0]).collect();
    nodes.push(json!({"op": op, "name": "it", "attrs": attrs, "inputs": entries}));
    json!({"nodes": nodes, "arg_nodes": (0..inputs).collect::<Vec<_>>(), "heads": [[inputs, 0, 0]]})
        .to_string()
}

fn op(op: &str, attrs: Value, inputs: usize) -> Op {
    let net = reader::read(&file(op, attrs, inputs)).expect(op);
    net.nodes[inputs].op.clone()
}

#[track_caller]
fn refused(op: &str, attrs: Value, inputs: usize, message: &str) {
    let error = reader::read(&file(op, attrs, inputs)).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn scenario_files() {
    let net = symbol("b_stateful_lstm/model-3");
    assert_eq!(net.nodes.len(), 62);
    assert!(net.data.is_empty() && net.labels.is_empty());
    let state = net
        .nodes
        .iter()
        .find(|node| node.name == "state_h")
        .expect("state_h");
    assert_eq!(state.op, Op::Variable);
    assert_eq!(state.hints.shape, Some(vec![2, 3]));
    let zeros = symbol("a_lstm_lm/model-4");
    let zeros = zeros
        .nodes
        .iter()
        .find(|node| node.name == "lstm_l0_begin_state_0")
        .expect("zeros");
    assert_eq!(zeros.op, Op::Zeros { shape: vec![0, 3] });
    let softmax = SoftmaxOutput {
        use_ignore: true,
        normalization: Normalization::Valid,
        ..SoftmaxOutput::default()
    };
    assert_eq!(net.node(net.heads[0]).op, Op::SoftmaxOutput(softmax));
    let names: Vec<String> = net
        .heads
        .iter()
        .map(|&head| net.output_name(head))
        .collect();
    assert_eq!(names, ["softmax_output", "h_out_output", "c_out_output"]);
}

/// All nodes, names, inputs and heads come through as they stand in the file.
#[test]
fn nothing_is_lost() {
    for path in [
        "a_lstm_lm/model-10",
        "a_lstm_lm/model-7",
        "a_lstm_lm/model-4",
        "b_stateful_lstm/model-6",
        "b_stateful_lstm/model-3",
        "c_gru_fixed/model-5",
        "c_gru_fixed/model-3",
        "c_gru_fixed/model-2",
    ] {
        let file = common::json(&format!("tests/golden/{path}-symbol.json"));
        let net = symbol(path);
        let entry = |sym: &tinpail_plan::Sym| json!([sym.node.0, sym.output, 0]);
        for (node, theirs) in net
            .nodes
            .iter()
            .zip(file["nodes"].as_array().expect("nodes"))
        {
            assert_eq!(json!(node.name), theirs["name"]);
            assert_eq!(json!(node.op.mxnet_name()), theirs["op"]);
            assert_eq!(
                json!(node.inputs.iter().map(entry).collect::<Vec<_>>()),
                theirs["inputs"]
            );
        }
        assert_eq!(
            json!(net.heads.iter().map(entry).collect::<Vec<_>>()),
            file["heads"]
        );
    }
}

#[test]
fn the_demos_model() {
    for key in [12, 16, 20, 29] {
        let text = repository(&format!("boards/speaker/model/speaker-{key}-symbol.json"));
        let net = reader::read(&text).expect("a network");
        assert_eq!(net.output_name(net.heads[0]), "softmax_output");
    }
}

#[test]
fn output_names_are_mxnets() {
    for (name, case) in cases()["cells"].as_object().expect("cells") {
        let net = common::cell(case);
        let outputs = case["outputs"].as_object().expect("outputs");
        for name_of_output in common::outputs(&net) {
            assert!(
                outputs.contains_key(&name_of_output),
                "{name} {name_of_output}"
            );
        }
    }
}

/// The same network in the words of each age of MXNet: attributes as `param`, `attr` or `attrs`, entries with and without a
/// version, fields that only some have, and marks of the user on every node.
#[test]
fn every_spelling_is_the_same_network() {
    let file = |words: &str, version: &str, more: &str, tail: &str| {
        format!(
            r#"{{"nodes": [
            {{"op": "null", "name": "data", "inputs": []{more}}},
            {{"op": "null", "name": "w", "{words}": {{"__lr_mult__": "2.0", "__mine__": "x"}}, "inputs": []{more}}},
            {{"op": "FullyConnected", "name": "fc", "{words}": {{"num_hidden": "3", "no_bias": "True", "__note__": "a",
              "__ctx_group__": "dev1"}}, "inputs": [[0, 0{version}], [1, 0{version}]]{more}}},
            {{"op": "relu", "name": "out", "{words}": {{"__note__": "b"}}, "inputs": [[2, 0{version}]]{more}}}],
            "arg_nodes": [0, 1], "heads": [[3, 0{version}]]{tail}}}"#
        )
    };
    let newest = file(
        "attrs",
        ", 0",
        "",
        r#", "node_row_ptr": [0, 1, 2, 3, 4], "attrs": {"mxnet_version": ["int", 10901]}"#,
    );
    let expected = reader::read(&newest).expect("a network");
    assert_eq!(expected.nodes[1].hints.lr_mult, Some(2.0));
    let old = r#", "backward_source_id": -1, "control_deps": []"#;
    let no_version = r#", "attrs": {}"#;
    for (words, version, more, tail) in [
        ("attr", ", 0", "", no_version),
        ("attr", "", old, ""),
        ("param", "", old, ""),
        ("attrs", "", "", ""),
        ("param", ", 1", r#", "control_deps": [0]"#, no_version),
    ] {
        let text = file(words, version, more, tail);
        let net = reader::read(&text).unwrap_or_else(|error| panic!("{words}: {error}"));
        assert_eq!(net, expected, "{words}");
    }
}

/// Before 0.9 an operator could carry multipliers for the parameters made for it.
#[test]
fn multipliers_on_an_operator_are_its_parameters() {
    let text = r#"{"nodes": [
        {"op": "null", "name": "data", "inputs": []},
        {"op": "null", "name": "fc_weight", "inputs": []},
        {"op": "null", "name": "fc_bias", "inputs": []},
        {"op": "FullyConnected", "param": {"num_hidden": "3"}, "name": "fc", "inputs": [[0, 0], [1, 0], [2, 0]],
         "attr": {"weight_lr_mult": "0.5", "bias_wd_mult": "0.25", "lr_mult": "3", "wd_mult": "4"}}],
        "arg_nodes": [0, 1, 2], "heads": [[3, 0]]}"#;
    let net = reader::read(text).expect("a network");
    assert_eq!(net.nodes[1].hints.lr_mult, Some(0.5));
    assert_eq!(net.nodes[2].hints.wd_mult, Some(0.25));
    assert_eq!(net.nodes[1].hints.wd_mult, None);
    let nobody = text.replace("weight_lr_mult", "gamma_lr_mult");
    let error = reader::read(&nobody).unwrap_err().to_string();
    assert!(error.contains("gamma_lr_mult"), "{error}");
}

/// Old files: `param` and `attr`, inputs of two elements, multipliers without underscores, aliases.
#[test]
fn old_spellings() {
    let text = r#"{"nodes": [
        {"op": "null", "param": {}, "name": "data", "inputs": [], "backward_source_id": -1},
        {"op": "null", "attr": {"lr_mult": "0.5", "num_hidden": "3"}, "name": "w", "inputs": []},
        {"op": "null", "attr": {"__wd_mult__": "0", "__shape__": "(3,)"}, "name": "b", "inputs": []},
        {"op": "FullyConnected", "param": {"num_hidden": "3", "no_bias": "0"},
         "attr": {"ctx_group": "dev1", "__note__": "x"}, "name": "fc", "inputs": [[0, 0], [1, 0], [2, 0]]},
        {"op": "null", "name": "label", "inputs": []},
        {"op": "Softmax", "param": {"grad_scale": "1", "multi_output": "False"}, "name": "out", "inputs": [[3, 0], [4, 0]]}],
        "arg_nodes": [0, 1, 2, 4], "heads": [[5, 0]]}"#;
    let net = reader::read(text).unwrap();
    let hints = |lr_mult, wd_mult, shape: Option<Vec<usize>>| Hints {
        shape,
        init: None,
        lr_mult,
        wd_mult,
    };
    assert_eq!(net.nodes[0].hints, hints(None, None, None));
    assert_eq!(net.nodes[1].hints, hints(Some(0.5), None, None));
    assert_eq!(net.nodes[2].hints, hints(None, Some(0.0), Some(vec![3])));
    assert_eq!(operators(&net), ["FullyConnected", "SoftmaxOutput"]);
}

#[test]
fn aliases_and_defaults() {
    for (names, expected) in [
        (["elemwise_add", "_plus", "_add"], Op::ElemwiseAdd),
        (["elemwise_sub", "_minus", "_sub"], Op::ElemwiseSub),
        (["elemwise_mul", "_mul", "_Mul"], Op::ElemwiseMul),
    ] {
        for name in names {
            assert_eq!(op(name, json!({}), 2), expected);
        }
    }
    for (name, scalar) in [
        ("_plus_scalar", ScalarOp::Plus),
        ("_minus_scalar", ScalarOp::Minus),
        ("_rminus_scalar", ScalarOp::RMinus),
        ("_mul_scalar", ScalarOp::Mul),
        ("_div_scalar", ScalarOp::Div),
    ] {
        assert_eq!(
            op(name, json!({"scalar": "2.5"}), 1),
            Op::Scalar(scalar, 2.5)
        );
    }
    assert_eq!(op("sigmoid", json!({}), 1), Op::Activation(Act::Sigmoid));
    assert_eq!(
        op("Activation", json!({"act_type": "softrelu"}), 1),
        Op::Activation(Act::SoftRelu)
    );
    let halves = Pooling {
        stride: vec![2],
        pooling_convention: PoolingConvention::Full,
        ..Pooling::new(PoolType::Lp(2), [2])
    };
    let named = json!({"pool_type": "lp", "p_value": "2", "kernel": "(2,)", "stride": "(2L,)",
        "pooling_convention": "full", "layout": "None", "count_include_pad": "None"});
    let numbered = json!({"pool_type": "3", "p_value": "2", "kernel": "[2]", "stride": "2",
        "pooling_convention": "1"});
    for attrs in [named, numbered] {
        assert_eq!(op("Pooling", attrs, 1), Op::Pooling(halves.clone()));
    }
    let global = op(
        "Pooling",
        json!({"global_pool": "True", "pool_type": "max"}),
        1,
    );
    assert_eq!(global, Op::Pooling(Pooling::global(PoolType::Max)));
    assert_eq!(
        op("BatchNorm", json!({}), 5),
        Op::BatchNorm(BatchNorm::default())
    );
    assert_eq!(op("Dropout", json!({}), 1), Op::Dropout { p: 0.5 });
    assert_eq!(
        op("Concat", json!({"num_args": "2"}), 2),
        Op::Concat { dim: 1 }
    );
    assert_eq!(
        op("swapaxes", json!({"dim2": "1"}), 1),
        Op::SwapAxis { dim1: 0, dim2: 1 }
    );
    assert_eq!(
        op("transpose", json!({"axes": "(0, 2, 1)"}), 1),
        Op::SwapAxis { dim1: 1, dim2: 2 }
    );
    for axis in ["None", "()"] {
        let all = Op::Mean {
            axes: vec![],
            keepdims: false,
        };
        assert_eq!(op("mean", json!({"axis": axis}), 1), all);
    }
    let mean = Op::Mean {
        axes: vec![0, -1],
        keepdims: true,
    };
    assert_eq!(
        op("mean", json!({"axis": "(0, -1)", "keepdims": "1"}), 1),
        mean
    );
    let Op::Rnn(rnn) = op(
        "RNN",
        json!({"mode": "lstm", "state_size": "3", "num_layers": "2", "p": "0.25", "state_outputs": "True",
               "bidirectional": "False", "projection_size": "None", "lstm_state_clip_nan": "False"}),
        4,
    ) else {
        panic!("no RNN");
    };
    assert_eq!(
        (rnn.mode, rnn.state_size, rnn.num_layers),
        (Mode::Lstm, 3, 2)
    );
    assert_eq!((rnn.p, rnn.state_outputs), (0.25, true));
    let Op::SoftmaxOutput(softmax) = op(
        "SoftmaxOutput",
        json!({"smooth_alpha": "0.1", "ignore_label": "-1.0"}),
        2,
    ) else {
        panic!("no SoftmaxOutput");
    };
    assert_eq!(
        (
            softmax.smooth_alpha,
            softmax.ignore_label,
            softmax.grad_scale
        ),
        (0.1, -1, 1.0)
    );
}

/// Before 0.9 auxiliary states were not in the file.
#[test]
fn an_old_batch_norm_reads_its_moving_statistics() {
    let net = reader::read(&file("BatchNorm", json!({}), 3)).expect("a network");
    let Some(it) = net.nodes.iter().find(|node| node.name == "it") else {
        panic!("no node");
    };
    let moving = it.inputs[3..].iter().map(|input| net.node(*input));
    let moving: Vec<_> = moving
        .map(|node| (node.name.as_str(), node.hints.init.as_deref()))
        .collect();
    let expected = [
        ("it_moving_mean", Some(r#"["zero", {}]"#)),
        ("it_moving_var", Some(r#"["one", {}]"#)),
    ];
    assert_eq!(moving, expected);
}

#[test]
fn windows_and_norms_that_are_refused() {
    for (op, attrs, inputs, message) in [
        (
            "Convolution",
            json!({"kernel": "(3, 3, 3)", "num_filter": "2"}),
            3,
            "it: kernel = [3, 3, 3]: only windows of one or two axes are supported",
        ),
        (
            "Convolution",
            json!({"kernel": "(3,)", "num_filter": "2", "layout": "NWC"}),
            3,
            "it: layout = \"NWC\" is not supported",
        ),
        (
            "Pooling",
            json!({"kernel": "(3,)", "stride": "(1, 1)"}),
            1,
            "it: stride = [1, 1] for a kernel of 1 axes",
        ),
        (
            "Pooling",
            json!({"kernel": "(3,)", "pool_type": "lp"}),
            1,
            "it: p_value = None: only 1, 2 and 3 are possible",
        ),
        (
            "BatchNorm",
            json!({"output_mean_var": "True"}),
            5,
            "it: output_mean_var = True is not supported",
        ),
    ] {
        refused(op, attrs, inputs, message);
    }
}

#[test]
fn what_is_not_supported_says_so() {
    refused(
        "Deconvolution",
        json!({}),
        1,
        "operator Deconvolution of node it is not supported",
    );
    let error = reader::read(&file("ROIPooling", json!({}), 1)).unwrap_err();
    assert!(
        matches!(error, Error::UnsupportedOp { op, node } if op == "ROIPooling" && node == "it")
    );
    let rnn = |key: &str, value: &str| {
        let mut attrs = json!({"mode": "gru", "state_size": "3", "num_layers": "1"});
        attrs[key] = json!(value);
        attrs
    };
    for (op, attrs, inputs, message) in [
        (
            "SoftmaxOutput",
            json!({"out_grad": "True"}),
            2,
            "it: out_grad = True is not supported",
        ),
        (
            "SoftmaxOutput",
            json!({"normalization": "mean"}),
            2,
            "it: normalization = \"mean\" is not supported",
        ),
        (
            "SoftmaxOutput",
            json!({"ignore_label": "0.5"}),
            2,
            "it: ignore_label = 0.5 is neither a class nor -1",
        ),
        (
            "LeakyReLU",
            json!({"act_type": "celu"}),
            1,
            "it: act_type = \"celu\" is not supported",
        ),
        (
            "LeakyReLU",
            json!({"act_type": "prelu"}),
            1,
            "it: LeakyReLU takes 2 inputs, not 1",
        ),
        (
            "softmax",
            json!({"temperature": "0.0"}),
            1,
            "it: temperature = 0",
        ),
        (
            "softmax",
            json!({"use_length": "True"}),
            2,
            "it: use_length = True is not supported",
        ),
        (
            "log_softmax",
            json!({"dtype": "float64"}),
            1,
            "it: dtype = \"float64\" is not supported",
        ),
        (
            "MakeLoss",
            json!({"normalization": "mean"}),
            1,
            "it: normalization = \"mean\" is not supported",
        ),
        (
            "reverse",
            json!({"axis": "2"}),
            1,
            "it: reverse of axes [2]: only 0 or 1 is supported",
        ),
        ("slice_axis", json!({"axis": "1"}), 1, "it: has no begin"),
        (
            "RNN",
            rnn("use_sequence_length", "True"),
            4,
            "it: use_sequence_length = True is not supported",
        ),
        (
            "RNN",
            rnn("projection_size", "2"),
            3,
            "it: projection_size = \"2\" is not supported",
        ),
        (
            "RNN",
            rnn("lstm_state_clip_max", "1.0"),
            3,
            "it: lstm_state_clip_max = \"1.0\" is not supported",
        ),
        (
            "RNN",
            rnn("num_layers", "0"),
            3,
            "it: num_layers = \"0\" is not a positive size",
        ),
        (
            "Activation",
            json!({"act_type": "mish"}),
            1,
            "it: act_type = \"mish\" is not supported",
        ),
        ("Activation", json!({}), 1, "it: has no act_type"),
        (
            "Dropout",
            json!({"mode": "always"}),
            1,
            "it: mode = \"always\" is not supported",
        ),
        (
            "Dropout",
            json!({"p": "1"}),
            1,
            "it: p = 1 is not a probability below 1",
        ),
        (
            "Reshape",
            json!({"shape": "(2,", "reverse": "0"}),
            1,
            "it: shape = \"(2,\" is not a list of whole numbers",
        ),
        (
            "Reshape",
            json!({"target_shape": "(0,4)"}),
            1,
            "it: target_shape = \"(0,4)\" is not supported",
        ),
        (
            "mean",
            json!({"axis": "1", "exclude": "True"}),
            1,
            "it: exclude = True is not supported",
        ),
        (
            "_zeros",
            json!({"shape": "(0, 3)", "dtype": "int32"}),
            0,
            "it: dtype = \"int32\" is not supported",
        ),
        (
            "Embedding",
            json!({"input_dim": "3", "output_dim": "2", "sparse_grad": "True"}),
            2,
            "it: sparse_grad = True is not supported",
        ),
        (
            "BlockGrad",
            json!({"speed": "2"}),
            1,
            "it: BlockGrad has an attribute speed, which is not supported",
        ),
        (
            "FullyConnected",
            json!({"num_hidden": "3"}),
            2,
            "it: FullyConnected takes 3 inputs, not 2",
        ),
        (
            "SliceChannel",
            json!({"num_outputs": "99999999999"}),
            1,
            "it: 99999999999 outputs, but 1 to 65536 are possible",
        ),
    ] {
        refused(op, attrs, inputs, message);
    }
}

#[test]
fn shuffled_nodes_are_put_in_order() {
    let text = r#"{"nodes": [{"op": "BlockGrad", "name": "out", "inputs": [[1, 0, 0]]},
        {"op": "tanh", "name": "act", "inputs": [[2, 0, 0]]}, {"op": "null", "name": "data", "inputs": []}],
        "arg_nodes": [2], "heads": [[0, 0, 0]]}"#;
    let net = reader::read(text).unwrap();
    assert_eq!(operators(&net), ["Activation", "BlockGrad"]);
    assert_eq!(net.output_name(net.heads[0]), "out_output");
}

#[test]
fn files_that_are_none() {
    let head = |heads: &str, nodes: &str| format!(r#"{{"nodes": [{nodes}], "heads": {heads}}}"#);
    let data = r#"{"op": "null", "name": "data", "inputs": []}"#;
    for (text, message) in [
        (head("[]", data), "symbol.json: no heads"),
        (head("[[1, 0, 0]]", data), "symbol.json: heads: [1, 0, 0] points beyond the 1 nodes"),
        (head("[[0]]", data), "symbol.json: heads: [0] is not [node, output] or [node, output, version]"),
        (head("[[0, 1, 0]]", data), "heads: output 1 of node 0 does not exist"),
        (head("[[0, 0]]", &format!("{data}, {data}")), "symbol.json: two arguments are named data"),
        (
            head("[[0, 0]]", r#"{"op": "tanh", "name": "a", "inputs": [[0, 0]]}"#),
            "symbol.json: the nodes form a cycle",
        ),
        (
            head("[[0, 0]]", r#"{"op": "tanh", "name": "a", "inputs": [[0, 0, 0, 0]]}"#),
            "symbol.json: a: [0, 0, 0, 0] is not [node, output] or [node, output, version]",
        ),
        (
            r#"{"nodes": [{"op": "_zeros", "name": "z", "attrs": {"shape": "(1,)"}}], "arg_nodes": [0], "heads": [[0, 0]]}"#.into(),
            "symbol.json: arg_nodes: node 0 is not an argument",
        ),
    ] {
        assert_eq!(reader::read(&text).unwrap_err().to_string(), message);
    }
    for text in [
        "",
        "[]",
        "{}",
        "nodes",
        r#"{"nodes": 3, "heads": []}"#,
        r#"{"nodes": [], "heads": [[-1, 0]]}"#,
    ] {
        assert!(matches!(reader::read(text), Err(Error::Json(_))), "{text}");
    }
    assert!(matches!(
        reader::read(&"[".repeat(100_000)),
        Err(Error::Json(_))
    ));
}

/// A file cut short anywhere, or with any byte changed, gives a network or an error.
#[test]
fn damage_never_panics() {
    let text = repository("tests/golden/c_gru_fixed/model-2-symbol.json");
    for end in 0..text.len() - 1 {
        assert!(reader::read(&text[..end]).is_err() || text[end..].trim().is_empty());
    }
    for (at, _) in text.char_indices().step_by(3) {
        for byte in ["0", "9", "-", "\"", "]"] {
            let damaged = [&text[..at], byte, &text[at + 1..]].concat();
            if let Ok(net) = reader::read(&damaged) {
                let net = net.data("data", [3, 2, 3]);
                let _ = tinpail_plan::fuse::fuse(&net, 3);
            }
        }
    }
}
