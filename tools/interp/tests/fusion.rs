//! Fusion keeps what a network computes: the interpreter evaluates each network as MXNet wrote it and as
//! `tinpail_plan::fuse` rewrote it, and the fused scenarios give the numbers that MXNet recorded.

mod common;

use common::{assert_close, assert_output, golden, tensor, tensors};
use serde_json::Value;
use tinpail_interp::{Mode, Tensor, Tensors, forward};
use tinpail_plan::fuse::fuse;
use tinpail_plan::infer::infer;
use tinpail_plan::symbol::{Hints, Mode as Cell, Rnn};
use tinpail_plan::{Net, Op, Symbols, json};

/// Values between -1 and 1 for every variable of `net`.
fn values(net: &Net, batch: usize) -> Tensors {
    let shapes = infer(net, batch).expect("shapes");
    let mut state = 1u64;
    let mut next = |_: &[usize]| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    let variables = net.nodes.iter().zip(&shapes.dims);
    variables
        .filter(|(node, _)| node.op == Op::Variable)
        .map(|(node, dims)| {
            (
                node.name.clone(),
                Tensor::from_fn(dims[0].clone(), &mut next),
            )
        })
        .collect()
}

#[track_caller]
fn assert_same(what: &str, net: &Net, batch: usize) {
    let fused = fuse(net, batch).expect(what);
    let recurrent = fused
        .nodes
        .iter()
        .any(|node| matches!(node.op, Op::RnnLayer { .. }));
    assert!(recurrent, "{what}");
    let args = values(net, batch);
    let before = forward(net, &args, Mode::Infer).expect(what);
    let after = forward(&fused, &args, Mode::Infer).expect(what);
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_close(what, after, before, 1e-13, 1e-13);
    }
}

/// A symbol file with `data` declared; a dimension of `batch` is the batch size, wherever it stands.
fn read(file: &Value, data: &Value, batch: usize) -> Net {
    let net = json::read(&file.to_string()).expect("a network");
    let shapes = data.as_object().expect("shapes").iter();
    shapes.fold(net, |net, (name, shape)| {
        let dims: Vec<usize> = serde_json::from_value(shape.clone()).expect("a shape");
        let open = |dim| if dim == batch { 0 } else { dim };
        net.data(name, dims.into_iter().map(open).collect::<Vec<usize>>())
    })
}

/// MXNet's cells in all the ways of tools/plan/tests/golden/generate.py.
#[test]
fn cells() {
    let cases = golden("../../tools/plan/tests/golden/cases.json");
    let mut seen = 0;
    for (name, case) in cases["cells"].as_object().expect("cells") {
        if name == "rnn_sigmoid" {
            continue; // stays unrolled
        }
        assert_same(name, &read(&case["symbol"], &case["data"], 2), 2);
        seen += 1;
    }
    assert!(seen > 25);
}

/// RNN symbols that start from states and give states, of one layer and of three.
#[test]
fn rnn_symbols_with_states() {
    for mode in [Cell::Lstm, Cell::Gru, Cell::RnnTanh, Cell::RnnRelu] {
        for num_layers in [1, 3] {
            let mut symbols = Symbols::new();
            let (data, h) = (symbols.variable("data"), symbols.variable("h"));
            let mut states = vec![h];
            if mode == Cell::Lstm {
                states.push(symbols.variable("c"));
            }
            let attrs = Rnn {
                num_layers,
                state_outputs: true,
                ..Rnn::new(mode, 3)
            };
            let out = symbols.rnn("rnn", data, attrs, &states);
            let heads: Vec<_> = (0..=states.len() as u32)
                .map(|output| tinpail_plan::Sym { output, ..out })
                .collect();
            let net = symbols.net(heads).data("data", [4, 0, 5]);
            assert!(net.nodes.iter().all(|node| node.hints == Hints::default()));
            assert_same(&format!("{mode:?} {num_layers}"), &net, 2);
        }
    }
}

/// Scenarios a, b and c from MXNet's own symbol files, fused: every step's outputs, with the parameters of then.
#[test]
fn scenarios() {
    for (scenario, batch) in [("a_lstm_lm", 2), ("b_stateful_lstm", 2), ("c_gru_fixed", 3)] {
        let record = golden(&format!("{scenario}.json"));
        let mut params = tensors(&record["params_init"]);
        for step in record["steps"].as_array().expect("steps") {
            let file = golden(&format!(
                "{scenario}/model-{}-symbol.json",
                step["bucket_key"]
            ));
            let shapes = |kind: &str| -> Value {
                let tensors = step[kind].as_object().expect("tensors").iter();
                tensors
                    .map(|(name, tensor)| (name.clone(), tensor["shape"].clone()))
                    .collect()
            };
            let mut net = read(&file, &shapes("data"), batch);
            net.labels = read(&file, &shapes("label"), batch).data;
            let net = fuse(&net, batch).expect(scenario);
            let mut args = params.clone();
            args.extend(tensors(&step["data"]));
            args.extend(tensors(&step["label"]));
            if let Some(states) = step["states_seen"].as_array() {
                args.insert("state_h".into(), tensor(&states[0]));
                args.insert("state_c".into(), tensor(&states[1]));
            }
            let outputs = forward(&net, &args, Mode::Infer).expect(scenario);
            for (&head, output) in net.heads.iter().zip(&outputs) {
                let name = net.output_name(head);
                assert_output(&name, output, &tensor(&step["outputs"][&name]));
            }
            if step["params_after_update"].is_object() {
                params.extend(tensors(&step["params_after_update"]));
            }
        }
    }
}
