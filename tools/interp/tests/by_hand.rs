//! What no recorded case covers, against values worked out by hand or against another form of the same.

mod common;

use common::assert_close;
use common::nets::{Stack, sequence, stacked};
use tinpail_interp::{InterpError, Mode, Tensor, Tensors, forward, loss, numeric_grads};
use tinpail_plan::symbol::{self, Act, Embedding, FullyConnected, Rnn, ScalarOp, SoftmaxOutput};
use tinpail_plan::{Net, Op, Sym, Symbols};

fn args<const N: usize>(named: [(&str, Tensor); N]) -> Tensors {
    named
        .map(|(name, tensor)| (name.to_string(), tensor))
        .into()
}

/// 0, 1, 2, ... in `shape`.
fn count(shape: &[usize]) -> Tensor {
    let mut next = -1.0;
    Tensor::from_fn(shape, |_| {
        next += 1.0;
        next
    })
}

/// Numbers between -1 and 1 that follow no pattern.
fn noise(shape: &[usize], seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    Tensor::from_fn(shape, |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1u64 << 30) as f64 - 1.0
    })
}

/// The value of one operator on `data`.
fn apply(data: &Tensor, build: impl FnOnce(&mut Symbols, Sym) -> Sym) -> Tensor {
    let mut net = Symbols::new();
    let x = net.variable("data");
    let head = build(&mut net, x);
    let outputs = forward(
        &net.net([head]),
        &args([("data", data.clone())]),
        Mode::Infer,
    );
    outputs.expect("an output").remove(0)
}

#[test]
fn mean_over_axes() {
    let x = count(&[2, 3, 2]);
    let mean = |axes: &[i64], keepdims| apply(&x, |net, x| net.mean("m", x, axes, keepdims));
    assert_eq!(mean(&[1], false), Tensor::new([2, 2], [2.0, 3.0, 8.0, 9.0]));
    assert_eq!(
        mean(&[0, -1], true),
        Tensor::new([1, 3, 1], [3.5, 5.5, 7.5])
    );
    assert_eq!(mean(&[], false), Tensor::new([], [5.5]));
}

/// The examples of MXNet's documentation of Reshape.
#[test]
fn reshape_codes_of_the_documentation() {
    let shape = |from: &[usize], codes: &[i64], reverse| {
        let x = count(from);
        let shape = codes.to_vec();
        let y = apply(&x, |net, x| {
            net.push("r", Op::Reshape { shape, reverse }, &[x])
        });
        assert_eq!(y.data, x.data);
        y.shape
    };
    assert_eq!(shape(&[2, 3, 4], &[4, 0, 2], false), [4, 3, 2]);
    assert_eq!(shape(&[2, 3, 4], &[6, 1, -1], false), [6, 1, 4]);
    assert_eq!(shape(&[2, 3, 4], &[2, -2], false), [2, 3, 4]);
    assert_eq!(shape(&[2, 3, 4], &[-2, 1, 1], false), [2, 3, 4, 1, 1]);
    assert_eq!(shape(&[2, 3, 4, 5], &[-3, -3], false), [6, 20]);
    assert_eq!(shape(&[2, 3, 4], &[2, -4, -1, 3, -2], false), [2, 1, 3, 4]);
    assert_eq!(shape(&[10, 5, 4], &[-1, 0], false), [40, 5]);
    assert_eq!(shape(&[10, 5, 4], &[-1, 0], true), [50, 4]);
}

#[test]
fn shapes_and_scalars() {
    let x = count(&[2, 3]);
    let shape_of = |axis| apply(&x, |net, x| net.expand_dims("e", x, axis)).shape;
    assert_eq!(shape_of(0), [1, 2, 3]);
    assert_eq!(shape_of(-1), [2, 3, 1]);
    let y = |op| apply(&x, |net, x| net.scalar("s", x, op, 2.0)).data[3];
    let all = [
        ScalarOp::Plus,
        ScalarOp::Minus,
        ScalarOp::RMinus,
        ScalarOp::Mul,
        ScalarOp::Div,
    ];
    assert_eq!(all.map(y), [5.0, 1.0, -1.0, 6.0, 1.5]);
    let zero = apply(&x, |net, x| net.elemwise_sub("d", x, x));
    assert_eq!(zero, Tensor::full([2, 3], 0.0));
}

#[test]
fn sequences_with_the_batch_first() {
    let x = count(&[2, 3, 2]);
    let last = apply(&x, |net, x| net.sequence_last("l", x, None, 1));
    assert_eq!(last, Tensor::new([2, 2], [4.0, 5.0, 10.0, 11.0]));
    let mut net = Symbols::new();
    let (data, lengths) = (net.variable("data"), net.variable("lengths"));
    let heads = [
        net.sequence_last("l", data, Some(lengths), 1),
        net.sequence_mask("m", data, Some(lengths), -1.0, 1),
    ];
    let given = args([("data", x), ("lengths", Tensor::new([2], [2.0, 1.0]))]);
    let outputs = forward(&net.net(heads), &given, Mode::Infer).expect("outputs");
    assert_eq!(outputs[0].data, [2.0, 3.0, 6.0, 7.0]);
    let masked = [
        0.0, 1.0, 2.0, 3.0, -1.0, -1.0, 6.0, 7.0, -1.0, -1.0, -1.0, -1.0,
    ];
    assert_eq!(outputs[1].data, masked);
}

#[test]
fn dropout_follows_its_mask_in_training() {
    let mut net = Symbols::new();
    let data = net.variable("data");
    let head = net.dropout("drop", data, 0.75);
    let net = net.net([head]);
    let x = args([("data", count(&[4]))]);
    let masks = args([("drop", Tensor::new([4], [0.0, 1.0, 0.0, 1.0]))]);
    let train = Mode::Train { masks: &masks };
    let output = |mode| forward(&net, &x, mode).expect("an output").remove(0).data;
    assert_eq!(output(Mode::Infer), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(output(train), [0.0, 4.0, 0.0, 12.0]);
    let grads = numeric_grads(&net, &x, &["data"], train, &[Tensor::full([4], 1.0)]);
    let expected = Tensor::new([4], [0.0, 4.0, 0.0, 4.0]);
    assert_close(
        "d data",
        &grads.expect("gradients")["data"],
        &expected,
        1e-8,
        0.0,
    );
    let none = Tensors::new();
    let error = forward(&net, &x, Mode::Train { masks: &none }).expect_err("no mask");
    assert_eq!(error.to_string(), "Dropout drop: no dropout mask");
}

const MODES: [symbol::Mode; 4] = [
    symbol::Mode::RnnRelu,
    symbol::Mode::RnnTanh,
    symbol::Mode::Lstm,
    symbol::Mode::Gru,
];

#[test]
fn a_fused_rnn_of_three_layers_is_three_layers() {
    for mode in MODES {
        let attrs = Rnn {
            num_layers: 3,
            state_outputs: true,
            ..Rnn::new(mode, 3)
        };
        let (steps, batch, inputs) = (4, 2, 5);
        let states = if mode == symbol::Mode::Lstm { 2 } else { 1 };
        let len = attrs.parameter_len(inputs);
        let given = args([
            ("data", noise(&[steps, batch, inputs], 1)),
            ("parameters", noise(&[len], 2)),
            ("state0", noise(&[3, batch, 3], 3)),
            ("state1", noise(&[3, batch, 3], 4)),
        ]);
        let mut net = Symbols::new();
        let (data, parameters) = (net.variable("data"), net.variable("parameters"));
        let states: Vec<Sym> = (0..states)
            .map(|i| net.variable(&format!("state{i}")))
            .collect();
        let of = |net: Net| forward(&net, &given, Mode::Infer).expect("outputs");

        let mut fused = net.clone();
        let sources = [&[data, parameters], states.as_slice()].concat();
        let first = fused.push("rnn", Op::Rnn(attrs), &sources);
        let heads: Vec<Sym> = (0..1 + states.len() as u32)
            .map(|output| Sym { output, ..first })
            .collect();
        let fused = of(fused.net(heads));

        let stack = Stack {
            mode,
            hidden: 3,
            layers: 3,
            directions: 1,
            steps,
            inputs,
        };
        let heads = stacked(&mut net, stack, data, parameters, &states);
        let layers = of(net.net(heads));
        assert_eq!(fused, layers, "{mode:?}");
    }
}

#[test]
fn dropout_between_layers_of_a_fused_rnn() {
    let mode = symbol::Mode::Gru;
    let attrs = Rnn {
        num_layers: 2,
        p: 0.5,
        ..Rnn::new(mode, 2)
    };
    let mask = Tensor::new([3, 1, 2], [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    let masks = args([
        ("rnn", Tensor::new([1, 3, 1, 2], mask.data.clone())),
        ("drop", mask),
    ]);
    let train = Mode::Train { masks: &masks };
    let parameters = noise(&[attrs.parameter_len(2)], 5);
    let given = args([
        ("data", noise(&[3, 1, 2], 6)),
        ("rnn_parameters", parameters),
    ]);

    let mut net = Symbols::new();
    let data = net.variable("data");
    let fused = net.rnn("rnn", data, attrs, &[]);
    let fused = net.net([fused]).data("data", [3, 0, 2]);
    let fused = forward(&fused, &given, train).expect("an output").remove(0);

    // Weights of both layers (6 rows, 2 + 2 columns each), then their biases (6 + 6 each).
    let mut net = Symbols::new();
    let mut x = net.variable("data");
    let parameters = net.variable("rnn_parameters");
    let h0 = net.zeros("h0", [0, 2]);
    for layer in 0..2 {
        let mut slice = |offset, shape: &[usize]| {
            let shape = shape.to_vec();
            net.push("slice", Op::ParamSlice { offset, shape }, &[parameters])
        };
        let i2h = slice(layer * 24, &[6, 2]);
        let h2h = slice(layer * 24 + 12, &[6, 2]);
        let i2h_bias = slice(48 + layer * 12, &[6]);
        let h2h_bias = slice(48 + layer * 12 + 6, &[6]);
        let inputs = [x, i2h, i2h_bias, h2h, h2h_bias, h0];
        x = sequence(&mut net, "layer", mode, 2, &inputs)[0];
        if layer == 0 {
            x = net.dropout("drop", x, 0.5);
        }
    }
    let apart = net.net([x]).data("data", [3, 0, 2]);
    let apart = forward(&apart, &given, train).expect("an output").remove(0);
    assert_eq!(fused, apart);
}

/// The gradient of a network that ends in one loss layer.
fn loss_grads(net: &Net, given: &Tensors, wrt: &[&str]) -> Tensors {
    numeric_grads(net, given, wrt, Mode::Infer, &[]).expect("gradients")
}

fn softmax_net(attrs: SoftmaxOutput) -> Net {
    let mut net = Symbols::new();
    let (data, label) = (net.variable("data"), net.variable("label"));
    let head = net.softmax_output("softmax", data, label, attrs);
    net.net([head])
}

#[test]
fn smoothing_leaves_ignored_rows_alone() {
    let net = softmax_net(SoftmaxOutput {
        use_ignore: true,
        ignore_label: 2,
        smooth_alpha: 0.5,
        ..SoftmaxOutput::default()
    });
    // p = 1/3 in both rows.
    let given = args([
        ("data", Tensor::full([2, 3], 0.0)),
        ("label", Tensor::new([2], [1.0, 2.0])),
    ]);
    let (third, rest) = (1.0 / 3.0, 0.25);
    let expected = [third - rest, third - 0.5, third - rest, 0.0, 0.0, 0.0];
    let grads = loss_grads(&net, &given, &["data", "label"]);
    assert_close(
        "d data",
        &grads["data"],
        &Tensor::new([2, 3], expected),
        1e-9,
        0.0,
    );
    assert_eq!(grads["label"], Tensor::full([2], 0.0));
}

/// mshadow's SoftmaxGrad subtracts 1 at the label's position and nothing where there is none.
#[test]
fn a_label_of_no_class_has_the_gradient_p() {
    let given = args([
        ("data", Tensor::full([1, 4], 0.0)),
        ("label", Tensor::new([1], [7.0])),
    ]);
    let grads = loss_grads(&softmax_net(SoftmaxOutput::default()), &given, &["data"]);
    assert_close(
        "d data",
        &grads["data"],
        &Tensor::full([1, 4], 0.25),
        1e-9,
        0.0,
    );
}

#[test]
fn nothing_flows_into_ids_lengths_and_blocked_values() {
    let mut net = Symbols::new();
    let (ids, lengths, x) = (
        net.variable("ids"),
        net.variable("lengths"),
        net.variable("x"),
    );
    let table = Embedding {
        input_dim: 3,
        output_dim: 2,
    };
    let rows = net.embedding("embed", ids, table); // (T, N, 2)
    let last = net.sequence_last("last", rows, Some(lengths), 0); // (N, 2)
    let blocked = net.block_grad("blocked", x);
    let y = net.elemwise_mul("y", last, blocked);
    let z = net.elemwise_mul("z", y, x);
    let given = args([
        ("ids", Tensor::new([2, 1], [0.0, 2.0])),
        ("embed_weight", count(&[3, 2])),
        ("lengths", Tensor::new([1], [2.0])),
        ("x", Tensor::new([1, 2], [3.0, 5.0])),
    ]);
    let wrt = ["ids", "lengths", "x", "embed_weight"];
    let ones = [Tensor::full([1, 2], 1.0)];
    let grads = numeric_grads(&net.net([z]), &given, &wrt, Mode::Infer, &ones);
    let grads = grads.expect("gradients");
    assert_eq!(grads["ids"], Tensor::full([2, 1], 0.0));
    assert_eq!(grads["lengths"], Tensor::full([1], 0.0));
    // z = rows[2] * x * x, and the blocked x counts as a constant: d x = rows[2] * x.
    let dx = Tensor::new([1, 2], [4.0 * 3.0, 5.0 * 5.0]);
    assert_close("d x", &grads["x"], &dx, 1e-8, 0.0);
    let dw = Tensor::new([3, 2], [0.0, 0.0, 0.0, 0.0, 9.0, 25.0]);
    assert_close("d embed_weight", &grads["embed_weight"], &dw, 1e-8, 0.0);
}

#[test]
fn relu_has_the_derivative_zero_at_zero() {
    let mut net = Symbols::new();
    let data = net.variable("data");
    let head = net.activation("a", data, Act::Relu);
    let given = args([("data", Tensor::new([3], [-1e-7, 0.0, 1e-7]))]);
    let ones = [Tensor::full([3], 1.0)];
    let grads = numeric_grads(&net.net([head]), &given, &["data"], Mode::Infer, &ones);
    let expected = Tensor::new([3], [0.0, 0.0, 1.0]);
    assert_close(
        "d data",
        &grads.expect("gradients")["data"],
        &expected,
        1e-9,
        0.0,
    );
}

#[test]
fn differences_are_accurate_to_1e9() {
    let mut net = Symbols::new();
    let data = net.variable("data");
    let head = net.activation("a", data, Act::Sigmoid);
    let x = noise(&[50], 7).map(|x| 4.0 * x);
    let p = x.map(|x| 1.0 / (1.0 + (-x).exp()));
    let ones = [Tensor::full([50], 1.0)];
    let given = args([("data", x)]);
    let grads = numeric_grads(&net.net([head]), &given, &["data"], Mode::Infer, &ones);
    let expected = p.map(|p| p * (1.0 - p));
    assert_close(
        "d data",
        &grads.expect("gradients")["data"],
        &expected,
        1e-9,
        0.0,
    );
}

#[test]
fn the_loss_is_cross_entropy() {
    let given = args([
        ("data", Tensor::new([2, 2], [0.0, 3.0_f64.ln(), 0.0, 0.0])),
        ("label", Tensor::new([2], [1.0, 0.0])),
    ]);
    let ours = loss(
        &softmax_net(SoftmaxOutput::default()),
        &given,
        Mode::Infer,
        &[],
    );
    let theirs = -(0.75_f64.ln() + 0.5_f64.ln());
    assert!((ours.expect("a loss") - theirs).abs() < 1e-12);
}

#[test]
fn errors_name_what_is_wrong() {
    let mut net = Symbols::new();
    let data = net.variable("data");
    let head = net.fully_connected("fc", data, FullyConnected::new(2));
    let net = net.net([head]);
    let mut given = args([("data", count(&[1, 3])), ("fc_bias", count(&[2]))]);
    let error = |given: &Tensors| {
        let error = forward(&net, given, Mode::Infer).expect_err("an error");
        error.to_string()
    };
    assert_eq!(error(&given), "no value for fc_weight");
    given.insert("fc_weight".into(), count(&[2, 4]));
    assert_eq!(error(&given), "FullyConnected fc: weight [2, 4] for (2, 3)");
    given.insert("fc_weight".into(), Tensor::new([2, 3], [0.0]));
    assert_eq!(error(&given), "fc_weight: 1 elements for shape [2, 3]");
    given.insert("fc_weight".into(), count(&[2, 3]));
    let mut broken = net.clone();
    broken.heads[0].output = 1;
    let dangling = forward(&broken, &given, Mode::Infer).expect_err("a head that is not there");
    assert!(matches!(dangling, InterpError::Graph(_)), "{dangling}");
    let missing = loss(&net, &given, Mode::Infer, &[]).expect_err("no head gradient");
    assert!(matches!(missing, InterpError::HeadGrads(_)), "{missing}");
}
