//! The oracle's scenarios: what MXNet's forward gave with the parameters that stood before it.
//!
//! Scenario a ends with an inference, so its outputs are those of the `.params` that MXNet saved. Those of b
//! and c end with a training step: there the parameters before each step are written as a `.params` file.
//! None of the networks has a Dropout, so a forward for training has the outputs of an inference.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use tinpail_convert::{Kind, Weights, params};

use crate::command::{Scratch, assert_close, golden, run};

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

type Tensors = BTreeMap<String, Tensor>;

#[derive(Deserialize)]
struct Step {
    bucket_key: u32,
    is_train: bool,
    data: Tensors,
    outputs: Tensors,
    #[serde(default)]
    params_after_update: Tensors,
    #[serde(default)]
    states_seen: Vec<Tensor>,
}

#[derive(Deserialize)]
struct Scenario {
    params_init: Tensors,
    steps: Vec<Step>,
}

fn scenario(name: &str) -> Scenario {
    let text = std::fs::read_to_string(golden(&format!("{name}.json"))).expect("the oracle's file");
    serde_json::from_str(&text).expect("the oracle's JSON")
}

fn json(tensor: &Tensor) -> String {
    format!(
        r#"{{"shape": {:?}, "data": {:?}}}"#,
        tensor.shape, tensor.data
    )
}

/// The input of a step: its data, and the states it saw.
fn input(step: &Step, state_names: &[&str]) -> String {
    let data = step
        .data
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor));
    let states = state_names.iter().copied().zip(&step.states_seen);
    let each = data.chain(states);
    let each = each.map(|(name, tensor)| format!("{name:?}: {}", json(tensor)));
    format!("{{{}}}", each.collect::<Vec<String>>().join(", "))
}

fn params_file(tensors: &Tensors) -> Vec<u8> {
    let mut weights = Weights::new();
    for (name, tensor) in tensors {
        let tensor = tinpail_convert::Tensor::new(tensor.shape.clone(), tensor.data.clone());
        let tensor = tensor.expect("shape and data agree");
        let pushed = weights.push(Kind::Arg, name.clone(), tensor);
        pushed.expect("names differ");
    }
    params::write(&weights).expect("no scalars")
}

const A: [&str; 6] = [
    "--data",
    "data=B,K",
    "--label",
    "softmax_label=B,K",
    "--batch-size",
    "2",
];

#[test]
fn a_last_inference_from_mxnets_params() {
    let scenario = scenario("a_lstm_lm");
    let step = scenario.steps.last().expect("steps");
    assert!(!step.is_train, "the oracle's last step is an inference");
    let scratch = Scratch::new();
    let (symbols, params) = (golden("a_lstm_lm"), golden("a_lstm_lm/model-0001.params"));
    let from_numpy = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/data/numpy.npz");
    for input in [
        scratch.write("input.json", input(step, &[])),
        from_numpy.to_owned(),
    ] {
        let mut args = vec![
            "--symbols",
            &symbols,
            "--params",
            &params,
            "--input",
            &input,
        ];
        args.extend(A);
        let ran = run(&args);
        assert_eq!(ran.bucket, step.bucket_key);
        let [output] = &ran.outputs[..] else {
            panic!("{} outputs", ran.outputs.len());
        };
        let mxnet = &step.outputs[&output.name];
        assert_eq!(output.shape, mxnet.shape);
        assert_close("a", &output.data, &mxnet.data);
    }
}

/// Every step of a scenario.
fn every_step(name: &str, states: &[&str], network: &[&str]) {
    let scenario = scenario(name);
    let scratch = Scratch::new();
    let symbols = golden(name);
    let mut before = &scenario.params_init;
    for (number, step) in scenario.steps.iter().enumerate() {
        let params = scratch.write("step.params", params_file(before));
        let input = scratch.write("input.json", input(step, states));
        let mut args = vec![
            "--symbols",
            &symbols,
            "--params",
            &params,
            "--input",
            &input,
        ];
        args.extend(network);
        let ran = run(&args);
        assert_eq!((ran.bucket, ran.batches), (step.bucket_key, 1));
        assert_eq!(ran.outputs.len(), step.outputs.len());
        for output in &ran.outputs {
            let what = format!("{name} step {number} {}", output.name);
            let mxnet = &step.outputs[&output.name];
            assert_eq!(output.shape, mxnet.shape, "{what}");
            assert_close(&what, &output.data, &mxnet.data);
        }
        before = &step.params_after_update;
    }
}

#[test]
fn b_every_step_with_its_states() {
    let states = ["--state", "state_h", "--state", "state_c"];
    every_step(
        "b_stateful_lstm",
        &["state_h", "state_c"],
        &[&A[..], &states[..]].concat(),
    );
}

const C: [&str; 6] = [
    "--data",
    "data=0,K,3",
    "--label",
    "softmax_label=0",
    "--batch-size",
    "3",
];

#[test]
fn c_every_step() {
    every_step("c_gru_fixed", &[], &C);
    let inference = [&C[..], &["--train", "none"]].concat();
    every_step("c_gru_fixed", &[], &inference);
}

#[test]
fn c_through_plan_file_and_blob_has_the_same_bits() {
    let scenario = scenario("c_gru_fixed");
    let scratch = Scratch::new();
    let (symbols, params) = (
        golden("c_gru_fixed"),
        golden("c_gru_fixed/model-0001.params"),
    );
    let input = scratch.write("input.json", input(&scenario.steps[0], &[]));
    let (plan, blob) = (scratch.name("c.plan.postcard"), scratch.name("c.blob"));
    let mut make = vec!["plan", "--symbols", &symbols, "-o", &plan];
    make.extend(C);
    crate::command::tinpail(&make).ok();
    crate::command::tinpail(&["convert", "--plan", &plan, &params, "-o", &blob]).ok();
    let mut direct = vec![
        "--symbols",
        &symbols,
        "--params",
        &params,
        "--input",
        &input,
    ];
    direct.extend(C);
    let direct = run(&direct);
    let npz = scratch.name("out.npz");
    let by_files = ["--plan", &plan, "--blob", &blob, "--input", &input];
    assert_eq!(
        run(&[&by_files[..], &["--save-outputs", &npz]].concat()),
        direct
    );
    // The saved outputs: a zip of one array, whose elements end the file in it.
    let file = std::fs::File::open(npz).expect("the outputs");
    let mut archive = zip::ZipArchive::new(file).expect("a zip");
    let mut npy = Vec::new();
    let mut entry = archive.by_name("softmax_output.npy").expect("the head");
    entry.read_to_end(&mut npy).expect("its bytes");
    let data = &direct.outputs[0].data;
    let bytes: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert!(npy.starts_with(b"\x93NUMPY") && npy.ends_with(&bytes));
}
