//! Every operator against the single-operator cases that MXNet 1.9.1 recorded: outputs in inference and in
//! training, and all gradients.

mod common;
#[path = "../../../tests/common/operators.rs"]
mod operators;

use common::nets::{Stack, stacked};
use common::{assert_grad, assert_output, golden, tensor_list, tensors};
use serde_json::Value;
use tinpail_interp::{Mode, Tensors, forward, numeric_grads};
use tinpail_plan::{Net, Symbols, symbol};

/// The networks that compute a case: its symbol, and for an RNN the same out of sequence operators.
fn nets(name: &str, case: &Value, args: &Tensors) -> Vec<Net> {
    let symbol = operators::net(name, case);
    let different = operators::is_different(name);
    assert!(
        symbol.is_ok() || different,
        "{name}: {}",
        symbol.unwrap_err()
    );
    let of_layers = name
        .starts_with("rnn_")
        .then(|| layers(&case["attrs"]["r"], args));
    symbol.ok().into_iter().chain(of_layers).collect()
}

/// The case of the RNN symbol with attributes `attrs`, out of sequence operators.
fn layers(attrs: &Value, args: &Tensors) -> Net {
    let text = |key: &str| attrs[key].as_str().expect("text");
    let number = |key: &str| text(key).parse().expect("a number");
    let mode = match text("mode") {
        "rnn_relu" => symbol::Mode::RnnRelu,
        "rnn_tanh" => symbol::Mode::RnnTanh,
        "lstm" => symbol::Mode::Lstm,
        "gru" => symbol::Mode::Gru,
        other => panic!("mode {other}"),
    };
    let stack = Stack {
        mode,
        hidden: number("state_size"),
        layers: number("num_layers"),
        directions: 1 + usize::from(text("bidirectional") == "True"),
        steps: args["data"].shape[0],
        inputs: args["data"].shape[2],
    };
    let mut net = Symbols::new();
    let mut states = vec![net.variable("state")];
    if mode == symbol::Mode::Lstm {
        states.push(net.variable("state_cell"));
    }
    let (data, parameters) = (net.variable("data"), net.variable("parameters"));
    let heads = stacked(&mut net, stack, data, parameters, &states);
    net.net(heads)
}

#[test]
fn every_recorded_case() {
    let file = golden("j_ops.json");
    let cases = file["cases"].as_object().expect("cases");
    let masks = Tensors::new();
    for (name, case) in cases {
        let mut args = tensors(&case["args"]);
        args.extend(tensors(&case["aux"]));
        for (variant, net) in nets(name, case, &args).iter().enumerate() {
            check(&format!("{name}/{variant}"), net, case, &args, &masks);
        }
    }
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
    let differs = |(case, _): &(&str, &str)| name.split('/').next() == Some(*case);
    if operators::GRADIENT_DIFFERS.iter().any(differs) {
        return;
    }
    for (argument, mxnet) in &recorded {
        assert_grad(&format!("{name} d {argument}"), &ours[argument], mxnet);
    }
}
