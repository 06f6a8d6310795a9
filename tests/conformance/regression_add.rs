//! Scenario e: a regression with `grad_req = add` over steps and buckets, under six optimizers, with `__lr_mult__` and
//! `__wd_mult__` attributes and a scheduler; mse, mae and rmse. Buckets 2 and 4, batch 2.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use tinpail::math::Math;
use tinpail::metric::{Mae, Metric, Mse, Rmse};
use tinpail::optim::{AdaGrad, Adam, Nag, Optimizer, RmsProp, RmsPropCentered, Scheduled, Sgd};
use tinpail::schedule::{Factor, Start};
use tinpail::{Batch, BucketingModule, Registry};
use tinpail_plan::symbol::{Act, FullyConnected};
use tinpail_plan::{Bucketing, Error, GradReq, Net, Optimizer as Planned, Symbols, Train};

use super::optimizers::{Params, State};
use super::oracle::{Tensor, Tensors, assert_close, read};
use super::session::{blob, bucket};

#[derive(Deserialize)]
struct Scenario {
    runs: BTreeMap<String, Run>,
}

#[derive(Deserialize)]
struct Run {
    optimizer: String,
    optimizer_params: Map<String, Value>,
    params_init: Tensors,
    lr_scheduler: Option<LrScheduler>,
    lr_mult: BTreeMap<String, f32>,
    wd_mult: BTreeMap<String, f32>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct LrScheduler {
    step: u32,
    factor: f32,
}

#[derive(Deserialize)]
struct Step {
    bucket_key: u32,
    data: Tensors,
    label: Tensors,
    outputs: Tensors,
    param_grads: Tensors,
    metric: Vec<(String, f64)>,
    params_after_update: Option<Tensors>,
    optimizer_states: Option<BTreeMap<String, State>>,
    zero_grads_after: bool,
}

/// The network of `sc_e` in `oracle.py`; its attributes on fc2 are those of fc2's variables.
pub fn sym_gen(steps: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let fc1 = FullyConnected {
        flatten: false,
        ..FullyConnected::new(4)
    };
    let h = s.fully_connected("fc1", data, fc1);
    let h = s.activation("tanh", h, Act::Tanh);
    let h = s.mean("mean", h, &[1], false);
    let o = s.fully_connected("fc2", h, FullyConnected::new(2));
    let label = s.variable("lro_label");
    let head = s.linear_regression_output("lro", o, label, 1.0);
    let mut net = s.net([head]);
    for node in &mut net.nodes {
        if node.name.starts_with("fc2_") {
            node.hints.lr_mult = Some(0.5);
            node.hints.wd_mult = Some(2.0);
        }
    }
    Ok(net
        .data("data", [0, steps as usize, 3])
        .label("lro_label", [0, 2]))
}

fn check<O: Optimizer>(what: &str, run: &Run, planned: Planned, optimizer: O) {
    let plan = Bucketing::new(sym_gen)
        .bucket_keys([2, 4])
        .batch_size(2)
        .optimizer(planned)
        .train(Train::Held)
        .grad_req(GradReq::Add)
        .plan()
        .expect("a plan");
    for (param, named) in plan.plan.params.iter().zip(&plan.params) {
        let mult = |mults: &BTreeMap<String, f32>| mults.get(&named.name).copied().unwrap_or(1.0);
        let ours = (param.lr_mult, param.wd_mult);
        assert_eq!(ours, (mult(&run.lr_mult), mult(&run.wd_mult)), "{what}");
    }
    let blob = blob(&plan, &run.params_init);
    let mut arena = vec![0.0; plan.plan.arena_len as usize];
    let model = Registry::<O>::new(plan.plan.plan());
    let bound = BucketingModule::bind_words(model, &mut arena, blob.bytes());
    let mut module = bound.expect("bound");
    module.init_optimizer(optimizer).expect("an optimizer");
    let (mut mse, mut mae, mut rmse) = (Mse::new(), Mae::new(), Rmse::new(Math::default()));
    let mut updates = 0;
    for (number, step) in run.steps.iter().enumerate() {
        let what = format!("{what} step {number} key {}", step.bucket_key);
        let data = [tinpail::Tensor::F32(&step.data["data"].data)];
        let labels = &step.label["lro_label"].data;
        let label = [tinpail::Tensor::F32(labels)];
        let batch = Batch::new(bucket(&plan, step.bucket_key), &data).with_label(&label);
        module.session().forward_backward(batch).expect("a step");
        let outputs = module.get_outputs(0).expect("outputs");
        assert_close(
            &format!("{what} outputs"),
            outputs,
            &step.outputs["lro_output"],
        );
        mse.update(labels, outputs).expect("mse");
        mae.update(labels, outputs).expect("mae");
        rmse.update(labels, outputs).expect("rmse");
        let metrics = [("mse", mse.get()), ("mae", mae.get()), ("rmse", rmse.get())];
        for ((name, ours), (theirs_name, theirs)) in metrics.into_iter().zip(&step.metric) {
            assert_eq!(name, theirs_name);
            let bound = 2e-5 + 1e-5 * theirs.abs();
            assert!(
                (ours - theirs).abs() <= bound,
                "{what} {name}: {ours} {theirs}"
            );
        }
        for (index, param) in plan.params.iter().enumerate() {
            let grad = module.get_grads(index).expect("a gradient");
            let mxnet = &step.param_grads[&param.name];
            assert_close(&format!("{what} gradient of {}", param.name), grad, mxnet);
        }
        if let Some(params) = &step.params_after_update {
            // The gradients outlive their session.
            module.update().expect("update");
            updates += 1;
            assert_eq!(module.num_update(), updates, "{what}");
            let states = step.optimizer_states.as_ref().expect("states");
            for (index, param) in plan.params.iter().enumerate() {
                let ours = module.get_params(index).expect("a parameter");
                let what = format!("{what} {}", param.name);
                assert_close(&what, ours, &params[&param.name]);
                let state = module.optimizer_state(index).expect("a state");
                let arrays: Vec<&Tensor> = states[&param.name].arrays();
                assert_eq!(state.len(), arrays.len() * ours.len(), "{what}");
                for (ours, mxnet) in state.chunks(ours.len()).zip(arrays) {
                    assert_close(&format!("{what}'s state"), ours, mxnet);
                }
            }
        }
        if step.zero_grads_after {
            module.zero_grads();
        }
    }
    assert_eq!(updates, 3, "{what}");
}

#[test]
fn gradients_add_up_and_every_optimizer_follows() {
    let bytes = read("e_regression_add.json");
    let scenario: Scenario = serde_json::from_slice(&bytes).expect("scenario e");
    assert_eq!(scenario.runs.len(), 6);
    for (name, run) in &scenario.runs {
        let mut p = Params::new(&run.optimizer_params);
        match run.optimizer.as_str() {
            "adam" => check(name, run, Planned::Adam, p.apply(Adam::default(), None)),
            "nag" => {
                let momentum = p.or("momentum", 0.0);
                let nag = Nag {
                    momentum,
                    ..Nag::default()
                };
                let planned = Planned::Nag { momentum: true };
                check(name, run, planned, p.apply(nag, None));
            }
            "rmsprop" if p.flag("centered") => {
                let rmsprop = RmsPropCentered {
                    gamma1: p.or("gamma1", 0.9),
                    gamma2: p.or("gamma2", 0.9),
                    ..RmsPropCentered::default()
                };
                let planned = Planned::RmsProp { centered: true };
                check(name, run, planned, p.apply(rmsprop, None));
            }
            "rmsprop" => {
                let planned = Planned::RmsProp { centered: false };
                check(name, run, planned, p.apply(RmsProp::default(), None));
            }
            "adagrad" => {
                let adagrad = p.apply(AdaGrad::default(), None);
                check(name, run, Planned::AdaGrad, adagrad);
            }
            "sgd" => {
                let momentum = p.or("momentum", 0.0);
                let sgd = Sgd {
                    momentum,
                    ..Sgd::default()
                };
                let sgd = p.apply(sgd, None);
                let scheduler = run.lr_scheduler.as_ref().expect("a scheduler");
                let schedule = Factor::new(scheduler.step, scheduler.factor, Start::default());
                let scheduled = Scheduled::new(sgd, schedule.expect("a schedule"));
                let planned = Planned::Sgd { momentum: true };
                check(name, run, planned, scheduled);
            }
            other => panic!("{other}: not an optimizer of ours"),
        }
    }
}
