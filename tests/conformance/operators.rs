//! Scenario j: every operator case, its outputs and all its gradients on the executor against MXNet's numbers, and the
//! gradients also against finite differences of the f64 interpreter.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tinpail::plan::{Port, PortKind};
use tinpail_interp::{Mode, numeric_grads};
use tinpail_plan::{Bucketing, Error, Net, PlanFile, Train};

use crate::common::operators::{DIFFERENT, NOT_YET, net};
use crate::common::values::{Input, Persistent, Sample};
use crate::common::{run, twin};
use crate::oracle::{self, Tensor, Tensors, assert_close};

/// What MXNet recorded of a case, besides its attributes.
#[derive(Debug, Deserialize)]
struct Recorded {
    args: Tensors,
    aux: Tensors,
    #[serde(default)]
    aux_after_backward: Tensors,
    outputs_infer: Vec<Tensor>,
    outputs_train: Vec<Tensor>,
    head_grads: Vec<Tensor>,
    grads: BTreeMap<String, Option<Tensor>>,
}

impl Recorded {
    fn argument(&self, name: &str) -> &Tensor {
        let found = self.args.get(name).or_else(|| self.aux.get(name));
        found.unwrap_or_else(|| panic!("no argument {name}"))
    }

    /// The gradients that MXNet gives, by argument.
    fn wanted(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        let grads = self.grads.iter();
        grads.filter_map(|(name, grad)| Some((name.as_str(), grad.as_ref()?)))
    }
}

fn cases() -> BTreeMap<String, Value> {
    #[derive(Deserialize)]
    struct File {
        cases: BTreeMap<String, Value>,
    }
    let file: File = serde_json::from_slice(&oracle::read("j_ops.json")).expect("j_ops.json");
    file.cases
}

fn plan(net: &Net, recorded: &Recorded) -> PlanFile {
    let is_data = |name: &str| net.data.iter().any(|desc| desc.name == name);
    let inputs_need_grad = recorded.wanted().any(|(name, _)| is_data(name));
    Bucketing::new(|_| Ok::<_, Error>(net.clone()))
        .bucket_keys([1])
        .batch_size(recorded.args["data"].shape[0])
        .train(Train::Held)
        .inputs_need_grad(inputs_need_grad)
        .plan()
        .expect("a plan")
}

/// A data or label argument as the device takes it. Ids are clamped, as MXNet's Embedding does on its own: on the
/// device the caller does that, and others are refused.
fn input(port: &Port, tensor: &Tensor) -> Input {
    match port.kind {
        PortKind::F32 => Input::F32(tensor.data.clone()),
        PortKind::U16 { min, max, .. } => {
            let id = |value: &f32| (*value as i32).clamp(min.into(), max.into()) as u16;
            Input::U16(tensor.data.iter().map(id).collect())
        }
    }
}

fn sample(file: &PlanFile, net: &Net, recorded: &Recorded) -> Sample {
    let plan = file.plan.plan();
    let bucket = &plan.buckets[0];
    let inputs = |ports: &[Port], descs: &[tinpail_plan::symbol::DataDesc]| {
        let pairs = ports.iter().zip(descs);
        let pairs = pairs.map(|(port, desc)| input(port, &recorded.args[&desc.name]));
        pairs.collect::<Vec<Input>>()
    };
    let taken = bucket.train.head_grads.of(plan.ports).len();
    assert!(
        taken == 0 || taken == recorded.head_grads.len(),
        "{taken} heads take a gradient"
    );
    let head_grads = recorded.head_grads.iter().take(taken);
    Sample {
        bucket: 0,
        data: inputs(bucket.data.of(plan.ports), &net.data),
        labels: inputs(bucket.labels.of(plan.ports), &net.labels),
        head_grads: head_grads.map(|grad| grad.data.clone()).collect(),
    }
}

fn in_f64(tensor: &Tensor) -> tinpail_interp::Tensor {
    tinpail_interp::Tensor::from_f32(tensor.shape.clone(), &tensor.data)
}

/// One row: inference, training forward, and every gradient.
fn check(name: &str, net: &Net, case: Value) {
    let recorded: Recorded = serde_json::from_value(case).expect("a case");
    let file = plan(net, &recorded);
    let params = file.params.iter().map(|own| {
        let tensor = recorded.argument(&own.name);
        assert_eq!(own.shape, tensor.shape, "{name}: {}", own.name);
        tensor.data.clone()
    });
    let values = Persistent {
        params: params.collect(),
        states: Vec::new(),
    };
    let sample = sample(&file, net, &recorded);
    let (infer, step, after) = run::bound(&file, &values, |module| {
        let infer = run::infer(&file, module, &sample);
        let step = run::train(&file, module, &sample, false);
        let value = |index| module.get_params(index).expect("a parameter").to_vec();
        let after: Vec<_> = (0..file.params.len()).map(value).collect();
        (infer, step, after)
    });
    for (own, after) in file.params.iter().zip(&after) {
        if let Some(mxnet) = recorded.aux_after_backward.get(&own.name) {
            assert_close(
                &format!("{name}, {} after backward", own.name),
                after,
                mxnet,
            );
        }
    }
    for (mode, ours, mxnet) in [
        ("inference", &infer.outputs, &recorded.outputs_infer),
        ("training", &step.outputs, &recorded.outputs_train),
    ] {
        assert_eq!(ours.len(), mxnet.len(), "{name}: heads");
        for (head, (ours, mxnet)) in ours.iter().zip(mxnet).enumerate() {
            assert_close(&format!("{name}, {mode}, head {head}"), ours, mxnet);
        }
    }

    let ours = |argument: &str| -> &[f32] {
        let data = net.data.iter().position(|desc| desc.name == argument);
        let param = file.params.iter().position(|own| own.name == argument);
        match (data, param) {
            (Some(port), _) => &step.input_grads[port],
            (_, Some(index)) => step.grads[index].as_deref().expect("a held gradient"),
            _ => panic!("{name}: no gradient of {argument}"),
        }
    };
    let args = recorded.args.iter().chain(&recorded.aux);
    let args = args
        .map(|(name, tensor)| (name.clone(), in_f64(tensor)))
        .collect();
    let masks = tinpail_interp::Tensors::new();
    let heads: Vec<_> = recorded.head_grads.iter().map(in_f64).collect();
    let wanted: Vec<&str> = recorded.wanted().map(|(argument, _)| argument).collect();
    assert!(!wanted.is_empty(), "{name}: no gradients");
    let differences = numeric_grads(net, &args, &wanted, Mode::Train { masks: &masks }, &heads)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    for (argument, mxnet) in recorded.wanted() {
        let what = format!("{name}, gradient of {argument}");
        assert_close(&what, ours(argument), mxnet);
        twin::assert_close(
            &format!("{what}, differences"),
            ours(argument),
            &differences[argument],
        );
    }
}

#[test]
fn every_case_has_mxnets_outputs_and_gradients() {
    let cases = cases();
    assert_eq!(cases.len(), 79);
    for name in NOT_YET
        .iter()
        .chain(DIFFERENT.iter().map(|(name, ..)| name))
    {
        assert!(cases.contains_key(*name), "no case {name}");
    }
    let mut failed = Vec::new();
    for (name, case) in cases {
        let listed = NOT_YET.contains(&name.as_str())
            || DIFFERENT.iter().any(|(different, ..)| *different == name);
        let run = || match net(&name, &case) {
            Ok(_) if listed => panic!("{name} is listed as not done, but is read"),
            Ok(net) => check(&name, &net, case),
            Err(_) if listed => {}
            Err(error) => panic!("{name}: {error}"),
        };
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
            failed.push(name.clone());
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn what_differs_on_purpose_is_refused_with_its_reason() {
    let cases = cases();
    for (name, why, refusal) in DIFFERENT {
        let error = net(name, &cases[name]).expect_err(why).to_string();
        assert!(error.contains(refusal), "{name}: {error}");
    }
}
