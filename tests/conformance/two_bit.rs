//! Scenario f: MXNet's kvstore with 2-bit compression, alone and under a module.

use std::collections::BTreeMap;

use serde::Deserialize;
use tinpail::codec::{dequantise, quantise, words_len};
use tinpail::optim::{At, Optimizer, Sgd, States};

use crate::oracle::{self, Tensor, Tensors};

#[derive(Deserialize)]
struct Scenario {
    config: Config,
    kvstore_direct_two_devices: Vec<Push>,
    module_runs: BTreeMap<String, Run>,
}

#[derive(Deserialize)]
struct Config {
    threshold: f32,
}

#[derive(Deserialize)]
struct Push {
    grads_per_device: Vec<Tensor>,
    pulled: Tensor,
}

#[derive(Deserialize)]
struct Run {
    contexts: usize,
    kvstore_used: bool,
    optimizer_params: Params,
    threshold: f32,
    params_init: Tensors,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Params {
    learning_rate: f32,
    momentum: f32,
    wd: f32,
}

#[derive(Deserialize)]
struct Step {
    label: Tensor,
    grads_per_device: BTreeMap<String, Vec<Tensor>>,
    params_after_update: Tensors,
}

fn scenario() -> Scenario {
    serde_json::from_slice(&oracle::read("f_2bit.json")).expect("f_2bit.json")
}

/// Sends each device's gradient as words, and adds what arrives.
fn exchange(grads: &[Tensor], residuals: &mut Vec<Vec<f32>>, threshold: f32) -> Vec<f32> {
    let len = grads[0].data.len();
    residuals.resize(grads.len(), vec![0.0; len]);
    let (mut sum, mut words) = (vec![0.0; len], vec![0; words_len(len)]);
    for (grad, residual) in grads.iter().zip(residuals) {
        quantise(&grad.data, residual, threshold, &mut words).expect("quantised");
        dequantise(&words, threshold, &mut sum, true).expect("dequantised");
    }
    sum
}

#[test]
fn two_devices_pull_what_mxnet_pulls_exactly() {
    let scenario = scenario();
    let mut residuals = Vec::new();
    assert!(!scenario.kvstore_direct_two_devices.is_empty());
    for (at, push) in scenario.kvstore_direct_two_devices.iter().enumerate() {
        assert_eq!(push.grads_per_device.len(), 2);
        let sum = exchange(
            &push.grads_per_device,
            &mut residuals,
            scenario.config.threshold,
        );
        assert_eq!(sum, push.pulled.data, "push {at}");
    }
}

/// From MXNet's gradients: exchange, sum, SGD with momentum and decay of weights. One context and a kvstore named by a
/// string: MXNet does not compress.
#[test]
fn modules_train_as_mxnets() {
    let scenario = scenario();
    assert_eq!(scenario.module_runs.len(), 3);
    for (name, run) in &scenario.module_runs {
        let params = &run.optimizer_params;
        let batch = run.steps[0].label.shape[0] as u32;
        let mut sgd = Sgd {
            learning_rate: params.learning_rate,
            momentum: params.momentum,
            wd: params.wd,
            ..Sgd::default()
        }
        .for_batch(batch);
        for (param, init) in &run.params_init {
            let mut w = init.data.clone();
            let (mut m, mut residuals) = (vec![0.0; w.len()], Vec::new());
            let wd_mult = if param.ends_with("_weight") { 1.0 } else { 0.0 };
            let at = At {
                wd_mult,
                ..At::default()
            };
            let begun = sgd.begin(at);
            for (at, step) in run.steps.iter().enumerate() {
                let grads = &step.grads_per_device[param];
                assert_eq!(grads.len(), run.contexts, "{name}");
                let g = if run.kvstore_used {
                    exchange(grads, &mut residuals, run.threshold)
                } else {
                    assert_eq!(grads.len(), 1, "{name}");
                    grads[0].data.clone()
                };
                let states = States::new(&mut m, g.len());
                assert!(Sgd::apply(&begun, &mut w, &g, states));
                oracle::assert_close(
                    &format!("{name}, step {at}, {param}"),
                    &w,
                    &step.params_after_update[param],
                );
            }
        }
    }
}
