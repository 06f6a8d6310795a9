//! Scenario f's module runs: 2-bit compression under a module. A device has one context: the run with two is two modules of
//! half the batch, whose gradients are exchanged by the codec.

use std::collections::BTreeMap;

use serde::Deserialize;
use tinpail::codec::{dequantise, quantise, words_len};
use tinpail::optim::{At, Optimizer, Sgd, States};
use tinpail::{Batch, BucketIndex, BucketingModule, Registry};
use tinpail_plan::symbol::FullyConnected;
use tinpail_plan::{
    Bucketing, Compression, Error, Net, Optimizer as Planned, PlanFile, Symbols, Train,
};

use super::oracle::{Tensor, Tensors, assert_close, read};
use super::session::{Module, blob, bucket};

#[derive(Deserialize)]
struct Scenario {
    module_runs: BTreeMap<String, Run>,
}

#[derive(Deserialize)]
struct Run {
    contexts: usize,
    kvstore_used: bool,
    optimizer_params: SgdParams,
    threshold: f32,
    params_init: Tensors,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct SgdParams {
    learning_rate: f32,
    momentum: f32,
    wd: f32,
}

#[derive(Deserialize)]
struct Step {
    bucket_key: u32,
    data: Tensor,
    label: Tensor,
    grads_per_device: BTreeMap<String, Vec<Tensor>>,
    params_after_update: Tensors,
}

/// The network of `sc_f` in `oracle.py`.
fn sym_gen(steps: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let mean = s.mean("mean", data, &[1], false);
    let o = s.fully_connected("fc", mean, FullyConnected::new(2));
    let label = s.variable("lro_label");
    let head = s.linear_regression_output("lro", o, label, 1.0);
    let net = s.net([head]).data("data", [0, steps as usize, 3]);
    Ok(net.label("lro_label", [0, 2]))
}

fn plan(run: &Run, compression: bool) -> PlanFile {
    let mut bucketing = Bucketing::new(sym_gen)
        .bucket_keys([2, 4])
        .batch_size(4 / run.contexts)
        .optimizer(Planned::Sgd { momentum: true })
        .train(Train::Held);
    if compression {
        let threshold = run.threshold;
        bucketing = bucketing.compression_params(Compression::TwoBit { threshold });
    }
    bucketing.plan().expect("a plan")
}

/// MXNet's one over the whole batch, also where a module has half of it.
fn sgd(run: &Run) -> Sgd {
    Sgd {
        learning_rate: run.optimizer_params.learning_rate,
        momentum: run.optimizer_params.momentum,
        wd: run.optimizer_params.wd,
        rescale_grad: Some(0.25),
        ..Sgd::default()
    }
}

/// Forward and backward of the part of the batch that is `device`'s.
fn backward(run: &Run, plan: &PlanFile, module: &mut Module<'_>, step: &Step, device: usize) {
    let part = |tensor: &Tensor| {
        let len = tensor.data.len() / run.contexts;
        tensor.data[device * len..(device + 1) * len].to_vec()
    };
    let (data, label) = (part(&step.data), part(&step.label));
    let (data, label) = (
        [tinpail::Tensor::F32(&data)],
        [tinpail::Tensor::F32(&label)],
    );
    let index: BucketIndex = bucket(plan, step.bucket_key);
    let batch = Batch::new(index, &data).with_label(&label);
    module.session().forward_backward(batch).expect("a step");
    for (index, param) in plan.params.iter().enumerate() {
        let grad = module.get_grads(index).expect("a gradient");
        let mxnet = &step.grads_per_device[&param.name][device];
        assert_close(&format!("gradient of {}", param.name), grad, mxnet);
    }
}

fn with_module(run: &Run, plan: &PlanFile, with: impl FnOnce(&mut Module<'_>)) {
    let blob = blob(plan, &run.params_init);
    let mut arena = vec![0.0; plan.plan.arena_len as usize];
    let model = Registry::<Sgd>::new(plan.plan.plan());
    let bound = BucketingModule::bind_words(model, &mut arena, blob.bytes());
    let mut module = bound.expect("bound");
    module.init_optimizer(sgd(run)).expect("an optimizer");
    with(&mut module);
}

/// One context: compressed if MXNet was given a KVStore object.
fn one_context(name: &str, run: &Run) {
    let plan = plan(run, run.kvstore_used);
    with_module(run, &plan, |module| {
        for (at, step) in run.steps.iter().enumerate() {
            backward(run, &plan, module, step, 0);
            module.update().expect("update");
            for (index, param) in plan.params.iter().enumerate() {
                let ours = module.get_params(index).expect("a parameter");
                let mxnet = &step.params_after_update[&param.name];
                assert_close(&format!("{name} step {at} {}", param.name), ours, mxnet);
            }
        }
    });
}

/// Two contexts: what each sends is summed, and one optimizer moves the parameters that both have.
fn two_contexts(name: &str, run: &Run) {
    let plan = plan(run, false);
    let lens: Vec<usize> = plan.params.iter().map(|own| own.len()).collect();
    let zeros = || -> Vec<Vec<f32>> { lens.iter().map(|len| vec![0.0; *len]).collect() };
    let (mut residuals, mut momenta) = ([zeros(), zeros()], zeros());
    let mut sgd = sgd(run);
    with_module(run, &plan, |first| {
        with_module(run, &plan, |second| {
            for (at, step) in run.steps.iter().enumerate() {
                let mut moved = Vec::new();
                backward(run, &plan, first, step, 0);
                backward(run, &plan, second, step, 1);
                for (index, param) in plan.plan.params.iter().enumerate() {
                    let len = lens[index];
                    let (mut sum, mut words) = (vec![0.0; len], vec![0; words_len(len)]);
                    let grads = [first.get_grads(index), second.get_grads(index)];
                    for (grad, residuals) in grads.into_iter().zip(&mut residuals) {
                        let grad = grad.expect("a gradient");
                        let residual = &mut residuals[index];
                        quantise(grad, residual, run.threshold, &mut words).expect("finite");
                        dequantise(&words, run.threshold, &mut sum, true).expect("words");
                    }
                    let mut w = first.get_params(index).expect("a parameter").to_vec();
                    let wd_mult = param.wd_mult;
                    let begun = sgd.begin(At {
                        wd_mult,
                        ..At::default()
                    });
                    let states = States::new(&mut momenta[index], len);
                    assert!(Sgd::apply(&begun, &mut w, &sum, states));
                    let mxnet = &step.params_after_update[&plan.params[index].name];
                    assert_close(&format!("{name} step {at}"), &w, mxnet);
                    moved.push(w);
                }
                let moved: Vec<&[f32]> = moved.iter().map(Vec::as_slice).collect();
                first.set_all_params(&moved).expect("they fit");
                second.set_all_params(&moved).expect("they fit");
            }
        });
    });
}

#[test]
fn modules_train_as_mxnets() {
    let scenario: Scenario = serde_json::from_slice(&read("f_2bit.json")).expect("scenario f");
    assert_eq!(scenario.module_runs.len(), 3);
    for (name, run) in &scenario.module_runs {
        match run.contexts {
            1 => one_context(name, run),
            _ => two_contexts(name, run),
        }
    }
}
