//! Whole networks against the training runs that MXNet 1.9.1 recorded: outputs and gradients of every step,
//! with the recurrent layers unrolled as MXNet unrolls them and as sequence operators.

mod common;

use common::nets::{cell_weights, gru_step, lstm_step, sequence};
use common::{assert_grad, assert_output, golden, output, tensor, tensors};
use serde_json::Value;
use tinpail_interp::{Mode, Tensor, Tensors, forward, numeric_grads};
use tinpail_plan::symbol::{self, Embedding, FullyConnected, Normalization, SoftmaxOutput};
use tinpail_plan::{Net, Sym, Symbols};

/// How recurrent layers are written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Unrolled,
    Sequence,
}

/// An LSTM layer over steps (N, ...), or over one (T, N, ...): all h in the same form, last h, last c.
fn lstm(
    net: &mut Symbols,
    prefix: &str,
    hidden: usize,
    x: &[Sym],
    (h0, c0): (Sym, Sym),
    form: Form,
) -> (Vec<Sym>, Sym, Sym) {
    match form {
        Form::Unrolled => {
            let (mut h, mut c, mut all) = (h0, c0, Vec::new());
            for (t, &x) in x.iter().enumerate() {
                (h, c) = lstm_step(net, (prefix, t), hidden, x, h, c);
                all.push(h);
            }
            (all, h, c)
        }
        Form::Sequence => {
            let mut inputs = vec![x[0]];
            inputs.extend(cell_weights(net, prefix));
            inputs.extend([h0, c0]);
            let mode = symbol::Mode::Lstm;
            let outputs = sequence(net, &format!("{prefix}layer"), mode, hidden, &inputs);
            (vec![outputs[0]], outputs[1], outputs[2])
        }
    }
}

/// (N, T, ...) as what [`lstm`] takes.
fn steps(net: &mut Symbols, x: Sym, steps: usize, form: Form) -> Vec<Sym> {
    match form {
        Form::Unrolled => net.slice_channel("steps", x, steps, 1, true),
        Form::Sequence => vec![net.swap_axis("steps", x, 0, 1)],
    }
}

/// What [`lstm`] gives as (N, T, H).
fn merged(net: &mut Symbols, all: &[Sym], form: Form) -> Sym {
    match form {
        Form::Unrolled => {
            let parts: Vec<Sym> = (all.iter().enumerate())
                .map(|(t, &h)| net.expand_dims(&format!("expand{t}"), h, 1))
                .collect();
            net.concat("merged", &parts, 1)
        }
        Form::Sequence => net.swap_axis("merged", all[0], 0, 1),
    }
}

/// The end of scenarios a and b: a classifier over each (sample, step).
fn per_step_softmax(
    net: &mut Symbols,
    hidden: Sym,
    (hidden_size, classes): (i64, usize),
    attrs: SoftmaxOutput,
) -> Sym {
    let rows = net.reshape("rows", hidden, &[-1, hidden_size]);
    let pred = net.fully_connected("pred", rows, FullyConnected::new(classes));
    let label = net.variable("softmax_label");
    let label = net.reshape("labels", label, &[-1]);
    net.softmax_output("softmax", pred, label, attrs)
}

/// Scenario a: two LSTM layers over characters, begin states of zeros of unknown batch.
fn language_model(key: usize, form: Form) -> Net {
    let mut net = Symbols::new();
    let data = net.variable("data");
    let table = Embedding {
        input_dim: 9,
        output_dim: 4,
    };
    let x = net.embedding("embed", data, table);
    let mut x = steps(&mut net, x, key, form);
    for layer in 0..2 {
        let prefix = format!("lstm_l{layer}_");
        let h0 = net.zeros(&format!("{prefix}begin_state_0"), [0, 3]);
        let c0 = net.zeros(&format!("{prefix}begin_state_1"), [0, 3]);
        (x, _, _) = lstm(&mut net, &prefix, 3, &x, (h0, c0), form);
    }
    let hidden = merged(&mut net, &x, form);
    let attrs = SoftmaxOutput {
        use_ignore: true,
        ignore_label: 0,
        ..SoftmaxOutput::default()
    };
    let head = per_step_softmax(&mut net, hidden, (3, 9), attrs);
    net.net([head]).data("data", [0, key])
}

/// Scenario b: an LSTM whose states come in and go out.
fn stateful(key: usize, form: Form) -> Net {
    let mut net = Symbols::new();
    let data = net.variable("data");
    let table = Embedding {
        input_dim: 7,
        output_dim: 4,
    };
    let x = net.embedding("embed", data, table);
    let x = steps(&mut net, x, key, form);
    let begin = (net.variable("state_h"), net.variable("state_c"));
    let (all, h, c) = lstm(&mut net, "lstm_", 3, &x, begin, form);
    let hidden = merged(&mut net, &all, form);
    let attrs = SoftmaxOutput {
        use_ignore: true,
        normalization: Normalization::Valid,
        ..SoftmaxOutput::default()
    };
    let softmax = per_step_softmax(&mut net, hidden, (3, 7), attrs);
    let h_out = net.block_grad("h_out", h);
    let c_out = net.block_grad("c_out", c);
    net.net([softmax, h_out, c_out]).data("data", [0, key])
}

/// Scenario c: a projection, a GRU, a classifier of its last state.
fn classifier(key: usize, form: Form) -> Net {
    let mut net = Symbols::new();
    let data = net.variable("data");
    let per_step = FullyConnected {
        flatten: false,
        ..FullyConnected::new(3)
    };
    let x = net.fully_connected("proj", data, per_step);
    let x = steps(&mut net, x, key, form);
    let mut h = net.zeros("gru_begin_state_0", [0, 4]);
    match form {
        Form::Unrolled => {
            for (t, &x) in x.iter().enumerate() {
                h = gru_step(&mut net, ("gru_", t), 4, x, h);
            }
        }
        Form::Sequence => {
            let mut inputs = vec![x[0]];
            inputs.extend(cell_weights(&mut net, "gru_"));
            inputs.push(h);
            h = sequence(&mut net, "gru_layer", symbol::Mode::Gru, 4, &inputs)[1];
        }
    }
    let scores = net.fully_connected("fc", h, FullyConnected::new(3));
    let label = net.variable("softmax_label");
    let attrs = SoftmaxOutput {
        normalization: Normalization::Batch,
        ..SoftmaxOutput::default()
    };
    let head = net.softmax_output("softmax", scores, label, attrs);
    net.net([head]).data("data", [0, key, 3])
}

/// Every step of a recorded run: outputs, gradients of all parameters that have one, and of the inputs.
/// Returns how many steps had gradients.
fn check_run(file: &str, network: fn(usize, Form) -> Net, form: Form) -> usize {
    let run = golden(file);
    let mut params = tensors(&run["params_init"]);
    let masks = Tensors::new();
    let mut with_grads = 0;
    for (number, step) in run["steps"].as_array().expect("steps").iter().enumerate() {
        let what = format!("{file} step {number} {form:?}");
        let key = step["bucket_key"].as_u64().expect("a key") as usize;
        let net = network(key, form);
        let mut args = params.clone();
        args.extend(tensors(&step["data"]));
        args.extend(tensors(&step["label"]));
        for (name, state) in ["state_h", "state_c"].iter().zip(states_seen(step)) {
            args.insert(name.to_string(), state);
        }
        let mode = match step["is_train"].as_bool() {
            Some(true) => Mode::Train { masks: &masks },
            _ => Mode::Infer,
        };
        let outputs = forward(&net, &args, mode).expect("outputs");
        for (name, mxnet) in &tensors(&step["outputs"]) {
            assert_output(
                &format!("{what} {name}"),
                output(&net, &outputs, name),
                mxnet,
            );
        }
        if step["param_grads"].is_object() {
            with_grads += 1;
            let mut recorded = tensors(&step["param_grads"]);
            if let Some(input) = step["input_grads"].get(0) {
                recorded.insert("data".into(), tensor(input));
            }
            let wrt: Vec<&str> = recorded.keys().map(String::as_str).collect();
            let ours = numeric_grads(&net, &args, &wrt, mode, &[]).expect("gradients");
            for (name, mxnet) in &recorded {
                assert_grad(&format!("{what} d {name}"), &ours[name], mxnet);
            }
        }
        if step["params_after_update"].is_object() {
            params = tensors(&step["params_after_update"]);
        }
    }
    with_grads
}

fn states_seen(step: &Value) -> Vec<Tensor> {
    let states = step["states_seen"].as_array();
    states.into_iter().flatten().map(tensor).collect()
}

#[test]
fn lstm_language_model() {
    for form in [Form::Unrolled, Form::Sequence] {
        assert_eq!(check_run("a_lstm_lm.json", language_model, form), 6);
    }
}

#[test]
fn stateful_lstm() {
    for form in [Form::Unrolled, Form::Sequence] {
        assert_eq!(check_run("b_stateful_lstm.json", stateful, form), 5);
    }
}

#[test]
fn gru_classifier_with_input_gradients() {
    for form in [Form::Unrolled, Form::Sequence] {
        assert_eq!(check_run("c_gru_fixed.json", classifier, form), 5);
    }
}
